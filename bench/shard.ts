/**
 * What one call of VisitorShard with 500 events costs, in a shard that knows 100,000 visitors and 1,000,000 message ids already. Every
 * call stands beside two others: an empty one, and one that takes and stores the same bytes and decides nothing. What remains is the
 * shard's own. workerd's clock has steps of a millisecond; means are finer than that, percentiles are not.
 */
import { type BenchWorker, machine, startWorker } from "./workerd.ts";

const VISITORS = 100_000;
const IDS = 1_000_000;
const IDS_A_CALL = 50_000;
const EVENTS = 500;
const CALLS = 20;
const ROUNDS = 10;
/** Calls of one kind; in turns, so that a noisy machine is noisy for all. */
const MIXES = [
  { visitors: "new and known in memory", known: 0 },
  { visitors: "a fifth of them known, read from storage", known: 100 },
  { visitors: "all of them known, read from storage", known: 500 },
];

export async function benchShard(progress: (text: string) => void) {
  const worker = await startWorker("shard", "bench/shard-worker.ts", {
    durableObjects: { VISITOR_SHARD: { className: "VisitorShard", useSQLite: true } },
    r2Buckets: { LAKE: "lake" },
  });
  try {
    progress(`shard: storing ${IDS} ids and ${VISITORS} visitors`);
    for (let first = 1; first <= IDS; first += IDS_A_CALL) {
      await ask(worker, `/ids?first=${first}&count=${IDS_A_CALL}&all=${IDS}`);
    }
    await ask(worker, `/visitors?count=${VISITORS}&ids=${IDS}`);
    const rebuilds: number[] = [];
    let stats = {} as Stats;
    for (let i = 0; i < 5; i++) {
      await ask(worker, "/end");
      const started = (await ask(worker, "/start")) as { ms: number; stats: Stats };
      rebuilds.push(started.ms);
      stats = started.stats;
    }
    const before = stats;
    const empty: number[] = [];
    const kept: number[] = [];
    const full = MIXES.map(() => [] as number[]);
    let run = 1;
    for (let round = 0; round <= ROUNDS; round++) {
      for (const [i, { known }] of MIXES.entries()) {
        const url = `/calls?calls=${CALLS}&from=${run}&known=${known}&visitors=${VISITORS}`;
        const measured = (await ask(worker, url)) as { empty: number[]; kept: number[]; full: number[] };
        run += CALLS;
        // The first round warms up.
        if (round === 0) continue;
        empty.push(...measured.empty);
        kept.push(...measured.kept);
        full[i]!.push(...measured.full);
      }
      await ask(worker, "/flush");
      progress(`shard: round ${round} of ${ROUNDS}`);
    }
    const { stats: after } = (await ask(worker, "/start")) as { stats: Stats };
    const duplicates = (await ask(worker, `/duplicates?calls=${CALLS}&ids=${IDS}`)) as { full: number[] };
    return {
      benchmark: "shard",
      machine: machine(),
      events_a_call: EVENTS,
      visitors: VISITORS,
      ids: before.dedupe.ids,
      calls: CALLS * ROUNDS,
      empty_ms: spread(empty),
      kept_ms: spread(kept),
      calls_ms: MIXES.map(({ visitors }, i) => ({ visitors, ...spread(full[i]!) })),
      old_duplicates_ms: spread(duplicates.full),
      rebuild_ms: spread(rebuilds),
      bytes_per_id: round(before.dedupe.bytes / before.dedupe.ids, 1),
      storage_bytes_per_id: round(before.storage_bytes / before.dedupe.ids, 0),
      rows_written_per_event: round((after.rows_written - before.rows_written) / (after.events - before.events), 4),
    };
  } finally {
    await worker.stop();
  }
}

interface Stats {
  events: number;
  rows_written: number;
  storage_bytes: number;
  dedupe: { ids: number; bytes: number };
}

async function ask(worker: BenchWorker, path: string): Promise<unknown> {
  const answer = await fetch(new URL(path, worker.url));
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}

function spread(values: number[]): { mean: number; p50: number; p95: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!, 2);
  const mean = round(values.reduce((sum, value) => sum + value, 0) / values.length, 2);
  return { mean, p50: at(0.5), p95: at(0.95) };
}

const round = (value: number, digits: number) => Number(value.toFixed(digits));
