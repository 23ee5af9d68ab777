import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { outputOf, runScript } from "./dev-stack.ts";

it("the demo's one visit, in a real browser, reaches all three vendors whole", async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "millrace-demo-"));
  const env = { PORT: "0", SHOP_PORT: "0", STATE_DIR: stateDir };
  const { code, stdout, stderr } = await outputOf(runScript("scripts/demo.ts", ["--once", "--json"], env));
  expect(code, stderr).toBe(0);
  const summary = JSON.parse(stdout);
  expect(summary.accepted).toBeGreaterThan(10);
  const all = summary.accepted;
  expect(summary).toMatchObject({
    sent: all,
    processed: all,
    duplicates: 0,
    dead_lettered: 0,
    delivered: { ga4: all, meta: all, webhook: all },
  });
  expect(summary.end_to_end_ms.p50).toBeGreaterThan(0);
  await rm(stateDir, { recursive: true, force: true });
});
