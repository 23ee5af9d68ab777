/** What Layer 2 costs for an event and three integrations, by pipeline, in workerd. Rounds in turn, so that noise falls on all alike. */
import { machine, startWorker } from "./workerd.ts";

const EVENTS = 4_000;
const WARM_UPS = 3;
const ROUNDS = 9;
const FLOOR = "no pipeline";

export async function benchLayer2(progress: (text: string) => void) {
  const worker = await startWorker("layer2", "bench/layer2-worker.ts", {});
  try {
    const round = async (seed: number) => {
      const answer = await fetch(new URL(`/?events=${EVENTS}&seed=${seed}`, worker.url));
      if (!answer.ok) throw new Error(await answer.text());
      return (await answer.json()) as Record<string, { us: number; queued: number }>;
    };
    progress("layer2: warming up");
    for (let i = 0; i < WARM_UPS; i++) await round(i);
    const rounds: Awaited<ReturnType<typeof round>>[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      rounds.push(await round(100 + i));
      progress(`layer2: round ${i + 1} of ${ROUNDS}`);
    }
    const floor = median(rounds.map((one) => one[FLOOR]!.us));
    const results = Object.keys(rounds[0]!).map((name) => {
      const times = rounds.map((one) => one[name]!.us);
      return {
        name,
        us_per_event: round2(median(times)),
        min: round2(Math.min(...times)),
        max: round2(Math.max(...times)),
        more_than_none_us: round2(median(times) - floor),
        queued_per_event: round2(rounds.reduce((sum, one) => sum + one[name]!.queued, 0) / (ROUNDS * EVENTS)),
      };
    });
    return {
      benchmark: "layer2",
      machine: machine(),
      events: EVENTS,
      rounds: ROUNDS,
      integrations: ["ga4", "meta", "webhook"],
      results,
    };
  } finally {
    await worker.stop();
  }
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

const round2 = (value: number) => Math.round(value * 100) / 100;
