import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { configKey } from "../../core/environment.ts";
import {
  aBatch,
  aDelivery,
  aDeliveryEnv,
  aMessage,
  anItem,
  defineTestVendor,
  environmentOf,
  fakeVendor,
  gateOf,
  publishIntegration,
  publishIntegrations,
  putConfiguration,
  someItems,
  TestMessage,
  type TestPayload,
} from "../../test/a-delivery.ts";
import { forgetConfiguration } from "../config.ts";
import { deliver } from "./deliver.ts";

/** What was logged, line by line. */
const output: string[] = [];
beforeEach(() => {
  forgetConfiguration();
  output.length = 0;
  for (const method of ["error", "warn", "info", "log", "debug"] as const) {
    vi.spyOn(console, method).mockImplementation((...words) => output.push(words.join(" ")));
  }
});
afterEach(() => vi.restoreAllMocks());

const ids = (items: { message_id: string }[]) => items.map((item) => item.message_id);

async function deadLettersOf(environmentId: string) {
  const { results } = await env.DB.prepare("SELECT * FROM dead_letters WHERE environment_id = ? ORDER BY message_id")
    .bind(environmentId)
    .all<Record<string, unknown> & { r2_key: string }>();
  return results;
}

describe("a batch", () => {
  it("is acknowledged and counted when the vendor took everything", async () => {
    const integration = await publishIntegration();
    fakeVendor();
    const { env, sent, live } = aDeliveryEnv();
    const messages = [3, 2].map((n) => aMessage(aDelivery(integration, { items: someItems(n) })));
    await deliver(aBatch(messages), env);
    expect(messages.map((m) => m.fate)).toEqual(["acked", "acked"]);
    expect(sent).toEqual([]);
    expect(live).toHaveLength(1);
    expect(await gateOf(integration)).toMatchObject({
      delivered: 5,
      retried: 0,
      dead_lettered: 0,
      requests: 1,
      failures: [],
      state: "open_for_business",
      reason: null,
    });
  });

  it("shares requests between messages up to the vendor's number of events", async () => {
    const integration = await publishIntegration();
    const calls = fakeVendor();
    const messages = [6, 6, 6].map((n) => aMessage(aDelivery(integration, { items: someItems(n) })));
    await deliver(aBatch(messages), aDeliveryEnv().env);
    expect(calls.map((call) => call.ids.length)).toEqual([10, 8]);
    expect(new Set(calls.flatMap((call) => call.ids)).size).toBe(18);
  });

  it("never puts events with different keys of the destination into one request", async () => {
    const integration = await publishIntegration();
    const calls = fakeVendor();
    const items = ["x", "y", "x", "y", "z"].map((group, i) => anItem({ payload: { id: `${group}${i}`, group } }));
    await deliver(aBatch([aMessage(aDelivery(integration, { items }))]), aDeliveryEnv().env);
    expect(calls.map((call) => call.ids).sort()).toEqual([["x0", "x2"], ["y1", "y3"], ["z4"]]);
  });

  it("keeps requests within the vendor's bytes, which are not characters; what is too large alone goes alone", async () => {
    const destination = defineTestVendor({
      limits: {
        eventsPerRequest: 10,
        bytesPerRequest: 1_000,
        requestsPerSecond: 100,
        giveUpAfterHours: 1,
        timeoutMs: 9,
      },
    });
    const integration = await publishIntegration({ destination });
    const calls = fakeVendor();
    const texts = ["x".repeat(300), "x".repeat(300), "ж".repeat(300), "x".repeat(2_000), "x"];
    const items = texts.map((text, i) => anItem({ payload: { id: `e${i}`, text } }));
    await deliver(aBatch([aMessage(aDelivery(integration, { items }))]), aDeliveryEnv().env);
    expect(calls.map((call) => call.ids)).toEqual([["e0", "e1"], ["e2"], ["e3"], ["e4"]]);
  });

  it("does not let one integration's trouble reach another", async () => {
    const [broken, down, sound] = await publishIntegrations({}, {}, {});
    await putConfiguration(configKey.integration(broken!.id), {
      environment_id: "x",
      version: 1,
      sealed: "v1.AAAA.AAAA",
    });
    fakeVendor(({ ids }) => (ids[0] === "down" ? 503 : 200));
    const { env, sent } = aDeliveryEnv();
    const messages = [
      aMessage(aDelivery(broken!)),
      aMessage(aDelivery(down!, { items: [anItem({ message_id: "down" })] })),
      aMessage(aDelivery(sound!)),
    ];
    await deliver(aBatch(messages), env);
    expect(messages.map((m) => m.fate)).toEqual([{ retried_after_s: expect.any(Number) }, "acked", "acked"]);
    expect(sent.map(({ body }) => body.integration_id)).toEqual([down!.id]);
    expect((await gateOf(sound!)).delivered).toBe(1);
  });

  it("has at most five calls under way, and leaves each integration some of them", async () => {
    const integrations = await publishIntegrations(...Array.from({ length: 7 }, () => ({})));
    let underWay = 0;
    let most = 0;
    fakeVendor(async () => {
      most = Math.max(most, ++underWay);
      await scheduler.wait(5);
      underWay--;
      return 200;
    });
    const messages = integrations.map((one) => aMessage(aDelivery(one, { items: someItems(40) })));
    await deliver(aBatch(messages), aDeliveryEnv().env);
    expect(most).toBe(5);
    underWay = most = 0;
    await deliver(aBatch(messages.slice(0, 2)), aDeliveryEnv().env);
    expect(most).toBe(4);
    expect(messages.every((m) => m.fate === "acked")).toBe(true);
  });

  it("is not held back by a message of another environment that names the same integration", async () => {
    const [one] = await publishIntegrations({});
    const [other] = await publishIntegrations({});
    fakeVendor();
    const stray = aMessage(aDelivery(one!, { environment_id: environmentOf(other!) }));
    const good = aMessage(aDelivery(one!));
    await deliver(aBatch([stray, good]), aDeliveryEnv().env);
    expect((await gateOf(one!)).delivered).toBe(1);
    expect([stray.fate, good.fate]).toEqual(["acked", "acked"]);
  });

  it("goes through the sink in development; the live stream names the vendor all the same", async () => {
    const integration = await publishIntegration({ name: "my shop" });
    const calls = fakeVendor();
    const { env, live } = aDeliveryEnv({ VENDOR_SINK_URL: "http://127.0.0.1:9000" });
    await deliver(aBatch([aMessage(aDelivery(integration))]), env);
    expect(calls[0]!.url).toBe("http://127.0.0.1:9000/my%20shop/vendor.example.com/events?token=none");
    expect(live).toMatchObject([{ request: { url: "https://vendor.example.com/events?token=none" } }]);
  });

  it("stands when its counts and its live items cannot be told", async () => {
    const integration = await publishIntegration();
    fakeVendor();
    const broken = { getByName: () => ({ publish: () => Promise.reject(new Error("feed is down")) }) };
    const gate = {
      getByName: (id: string) => ({
        claim: (n: number, rate: number) => env.INTEGRATION_GATE.getByName(id).claim(n, rate),
        report: () => Promise.reject(new Error("gate is down")),
      }),
    };
    const message = aMessage(aDelivery(integration));
    await deliver(aBatch([message]), aDeliveryEnv({ LIVE_FEED: broken, INTEGRATION_GATE: gate } as never).env);
    expect(message.fate).toBe("acked");
    expect(output.map((line) => JSON.parse(line).message).sort()).toEqual([
      "Error: feed is down",
      "Error: gate is down",
    ]);
  });
});

