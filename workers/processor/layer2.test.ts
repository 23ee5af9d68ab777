import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import * as z from "zod";
import { configKey, type Environment } from "../../core/environment.ts";
import { isAmong, type PublishedPipeline } from "../../core/pipeline/published.ts";
import type { Resources } from "../../core/pipeline/step.ts";
import { anEnvironment, anIntegration } from "../../test/an-environment.ts";
import { anEvent } from "../../test/an-event.ts";
import type { Destination } from "../delivery/destination.ts";
import { defineDestination } from "../delivery/destination.ts";
import { functionHost } from "./function-host.ts";
import { mapThroughPipelines, routeOf } from "./layer2.ts";
import { layer2Resources } from "./layer2-resources.ts";
import type { Mapped } from "./map-for-integration.ts";

const map = vi.fn((event: { event: string; properties: unknown }) => ({
  name: event.event,
  properties: event.properties,
}));
const vendor = defineDestination({
  name: "vendor",
  title: "Vendor",
  purpose: "functional",
  settings: z.object({}),
  exampleSettings: {},
  limits: { eventsPerRequest: 1, requestsPerSecond: 1, giveUpAfterHours: 1, timeoutMs: 1_000 },
  payload: z.looseObject({ name: z.string().max(20) }),
  map: (event) => map(event),
  request: () => ({ url: "https://vendor.example", method: "POST", headers: {}, body: "" }),
  outcome: () => ({ outcome: "delivered" }),
  examples: [],
}) as Destination;

const one = anIntegration({ id: "int_1", destination: "vendor" });
const other = anIntegration({ id: "int_2", destination: "vendor" });
const pipeline = (document: object, given: Partial<PublishedPipeline> = {}): PublishedPipeline => ({
  id: "pip_1",
  integration_id: "int_1",
  version: 3,
  document: document as Record<string, unknown>,
  ...given,
});
const shared = (document: object, given: Partial<PublishedPipeline> = {}): PublishedPipeline => {
  const { integration_id: _, ...rest } = pipeline(document, { id: "pip_shared", version: 8, ...given });
  return rest;
};
const none: Resources = { tables: new Map() };

function through(
  pipelines: PublishedPipeline[],
  { event = anEvent({ event: "Test" }), integration = one, source_id = "src_test", resources = none } = {},
) {
  return mapThroughPipelines(
    event,
    { environment: anEnvironment({ pipelines }), source_id, resources },
    integration,
    vendor,
  );
}
async function payloadOf(mapped: Mapped | Promise<Mapped>) {
  const settled = await mapped;
  if (settled.outcome !== "queued") throw new Error(`${settled.reason} ${settled.detail}`);
  return JSON.parse(settled.payload_json);
}

describe("without a pipeline", () => {
  it("the destination's own mapping is all there is, and nothing waits", () => {
    expect(through([])).toEqual({ outcome: "queued", payload_json: '{"name":"Test","properties":{}}' });
    expect(through([pipeline({}, { integration_id: "int_other" })])).toEqual(through([]));
  });

  it("a payload that the vendor would refuse is kept aside", () => {
    expect(through([], { event: anEvent({ event: "x".repeat(21) }) })).toEqual({
      outcome: "filtered",
      reason: "invalid_payload",
      detail: expect.stringMatching(/^name: /),
      quarantined: true,
    });
  });
});

