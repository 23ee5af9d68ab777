import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { configKey } from "../../core/environment.ts";
import type { Event } from "../../core/event.ts";
import { orgDataLayer } from "../../core/org-data-layer.ts";
import { RELEASED_HEAD } from "../../core/queue-messages.ts";
import { shardOf } from "../../core/shard-map.ts";
import { aQuietProcessor } from "../../test/a-processor.ts";
import { anIntegration } from "../../test/an-environment.ts";
import { anEvent } from "../../test/an-event.ts";

const queued: string[] = [];
beforeAll(() => {
  vi.spyOn(env.RAW_EVENTS, "sendBatch").mockImplementation(async (messages) => {
    for (const { body } of messages as Iterable<{ body: string }>) queued.push(body);
    return undefined as never;
  });
  vi.spyOn(console, "error").mockImplementation(() => {});
});
afterAll(() => {
  vi.restoreAllMocks();
});
beforeEach(() => {
  queued.length = 0;
});

/** An integration for each purpose, and a policy that holds events for a visitor's answer. */
async function aHoldingProcessor(document: object = {}) {
  const integrations = (["functional", "analytics", "marketing"] as const).map((purpose) =>
    anIntegration({ destination: "webhook", id: `int_${purpose}`, purpose, lane: 0 }),
  );
  const org_data_layer = orgDataLayer.parse({
    consent: { hold: { purposes: ["analytics", "marketing"] } },
    ...document,
  });
  const one = await aQuietProcessor("hold", { integrations, org_data_layer });
  const shard = env.VISITOR_SHARD.getByName(`${one.environment.id}/${shardOf(one.environment.shard_map, "a1")}`);
  /** The releases that the shard sends to the queue, as bodies. */
  const released = async () => {
    await runDurableObjectAlarm(shard);
    await shard.stats();
    return queued.filter((body) => body.includes(`"${one.environment.id}"`));
  };
  return { ...one, shard, released };
}

type Items = Awaited<ReturnType<Awaited<ReturnType<typeof aHoldingProcessor>>["consume"]>>["items"];
/** `event → purpose of the integration`. */
const told = (items: Items) =>
  items.map(({ message_id, integration_id }) => `${message_id} → ${integration_id.split("_")[1]}`).sort();
const answer = (given: Event["context"]["consent"], id = "answer") =>
  anEvent({ message_id: id, event: "Consent Given", context: { consent: given ?? {} } });