describe("what failed", () => {
  it.each<[string, () => Response | Promise<Response>, number]>([
    ["HTTP 500", () => new Response("oops", { status: 500 }), 0],
    ["HTTP 429 with Retry-After", () => new Response("", { status: 429, headers: { "retry-after": "90" } }), 90],
    ["a network error", () => Promise.reject(new Error("connection reset")), 0],
    ["a timeout", () => Promise.reject(new DOMException("too late", "TimeoutError")), 0],
  ])("after %s goes back to its lane with one attempt more, and the message is done", async (_, answer, least) => {
    const integration = await publishIntegration({ lane: 2 });
    fakeVendor(answer);
    const body = aDelivery(integration, { attempt: 3, items: someItems(2), first_queued_at: hoursAgo(2) });
    const message = aMessage(body);
    const { env, sent } = aDeliveryEnv({ onSend: () => expect(message.fate).toBeUndefined() });
    await deliver(aBatch([message]), env);
    expect(message.fate).toBe("acked");
    expect(sent).toEqual([{ lane: 2, delaySeconds: expect.any(Number), body: { ...body, attempt: 4 } }]);
    // Two seconds, doubled at each attempt, is the ceiling of the jitter.
    expect(sent[0]!.delaySeconds).toBeGreaterThan(least);
    expect(sent[0]!.delaySeconds).toBeLessThanOrEqual(least + 8);
    expect(await gateOf(integration)).toMatchObject({ delivered: 0, retried: 2, requests: 1 });
  });

  it("leaves the message to the queue when its lane takes nothing", async () => {
    const integration = await publishIntegration();
    fakeVendor(() => 500);
    const message = aMessage(aDelivery(integration));
    const failing = aDeliveryEnv({
      onSend: () => {
        throw new Error("queue is overloaded");
      },
    });
    await deliver(aBatch([message]), failing.env);
    expect(message.fate).toEqual({ retried_after_s: expect.any(Number) });
    expect((await gateOf(integration)).retried).toBe(0);
  });

  it("goes alone, where the vendor says what became of each event", async () => {
    const integration = await publishIntegration();
    const outcomes = [
      { outcome: "delivered" },
      { outcome: "retry", reason: "try later", after_s: 30 },
      { outcome: "rejected", reason: "no such product" },
      { outcome: "retry", reason: "try later", after_s: 600 },
    ];
    fakeVendor(() => Response.json({ outcomes }));
    const items = ["a", "b", "c", "d"].map((id) => anItem({ message_id: id }));
    const { env, sent, live } = aDeliveryEnv();
    await deliver(aBatch([aMessage(aDelivery(integration, { items }))]), env);
    expect(sent.map(({ body }) => ids(body.items))).toEqual([["b", "d"]]);
    expect(sent[0]!.delaySeconds).toBeGreaterThan(600);
    expect(await gateOf(integration)).toMatchObject({ delivered: 1, retried: 2, dead_lettered: 1, requests: 1 });
    expect(await deadLettersOf(environmentOf(integration))).toMatchObject([
      { message_id: "c", reason: "rejected", detail: "no such product", stage: "delivery", attempts: 1 },
    ]);
    expect(live).toMatchObject([
      {
        kind: "delivered",
        events: [
          { message_id: "a", outcome: "delivered" },
          { message_id: "b", outcome: "retried", reason: "try later" },
          { message_id: "c", outcome: "dead_lettered", reason: "no such product" },
          { message_id: "d", outcome: "retried" },
        ],
        response: { status: 200 },
      },
    ]);
  });

  it.each([
    [
      "is given up with the vendor's last words",
      () => new Response("still down", { status: 500 }),
      "HTTP 500: still down",
    ],
    [
      "is given up though only the credentials are refused",
      () => new Response("who?", { status: 401 }),
      "HTTP 401: who?",
    ],
  ])("%s once it is too old", async (_, answer, detail) => {
    const integration = await publishIntegration();
    fakeVendor(answer);
    const { env, sent, live } = aDeliveryEnv();
    const message = aMessage(aDelivery(integration, { first_queued_at: hoursAgo(24), attempt: 40 }));
    await deliver(aBatch([message]), env);
    expect(message.fate).toBe("acked");
    expect(sent).toEqual([]);
    expect(await deadLettersOf(environmentOf(integration))).toMatchObject([
      { reason: "gave_up", detail, attempts: 40 },
    ]);
    expect(live).toMatchObject([{ events: [{ outcome: "dead_lettered" }] }]);
  });
});

