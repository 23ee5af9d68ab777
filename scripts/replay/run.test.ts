import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, it } from "vitest";
import { aLog } from "./a-log-line.ts";
import { type FakeIngest, startFakeIngest } from "./fake-ingest.ts";
import { Ledger } from "./ledger.ts";
import { openLog } from "./log-file.ts";
import { replay } from "./run.ts";
import { Ingest } from "./send.ts";
import { ReplayState, replayKey } from "./state.ts";
import { summarise } from "./summary.ts";

const PAGES = 1_000;
const LINES = 1_100;

let folder: string;
let file: string;
const servers: FakeIngest[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "replay-run-"));
  file = join(folder, "access.log");
  writeFileSync(file, aLog(PAGES));
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  rmSync(folder, { recursive: true });
});

async function serve(answer?: Parameters<typeof startFakeIngest>[0]): Promise<FakeIngest> {
  const server = await startFakeIngest(answer);
  servers.push(server);
  return server;
}

/** As the command does it, but the key names no host, so that two servers can be one platform that died and came back. */
async function run(server: FakeIngest, stop = new AbortController().signal) {
  const log = await openLog(file);
  const rules = { site: "https://shop.example", all: false };
  const state = new ReplayState(`${file}.replay.json`, replayKey(log, { host: "one", writeKey: "wk_1", ...rules }));
  const loaded = state.load();
  const resumed = loaded.kind === "same" ? loaded.done : undefined;
  const ledger = new Ledger();
  const ingest = new Ingest({ host: server.host, writeKey: "wk_1", firstDelayMs: 1 });
  const ending = await replay({ log, rules, ingest, state, resumed, stop, ledger });
  const complete = ending.kind === "complete";
  const summary = summarise(ledger, { file, host: "one", complete, seconds: 1, requests: ingest.requests, resumed });
  return { ending, summary, ledger, state };
}

const idsOf = (...from: FakeIngest[]) => new Set(from.flatMap(({ events }) => events.map((e) => e.message_id)));

it.each([
  ["plain", (text: string) => text],
  ["gzip, whatever its name", (text: string) => gzipSync(text)],
  [
    "gzip of several members, as rotation appends them",
    (text: string) => {
      const middle = text.indexOf("\n", text.length / 2) + 1;
      return Buffer.concat([gzipSync(text.slice(0, middle)), gzipSync(text.slice(middle))]);
    },
  ],
  ["without a newline at its end", (text: string) => text.trimEnd()],
])("sends every page view of a log that is %s", async (_, stored) => {
  writeFileSync(file, stored(aLog(PAGES)));
  const server = await serve();
  const { ending, summary, state } = await run(server);
  expect(ending).toEqual({ kind: "complete" });
  expect(summary).toMatchObject({
    lines_read: LINES,
    sent: PAGES,
    refused: 0,
    skipped: 100,
    visitors: 250,
    requests: 10,
  });
  expect(idsOf(server).size).toBe(PAGES);
  expect(existsSync(state.path)).toBe(false);
});

it("has a summary for an empty log", async () => {
  writeFileSync(file, "");
  const { ending, summary } = await run(await serve());
  expect(ending).toEqual({ kind: "complete" });
  expect(summary).toMatchObject({ lines_read: 0, sent: 0, first_at: null });
});

it("goes on where a dying platform left it: no event is lost, none comes under another id", async () => {
  const dying = await serve((_, before) => (before >= 5 ? "cut" : undefined));
  const first = await run(dying);
  expect(first.ending).toMatchObject({ kind: "failed", why: expect.stringContaining("Gave up after 8 tries") });
  expect(first.summary.sent).toBeGreaterThan(0);
  expect(first.summary.sent).toBeLessThan(PAGES);

  const back = await serve();
  const second = await run(back);
  expect(second.ending).toEqual({ kind: "complete" });
  expect(second.summary).toMatchObject({ lines_read: LINES, sent: PAGES, skipped: 100, visitors: 250 });
  expect(second.summary.resumed_after_line).toBe(first.summary.lines_read);
  expect(back.events.length).toBe(PAGES - first.summary.sent);

  const whole = await serve();
  await run(whole);
  expect(idsOf(dying, back)).toEqual(idsOf(whole));
});

