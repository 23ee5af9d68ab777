import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, "..");
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-codegen-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const PLAN = `
tracking_plan:
  events:
    Order Completed:
      description: Somebody paid. */ alert(1) /*
      properties:
        required: [order_id, products]
        additionalProperties: false
        properties:
          order_id: { type: string }
          currency: { enum: [EUR, USD] }
          "utm source": { type: [string, "null"] }
          products: { type: array, items: { $ref: "#/$defs/product" } }
        $defs:
          product: { type: object, required: [sku], properties: { sku: { type: string }, price: { type: number } } }
    order completed: {}
    "404": {}
  identify:
    traits: { properties: { email: { type: string } } }
`;

const USE = `
import { typedClient } from "./client.ts";
const sent: unknown[] = [];
const note = (...all: unknown[]) => sent.push(all);
const client = typedClient({ track: note, identify: note, group: note, page: note });
client.orderCompleted({ order_id: "o1", currency: "EUR", products: [{ sku: "a", price: 1 }] });
client.event404();
client.identify("u1", { email: "ada@example.com" });
console.log(JSON.stringify(sent));
`;

const generate = () =>
  run(
    process.execPath,
    ["scripts/codegen.ts", "--plan", join(folder, "plan.yaml"), "--out", join(folder, "client.ts")],
    { cwd: ROOT },
  );
const compile = (file: string) =>
  run(
    process.execPath,
    [
      join(ROOT, "node_modules/typescript/bin/tsc"),
      "--noEmit",
      "--strict",
      "--ignoreConfig",
      "--target",
      "es2022",
      "--module",
      "esnext",
      "--moduleResolution",
      "bundler",
      "--allowImportingTsExtensions",
      "--lib",
      "es2022,dom",
      "--types",
      "",
      join(folder, file),
    ],
    { cwd: folder },
  );

describe("npm run codegen", () => {
  it("writes a client that compiles under strict, and sends what the plan says", async () => {
    await writeFile(join(folder, "plan.yaml"), PLAN);
    expect((await generate()).stdout).toMatch(/3 events/);
    await writeFile(join(folder, "use.ts"), USE);
    await compile("use.ts");
    const { stdout } = await run(process.execPath, [join(folder, "use.ts")]);
    expect(JSON.parse(stdout)).toEqual([
      ["Order Completed", { order_id: "o1", currency: "EUR", products: [{ sku: "a", price: 1 }] }],
      ["404", null],
      ["u1", { email: "ada@example.com" }],
    ]);
    expect(await readFile(join(folder, "client.ts"), "utf8")).not.toContain("*/ alert");
  });

  it.each([
    ["a misspelt property", `client.orderCompleted({ order_id: "o1", products: [], curency: "EUR" })`],
    ["a missing property", `client.orderCompleted({ order_id: "o1" })`],
    ["a value of another type", `client.orderCompleted({ order_id: 1, products: [] })`],
    ["a value outside the enumeration", `client.orderCompleted({ order_id: "o1", products: [], currency: "GBP" })`],
  ])("makes %s an error of the compiler", async (_, call) => {
    await writeFile(join(folder, "wrong.ts"), USE.replace("client.event404();", `${call};`));
    await expect(compile("wrong.ts")).rejects.toThrow();
  });

  it("refuses what is no plan, and says where", async () => {
    await writeFile(join(folder, "plan.yaml"), "tracking_plan:\n  events:\n    A: { properties: { type: text } }\n");
    await expect(generate()).rejects.toThrow(/events\.A\.properties\.type/);
  });
});