describe("a request that is refused whole", () => {
  it("is halved until the bad event stands alone; the good ones are delivered", async () => {
    const integration = await publishIntegration();
    const calls = fakeVendor(({ ids }) =>
      ids.includes("bad") ? new Response("event 3 has no currency", { status: 400 }) : 200,
    );
    const items = ["a", "b", "c", "bad", "e", "f", "g", "h"].map((id) => anItem({ message_id: id }));
    const { env, sent, live } = aDeliveryEnv();
    const message = aMessage(aDelivery(integration, { items }));
    await deliver(aBatch([message]), env);
    expect(calls.map((call) => call.ids.join(""))).toEqual(["abcbadefgh", "abcbad", "ab", "cbad", "c", "bad", "efgh"]);
    expect(message.fate).toBe("acked");
    expect(sent).toEqual([]);
    expect(await gateOf(integration)).toMatchObject({
      delivered: 7,
      dead_lettered: 1,
      requests: 7,
      state: "open_for_business",
    });
    expect(await deadLettersOf(environmentOf(integration))).toMatchObject([
      { message_id: "bad", reason: "rejected", detail: "HTTP 400: event 3 has no currency" },
    ]);
    const shown = live.flatMap((item) => (item.kind === "delivered" ? item.events : []));
    expect(shown.filter((event) => event.outcome === "dead_lettered").map((event) => event.message_id)).toEqual([
      "bad",
    ]);
    expect(shown.filter((event) => event.outcome === "delivered")).toHaveLength(7);
  });

  it("is sent again without the events that the vendor took", async () => {
    const integration = await publishIntegration();
    const refused = { outcome: "batch_refused", reason: "one of them" };
    const calls = fakeVendor(({ ids }) =>
      ids.length === 3
        ? Response.json({ outcomes: [{ outcome: "delivered" }, refused, { outcome: "delivered" }] })
        : 200,
    );
    const items = ["a", "b", "c"].map((id) => anItem({ message_id: id }));
    await deliver(aBatch([aMessage(aDelivery(integration, { items }))]), aDeliveryEnv().env);
    expect(calls.map((call) => call.ids)).toEqual([["a", "b", "c"], ["b"]]);
    expect((await gateOf(integration)).delivered).toBe(3);
  });

  it("is not refused by us: a payload that no request can be made of is found in the same way", async () => {
    const destination = defineTestVendor({
      request(payloads: TestPayload[]) {
        if (payloads.some(({ text }) => text === "poison")) throw new TypeError("cannot read it");
        return {
          url: "https://v.example.com",
          method: "POST",
          headers: {},
          body: JSON.stringify({ events: payloads }),
        };
      },
      // Neither this one nor its size can be read of a payload that is no object.
      groupBy: (payload: TestPayload) => payload.group ?? "",
    });
    const integration = await publishIntegration({ destination });
    const calls = fakeVendor();
    const items = [anItem(), anItem({ message_id: "m1", payload: { id: "m1", text: "poison" } }), anItem()];
    items.push(anItem({ message_id: "m2", payload: null }));
    const message = aMessage(aDelivery(integration, { items }));
    await deliver(aBatch([message]), aDeliveryEnv().env);
    expect(message.fate).toBe("acked");
    expect(calls.flatMap((call) => call.ids)).toEqual([items[0]!.message_id, items[2]!.message_id]);
    expect(await deadLettersOf(environmentOf(integration))).toMatchObject([
      { message_id: "m1", reason: "rejected", detail: expect.stringContaining("cannot read it") },
      { message_id: "m2", reason: "rejected", detail: expect.stringContaining("not a payload of") },
    ]);
  });

  it.each([
    [
      "that throws",
      () => {
        throw new Error("surprised by the answer");
      },
    ],
    ["that counts wrong", () => [{ outcome: "delivered" }]],
  ])("is another matter than an answer read by code %s: its events are sent again", async (_, outcome) => {
    const integration = await publishIntegration({ destination: defineTestVendor({ outcome } as never) });
    fakeVendor();
    const { env, sent } = aDeliveryEnv();
    const message = aMessage(aDelivery(integration, { items: someItems(3) }));
    await deliver(aBatch([message]), env);
    expect(message.fate).toBe("acked");
    expect(sent).toMatchObject([{ body: { attempt: 2, items: [{}, {}, {}] } }]);
  });
});

