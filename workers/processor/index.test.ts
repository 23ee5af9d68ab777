import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { configKey, type Environment, type Integration } from "../../core/environment.ts";
import type { Event } from "../../core/event.ts";
import type { LiveItem } from "../../core/live.ts";
import { type DeliveryMessage, deliveryMessage, MESSAGE_BYTES, type RawMessage } from "../../core/queue-messages.ts";
import { shardOf } from "../../core/shard-map.ts";
import { linesOf } from "../../durable-objects/visitor-facts.ts";
import type { ShardBatch } from "../../durable-objects/visitor-shard.ts";
import { anEnvironment, anIntegration, aSource } from "../../test/an-environment.ts";
import { anEvent } from "../../test/an-event.ts";
import { webhook } from "../delivery/destinations/webhook.ts";
import { LANE_BINDINGS, type ProcessorEnv } from "../env.ts";
import { revokedAmong } from "../revocations.ts";
import processor from "./index.ts";
import { afterShard, beforeShard } from "./pipeline.ts";
import { cleanse } from "./steps/cleanse.ts";
import { removeFields } from "./steps/remove-fields.ts";

const USER_AGENT =
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

let environments = 0;

/**
 * The processor with real configuration, shards, gates, live feed, R2 and D1. The delivery lanes keep what they are sent;
 * a shard or lane in `broken` fails.
 */
async function aProcessor(given: Partial<Environment> = {}) {
  const id = `env_${++environments}`;
  const integrations = (given.integrations ?? [anIntegration({ destination: "webhook" })]).map((one) => ({
    ...one,
    id: `${one.id}_${id}`,
  }));
  const environment = anEnvironment({ ...given, id, integrations });
  await env.CONFIG.put(configKey.environment(id), JSON.stringify(environment));

  const broken = new Set<string>();
  const sent: string[] = [];
  const calls: { shard: string; batch: ShardBatch & { lines: string[] } }[] = [];
  const points: AnalyticsEngineDataPoint[] = [];
  const lanes = LANE_BINDINGS.map((name) => ({
    sendBatch: async (messages: Iterable<{ body: string }>) => {
      if (broken.has(name)) throw new Error("Queue is overloaded");
      for (const { body } of messages) sent.push(body);
    },
  }));
  const shards = {
    getByName: (name: string) => ({
      apply: async (batch: ShardBatch) => {
        const shard = name.slice(id.length + 1);
        calls.push({ shard, batch: { ...batch, lines: linesOf(batch.lines) } });
        if (broken.has(shard)) throw new Error("Durable Object is overloaded");
        return env.VISITOR_SHARD.getByName(name).apply(batch);
      },
    }),
  };
  const processorEnv = {
    ...env,
    ...Object.fromEntries(LANE_BINDINGS.map((name, lane) => [name, lanes[lane]])),
    VISITOR_SHARD: shards,
    METRICS: { writeDataPoint: (point: AnalyticsEngineDataPoint) => void points.push(point) },
  } as unknown as ProcessorEnv;

  /** Consumes queue messages as one batch. A text is a message's body as it is. */
  async function consume(messages: Record<string, Event[] | Partial<RawMessage> | string>, attempts = 1) {
    const batch = createMessageBatch(
      "raw-events",
      Object.entries(messages).map(([messageId, body]) => ({
        id: messageId,
        timestamp: new Date(),
        attempts,
        body:
          typeof body === "string" ? body : JSON.stringify(rawMessage(Array.isArray(body) ? { events: body } : body)),
      })),
    );
    const before = sent.length;
    await processor.queue(batch, processorEnv);
    const result = await getQueueResult(batch, createExecutionContext());
    return {
      acked: result.explicitAcks,
      retried: result.retryMessages.map((m) => m.msgId),
      delivered: sent.slice(before).map((body) => deliveryMessage.parse(JSON.parse(body)) as DeliveryMessage),
    };
  }

  const rawMessage = (raw: Partial<RawMessage>): RawMessage => ({
    v: 1,
    environment_id: id,
    source_id: "src_test",
    received_at: "2026-11-20T10:00:01.000Z",
    request: {},
    vendor_ids: {},
    events: [],
    ...raw,
  });

  return {
    env: processorEnv,
    environment,
    integrations,
    broken,
    sent,
    calls,
    points,
    consume,
    gate: (integration: Integration) => env.INTEGRATION_GATE.getByName(integration.id),
    deadLetters: () => deadLettersOf(id),
    /** A visitor whom this shard owns. */
    visitorOf: (shard: string, n = 0) =>
      Array.from({ length: 1_000 }, (_, i) => `visitor-${i}`).filter(
        (visitor) => shardOf(environment.shard_map, visitor) === shard,
      )[n]!,
  };
}

async function deadLettersOf(environmentId: string) {
  const { results } = await env.DB.prepare("SELECT * FROM dead_letters WHERE environment_id = ? ORDER BY message_id")
    .bind(environmentId)
    .all<Record<string, string>>();
  return Promise.all(
    results.map(async (row) => ({
      ...row,
      stored: await (await env.LAKE.get(row.r2_key!))!.json<{ letters: unknown[] }>(),
    })),
  );
}

/** Items in the order in which they were queued. */
const items = (delivered: DeliveryMessage[]) => delivered.flatMap((message) => message.items);
const ids = (delivered: DeliveryMessage[]) =>
  items(delivered)
    .map((item) => item.message_id)
    .sort();
