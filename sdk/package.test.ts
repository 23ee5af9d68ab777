import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, expect } from "vitest";
import { parseEvent } from "../core/event.ts";
import { buildSdkPackage } from "../scripts/build-sdk-package.ts";
import { flush, test } from "./a-site.ts";
import type { Millrace } from "./client.ts";

declare const millrace: Millrace;

const ROOT = join(import.meta.dirname, "..");
let folder: string;

/** A project that has installed the package and nothing else. */
beforeAll(async () => {
  folder = await mkdtemp(join(ROOT, "node_modules/.sdk-package-"));
  await mkdir(join(folder, "node_modules"));
  await symlink(await buildSdkPackage(), join(folder, "node_modules/millrace"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function bundled(code: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: folder },
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
  });
  return outputFiles[0]!.text;
}

test("a page that imports less ships less", async () => {
  const few = await bundled(`import { createMillrace } from "millrace"; createMillrace().init({ writeKey: "wk_1" });`);
  const all = await bundled(`import * as all from "millrace"; console.log(all);`);
  expect(few).not.toMatch(/OnetrustActiveGroups|largest-contentful-paint|toDataURL/);
  expect(all).toMatch(/OnetrustActiveGroups/);
  expect(few.length).toBeLessThan(all.length * 0.7);
});

test("importing it does nothing where there is no page", async () => {
  const module = join(folder, "node_modules/millrace/index.js");
  const printed = execFileSync(process.execPath, [
    "--input-type=module",
    "--eval",
    `const { init, millrace } = await import(${JSON.stringify(module)}); console.log(typeof init, millrace.version);`,
  ]);
  const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  expect(printed.toString()).toBe(`function ${version}\n`);
});

test("its types tell a right call from a wrong one", async () => {
  await writeFile(
    join(folder, "page.ts"),
    `import { commerce, init, millrace, oneTrust, pageViews } from "millrace";
init({ writeKey: "wk_1", consent: "wait", auto: [pageViews, oneTrust] });
const shop = commerce(millrace);
shop.track("Order Completed", { order_id: "o-1", revenue: 25, currency: "EUR", products: [{ product_id: "p-1", price: 25 }], gift: true });
// @ts-expect-error a price is a number
shop.track("Product Viewed", { product_id: "p-1", price: "25" });
// @ts-expect-error an order has an id
shop.track("Order Completed", { revenue: 25 });
// @ts-expect-error there is no such event
shop.track("Order Complete", { order_id: "o-1" });
millrace.on("event", (event) => { event.properties = { ...event.properties, from: event.context.page.path }; });
`,
  );
  const options = {
    strict: true,
    module: "esnext",
    moduleResolution: "bundler",
    target: "es2022",
    lib: ["es2022", "dom"],
    types: [],
    noEmit: true,
  };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: options, files: ["page.ts"] }));
  expect(execFileSync(join(ROOT, "node_modules/.bin/tsc"), ["-p", folder]).toString()).toBe("");
});

test("what the script sends is what the door takes, whole", async ({ site }) => {
  const page = await site.open("/?utm_source=news&gclid=G1");
  await page.evaluate(() => {
    millrace.consent({ analytics: true });
    millrace.identify("u1", { plan: "pro" });
    millrace.track("Bought", { value: 1 });
    millrace.group("g1", { name: "Acme" });
    millrace.alias("u1", "old");
  });
  await flush(page);
  const events = site.ingest.events();
  expect(events.length).toBe(5);
  for (const sent of events) {
    const taken = parseEvent(sent, { message_id: () => "minted", received_at: new Date().toISOString() });
    expect(taken).toMatchObject({ ok: true, event: { ...sent, event: sent.event ?? sent.type } });
  }
});