describe("the gate", () => {
  it("pauses on refused credentials, says so, holds events without using up an attempt, and resumes", async () => {
    const integration = await publishIntegration();
    let answer = new Response("token expired", { status: 401 });
    const calls = fakeVendor(() => answer.clone());
    const { env, sent } = aDeliveryEnv();
    const first = aMessage(aDelivery(integration, { attempt: 2 }));
    await deliver(aBatch([first]), env);
    expect(first.fate).toBe("acked");
    expect(sent).toMatchObject([{ delaySeconds: 300, body: { attempt: 2 } }]);
    expect(await gateOf(integration)).toMatchObject({
      state: "unauthorised",
      reason: "HTTP 401: token expired",
      retried: 0,
    });

    await deliver(aBatch([aMessage(aDelivery(integration, { attempt: 1 }))]), env);
    expect(calls).toHaveLength(1);
    expect(sent[1]).toMatchObject({ body: { attempt: 1 } });
    expect(sent[1]!.delaySeconds).toBeGreaterThan(290);

    answer = new Response(null, { status: 200 });
    const later = Date.now() + 300_001;
    vi.spyOn(Date, "now").mockImplementation(() => later);
    await deliver(
      aBatch(
        sent.map(({ body }) => aMessage(body)),
        "delivery-recovery",
      ),
      env,
    );
    // The one that was not refused itself is the probe; then the other follows.
    expect(calls).toHaveLength(2);
    expect(calls[1]!.ids).toEqual(sent[1]!.body.items.map((item) => item.message_id));
    await deliver(
      aBatch(
        sent.slice(2).map(({ body }) => aMessage(body)),
        "delivery-recovery",
      ),
      env,
    );
    expect(await gateOf(integration)).toMatchObject({ state: "open_for_business", reason: null, delivered: 2 });
  });

  it("opens the circuit after five failed requests, probes with one, and closes it when that is answered", async () => {
    const integration = await publishIntegration();
    let status = 503;
    const calls = fakeVendor(() => status);
    const { env, sent } = aDeliveryEnv();
    for (let i = 0; i < 5; i++) await deliver(aBatch([aMessage(aDelivery(integration))]), env);
    expect(calls).toHaveLength(5);
    expect(await gateOf(integration)).toMatchObject({ state: "circuit_open", reason: "HTTP 503", retried: 5 });

    sent.length = 0;
    await deliver(aBatch([aMessage(aDelivery(integration, { attempt: 7 }))]), env);
    expect(calls).toHaveLength(5);
    expect(sent).toMatchObject([{ body: { attempt: 7 } }]);
    expect(sent[0]!.delaySeconds).toBeGreaterThan(5);
    expect(sent[0]!.delaySeconds).toBeLessThanOrEqual(10);

    let now = Date.now() + 10_001;
    vi.spyOn(Date, "now").mockImplementation(() => now);
    const twoRequests = () => [aMessage(aDelivery(integration, { items: someItems(20) }))];
    await deliver(aBatch(twoRequests()), env);
    expect(calls).toHaveLength(5);
    expect(sent.splice(1)).toMatchObject([{ lane: "recovery" }]);
    await deliver(aBatch(twoRequests(), "delivery-recovery"), env);
    expect(calls).toHaveLength(6);
    expect(sent.slice(1).map(({ body }) => [body.attempt, body.items.length])).toEqual([
      [2, 10],
      [1, 10],
    ]);

    status = 200;
    now += 20_001;
    await deliver(aBatch(twoRequests(), "delivery-recovery"), env);
    expect(calls).toHaveLength(7);
    await deliver(aBatch(twoRequests()), env);
    expect(calls).toHaveLength(9);
    expect(await gateOf(integration)).toMatchObject({ state: "open_for_business", delivered: 30 });
  });

  it("does not have to be told by fifty timeouts: a batch stops calling a vendor that is down", async () => {
    const integration = await publishIntegration();
    const calls = fakeVendor(() => 503);
    const { env, sent } = aDeliveryEnv();
    const messages = Array.from({ length: 10 }, () => aMessage(aDelivery(integration, { items: someItems(20) })));
    await deliver(aBatch(messages), env);
    expect(calls.length).toBeGreaterThanOrEqual(5);
    expect(calls.length).toBeLessThan(10);
    expect(messages.every((m) => m.fate === "acked")).toBe(true);
    const events = (attempt: number) =>
      sent.filter(({ body }) => body.attempt === attempt).reduce((n, { body }) => n + body.items.length, 0);
    expect(events(2)).toBe(calls.length * 10);
    expect(events(1)).toBe(200 - calls.length * 10);
    expect((await gateOf(integration)).state).toBe("circuit_open");
  });

  it("grants no more requests than the vendor's rate, and the rest wait their turn", async () => {
    const destination = defineTestVendor({
      limits: { eventsPerRequest: 1, requestsPerSecond: 4, giveUpAfterHours: 1, timeoutMs: 100 },
    });
    const integration = await publishIntegration({ destination });
    const calls = fakeVendor();
    const { env, sent } = aDeliveryEnv();
    const message = aMessage(aDelivery(integration, { items: someItems(12) }));
    await deliver(aBatch([message]), env);
    expect(calls).toHaveLength(4);
    expect(sent).toMatchObject([{ delaySeconds: 2, body: { attempt: 1 } }]);
    expect(sent[0]!.body.items).toHaveLength(8);
    expect(message.fate).toBe("acked");
  });

  it("is not waited for beyond the age at which events are given up", async () => {
    const integration = await publishIntegration();
    fakeVendor(() => new Response("no", { status: 401 }));
    const { env, sent } = aDeliveryEnv();
    await deliver(aBatch([aMessage(aDelivery(integration))]), env);
    const old = aMessage(aDelivery(integration, { first_queued_at: hoursAgo(25) }));
    await deliver(aBatch([old]), env);
    expect(sent).toHaveLength(1);
    expect(old.fate).toBe("acked");
    expect(await deadLettersOf(environmentOf(integration))).toMatchObject([
      { reason: "gave_up", detail: "the gate said unauthorised" },
    ]);
  });
});