describe("through pipelines", () => {
  it("an event comes with the versions that shaped it, the shared one first", async () => {
    const pipelines = [
      pipeline({ map: [{ rename_event: "Own" }] }),
      shared({ transform: [{ set: { "properties.a": 1 } }] }),
    ];
    const mapped = through(pipelines);
    expect(mapped).toMatchObject({ outcome: "queued", versions: ["pip_shared@8", "pip_1@3"] });
    expect(await payloadOf(mapped)).toEqual({ name: "Own", properties: { a: 1 } });
    expect(await payloadOf(through(pipelines, { integration: other }))).toEqual({ name: "Test", properties: { a: 1 } });
  });

  it("the shared one is run once for an event, however many integrations follow", () => {
    const document = { transform: [{ set: { "properties.a": { cel: "1 + 1" } } }] };
    const pipelines = [shared(document)];
    const event = anEvent();
    map.mockClear();
    through(pipelines, { event });
    through(pipelines, { event, integration: other });
    const [first, second] = map.mock.calls.map(([given]) => given);
    expect(first).toBe(second);
  });

  it("the one that names the source outranks the one that does not", () => {
    const any = pipeline({}, { id: "pip_any" });
    const own = pipeline({}, { id: "pip_own", source_id: "src_test" });
    const elsewhere = pipeline({}, { id: "pip_elsewhere", source_id: "src_other" });
    const environment = anEnvironment({ pipelines: [elsewhere, any, own] });
    expect([
      routeOf(environment, "src_test", "int_1").own?.id,
      routeOf(environment, "src_new", "int_1").own?.id,
      routeOf(environment, "src_test", "int_2").own,
    ]).toEqual(["pip_own", "pip_any", undefined]);
  });

  it("the payload is written after the destination's mapping, from it and from the event", async () => {
    const custom = [
      {
        set: { "properties.total": { cel: "event.properties.a * 2" }, type: { template: "{{payload.name}}/{{type}}" } },
      },
      { jsonata: '$merge([payload, {"seen": event.event}])' },
      { when: 'payload.seen == "Test"', remove: ["name_is_not_there"] },
    ];
    const event = anEvent({ event: "Test", properties: { a: 2 } });
    expect(await payloadOf(through([pipeline({ custom })], { event }))).toEqual({
      name: "Test",
      properties: { a: 2, total: 4 },
      type: "Test/track",
      seen: "Test",
    });
    expect(event.properties).toEqual({ a: 2 });
  });

  it("functions run in Workers of their own", async () => {
    const resources = {
      tables: new Map(),
      functions: functionHost((env as unknown as { LOADER: WorkerLoader }).LOADER, "env_layer2"),
    };
    const document = {
      transform: [{ function: { code: "export default (event) => ({ properties: { ...event.properties, n: 1 } })" } }],
      custom: [{ function: { code: "export default (event, payload) => ({ ...payload, by: event.event })" } }],
    };
    expect(await payloadOf(through([pipeline(document)], { resources }))).toEqual({
      name: "Test",
      properties: { n: 1 },
      by: "Test",
    });
  });

  it.each<[string, object, object]>([
    ["drop", { outcome: "filtered", reason: "invalid_payload" }, { quarantined: false }],
    ["quarantine", { outcome: "filtered", reason: "invalid_payload" }, { quarantined: true }],
    ["skip", { outcome: "queued", skipped: 1 }, {}],
  ])("what is not as the vendor wants it follows the output's policy %s", (on_error, outcome, more) => {
    const document = { map: [{ rename_event: "x".repeat(30) }], output: { on_error } };
    expect(through([pipeline(document)])).toMatchObject({ ...outcome, ...more });
  });

  it("what a step spoils for the destination's mapping is kept aside with the version", () => {
    map.mockImplementationOnce(() => {
      throw new TypeError("no url");
    });
    expect(through([pipeline({})])).toMatchObject({
      reason: "mapping_failed",
      quarantined: true,
      versions: ["pip_1@3"],
    });
  });

  it("a document that this code cannot read keeps its own events aside, and no others", () => {
    const pipelines = [pipeline({ from_the_future: [] })];
    expect(through(pipelines)).toMatchObject({
      reason: "pipeline_failed",
      quarantined: true,
      detail: expect.stringContaining("pip_1 cannot be read"),
    });
    expect(through(pipelines, { integration: other })).toMatchObject({ outcome: "queued" });
  });

  it("consent is asked before any of them", () => {
    const marketing = { ...one, purpose: "marketing" as const };
    expect(through([pipeline({ transform: [{ jsonata: "$error('ran')" }] })], { integration: marketing })).toEqual({
      outcome: "filtered",
      reason: "no_consent",
      detail: "marketing",
    });
  });
});

describe("a canary", () => {
  const canary = { version: 4, percent: 25, document: { map: [{ rename_event: "New" }] } };
  const pipelines = [pipeline({ map: [{ rename_event: "Old" }] }, { canary })];

  it("gets its share of visitors, always the same ones", async () => {
    const visitors = Array.from({ length: 400 }, (_, i) => `visitor-${i}`);
    const names = await Promise.all(
      visitors.map(async (anonymous_id) => {
        const mapped = await through(pipelines, { event: anEvent({ anonymous_id }) });
        const isNew = isAmong("canary pip_1", anonymous_id, 25);
        expect(mapped.versions).toEqual([isNew ? "pip_1@4" : "pip_1@3"]);
        return (await payloadOf(mapped)).name;
      }),
    );
    const share = names.filter((name) => name === "New").length / visitors.length;
    expect(share).toBeGreaterThan(0.18);
    expect(share).toBeLessThan(0.32);
  });
});

describe("what pipelines need", () => {
  const table = { name: "hats", version: 2, key: "sku", columns: ["brand"], rows: { "hat-1": ["Ascot"] } };
  const lookup = { enrich: [{ lookup: { table: "hats", key: { from: "properties.sku" }, into: "properties.hat" } }] };
  const environment = (given: Partial<Environment> = {}): Environment =>
    anEnvironment({ id: "env_tables", pipelines: [pipeline(lookup)], lookup_tables: { hats: 2 }, ...given });

  it("is read from KV once for each version", async () => {
    await env.CONFIG.put(configKey.lookupTable("env_tables", "hats", 2), JSON.stringify(table));
    const get = vi.spyOn(env.CONFIG, "get");
    const resources = await layer2Resources(environment(), env);
    await layer2Resources(environment(), env);
    expect(get).toHaveBeenCalledTimes(1);
    get.mockRestore();
    const event = anEvent({ properties: { sku: "hat-1" } });
    expect(await payloadOf(through([pipeline(lookup)], { event, resources }))).toMatchObject({
      properties: { hat: { brand: "Ascot" } },
    });
  });

  it("is nothing, and asks nobody, where there are no pipelines", async () => {
    const get = vi.spyOn(env.CONFIG, "get");
    expect((await layer2Resources(anEnvironment(), env)).tables.size).toBe(0);
    expect(get).not.toHaveBeenCalled();
    get.mockRestore();
  });

  it("fails the message where KV fails, to be tried again", async () => {
    const CONFIG = { get: async () => Promise.reject(new Error("KV is down")) } as unknown as KVNamespace;
    await expect(layer2Resources(environment({ id: "env_broken" }), { CONFIG })).rejects.toThrow("KV is down");
  });
});
