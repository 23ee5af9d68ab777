/**
 * What it costs to turn an event into a vendor's request, for every destination: `map`, then `request` of as many events as wait in one
 * message of a delivery queue. The events are the destination's own examples, those of them that it does not skip.
 */
import { DELIVERY_ITEMS } from "../core/queue-messages.ts";
import { anEvent } from "../test/an-event.ts";
import { type Destination, isSkip, splitSecrets } from "../workers/delivery/destination.ts";
import { destinations } from "../workers/delivery/destinations/index.ts";
import { machine } from "./workerd.ts";

const ROUNDS = 15;
const EVENTS_A_ROUND = 4_000;
const moment = { now: new Date("2026-11-20T10:00:02.000Z") };

export async function benchMapping(progress: (text: string) => void) {
  const runs = Object.values(destinations).map((destination) => ({
    destination,
    run: preparedRun(destination),
    us: [] as number[][],
  }));
  for (let round = 0; round <= ROUNDS; round++) {
    // In turns, so that a noisy machine is noisy for all; the first round warms up.
    for (const { run, us } of runs) {
      const measured = await run();
      if (round > 0) us.push(measured);
    }
    progress(`mapping: round ${round} of ${ROUNDS}`);
  }
  return {
    benchmark: "mapping",
    machine: machine(),
    events: EVENTS_A_ROUND * ROUNDS,
    destinations: runs.map(({ destination, us }) => ({
      name: destination.name,
      map_us: median(us.map(([map]) => map!)),
      request_us: median(us.map(([, request]) => request!)),
      both_us: median(us.map(([map, request]) => map! + request!)),
      most_us: Math.max(...us.map(([map, request]) => round1(map! + request!))),
    })),
  };
}

/** Microseconds an event for each of the two halves. */
function preparedRun({ examples, exampleSettings, settings, map, request, groupBy, limits }: Destination) {
  const full = settings.parse(exampleSettings);
  const { open } = splitSecrets(settings, full);
  const events = examples.filter((one) => !one.settings && !isSkip(one.out)).map((one) => anEvent(one.in));
  const most = Math.min(limits.eventsPerRequest, DELIVERY_ITEMS);
  const groups = Map.groupBy(
    events.map((event) => map(event, open)),
    (payload) => groupBy?.(payload) ?? "",
  );
  const batches = [...groups.values()].map((payloads) =>
    Array.from({ length: most }, (_, i) => payloads[i % payloads.length]),
  );

  return async (): Promise<[map: number, request: number]> => {
    let skipped = 0;
    const started = performance.now();
    for (let i = 0; i < EVENTS_A_ROUND; i++) if (isSkip(map(events[i % events.length]!, open))) skipped++;
    const mapped = performance.now();
    let requested = 0;
    let bytes = 0;
    for (let i = 0; requested < EVENTS_A_ROUND; i++) {
      const batch = batches[i % batches.length]!;
      bytes += (await request(batch, full, moment)).body.length;
      requested += batch.length;
    }
    const done = performance.now();
    if (skipped || !bytes) throw new Error("an event that was mapped before is skipped now, or a request is empty");
    return [((mapped - started) * 1_000) / EVENTS_A_ROUND, ((done - mapped) * 1_000) / requested];
  };
}

function median(values: number[]): number {
  return round1(values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!);
}

function round1(value: number): number {
  return Math.round(value * 10) / 10;
}