it("a webhook whose body a pipeline has made goes under its event's id all the same", async () => {
  const integration = await publishIntegration({
    destination: "webhook",
    settings: { url: "https://93.184.216.34/in" },
    secrets: { secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" },
  });
  const asked: Request[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    asked.push(new Request(input, init));
    return new Response(null, { status: 204 });
  });
  const items = [anItem({ message_id: "m-shaped", payload: { text: "anything" } })];
  await deliver(aBatch([aMessage(aDelivery(integration, { items }))]), aDeliveryEnv().env);
  expect(asked[0]!.headers.get("webhook-id")).toBe("m-shaped");
  expect(await asked[0]!.json()).toEqual({ text: "anything" });
  expect((await gateOf(integration)).delivered).toBe(1);
});

describe("consent", () => {
  it.each([
    ["analytics", [], false],
    ["analytics", ["functional", "marketing"], false],
    ["marketing", ["functional", "analytics"], false],
    ["marketing", ["functional", "marketing"], true],
    ["analytics", ["functional", "analytics"], true],
    ["functional", [], true],
  ] as const)("for %s, allowed for %o: the vendor hears of it: %s", async (purpose, purposes, told) => {
    const integration = await publishIntegration({ purpose });
    const calls = fakeVendor();
    const item = anItem({ purposes: [...purposes] });
    const { env, sent } = aDeliveryEnv();
    const message = aMessage(aDelivery(integration, { items: [item] }));
    await deliver(aBatch([message]), env);
    expect(calls).toHaveLength(told ? 1 : 0);
    expect(message.fate).toBe("acked");
    expect(sent).toEqual([]);
    expect(await gateOf(integration)).toMatchObject(
      told ? { delivered: 1, filtered: {} } : { delivered: 0, filtered: { no_consent: 1 }, requests: 0 },
    );
  });

  it("is each event's own: the vendor hears of those that have it, in one request", async () => {
    const integration = await publishIntegration();
    const calls = fakeVendor();
    const items = [anItem(), anItem({ purposes: ["functional"] }), anItem()];
    await deliver(aBatch([aMessage(aDelivery(integration, { items }))]), aDeliveryEnv().env);
    expect(calls.map((call) => call.ids)).toEqual([[items[0]!.message_id, items[2]!.message_id]]);
  });
});