describe("an event whose visitor has not answered", () => {
  it("goes where no consent is needed at once, and to the others when the answer comes", async () => {
    const { consume, released } = await aHoldingProcessor();
    const first = await consume({ q1: [anEvent({ message_id: "m1" })] });
    expect(told(first.items)).toEqual(["m1 → functional"]);
    const second = await consume({ q2: [answer({ analytics: true, marketing: false })] });
    expect(told(second.items)).toEqual(["answer → analytics", "answer → functional"]);
    const [body] = await released();
    expect(body!.startsWith(RELEASED_HEAD)).toBe(true);
    const { items, acked } = await consume({ r1: body! });
    expect(acked).toEqual(["r1"]);
    expect(told(items)).toEqual(["m1 → analytics"]);
    expect(items[0]).toMatchObject({
      purposes: ["functional", "analytics"],
      payload: {
        data: {
          context: {
            consent: { analytics: true, marketing: false },
            purposes: ["functional", "analytics"],
            session: { number: 1 },
          },
        },
      },
    });
    expect(JSON.stringify(items)).not.toContain("consent_pending");
  });

  it("goes on with the person whom it was about when it came, whatever it says itself", async () => {
    const { consume, released } = await aHoldingProcessor();
    const context = { person: { id: "per_claimed" } };
    const held = anEvent({ message_id: "m1", user_id: "u1", context: context as never });
    const first = await consume({ q1: [held, anEvent({ message_id: "m2", context: context as never })] });
    const personOf = ({ payload }: { payload: unknown }) => (payload as { data: Event }).data.context.person;
    const person = personOf(first.items.find(({ message_id }) => message_id === "m1")!);
    expect(person?.id).toMatch(/./);
    await consume({ q2: [answer({ analytics: true, marketing: false })] });
    const { items } = await consume({ r1: (await released())[0]! });
    expect(items.map((item) => [item.message_id, personOf(item)])).toEqual([
      ["m1", person],
      ["m2", undefined],
    ]);
    expect(JSON.stringify(items)).not.toContain("per_claimed");
  });

  it("goes on with its user and with the versions that shaped it, as an event that never waited", async () => {
    const { consume, released, env: processorEnv, environment, integrations } = await aHoldingProcessor();
    const { id: integration_id } = integrations.find(({ purpose }) => purpose === "analytics")!;
    const document = { map: [{ set: { "properties.plan": "pro" } }] };
    const pipelines = [{ id: "pip_hook", integration_id, version: 5, document }];
    await processorEnv.CONFIG.put(configKey.environment(environment.id), JSON.stringify({ ...environment, pipelines }));
    await consume({ q1: [anEvent({ message_id: "m1", user_id: "u1" })], q2: [answer({ analytics: true })] });
    const { items } = await consume({ r1: (await released())[0]! });
    expect(items).toMatchObject([
      { message_id: "m1", user_id: "u1", versions: ["pip_hook@5"], payload: { data: { properties: { plan: "pro" } } } },
    ]);
  });

  it("goes on once: not again when a message of the answer, of the event or of the release comes again", async () => {
    const { consume, released, shard } = await aHoldingProcessor();
    const m1 = [anEvent({ message_id: "m1" })];
    const yes = [answer({ analytics: true, marketing: true })];
    await consume({ q1: m1 });
    await consume({ q2: yes });
    const [body] = await released();
    expect(told((await consume({ r1: body! })).items)).toEqual(["m1 → analytics", "m1 → marketing"]);
    expect((await consume({ r1: body! })).items).toEqual([]);
    expect((await consume({ r2: body! })).items).toEqual([]);
    await evictDurableObject(shard);
    expect(told((await consume({ q1: m1, q2: yes })).items).filter((line) => line.startsWith("m1"))).toEqual([
      "m1 → functional",
    ]);
    expect(await released()).toHaveLength(1);
  });

  it("is not lost and not settled while a lane takes nothing, nor when the Worker died with it", async () => {
    const { consume, released, broken, shard } = await aHoldingProcessor();
    await consume({ q1: [anEvent({ message_id: "m1" })], q2: [answer({ analytics: true, marketing: true })] });
    const [body] = await released();
    broken.add("DELIVERY_0");
    expect(await consume({ r1: body! })).toMatchObject({ acked: [], retried: ["r1"], items: [] });
    broken.clear();
    await evictDurableObject(shard);
    expect((await consume({ copy: body! })).retried).toEqual(["copy"]);
    expect(told((await consume({ r1: body! })).items)).toEqual(["m1 → analytics", "m1 → marketing"]);
    expect(await consume({ copy: body! })).toMatchObject({ acked: ["copy"], items: [] });
  });

  it("gets back what only the answered purpose allows to keep, and nothing more", async () => {
    const strip = [
      { path: "properties.email", unless: "marketing" },
      { path: "properties.score", unless: "analytics" },
    ];
    const { consume, released } = await aHoldingProcessor({
      consent: { hold: { purposes: ["analytics", "marketing"] }, strip },
    });
    const properties = { email: "a@b.example", score: 7, plan: "pro" };
    const first = await consume({ q1: [anEvent({ message_id: "m1", properties })] });
    expect(first.items[0]!.payload).toMatchObject({ data: { properties: { plan: "pro" } } });
    expect(JSON.stringify(first.items)).not.toMatch(/b\.example|score/);
    await consume({ q2: [answer({ marketing: true, analytics: false })] });
    const { items } = await consume({ r1: (await released())[0]! });
    expect((items[0]!.payload as { data: Event }).data.properties).toEqual({ email: "a@b.example", plan: "pro" });
  });

  it("is split into the same parts whenever it goes on", async () => {
    const fan_out = [{ name: "lines", events: ["Order"], each: "properties.products", event: "Line", parent: "stays" }];
    const { consume, released } = await aHoldingProcessor({ fan_out });
    const products = [{ product_id: "p1" }, { product_id: "p2" }];
    const first = await consume({ q1: [anEvent({ message_id: "m1", event: "Order", properties: { products } })] });
    await consume({ q2: [answer({ analytics: true, marketing: true })] });
    const { items } = await consume({ r1: (await released())[0]! });
    const ids = new Set(items.map((item) => item.message_id));
    expect([...ids].sort()).toEqual(first.items.map((item) => item.message_id).sort());
    expect(items).toHaveLength(4);
  });
});

describe("a release that can never be read", () => {
  it.each([
    `${RELEASED_HEAD}{"environment_id":"env_gone","shard":"s0","release":1}}`,
    `${RELEASED_HEAD}{"shard":"s0"}}`,
    `${RELEASED_HEAD}{`,
  ])("%s is buried and acknowledged", async (body) => {
    const { consume } = await aHoldingProcessor();
    expect(await consume({ r1: body, q1: [anEvent()] })).toMatchObject({ acked: expect.arrayContaining(["r1", "q1"]) });
  });
});
