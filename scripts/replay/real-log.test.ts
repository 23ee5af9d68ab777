import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parseEvent } from "../../core/event.ts";
import { startFakeIngest } from "./fake-ingest.ts";
import { Ledger } from "./ledger.ts";
import { openLog } from "./log-file.ts";
import { replay } from "./run.ts";
import { Ingest } from "./send.ts";
import { ReplayState, replayKey } from "./state.ts";
import { summarise } from "./summary.ts";

/** 10,000 lines of a real server, of the public elastic/examples repository; too large to keep in this one. */
const LOG = join(import.meta.dirname, "../../../shared/data/access-2015-05.log.gz");
const isAbsent = !existsSync(LOG);
if (isAbsent) console.warn(`\nNOT TESTED: the replay of a real log, because there is no ${LOG}\n`);

it.skipIf(isAbsent)("replays a real log: every line is counted, and the door would take every event", async () => {
  const server = await startFakeIngest();
  const folder = await mkdtemp(join(tmpdir(), "replay-real-"));
  const log = await openLog(LOG);
  const rules = { site: "http://www.semicomplete.com", all: false };
  const run = { host: server.host, writeKey: "wk_1", ...rules };
  const state = new ReplayState(join(folder, "state.json"), replayKey(log, run));
  const ingest = new Ingest(run);
  const ledger = new Ledger();
  const stop = new AbortController().signal;
  const ending = await replay({ log, rules, ingest, state, resumed: undefined, stop, ledger });
  await Promise.all([server.close(), rm(folder, { recursive: true })]);
  expect(ending).toEqual({ kind: "complete" });

  const { requests } = ingest;
  const summary = summarise(ledger, { file: LOG, ...run, complete: true, seconds: 1, requests, resumed: undefined });
  expect(summary.lines_read).toBe(10_000);
  expect(summary.sent + summary.refused + summary.skipped).toBe(10_000);
  expect(summary).toMatchObject({
    sent: 2_881,
    skipped_by_reason: {
      static_asset: 5_798,
      feed: 901,
      client_error: 206,
      redirect: 163,
      not_get: 48,
      server_error: 2,
      unparseable_line: 1,
    },
    visitors: 1_167,
    first_at: "2015-05-17T10:05:00.000Z",
    last_at: "2015-05-20T21:05:59.000Z",
  });
  expect(new Set(server.events.map((e) => e.message_id)).size).toBe(2_881);
  const defaults = { received_at: new Date().toISOString(), message_id: () => "none" };
  for (const event of server.events) expect(parseEvent(event, defaults)).toMatchObject({ ok: true });
});