describe("configuration", () => {
  it("of a disabled or deleted integration filters its events, and says how many", async () => {
    const integration = await publishIntegration({ enabled: false });
    const calls = fakeVendor();
    const { env, sent } = aDeliveryEnv();
    const deleted = { ...aDelivery(integration, { items: someItems(2) }), integration_id: "int_deleted" };
    const messages = [aMessage(aDelivery(integration, { items: someItems(3) })), aMessage(deleted)];
    await deliver(aBatch(messages), env);
    expect(messages.map((m) => m.fate)).toEqual(["acked", "acked"]);
    expect([calls, sent]).toEqual([[], []]);
    expect(await gateOf(integration)).toMatchObject({ filtered: { integration_disabled: 3 } });
    expect(await gateOf({ id: "int_deleted" })).toMatchObject({ filtered: { integration_disabled: 2 } });
  });

  it.each([
    ["environment", "unknown_environment", { environment_id: "env_nowhere" }, "test_vendor"],
    ["destination", "unknown_destination", {}, "myspace"],
  ])(
    "that lacks the %s dead-letters the events, for they may still be wanted",
    async (_, reason, given, destination) => {
      const integration = await publishIntegration({ destination });
      fakeVendor();
      const body = aDelivery(integration, given);
      const message = aMessage(body);
      await deliver(aBatch([message]), aDeliveryEnv().env);
      expect(message.fate).toBe("acked");
      expect(await deadLettersOf(body.environment_id)).toMatchObject([
        { reason, message_id: body.items[0]!.message_id },
      ]);
      expect((await gateOf(integration)).dead_lettered).toBe(1);
    },
  );

  it.each([
    ["cannot be read", { CONFIG: { get: () => Promise.reject(new Error("KV is down")) } }],
    ["has secrets that do not open", { CREDENTIALS_KEY: btoa("another key, of 32 bytes as well") }],
  ])("that %s leaves the messages to the queue, later each time", async (_, given) => {
    const integration = await publishIntegration({ secrets: { token: "s3cret-token" } });
    const calls = fakeVendor();
    const { env, sent } = aDeliveryEnv(given as never);
    vi.spyOn(Math, "random").mockReturnValue(1);
    const messages = [1, 5, 20].map((attempts) => aMessage(aDelivery(integration), { attempts }));
    await deliver(aBatch(messages), env);
    expect(messages.map((m) => m.fate)).toEqual([2, 32, 3_600].map((retried_after_s) => ({ retried_after_s })));
    expect([calls, sent]).toEqual([[], []]);
    expect(output).toEqual([expect.stringMatching(/KV is down|does not open/)]);
    expect(output[0]).not.toContain("s3cret");
  });
});

