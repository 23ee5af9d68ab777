/**
 * Layer 1 as the processor runs it, step by step: the same events, in batches, through each step alone and through all of them. Times
 * are taken by the caller: a Worker's own clock stands still while it computes.
 */
import { environment as environmentSchema } from "../core/environment.ts";
import { type Event, event as eventSchema, parseEvent } from "../core/event.ts";
import { piiKeysOf } from "../core/pii/pii-keys.ts";
import { firstShardMap } from "../core/shard-map.ts";
import { beforeShard, run } from "../workers/processor/pipeline.ts";
import type { StepContext } from "../workers/processor/step.ts";
import { LAYER_1 } from "./layer1-document.ts";
import { traffic } from "./traffic.ts";

const BATCH = 500;

const context = (document: object): StepContext => ({
  environment: environmentSchema.parse({
    id: "env_bench",
    organisation_id: "org_bench",
    name: "dev",
    version: 1,
    published_at: "2026-11-20T09:00:00.000Z",
    shard_map: firstShardMap(8),
    sources: [{ id: "src_bench", name: "Bench" }],
    integrations: [],
    org_data_layer: document,
  }),
  source_id: "src_bench",
  request: { ip: "203.0.113.7", country: "PL", city: "Łódź", timezone: "Europe/Warsaw" },
  vendor_ids: { ga_client_id: "1071505751.1795221793" },
  pii_keys: piiKeysOf(btoa("0123456789abcdef0123456789abcdef"), "org_bench"),
});

/** At the first request: while a Worker starts its clock says 1970, where no event is from. */
function prepare() {
  const [full, usual] = [context(LAYER_1), context({})];
  const events: Event[] = traffic(BATCH).map((raw) => {
    const parsed = parseEvent(raw, { message_id: () => "m", received_at: new Date().toISOString() });
    if (!parsed.ok) throw new Error(parsed.message);
    return parsed.event;
  });
  /** What reaches each step, so that each is measured on the events that it gets. */
  const inputs: Event[][] = [];
  let reaching = events;
  for (const step of beforeShard) {
    inputs.push(reaching);
    reaching = reaching.map((event) => {
      const verdict = step.run(event, full);
      if (verdict.verdict !== "kept") throw new Error(`${step.name} did not keep an event of the benchmark`);
      return verdict.event;
    });
  }
  if (!reaching.every((event) => eventSchema.safeParse(event).success)) throw new Error("the steps broke an event");
  return { full, usual, events, inputs };
}
let prepared: ReturnType<typeof prepare> | undefined;

export default {
  /** `?what=names|parse|full|usual|<index of a step>&batches=n`: does the work so many times and answers with a sum that depends on it. */
  async fetch(request: Request): Promise<Response> {
    prepared ??= prepare();
    const { full, usual, events, inputs } = prepared;
    const query = new URL(request.url).searchParams;
    const what = query.get("what")!;
    if (what === "names")
      return Response.json({
        names: beforeShard.map((step) => step.name),
        bytes: events.reduce((sum, event) => sum + JSON.stringify(event).length, 0) / BATCH,
      });
    let sum = 0;
    for (let batch = 0; batch < Number(query.get("batches")); batch++) {
      if (what === "nothing") sum += events.length;
      else if (what === "full" || what === "usual") {
        const given = what === "full" ? full : usual;
        for (const event of events) sum += run(beforeShard, event, given).records.length;
      } else {
        const at = Number(what);
        const step = beforeShard[at]!;
        for (const event of inputs[at]!) sum += step.run(event, full).verdict.length;
      }
    }
    return Response.json({ sum });
  },
} satisfies ExportedHandler;
