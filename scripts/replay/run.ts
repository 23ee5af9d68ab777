/** A replay from first line to last: cut, send four at a time, add up, remember. */
import { type Batch, cutBatches } from "./batch.ts";
import type { Ledger } from "./ledger.ts";
import type { LogFile } from "./log-file.ts";
import type { ReadingRules } from "./page-event.ts";
import type { Ingest, Refusal } from "./send.ts";
import type { Done, ReplayState } from "./state.ts";

const IN_FLIGHT = 4;
/** How many answered batches may wait for an earlier one that is being retried: after a crash they are sent again. */
const WAITING = 16;

export interface Replay {
  log: LogFile;
  rules: ReadingRules;
  ingest: Ingest;
  state: ReplayState;
  /** What an earlier run did, to go on from there. */
  resumed: Done | undefined;
  /** Fires when the person wants it to stop. */
  stop: AbortSignal;
  /** Filled as the replay goes, so that a progress bar can watch it. */
  ledger: Ledger;
}

export type Ending = { kind: "complete" } | { kind: "interrupted" } | { kind: "failed"; why: string };

export async function replay({ log, rules, ingest, state, resumed, stop, ledger }: Replay): Promise<Ending> {
  const after = resumed?.lines ?? 0;
  const failed = new AbortController();
  const halt = AbortSignal.any([stop, failed.signal]);
  let why: string | undefined;
  let unfinished = false;

  const deliver = async (batch: Batch) => {
    const sent =
      batch.events.length > 0 ? await ingest.send(batch.events, halt) : { kind: "answered" as const, refused: [] };
    switch (sent.kind) {
      case "answered": {
        const before = batch.last_line === after ? resumed : undefined;
        ledger.settle(batch, before ? { ...before, refusals: [] } : outcomeOf(batch, sent.refused));
        if (ledger.done.lines > after) state.save(ledger.done);
        return;
      }
      case "failed":
        throw new Error(sent.why);
      case "stopped":
        unfinished = true;
    }
  };

  const inFlight = new Set<Promise<void>>();
  try {
    const cutting = { lines: log.lines(), rules, after, bytesRead: log.bytesRead, stop: halt };
    for await (const batch of cutBatches(cutting)) {
      const isFull = () => inFlight.size >= IN_FLIGHT || ledger.waiting >= WAITING;
      while (isFull() && !halt.aborted) await Promise.race(inFlight);
      if (halt.aborted) break;
      const delivery = deliver(batch)
        .catch((error: Error) => {
          why ??= error.message;
          failed.abort();
        })
        .finally(() => inFlight.delete(delivery));
      inFlight.add(delivery);
    }
    unfinished ||= halt.aborted;
  } catch (error) {
    why ??= `${log.path} cannot be read to its end: ${(error as Error).message}.`;
  }
  await Promise.all(inFlight);

  if (why !== undefined) return { kind: "failed", why };
  if (unfinished) return { kind: "interrupted" };
  state.remove();
  return { kind: "complete" };
}

function outcomeOf(batch: Batch, refusals: readonly Refusal[]) {
  const refused: Record<string, number> = {};
  for (const { code } of refusals) refused[code] = (refused[code] ?? 0) + 1;
  return { sent: batch.events.length - refusals.length, refused, refusals };
}