describe("a poisoned message", () => {
  it.each([
    ["text that is no JSON", "hello {", /not valid JSON/],
    ["null", null, /expected object/],
    ["another version", { v: 2 }, /^v: /],
    ["no items", { items: [] }, /^items: /],
    ["an item without an id", { items: [{ event: "x" }] }, /^items\.0\./],
    ["an attempt that is no number", { attempt: "one" }, /^attempt: /],
  ])("with %s is dead-lettered with its reason, and blocks nothing", async (_, wrong, problem) => {
    await env.DB.exec("DELETE FROM dead_letters");
    const integration = await publishIntegration();
    fakeVendor();
    const isPart = typeof wrong === "object" && wrong !== null;
    const body = isPart ? { ...aDelivery(integration), ...wrong } : wrong;
    const poisoned = new TestMessage(body, { attempts: 2 });
    const good = aMessage(aDelivery(integration));
    await deliver(aBatch([poisoned, good]), aDeliveryEnv().env);
    expect([poisoned.fate, good.fate]).toEqual(["acked", "acked"]);
    expect((await gateOf(integration)).delivered).toBe(1);
    const [letter] = await deadLettersOf(isPart ? environmentOf(integration) : "unknown");
    expect(letter).toMatchObject({ reason: "unreadable_message", detail: expect.stringMatching(problem), attempts: 2 });
    expect(await (await env.LAKE.get(letter!.r2_key))!.json()).toMatchObject({ letters: [{ payload: body }] });
  });

  it("is left to the queue while it cannot be buried", async () => {
    const LAKE = { put: () => Promise.reject(new Error("R2 is down")) };
    const poisoned = new TestMessage("hello");
    await deliver(aBatch([poisoned]), aDeliveryEnv({ LAKE } as never).env);
    expect(poisoned.fate).toEqual({ retried_after_s: expect.any(Number) });
  });
});