const withoutTime = (delivered: DeliveryMessage[]) =>
  delivered
    .map(({ first_queued_at: _, ...message }) => message)
    .sort((a, b) => (a.integration_id < b.integration_id ? -1 : 1));

const three = [
  anIntegration({ destination: "ga4", settings: { measurement_id: "G-TEST" } }),
  anIntegration({ destination: "meta", settings: { pixel_id: "1" } }),
  anIntegration({ destination: "webhook", settings: { url: "https://hooks.example" } }),
];
const order = (given: Partial<Event> = {}) =>
  anEvent({
    event: "Order Completed",
    properties: { order_id: "o1", revenue: 99.5, currency: "EUR", products: [{ product_id: "p1", price: 99.5 }] },
    context: { user_agent: USER_AGENT, page: { url: "https://shop.example/thanks" } },
    ...given,
  });

beforeEach(() => {
  vi.spyOn(console, "error").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("an event", () => {
  it("goes through every step, to its shard and to every integration", async () => {
    const { consume, integrations } = await aProcessor({ integrations: three });
    const event = order({
      message_id: "m1",
      properties: { order_id: " o1 ", revenue: 99.5, currency: "EUR", note: "" },
      context: { page: { url: "https://shop.example/thanks" } },
    });
    const { acked, delivered } = await consume({
      q1: {
        events: [event],
        request: { ip: "192.0.2.1", user_agent: USER_AGENT, language: "en-GB", country: "GB", city: "London" },
        vendor_ids: { ga_client_id: "111.222", fbp: "fb.1.1596403881668.333" },
      },
    });
    expect(acked).toEqual(["q1"]);
    const byIntegration = new Map(delivered.map((message) => [message.integration_id, message]));
    expect([...byIntegration.keys()].sort()).toEqual(integrations.map((i) => i.id).sort());
    const [ga4, meta, hook] = integrations.map((i) => byIntegration.get(i.id)!.items[0]!);
    const session = { id: expect.any(String), number: 1, started_at: event.timestamp, is_new: true };
    expect(hook!.payload).toEqual({
      type: "track",
      timestamp: event.timestamp,
      data: {
        ...event,
        properties: { order_id: "o1", revenue: 99.5, currency: "EUR" },
        context: {
          page: { url: "https://shop.example/thanks" },
          ip: "192.0.2.1",
          user_agent: USER_AGENT,
          locale: "en-GB",
          location: { country: "GB", city: "London" },
          browser: { name: "Chrome", version: "140.0.0.0" },
          os: { name: "Windows", version: "10" },
          device: { type: "desktop" },
          vendor_ids: { ga_client_id: "111.222", fbp: "fb.1.1596403881668.333" },
          session,
          purposes: ["functional", "analytics", "marketing"],
        },
      },
    });
    expect(ga4!.payload).toMatchObject({ shared: { client_id: "111.222" }, event: { name: "purchase" } });
    expect(meta!.payload).toMatchObject({
      event_name: "Purchase",
      event_id: "m1",
      user_data: { fbp: "fb.1.1596403881668.333" },
    });
    expect(hook).toMatchObject({
      message_id: "m1",
      event: "Order Completed",
      anonymous_id: "a1",
      received_at: event.received_at,
      purposes: ["functional", "analytics", "marketing"],
    });
  });

  it("is stored in the shard that owns its visitor, with what each step did so far", async () => {
    const { consume, calls, visitorOf } = await aProcessor();
    await consume({ q1: [anEvent({ message_id: "m1", anonymous_id: visitorOf("s1") })] });
    expect(calls.map((c) => c.shard)).toEqual(["s1"]);
    expect(calls[0]!.batch).toMatchObject({
      events: [
        {
          message_id: "m1",
          delivery: "q1:0",
          at: Date.parse("2026-11-20T10:00:00.000Z"),
          vendor_ids: {},
          visit: { kind: "action" },
        },
      ],
      session_timeout_ms: 1_800_000,
      new_session_on_campaign: false,
    });
    const line = JSON.parse(calls[0]!.batch.lines[0]!);
    expect(line).toMatchObject({ source_id: "src_test", event: { message_id: "m1" } });
    expect(line.receipt.steps.map((s: { step: string }) => s.step)).toEqual(beforeShard.map((s) => s.name));
  });

  it.each(["__proto__", "constructor", "toString"])("may have properties called %s", async (key) => {
    const { consume, deadLetters } = await aProcessor({ integrations: three.slice(1) });
    const hostile = JSON.parse(
      `{"${key}":" x ","in":{"${key}":{"polluted":1,"price":1}},"products":[{"${key}":1,"name":"x"}]}`,
    );
    const { acked, delivered } = await consume({
      q1: [order({ message_id: `m-${key}`, properties: { ...order().properties, ...hostile }, traits: hostile })],
    });
    expect(acked).toEqual(["q1"]);
    expect(delivered).toHaveLength(2);
    expect(await deadLetters()).toEqual([]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe("a message that can never be read", () => {
  it.each<[string, string, string, string, RegExp]>([
    ["is no JSON", "not json {", "unknown", "unreadable_message", /JSON/],
    ["is empty", "", "unknown", "unreadable_message", /JSON/],
    ["is null", "null", "unknown", "unreadable_message", /expected object/],
    ["has another shape", '{"hello":1}', "unknown", "unreadable_message", /^v: /],
    ["is of a later version", '{"v":2}', "unknown", "unreadable_message", /^v: /],
    ["says whose it is", '{"v":2,"environment_id":"env_later"}', "env_later", "unreadable_message", /^v: /],
    [
      "is of an environment that nobody knows",
      '{"v":1,"environment_id":"env_gone","source_id":"s","received_at":"2026-11-20T10:00:00.000Z","request":{},"vendor_ids":{},"events":[]}',
      "env_gone",
      "unknown_environment",
      /^no environment env_gone$/,
    ],
  ])("%s: is buried with its reason and acknowledged, and blocks nothing", async (_, body, where, reason, detail) => {
    const { consume } = await aProcessor();
    const poison = `poison-${++environments}`;
    const good = anEvent();
    const { acked, retried, delivered } = await consume({ before: [anEvent()], [poison]: body, after: [good] });
    expect(acked.sort()).toEqual(["after", "before", poison].sort());
    expect(retried).toEqual([]);
    expect(items(delivered)).toHaveLength(2);
    const letters = (await deadLettersOf(where)).filter((l) => (l.stored as { origin?: string }).origin === poison);
    expect(letters).toEqual([
      expect.objectContaining({ stage: "processor", reason, detail: expect.stringMatching(detail), attempts: 1 }),
    ]);
    expect(letters[0]!.stored.letters[0]).toMatchObject({ payload: body });
  });

  it("is buried once, though it is delivered twice", async () => {
    const { consume } = await aProcessor();
    await consume({ twice: "}" });
    await consume({ twice: "}" });
    const letters = (await deadLettersOf("unknown")).filter(
      (l) => (l.stored as { origin?: string }).origin === "twice",
    );
    expect(letters).toHaveLength(1);
  });

  it("is tried again where the configuration cannot be read: it may be fine", async () => {
    const { consume, env: processorEnv } = await aProcessor();
    processorEnv.CONFIG = { get: () => Promise.reject(new Error("KV is down")) } as unknown as KVNamespace;
    const { acked, retried } = await consume({ q1: [anEvent()] });
    expect([acked, retried]).toEqual([[], ["q1"]]);
  });

  it("is tried again where it cannot be buried", async () => {
    const { consume, env: processorEnv } = await aProcessor();
    processorEnv.LAKE = { put: () => Promise.reject(new Error("R2 is down")) } as unknown as R2Bucket;
    const { acked, retried } = await consume({ bad: "}", good: [anEvent()] });
    expect([acked, retried]).toEqual([["good"], ["bad"]]);
  });
});

describe("a bad event in a good message", () => {
  it("is quarantined alone", async () => {
    const { consume, deadLetters, points } = await aProcessor();
    const bad = { ...anEvent({ message_id: "bad", event: "Bad" }), type: "tracks" } as unknown as Event;
    const { acked, delivered } = await consume({
      q1: [anEvent({ message_id: "good-1" }), bad, anEvent({ message_id: "good-2" })],
      q2: [anEvent({ message_id: "good-3" })],
    });
    expect(acked).toEqual(["q1", "q2"]);
    expect(ids(delivered)).toEqual(["good-1", "good-2", "good-3"]);
    const letters = await deadLetters();
    expect(letters).toEqual([
      expect.objectContaining({
        stage: "processor",
        message_id: "bad",
        event: "Bad",
        reason: "invalid_event",
        detail: expect.stringMatching(/^type: /),
      }),
    ]);
    expect(letters[0]!.stored.letters).toEqual([expect.objectContaining({ payload: bad })]);
    expect(points).toContainEqual(
      expect.objectContaining({ blobs: ["processor", "src_test", "", "quarantined", "invalid_event"], doubles: [1] }),
    );
  });

  it("may be anything", async () => {
    const { consume, deadLetters } = await aProcessor();
    const events = [null, 1, "x", [], {}, { message_id: {} }] as unknown as Event[];
    const { acked, delivered } = await consume({ q1: [...events, anEvent({ message_id: "good" })] });
    expect(acked).toEqual(["q1"]);
    expect(ids(delivered)).toEqual(["good"]);
    expect(await deadLetters()).toHaveLength(events.length);
  });

  it("is quarantined before the message is acknowledged", async () => {
    const { consume, env: processorEnv } = await aProcessor();
    processorEnv.DB = {
      prepare: () => {
        throw new Error("D1 is down");
      },
    } as unknown as D1Database;
    const { acked, retried } = await consume({ q1: [{} as Event], q2: [anEvent()] });
    expect([acked, retried]).toEqual([["q2"], ["q1"]]);
  });

  it("that nests too deep for recursion costs nobody else anything", async () => {
    const { consume, deadLetters } = await aProcessor();
    const properties = JSON.parse(`{"a":${'{"b":['.repeat(900)}${"]}".repeat(900)}}`);
    const { acked, delivered } = await consume({
      q1: [anEvent({ message_id: "deep", properties }), anEvent({ message_id: "good-1" })],
      q2: [anEvent({ message_id: "good-2" })],
    });
    expect(acked).toEqual(["q1", "q2"]);
    expect(ids(delivered)).toEqual(["good-1", "good-2"]);
    expect(await deadLetters()).toMatchObject([
      { message_id: "deep", detail: "event: nests deeper than 32 levels or has more than 2000 keys" },
    ]);
  });
});

it("acknowledges a message without events", async () => {
  const { consume, calls } = await aProcessor();
  expect(await consume({ q1: [] })).toEqual({ acked: ["q1"], retried: [], delivered: [] });
  expect(calls).toEqual([]);
});

it("a receipt stays small, whatever paths a customer makes up", async () => {
  const { consume, calls } = await aProcessor();
  const empty = Object.fromEntries(Array.from({ length: 1_500 }, (_, i) => [`k${i}`, ""]));
  const { acked } = await consume({ q1: [anEvent({ properties: { ["x".repeat(10_000)]: empty } })] });
  expect(acked).toEqual(["q1"]);
  const [line] = calls[0]!.batch.lines;
  const { changed } = JSON.parse(line!).receipt.steps.find(({ step }: { step: string }) => step === "cleanse");
  expect(changed).toHaveLength(51);
  expect(changed[50]).toBe("and 1450 more");
  expect(line!.length).toBeLessThan(30_000);
});

describe("the same queue message delivered twice", () => {
  it("gives vendors identical payloads, though the visitor has moved on meanwhile", async () => {
    const { consume } = await aProcessor({ integrations: three });
    const message = {
      events: [order({ message_id: "m1" }), order({ message_id: "m2", anonymous_id: "a2", event: "Signed Up" })],
      request: { ip: "192.0.2.1", country: "GB" },
      vendor_ids: { fbp: "fb.1.1596403881668.333", ga_client_id: "1.2" },
    };
    const first = await consume({ q1: message });
    const later = order({
      timestamp: "2026-11-20T12:00:00.000Z",
      context: { vendor_ids: { fbp: "fb.1.1596403881668.9" } },
    });
    await consume({ q2: [later] });
    const second = await consume({ q1: message }, 2);
    expect(first.delivered).toHaveLength(3);
    expect(withoutTime(second.delivered)).toEqual(withoutTime(first.delivered));
    expect(second.acked).toEqual(["q1"]);
  });

  it("counts what was filtered once", async () => {
    const { consume, integrations, gate } = await aProcessor();
    const refused = { ...integrations[0]! };
    const page = anEvent({ type: "page" });
    const {
      consume: again,
      gate: gateOf,
      integrations: own,
    } = await aProcessor({
      integrations: [anIntegration({ destination: "meta", settings: { pixel_id: "1" } })],
    });
    await again({ q1: [page] });
    await again({ q1: [page] }, 2);
    expect((await gateOf(own[0]!).stats()).filtered).toEqual({ missing_field: 1 });
    await consume({ q1: [page] });
    expect((await gate(refused).stats()).filtered).toEqual({});
  });
});

describe("the same message_id in another queue message", () => {
  it.each([
    ["of the same batch", [{ q1: ["m1"], q2: ["m1", "m2"] }]],
    ["of a later batch", [{ q1: ["m1"] }, { q2: ["m1", "m2"] }]],
    ["or twice in one", [{ q1: ["m1", "m1", "m2"] }]],
  ])("%s is a duplicate: nothing is queued for it", async (_, batches) => {
    const { consume, integrations, sent, points } = await aProcessor({ integrations: three });
    for (const batch of batches as Record<string, string[]>[]) {
      const messages = Object.entries(batch).map(([q, names]) => [q, names.map((message_id) => order({ message_id }))]);
      const { acked } = await consume(Object.fromEntries(messages));
      expect(acked).toEqual(Object.keys(batch));
    }
    const delivered = sent.map((body) => JSON.parse(body) as DeliveryMessage);
    for (const { id } of integrations) {
      expect(ids(delivered.filter((message) => message.integration_id === id))).toEqual(["m1", "m2"]);
    }
    expect(points).toContainEqual(
      expect.objectContaining({ blobs: ["processor", "src_test", "", "dropped", "duplicate"], doubles: [1] }),
    );
  });
});

describe("a shard that fails", () => {
  it("fails the messages that need it, whole, and no others; later they go on where they were", async () => {
    const { consume, broken, visitorOf } = await aProcessor({ integrations: three });
    const messages = {
      mixed: [
        order({ message_id: "mixed-0", anonymous_id: visitorOf("s0") }),
        order({ message_id: "mixed-1", anonymous_id: visitorOf("s1") }),
      ],
      well: [order({ message_id: "well", anonymous_id: visitorOf("s0", 1) })],
      ill: [order({ message_id: "ill", anonymous_id: visitorOf("s1", 1) })],
    };
    broken.add("s1");
    const first = await consume(messages);
    expect(first.acked).toEqual(["well"]);
    expect(first.retried.sort()).toEqual(["ill", "mixed"]);
    expect(ids(first.delivered)).toEqual(["well", "well", "well"]);

    broken.clear();
    const second = await consume({ mixed: messages.mixed, ill: messages.ill }, 2);
    expect(second.acked).toEqual(["mixed", "ill"]);
    expect(ids(second.delivered)).toEqual(["ill", "mixed-0", "mixed-1"].flatMap((id) => [id, id, id]));
  });

  it("is asked again after a pause that grows and differs from message to message", async () => {
    const { env: processorEnv, broken, consume } = await aProcessor({ shard_map: { epoch: 1, shards: ["s0"] } });
    broken.add("s0");
    const delays = async (attempts: number) => {
      const retry = vi.fn();
      const messages = Array.from({ length: 40 }, (_, i) => ({
        id: `q${i}`,
        attempts,
        timestamp: new Date(),
        body: JSON.stringify({ ...raw, events: [anEvent()] }),
        ack: () => {},
        retry,
      }));
      await processor.queue({ queue: "raw-events", messages } as unknown as MessageBatch, processorEnv);
      return retry.mock.calls.map(([options]) => options.delaySeconds as number);
    };
    await consume({ warm: [] });
    const raw = {
      v: 1,
      environment_id: `env_${environments}`,
      source_id: "s",
      received_at: "2026-11-20T10:00:00.000Z",
      request: {},
      vendor_ids: {},
    };
    const early = await delays(1);
    const late = await delays(100);
    expect(early).toHaveLength(40);
    expect(Math.min(...early)).toBeGreaterThanOrEqual(2);
    expect(Math.max(...early)).toBeLessThanOrEqual(3);
    expect(Math.max(...late)).toBeGreaterThan(20);
    expect(Math.max(...late)).toBeLessThan(2 + 64);
    expect(new Set(late).size).toBeGreaterThan(10);
  });
});

describe("a delivery queue that fails", () => {
  it("fails the messages that need it; they come again with the same payloads", async () => {
    const pinned = three.map((integration, lane) => ({ ...integration, lane }));
    const { consume, broken } = await aProcessor({ integrations: pinned });
    const messages = {
      all: [order({ message_id: "all" })],
      // Meta and the webhook have no use for a screen without a page.
      two: [anEvent({ type: "screen", message_id: "two" })],
    };
    broken.add("DELIVERY_1");
    const first = await consume(messages);
    expect(first.acked).toEqual(["two"]);
    expect(first.retried).toEqual(["all"]);
    expect(ids(first.delivered)).toEqual(["all", "all", "two"]);

    broken.clear();
    const second = await consume({ all: messages.all }, 2);
    expect(second.acked).toEqual(["all"]);
    expect(ids(second.delivered)).toEqual(["all", "all", "all"]);
    const payloads = (delivered: DeliveryMessage[], index: number) =>
      items(delivered.filter((m) => m.integration_id.startsWith(pinned[index]!.id))).find(
        (i) => i.message_id === "all",
      );
    for (const index of [0, 2]) expect(payloads(second.delivered, index)).toEqual(payloads(first.delivered, index));
  });
});

describe("consent", () => {
  it.each<[string, Partial<Environment>, Event["context"]["consent"], string[]]>([
    ["was denied", {}, { analytics: false, marketing: false }, ["webhook"]],
    ["was given for analytics alone", {}, { analytics: true, marketing: false }, ["ga4", "webhook"]],
    ["was given", {}, { analytics: true, marketing: true }, ["ga4", "meta", "webhook"]],
    ["was not asked, where that means no", { consent_default: "denied" }, undefined, ["webhook"]],
    ["was not asked, where that means yes", { consent_default: "granted" }, undefined, ["ga4", "meta", "webhook"]],
  ])("that %s decides who gets the event", async (_, given, consent, expected) => {
    const { consume, integrations, gate } = await aProcessor({ ...given, integrations: three });
    const event = order({ context: { ...order().context, ...(consent && { consent }) } });
    const { acked, delivered } = await consume({ q1: [event] });
    expect(acked).toEqual(["q1"]);
    const reached = integrations.filter((i) => delivered.some((message) => message.integration_id === i.id));
    expect(reached.map((i) => i.name)).toEqual(expected);
    for (const integration of integrations) {
      const { filtered } = await gate(integration).stats();
      expect(filtered).toEqual(expected.includes(integration.name) ? {} : { no_consent: 1 });
    }
  });
});

describe("the delivery messages", () => {
  it("hold at most 40 events and 60 KB, in order", async () => {
    const { consume } = await aProcessor();
    const many = Array.from({ length: 100 }, (_, i) => anEvent({ message_id: `s${String(i).padStart(3, "0")}` }));
    const small = await consume({ q1: many });
    expect(small.delivered.map((message) => message.items.length)).toEqual([40, 40, 20]);
    expect(items(small.delivered).map((item) => item.message_id)).toEqual(many.map((e) => e.message_id));

    const large = Array.from({ length: 12 }, () => anEvent({ properties: { text: "ż".repeat(9_000) } }));
    const { delivered } = await consume({ q2: large.slice(0, 3), q3: large.slice(3) });
    expect(items(delivered)).toHaveLength(12);
    for (const message of delivered)
      expect(Buffer.byteLength(JSON.stringify(message))).toBeLessThanOrEqual(MESSAGE_BYTES);
  });

  it("tell the gates what was filtered, by reason, in one report for the batch", async () => {
    const disabled = anIntegration({ destination: "webhook", id: "int_disabled", enabled: false });
    const elsewhere = anIntegration({ destination: "webhook", id: "int_elsewhere", source_ids: ["src_other"] });
    const gone = anIntegration({ destination: "vendor-of-tomorrow" });
    const {
      consume,
      integrations,
      gate,
      env: processorEnv,
    } = await aProcessor({
      integrations: [...three, disabled, elsewhere, gone],
    });
    const report = vi.fn();
    const gates = processorEnv.INTEGRATION_GATE;
    processorEnv.INTEGRATION_GATE = {
      getByName: (name: string) => {
        report(name);
        return gates.getByName(name);
      },
    } as unknown as ProcessorEnv["INTEGRATION_GATE"];
    await consume({
      q1: [order({ properties: {} }), anEvent({ type: "identify" })],
      q2: [anEvent({ timestamp: "2020-01-01T00:00:00.000Z" }), order()],
    });
    const filtered = await Promise.all(integrations.map(async (i) => [i.name, (await gate(i).stats()).filtered]));
    expect(Object.fromEntries(filtered.slice(0, 3))).toEqual({
      ga4: { missing_field: 1, event_not_mapped: 1, too_old: 1 },
      meta: { missing_field: 1, event_not_mapped: 1, too_old: 1 },
      webhook: {},
    });
    expect(filtered.slice(3).map(([, counts]) => counts)).toEqual([
      { integration_disabled: 4 },
      { source_not_connected: 4 },
      { unknown_destination: 4 },
    ]);
    expect(report).toHaveBeenCalledTimes(5);
  });
});

it("asks each shard once for the batch, however many messages and events it brings", async () => {
  const { consume, calls, points } = await aProcessor({ shard_map: { epoch: 1, shards: ["s0", "s1", "s2", "s3"] } });
  const messages = Object.fromEntries(
    Array.from({ length: 100 }, (_, m) => [
      `q${m}`,
      Array.from({ length: 5 }, (_, e) => anEvent({ message_id: `m${m}-${e}`, anonymous_id: `v${m}-${e % 2}` })),
    ]),
  );
  const { acked, delivered } = await consume(messages);
  expect(acked).toHaveLength(100);
  expect(items(delivered)).toHaveLength(500);
  expect(calls.map((c) => c.shard).sort()).toEqual(["s0", "s1", "s2", "s3"]);
  expect(calls.reduce((sum, { batch }) => sum + batch.events.length, 0)).toBe(500);
  for (const { batch } of calls) expect(batch.lines).toHaveLength(batch.events.length);
  expect(points).toEqual([
    { indexes: [`env_${environments}`], blobs: ["processor", "src_test", "", "kept", ""], doubles: [500] },
  ]);
});

it("keeps environments apart, though their shards have the same names", async () => {
  const first = await aProcessor();
  const second = await aProcessor();
  const event = anEvent();
  const { delivered } = await first.consume({
    q1: [event],
    q2: { environment_id: second.environment.id, events: [event] },
  });
  expect(delivered.map((message) => [message.environment_id, message.items.length]).sort()).toEqual([
    [first.environment.id, 1],
    [second.environment.id, 1],
  ]);
});

describe("code that fails", () => {
  it("in a destination costs one event for one vendor, and keeps it as a dead letter", async () => {
    const { consume, deadLetters, integrations } = await aProcessor({ integrations: three });
    const map = webhook.map;
    vi.spyOn(webhook, "map").mockImplementation((event, settings) => {
      if (event.message_id === "bad") throw new TypeError("no such product");
      return map(event, settings);
    });
    const { acked, delivered } = await consume({
      q1: [order({ message_id: "good" }), order({ message_id: "bad" })],
      q2: [order({ message_id: "other" })],
    });
    expect(acked).toEqual(["q1", "q2"]);
    expect(ids(delivered)).toEqual(["bad", "bad", "good", "good", "good", "other", "other", "other"]);
    expect(await deadLetters()).toMatchObject([
      {
        stage: "processor",
        integration_id: integrations[2]!.id,
        message_id: "bad",
        reason: "mapping_failed",
        detail: "TypeError: no such product",
      },
    ]);
  });

  it("in a step fails its message, and no other", async () => {
    const { consume } = await aProcessor();
    const run = cleanse.run;
    vi.spyOn(cleanse, "run").mockImplementation((event, context) => {
      if (event.message_id === "bad") throw new RangeError("Maximum call stack size exceeded");
      return run(event, context);
    });
    const { acked, retried, delivered } = await consume({
      q1: [anEvent({ message_id: "good-1" }), anEvent({ message_id: "bad" })],
      q2: [anEvent({ message_id: "good-2" })],
    });
    expect([acked, retried]).toEqual([["q2"], ["q1"]]);
    expect(ids(delivered)).toEqual(["good-2"]);
  });
});

describe("the live stream", () => {
  type Processed = LiveItem & { kind: "processed" };

  async function watch(environmentId: string) {
    const response = await env.LIVE_FEED.getByName(environmentId).fetch("https://live.example", {
      headers: { upgrade: "websocket" },
    });
    const socket = response.webSocket!;
    const seen: LiveItem[] = [];
    socket.addEventListener("message", ({ data }) => {
      seen.push(...JSON.parse(data as string));
    });
    socket.accept();
    await vi.waitFor(() => expect(seen).toHaveLength(1));
    return { seen, close: () => socket.close(1000) };
  }

  it("shows whoever watches what came in, what went on, and what every step and integration made of it", async () => {
    const { consume, environment, integrations } = await aProcessor({ integrations: three });
    const { seen, close } = await watch(environment.id);
    const event = anEvent({ message_id: "m1", properties: { a: " b " } });
    await consume({ q1: { events: [event], request: { ip: "192.0.2.1", country: "GB" } } });
    await consume({ q2: [event] });
    await vi.waitFor(() => expect(seen).toHaveLength(5));
    close();
    // Each as it came, and then what became of it.
    expect(seen.map(({ kind }) => kind)).toEqual(["hello", "received", "processed", "received", "processed"]);
    const [first, second] = seen.filter((item) => item.kind === "processed") as [Processed, Processed];
    expect(first).toMatchObject({
      kind: "processed",
      source_id: "src_test",
      received: event,
      event: { message_id: "m1", properties: { a: "b" }, context: { session: { number: 1 } } },
    });
    expect(first.receipt).toEqual({
      configuration: 7,
      shard: shardOf(environment.shard_map, "a1"),
      steps: [
        { step: "validate_schema", verdict: "kept", changed: [] },
        { step: "correct_clock", verdict: "kept", changed: [] },
        { step: "standardise_fields", verdict: "kept", changed: [] },
        { step: "enforce_types", verdict: "kept", changed: [] },
        { step: "normalise_values", verdict: "kept", changed: [] },
        { step: "cleanse", verdict: "kept", changed: ["properties.a"] },
        { step: "add_request_facts", verdict: "kept", changed: ["context.ip"] },
        { step: "classify_pii", verdict: "kept", changed: [] },
        { step: "enrich_geography", verdict: "kept", changed: ["context.location"] },
        { step: "enrich_user_agent", verdict: "kept", changed: [] },
        { step: "classify_bot", verdict: "kept", changed: ["context.bot"] },
        { step: "enrich_traffic", verdict: "kept", changed: [] },
        { step: "convert_currency", verdict: "kept", changed: [] },
        { step: "enforce_consent", verdict: "kept", changed: ["context.purposes"] },
        { step: "remove_everywhere", verdict: "kept", changed: [] },
        { step: "drop_forgotten", verdict: "kept", changed: [] },
        { step: "drop_duplicate", verdict: "kept", changed: [] },
        { step: "add_visitor_facts", verdict: "kept", changed: ["context.session"] },
        { step: "add_person", verdict: "kept", changed: [] },
        { step: "strip_pending", verdict: "kept", changed: [] },
        { step: "remove_fields", verdict: "kept", changed: [] },
      ],
      integrations: [
        { integration_id: integrations[0]!.id, integration: "ga4", outcome: "queued" },
        {
          integration_id: integrations[1]!.id,
          integration: "meta",
          outcome: "filtered",
          reason: "missing_field",
          detail: expect.any(String),
        },
        { integration_id: integrations[2]!.id, integration: "webhook", outcome: "queued" },
      ],
    });
    expect(first.receipt.steps.map((s) => s.step)).toEqual(
      [...beforeShard, ...afterShard, removeFields].map((s) => s.name),
    );
    expect(second.receipt.integrations).toEqual([]);
    expect(second.receipt.steps.at(-1)).toEqual({
      step: "drop_duplicate",
      verdict: "dropped",
      changed: [],
      reason: "duplicate",
    });
  });

  it("never fails the pipeline", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
    const { consume, env: processorEnv } = await aProcessor();
    processorEnv.LIVE_FEED = {
      getByName: () => ({ publish: () => Promise.reject(new Error("gone")) }),
    } as unknown as ProcessorEnv["LIVE_FEED"];
    processorEnv.INTEGRATION_GATE = {
      getByName: () => ({ report: () => Promise.reject(new Error("gone")) }),
    } as unknown as ProcessorEnv["INTEGRATION_GATE"];
    const { acked, delivered } = await consume({ q1: [anEvent()] });
    expect(acked).toEqual(["q1"]);
    expect(delivered).toHaveLength(1);
  });
});

describe("a bot that its source does not want", () => {
  const bot = (message_id: string) => anEvent({ message_id, context: { user_agent: "GPTBot/1.3" } });

  it("is neither a visitor nor delivered, and is counted", async () => {
    const { consume, calls, points, deadLetters } = await aProcessor({
      sources: [aSource({ drop_bots: ["ai_crawler"] })],
    });
    const { acked, delivered } = await consume({
      q1: [bot("bot-1"), anEvent({ message_id: "person" })],
      q2: [bot("bot-2")],
    });
    expect(acked).toEqual(["q1", "q2"]);
    expect(ids(delivered)).toEqual(["person"]);
    expect(calls.flatMap(({ batch }) => batch.events.map((event) => event.message_id))).toEqual(["person"]);
    expect(points).toContainEqual(
      expect.objectContaining({ blobs: ["processor", "src_test", "", "dropped", "bot"], doubles: [2] }),
    );
    expect(await deadLetters()).toEqual([]);
  });

  it("is marked and delivered where its source has nothing against it", async () => {
    const { consume, calls } = await aProcessor();
    const { delivered } = await consume({ q1: [bot("bot-1")] });
    expect(ids(delivered)).toEqual(["bot-1"]);
    expect(JSON.parse(calls[0]!.batch.lines[0]!)).toMatchObject({ event: { context: { bot: { name: "GPTBot" } } } });
  });
});

it("an event from the future ends nobody's session: to the shard it is of when it came", async () => {
  const { consume, calls } = await aProcessor();
  const received_at = "2026-11-20T10:00:01.000Z";
  const event = (message_id: string, timestamp: string) =>
    anEvent({ message_id, anonymous_id: "traveller", timestamp, received_at });
  await consume({
    q1: [
      event("now", "2026-11-20T10:00:00.000Z"),
      event("future", "2031-01-01T00:00:00.000Z"),
      event("next", "2026-11-20T10:00:01.000Z"),
    ],
  });
  const { batch } = calls[0]!;
  expect(batch.events.map(({ at }) => new Date(at).toISOString())).toEqual([
    "2026-11-20T10:00:00.000Z",
    received_at,
    "2026-11-20T10:00:01.000Z",
  ]);
  const kept = batch.lines.map((line) => JSON.parse(line).event as Event);
  expect(kept.map((one) => [one.timestamp, one.context.clock])).toEqual([
    ["2026-11-20T10:00:00.000Z", undefined],
    ["2031-01-01T00:00:00.000Z", "too_new"],
    ["2026-11-20T10:00:01.000Z", undefined],
  ]);
});

describe("a person who takes back a consent", () => {
  const ad = () =>
    anIntegration({ destination: "webhook", purpose: "marketing", settings: { url: "https://x.example" } });

  it("is known to delivery before the message is done, for all that was queued before", async () => {
    const { consume, environment } = await aProcessor({ integrations: [ad()] });
    const { delivered } = await consume({ q1: [anEvent({ message_id: "before", user_id: "u1" })] });
    expect(delivered[0]!.items[0]).toMatchObject({ message_id: "before", anonymous_id: "a1", user_id: "u1" });
    const no = anEvent({ received_at: "2026-11-20T10:05:00.000Z", context: { consent: { marketing: false } } });
    expect((await consume({ q2: [no] })).acked).toEqual(["q2"]);
    const items = delivered.flatMap((message) => message.items);
    expect(await revokedAmong(env, environment.id, items, "marketing")).toEqual(new Set(items));
    expect(await revokedAmong(env, environment.id, items, "analytics")).toEqual(new Set());
  });

  it("keeps the message in the queue while that cannot be written down", async () => {
    const processor = await aProcessor({ integrations: [ad()] });
    const mark = () => Promise.reject(new Error("object is down"));
    processor.env.CONSENT_REVOCATIONS = { getByName: () => ({ mark }) } as never;
    const errors = vi.spyOn(console, "error").mockImplementation(() => {});
    const no = anEvent({ anonymous_id: "a-no", context: { consent: { marketing: false } } });
    const { acked, retried } = await processor.consume({ q1: [no], q2: [anEvent({ anonymous_id: "a-yes" })] });
    expect([acked, retried]).toEqual([["q2"], ["q1"]]);
    expect(errors).toHaveBeenCalled();
  });
});

it("what the browser objected to is kept with the event, for whoever judges it again", async () => {
  const { consume, calls } = await aProcessor();
  await consume({ q1: { events: [anEvent()], request: { gpc: true } }, q2: [anEvent()] });
  const receipts = calls.flatMap(({ batch }) => batch.lines.map((line) => JSON.parse(line).receipt));
  expect(receipts.map(({ gpc }) => gpc)).toEqual([true, undefined]);
});

describe("pipelines", () => {
  const strict = { map: [{ set: { "properties.revenue": { from: "properties.revenue", as: "number" } } }] };

  it("shape what their integration gets, and an event that they cannot shape costs only that one", async () => {
    const {
      consume,
      env: processorEnv,
      environment,
      integrations,
      deadLetters,
      gate,
    } = await aProcessor({ integrations: three });
    const [ga4, , hook] = integrations;
    const pipelines = [{ id: "pip_hook", integration_id: hook!.id, version: 5, document: strict }];
    await processorEnv.CONFIG.put(configKey.environment(environment.id), JSON.stringify({ ...environment, pipelines }));
    const good = order({ message_id: "good", properties: { ...order().properties, revenue: "99.5" } });
    const bad = order({ message_id: "bad", properties: { ...order().properties, revenue: "a lot" } });
    const { acked, delivered } = await consume({ q1: [good, bad] });
    expect(acked).toEqual(["q1"]);
    const to = (integration: Integration | undefined) =>
      items(delivered.filter((one) => one.integration_id === integration!.id));
    expect(to(ga4).map((item) => item.message_id)).toEqual(["good", "bad"]);
    expect(to(hook)).toMatchObject([
      { message_id: "good", versions: ["pip_hook@5"], payload: { data: { properties: { revenue: 99.5 } } } },
    ]);
    const [letter] = await deadLetters();
    expect(letter).toMatchObject({
      reason: "pipeline_failed",
      integration_id: hook!.id,
      detail: 'map, 1. set: properties.revenue: "a lot" is no number',
    });
    expect(letter!.stored.letters).toMatchObject([
      { source_id: "src_test", payload: { message_id: "bad", context: { purposes: expect.any(Array) } } },
    ]);

    const counts = {
      "pip_hook@5": { queued: 1, filtered: 0, failed: 1, skipped_steps: 0, delivered: 0, dead_lettered: 0 },
    };
    expect(await gate(hook!).versionCounts(["pip_hook@5"])).toEqual(counts);
    await consume({ q1: [good, bad] });
    expect(await gate(hook!).versionCounts(["pip_hook@5", "pip_other@1"])).toEqual(counts);
  });

  it("that wait for an expression keep the order and the outcome of every event", async () => {
    const document = { map: [{ when: "event.properties.n < 3", jsonata: '{"properties": {"n": properties.n * 10}}' }] };
    const { consume, env: processorEnv, environment, integrations } = await aProcessor();
    const pipelines = [{ id: "pip_slow", integration_id: integrations[0]!.id, version: 1, document }];
    await processorEnv.CONFIG.put(configKey.environment(environment.id), JSON.stringify({ ...environment, pipelines }));
    const events = [1, 2, 3, 4].map((n) => anEvent({ anonymous_id: "same", properties: { n } }));
    const { delivered } = await consume({ q1: events });
    expect(items(delivered).map(({ payload }) => (payload as { data: Event }).data.properties.n)).toEqual([
      10, 20, 3, 4,
    ]);
  });
});
