/**
 * People over eight shards: a million profiles are made by the real `apply`, an identify each with a browser and an address; then a mix of
 * traffic of which a fifth is logged in, for rows written; then reads and searches, timed as a caller sees them, over HTTP, so that their
 * floor is that of a request that asks nothing.
 */
import { type BenchWorker, machine, startWorker } from "./workerd.ts";

const PEOPLE = Number(process.env.BENCH_PEOPLE ?? 1_000_000);
const PEOPLE_A_CALL = 2_000;
/** Of the processor, at most 100 messages; a fifth of the events is somebody's who is logged in. */
const EVENTS_A_BATCH = 500;
const IDENTIFIED_SHARE = 0.2;
const BATCHES = 160;
const READS = 600;

export async function benchProfiles(progress: (text: string) => void) {
  const worker = await startWorker("profiles", "bench/profiles-worker.ts", {
    durableObjects: { PROFILE_SHARD: { className: "ProfileShard", useSQLite: true } },
  });
  try {
    const started = performance.now();
    for (let from = 0; from < PEOPLE; from += PEOPLE_A_CALL) {
      await ask(worker, `/people?from=${from}&count=${Math.min(PEOPLE_A_CALL, PEOPLE - from)}`);
      if (from % (PEOPLE_A_CALL * 50) === 0) progress(`profiles: ${from} of ${PEOPLE} people`);
    }
    const seconds = (performance.now() - started) / 1_000;
    const filled = (await ask(worker, "/stats")) as Stats;

    const sessions = EVENTS_A_BATCH * IDENTIFIED_SHARE;
    const batches: number[] = [];
    for (let batch = 0; batch < BATCHES; batch++) {
      const { ms } = (await ask(worker, `/batch?batch=${batch}&sessions=${sessions}&people=${PEOPLE}`)) as {
        ms: number;
      };
      batches.push(ms);
    }
    const after = (await ask(worker, "/stats")) as Stats;

    const [empty, read, search] = [[], [], []] as number[][];
    let found = 0;
    for (let n = 0; n < READS; n++) {
      empty!.push(await timed(() => fetch(new URL("/nothing", worker.url)).then((answer) => answer.arrayBuffer())));
      read!.push(
        await timed(async () => {
          const one = (await ask(worker, `/read?n=${n}&people=${PEOPLE}`)) as { found: boolean };
          if (!one.found) throw new Error(`person ${n} is not who they should be`);
        }),
      );
      search!.push(
        await timed(async () => {
          found += ((await ask(worker, `/search?n=${n}&people=${PEOPLE}`)) as { found: number }).found;
        }),
      );
    }
    return {
      benchmark: "profiles",
      machine: machine(),
      people: filled.parts,
      people_per_second: round(PEOPLE / seconds, 0),
      index_bytes_per_record: round(filled.index_bytes / filled.records, 1),
      records_per_person: round(filled.records / filled.parts, 2),
      storage_bytes_per_person: round(filled.storage_bytes / filled.parts, 0),
      rows_written_per_new_person: round(filled.rows_written / filled.parts, 2),
      mix: { events: EVENTS_A_BATCH * BATCHES, identified_share: IDENTIFIED_SHARE },
      rows_written_per_event: round((after.rows_written - filled.rows_written) / (EVENTS_A_BATCH * BATCHES), 3),
      batch_ms: spread(batches),
      empty_ms: spread(empty!),
      read_ms: spread(read!),
      search_ms: spread(search!),
      found_per_search: round(found / READS, 1),
    };
  } finally {
    await worker.stop();
  }
}

interface Stats {
  parts: number;
  records: number;
  index_bytes: number;
  storage_bytes: number;
  rows_written: number;
}

async function ask(worker: BenchWorker, path: string): Promise<unknown> {
  const answer = await fetch(new URL(path, worker.url));
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${text}`);
  return JSON.parse(text);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

function spread(values: number[]): { mean: number; p50: number; p95: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!, 1);
  return { mean: round(values.reduce((sum, value) => sum + value, 0) / values.length, 1), p50: at(0.5), p95: at(0.95) };
}

const round = (value: number, digits: number) => Number(value.toFixed(digits));
