import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ReplayState, replayKey, statePath } from "./state.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "replay-state-"));
});
afterEach(() => {
  chmodSync(folder, 0o755);
  rmSync(folder, { recursive: true });
});

const LOG = { size: 1000, head_sha256: "ab12" };
const RUN = { host: "http://localhost:8787", writeKey: "wk_secret", site: "https://shop.example", all: false };
const DONE = { lines: 109, sent: 99, refused: { invalid_event: 1 } };

function stateOf(log = LOG, run = RUN) {
  const key = replayKey(log, run);
  return new ReplayState(join(folder, "a.log.replay.json"), key);
}

it("remembers what was done", () => {
  stateOf().save(DONE);
  expect(stateOf().load()).toEqual({ kind: "same", done: DONE });
});

it("forgets once all is done", () => {
  stateOf().save(DONE);
  stateOf().remove();
  expect(stateOf().load()).toEqual({ kind: "none" });
});

it.each([
  ["a log of another size", stateOfLater({ ...LOG, size: 1001 }, RUN)],
  ["another log", stateOfLater({ ...LOG, head_sha256: "cd34" }, RUN)],
  ["another host", stateOfLater(LOG, { ...RUN, host: "https://cdp.example" })],
  ["another key", stateOfLater(LOG, { ...RUN, writeKey: "wk_other" })],
  ["another site", stateOfLater(LOG, { ...RUN, site: "https://other.example" })],
  ["--all", stateOfLater(LOG, { ...RUN, all: true })],
])("does not go on with %s", (_, other) => {
  stateOf().save(DONE);
  expect(other().load()).toEqual({ kind: "other" });
});

function stateOfLater(log: typeof LOG, run: typeof RUN) {
  return () => stateOf(log, run);
}

it.each(["", "null", "{", '{"version":0}'])("does not trip over a damaged file: %s", (text) => {
  writeFileSync(stateOf().path, text);
  expect(stateOf().load()).toEqual({ kind: "other" });
});

it("never writes the key down", () => {
  stateOf().save(DONE);
  const saved = readFileSync(stateOf().path, "utf8");
  expect(saved).not.toContain("wk_secret");
  expect(saved).not.toContain(btoa("wk_secret:"));
});

it("keeps progress beside the log, or elsewhere where that is read-only", () => {
  const key = replayKey(LOG, RUN);
  const log = join(folder, "a.log");
  expect(statePath(log, key)).toBe(`${log}.replay.json`);
  chmodSync(folder, 0o555);
  expect(statePath(log, key, "/var/state")).toMatch(/^\/var\/state\/replay-[0-9a-f]{16}\.json$/);
  expect(statePath(log, key, "")).toMatch(/\/\.wrangler\/replay-[0-9a-f]{16}\.json$/);
});