it("remembers no line after a batch that is still unanswered", async () => {
  const stuck = new Set<string>();
  const dying = await serve((batch, before) => {
    if (before === 2) for (const { message_id } of batch) stuck.add(message_id);
    return batch.some(({ message_id }) => stuck.has(message_id)) ? { status: 503 } : undefined;
  });
  const { ending, summary, ledger } = await run(dying);
  expect(ending.kind).toBe("failed");
  expect(summary.sent).toBeLessThan(dying.events.length);
  expect(summary.sent + ledger.ahead).toBe(dying.events.length);

  const back = await serve();
  expect((await run(back)).summary).toMatchObject({ lines_read: LINES, sent: PAGES });
  expect(idsOf(dying, back).size).toBe(PAGES);
});

it("never has more than four requests in flight", async () => {
  let open = 0;
  let most = 0;
  const server = await serve(async () => {
    most = Math.max(most, ++open);
    await new Promise((resolve) => setTimeout(resolve, 50));
    open--;
    return undefined;
  });
  await run(server);
  expect(most).toBe(4);
});

it("does not run far ahead of a batch that is still unanswered", async () => {
  writeFileSync(file, aLog(4_000));
  let whileItWaited = 0;
  const server = await serve(async (_, before) => {
    if (before > 0) return undefined;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    whileItWaited = server.requests.length;
    return undefined;
  });
  expect((await run(server)).summary).toMatchObject({ sent: 4_000, requests: 40 });
  expect(whileItWaited).toBeGreaterThan(4);
  expect(whileItWaited).toBeLessThanOrEqual(20);
});

it("counts what is refused by its code, and says which lines it was", async () => {
  const server = await serve((batch) => ({
    status: 200,
    body: {
      success: true,
      accepted: batch.length - 1,
      rejected: [{ index: 3, code: "invalid_event", message: "context.ip: Too big" }],
    },
  }));
  const { summary } = await run(server);
  expect(summary).toMatchObject({ lines_read: LINES, sent: 990, refused: 10, refused_by_code: { invalid_event: 10 } });
  expect(summary.refused_examples).toHaveLength(5);
  expect(summary.refused_examples[0]).toEqual({ line: 4, code: "invalid_event", message: "context.ip: Too big" });
});

it("keeps the sums when it is stopped, whatever was in flight", async () => {
  const stop = new AbortController();
  const server = await serve((_, before) => {
    if (before === 3) stop.abort();
    return undefined;
  });
  const first = await run(server, stop.signal);
  expect(first.ending).toEqual({ kind: "interrupted" });
  expect(first.summary.sent).toBe(server.events.length);
  expect((await run(server)).summary).toMatchObject({ lines_read: LINES, sent: PAGES });
  expect(server.events).toHaveLength(PAGES);
});

it("stays where it was when it is stopped before it has caught up", async () => {
  const first = await run(await serve((_, before) => (before >= 5 ? { status: 401 } : undefined)));
  const { ending } = await run(await serve(), AbortSignal.abort());
  expect(ending).toEqual({ kind: "interrupted" });
  expect(first.state.load()).toMatchObject({ kind: "same", done: { lines: first.summary.lines_read } });
});

it("sends what a damaged archive still holds, and says where it ends", async () => {
  const whole = gzipSync(aLog(PAGES));
  writeFileSync(file, whole.subarray(0, whole.length / 2));
  const server = await serve();
  const { ending, summary } = await run(server);
  expect(ending).toEqual({ kind: "failed", why: `${file} cannot be read to its end: unexpected end of file.` });
  expect(summary.sent).toBeGreaterThan(100);
  expect(idsOf(server).size).toBe(summary.sent);
});

it("is not ended by a damaged archive that it no longer reads", async () => {
  const whole = gzipSync(aLog(20_000));
  writeFileSync(file, whole.subarray(0, whole.length / 2));
  const { ending } = await run(await serve(() => ({ status: 401 })));
  expect(ending).toMatchObject({ kind: "failed", why: expect.stringContaining("The write key was refused") });
  // The rest of the archive is unpacked in the background for a moment.
  await new Promise((resolve) => setTimeout(resolve, 100));
});
