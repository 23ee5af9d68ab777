/**
 * What Layer 1 costs an event before the shard, in workerd, each step and the whole, with every section of the Org Data Layer at work
 * and with an empty document. In batches of 500; user agents are cached, as they are for all but a site's first visitors.
 */
import { type BenchWorker, machine, startWorker } from "./workerd.ts";

const BATCH = 500;
const BATCHES = 40;
const ROUNDS = 7;

export async function benchLayer1(progress: (text: string) => void) {
  const worker = await startWorker("layer1", "bench/layer1-worker.ts", {});
  try {
    const { names, bytes } = (await ask(worker, "names", 0)) as { names: string[]; bytes: number };
    const whats = ["nothing", "full", "usual", ...names.map((_, i) => String(i))];
    const times = new Map<string, number[]>(whats.map((what) => [what, []]));
    for (let round = 0; round <= ROUNDS; round++) {
      progress(`layer1: round ${round} of ${ROUNDS}`);
      // In turns, so that a noisy machine is noisy for all. The first round warms up.
      for (const what of whats) {
        const before = performance.now();
        await ask(worker, what, BATCHES);
        if (round > 0) times.get(what)!.push(((performance.now() - before) * 1_000) / (BATCH * BATCHES));
      }
    }
    const median = (what: string) => {
      const sorted = times.get(what)!.toSorted((a, b) => a - b);
      return sorted[Math.floor(sorted.length / 2)]!;
    };
    const floor = median("nothing");
    const cost = (what: string) => Math.round(Math.max(0, median(what) - floor) * 100) / 100;
    return {
      benchmark: "layer1" as const,
      machine: machine(),
      batch: BATCH,
      rounds: ROUNDS,
      bytes_per_event: Math.round(bytes),
      steps: names.map((name, i) => ({ name, us_per_event: cost(String(i)) })),
      full_us_per_event: cost("full"),
      usual_us_per_event: cost("usual"),
    };
  } finally {
    await worker.stop();
  }
}

async function ask(worker: BenchWorker, what: string, batches: number): Promise<unknown> {
  const answer = await fetch(new URL(`/?what=${what}&batches=${batches}`, worker.url));
  if (!answer.ok) throw new Error(`layer1 answered ${answer.status}: ${await answer.text()}`);
  return answer.json();
}