describe("a letter that cannot be buried", () => {
  it.each([
    ["R2", { LAKE: { put: () => Promise.reject(new Error("down")) } }],
    ["D1", { DB: { prepare: () => ({ bind: () => ({ run: () => Promise.reject(new Error("down")) }) }) } }],
  ])("while %s is down waits in its lane alone: what was delivered beside it is not sent again", async (_, given) => {
    const integration = await publishIntegration();
    fakeVendor(() => Response.json({ outcomes: [{ outcome: "delivered" }, { outcome: "rejected", reason: "no" }] }));
    const { env, sent, live } = aDeliveryEnv(given as never);
    const items = ["good", "bad"].map((message_id) => anItem({ message_id }));
    const message = aMessage(aDelivery(integration, { items }));
    await deliver(aBatch([message]), env);
    expect(message.fate).toBe("acked");
    expect(sent.map(({ body, delaySeconds }) => [ids(body.items), body.attempt, delaySeconds])).toEqual([
      [["bad"], 1, 60],
    ]);
    expect(await gateOf(integration)).toMatchObject({ delivered: 1, dead_lettered: 0 });
    expect(live).toMatchObject([{ events: [{ outcome: "delivered" }, { outcome: "retried" }] }]);
  });
});

describe("secrets", () => {
  const token = 's3cret"/+ token of ours';
  const password = "Bearer hunter2-hunter2";

  it.each([
    ["an error page that repeats the request", 500, `you sent ${token} and ${password}, ${encodeURIComponent(token)}`],
    ["a refusal", 401, JSON.stringify({ bad_token: token, headers: { authorization: password } })],
    ["a rejection that is cut in the middle of it", 400, `${"x".repeat(190)}${token}`],
    ["an answer that is cut in the middle of it", 400, `${"x".repeat(1_990)}${token}`],
    ["an answer that is read", 200, JSON.stringify({ outcomes: [{ outcome: "rejected", reason: `not ${token}` }] })],
    ["a network error", 0, `cannot reach https://vendor.example.com?${new URLSearchParams({ token })}`],
  ])("are shown nowhere after %s", async (_, status, text) => {
    const secrets = { token, headers: { authorization: password } };
    const integration = await publishIntegration({ secrets });
    const calls = fakeVendor(() => (status ? new Response(text, { status }) : Promise.reject(new TypeError(text))));
    const { env: deliveryEnv, sent, live } = aDeliveryEnv();
    await deliver(aBatch([aMessage(aDelivery(integration))]), deliveryEnv);
    const old = aDelivery(integration, { first_queued_at: hoursAgo(100) });
    await deliver(aBatch([aMessage(old)]), deliveryEnv);

    expect(new URL(calls[0]!.url).searchParams.get("token")).toBe(token);
    expect(calls[0]!.init.headers).toMatchObject({ authorization: password });
    const letters = await deadLettersOf(environmentOf(integration));
    expect(letters.length).toBeGreaterThan(0);
    const buried = await Promise.all(letters.map(async ({ r2_key }) => (await env.LAKE.get(r2_key))!.text()));
    const seen = JSON.stringify([live, sent, await gateOf(integration), letters, buried, output]);
    for (const part of ["s3cret", "hunter2"]) expect(seen).not.toContain(part);
  });
});

function hoursAgo(hours: number): string {
  return new Date(Date.now() - hours * 3_600_000).toISOString();
}
