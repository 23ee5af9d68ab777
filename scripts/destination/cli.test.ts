/** A destination is made in a copy of the project, and that copy's own tests are run on it. */
import { spawnSync } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");
let copy: string;

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), "millrace-destination-"));
  for (const part of [
    "core",
    "db",
    "durable-objects",
    "workers",
    "test",
    "scripts",
    ".gitignore",
    "package.json",
    "biome.json",
    "tsconfig.json",
  ]) {
    await cp(join(ROOT, part), join(copy, part), { recursive: true });
  }
  await symlink(join(ROOT, "node_modules"), join(copy, "node_modules"), "dir");
  // What a destination is needs no Worker to be tested.
  await writeFile(join(copy, "vitest.config.ts"), "export default {};\n");
});
afterAll(() => rm(copy, { recursive: true, force: true }));

const run = (...args: string[]) => spawnSync(process.execPath, args, { cwd: copy, encoding: "utf8" });
const make = (...args: string[]) => run("scripts/destination.ts", ...args);

it("makes a destination whose examples pass, at its own sink too, and which is formatted as the rest", async () => {
  for (const args of [
    ["new", "hatstand"],
    ["new", "mill-wheel", "--title", "Mill & Wheel", "--purpose", "marketing"],
  ]) {
    const { status, stdout, stderr } = make(...args);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(`✓ workers/delivery/destinations/${args[1]}.ts`);
  }
  const made = await readFile(join(copy, "workers/delivery/destinations/mill-wheel.ts"), "utf8");
  expect(made).toContain("export const millWheel = defineDestination<MillWheelSettings, MillWheelEvent>({");
  expect(made).toContain('name: "mill-wheel"');
  expect(made).toContain('title: "Mill & Wheel"');
  expect(made).toContain('purpose: "marketing"');
  expect(made).not.toMatch(/acme/i);

  await writeFile(join(copy, "sink.test.ts"), SINK_TEST);
  const tests = run(join("node_modules", "vitest/vitest.mjs"), "run", "workers/delivery/destinations", "sink.test.ts");
  expect(tests.stdout + tests.stderr).toContain("passed");
  expect(tests.status, tests.stdout + tests.stderr).toBe(0);
  const format = run(
    join("node_modules", "@biomejs/biome/bin/biome"),
    "check",
    "workers/delivery/destinations",
    "test/vendor-sink",
  );
  expect(format.status, format.stdout + format.stderr).toBe(0);
}, 120_000);

const SINK_TEST = `
import { expect, it } from "vitest";
import { anEvent } from "./test/an-event.ts";
import { vendorAt } from "./test/vendor-sink/vendors.ts";
import { isSkip } from "./workers/delivery/destination.ts";
import { destinations } from "./workers/delivery/destinations/index.ts";

it.each(["hatstand", "mill-wheel"])("the sink of %s takes what is made of its examples", async (name) => {
  const { examples, exampleSettings, map, request, outcome } = destinations[name]!;
  const payloads = examples.map((one) => map(anEvent(one.in), exampleSettings)).filter((one) => !isSkip(one));
  const { url, method, headers, body } = await request(payloads, exampleSettings, { now: new Date() });
  const vendor = vendorAt(new URL(url).hostname)!;
  expect(vendor.name).toBe(name);
  const call = { integration: name, method, url: new URL(url), headers, body: Buffer.from(body), bodyBytes: body.length, now: 0 };
  const { answer, events } = vendor.receive(call);
  expect(events.every(({ accepted }) => accepted)).toBe(true);
  expect(outcome({ status: answer.status, headers: {}, body: "", json: answer.body }, payloads)).toEqual({ outcome: "delivered" });
});
`;

it.each([
  [["new", "hatstand"], "is there already"],
  [["new", "ga4"], "is there already"],
  [["new", "Hat Stand"], "a name is small letters"],
  [["new", "../evil"], "a name is small letters"],
  [["new", "hat", "--purpose", "fun"], "a purpose is one of"],
  [["new", "hat", "--title", 'a "quoted" one'], "a title is a line"],
  [["old", "hat"], "Usage:"],
  [[], "Usage:"],
  [["new", "hat", "--colour", "red"], "--colour"],
])("refuses %j by name and changes nothing", async (args, words) => {
  const before = await readFile(join(copy, "workers/delivery/destinations/index.ts"), "utf8");
  const { status, stderr } = make(...(args as string[]));
  expect([status, stderr]).toEqual([2, expect.stringContaining(words as string)]);
  expect(await readFile(join(copy, "workers/delivery/destinations/index.ts"), "utf8")).toBe(before);
});

it("is what docs/destinations.md shows", async () => {
  const template = await readFile(join(ROOT, "scripts/destination/template/acme.ts"), "utf8");
  const shown = template.replaceAll("../../../workers/delivery/destination.ts", "../destination.ts");
  expect(await readFile(join(ROOT, "docs/destinations.md"), "utf8")).toContain(`\`\`\`ts\n${shown}\`\`\``);
});
