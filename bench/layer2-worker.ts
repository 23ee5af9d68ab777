/**
 * Layer 2 alone, as the processor runs it, for three integrations: the same events through pipelines that each have one stage more than
 * none. Which stage costs what is the difference.
 */
import type { Environment, Integration } from "../core/environment.ts";
import { type Event, parseEvent } from "../core/event.ts";
import type { Resources } from "../core/pipeline/step.ts";
import type { Destination } from "../workers/delivery/destination.ts";
import { destinationNamed } from "../workers/delivery/destinations/index.ts";
import { mapThroughPipelines } from "../workers/processor/layer2.ts";
import { traffic } from "./traffic.ts";

const INTEGRATIONS: Integration[] = [
  { id: "int_ga4", name: "ga4", destination: "ga4", enabled: true, settings: { measurement_id: "G-BENCH" } },
  { id: "int_meta", name: "meta", destination: "meta", enabled: true, settings: { pixel_id: "1" } },
  {
    id: "int_webhook",
    name: "webhook",
    destination: "webhook",
    enabled: true,
    settings: { url: "https://hooks.example.com" },
  },
];

const CONDITION = 'event.type != "track" || !has(event.properties.value) || event.properties.value >= 0';
const MAPPING = {
  set: {
    "properties.currency": { from: "properties.currency", default: "EUR" },
    "properties.brand": "Mill & Race",
    "properties.label": { template: "{{event}} of {{context.campaign.name}}" },
    "properties.section_name": { case_of: "properties.section", cases: { catalogue: "Catalogue" }, otherwise: "Other" },
  },
};

/** Each beside its name in the report. All three integrations have the same. */
export const PIPELINES: Record<string, object | undefined> = {
  "no pipeline": undefined,
  "an empty pipeline": {},
  "when (CEL)": { when: CONDITION },
  sample: { sample: { percent: 100 } },
  "1. transform (set, rename)": { transform: [MAPPING, { rename_event: { nothing: "Nothing" } }] },
  "2. enrich (lookup)": {
    enrich: [{ lookup: { table: "products", key: { from: "properties.product_id" }, into: "properties.known" } }],
  },
  "3. map (set)": { map: [MAPPING] },
  "3. map (list of products)": {
    map: [
      {
        list: {
          from: "properties.products",
          to: "properties.products",
          keep_others: true,
          fields: { brand: "Mill & Race" },
        },
      },
    ],
  },
  "3. map (JSONata)": {
    map: [
      {
        jsonata:
          '{"properties": $merge([properties, {"brand": "Mill & Race", "label": event & " of " & context.campaign.name}])}',
      },
    ],
  },
  "5. pii (three classes)": {
    pii: [
      { class: "email", do: "hash" },
      { class: "name", do: "strip" },
      { class: "ip", do: "strip" },
    ],
  },
  "6. custom (set)": { custom: [{ set: { extra: { from: "event.properties.section" } } }] },
  "mapping and a CEL condition": { when: CONDITION, map: [MAPPING] },
};

function environmentWith(document: object | undefined): Environment {
  const pipelines =
    document &&
    INTEGRATIONS.map(({ id }) => ({
      id: `pip_${id}`,
      integration_id: id,
      version: 1,
      document: document as Record<string, unknown>,
    }));
  return {
    ...({ id: "env_bench", sources: [], integrations: INTEGRATIONS } as unknown as Environment),
    ...(pipelines && { pipelines }),
  };
}

const resources: Resources = {
  tables: new Map([
    [
      "products",
      {
        name: "products",
        version: 1,
        key: "id",
        columns: ["margin"],
        rows: Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`p${i}`, [i]])),
      },
    ],
  ]),
};

function events(count: number, seed: number): Event[] {
  const purposes = ["functional", "analytics", "marketing"];
  return traffic(count, seed).map((raw) => {
    const parsed = parseEvent(raw, {
      message_id: () => "x",
      anonymous_id: undefined,
      received_at: new Date().toISOString(),
    });
    if (!parsed.ok) throw new Error(parsed.message);
    return { ...parsed.event, context: { ...parsed.event.context, purposes } } as Event;
  });
}

/** Microseconds for an event and all three integrations. */
async function measure(
  environment: Environment,
  batch: Event[],
  destinations: Record<string, Destination | undefined>,
) {
  let queued = 0;
  const started = performance.now();
  for (const event of batch) {
    for (const integration of INTEGRATIONS) {
      const mapped = mapThroughPipelines(
        event,
        { environment, source_id: "src_bench", resources },
        integration,
        destinations[integration.destination],
      );
      const settled = mapped instanceof Promise ? await mapped : mapped;
      if (settled.outcome === "queued") queued++;
    }
  }
  return { us: ((performance.now() - started) * 1_000) / batch.length, queued };
}

export default {
  async fetch(request) {
    const count = Number(new URL(request.url).searchParams.get("events"));
    const seed = Number(new URL(request.url).searchParams.get("seed"));
    const all = Object.fromEntries(INTEGRATIONS.map(({ destination }) => [destination, destinationNamed(destination)]));
    const unchecked = Object.fromEntries(
      Object.entries(all).map(([name, destination]) => [name, destination && { ...destination, payload: undefined }]),
    ) as typeof all;
    const results: Record<string, { us: number; queued: number }> = {};
    for (const [name, document] of Object.entries(PIPELINES))
      results[name] = await measure(environmentWith(document), events(count, seed), all);
    results["no pipeline, no output validation"] = await measure(
      environmentWith(undefined),
      events(count, seed),
      unchecked,
    );
    return Response.json(results);
  },
} satisfies ExportedHandler;
