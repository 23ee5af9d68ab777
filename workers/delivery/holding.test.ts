/** What keeps events back, and for how long: credentials, settings, consent that was taken back, chunks that came before. */
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as z from "zod";
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
  putConfiguration,
  someItems,
} from "../../test/a-delivery.ts";
import { anEvent } from "../../test/an-event.ts";
import { SomeLanes } from "../../test/some-lanes.ts";
import { forgetConfiguration } from "../config.ts";
import { forgetMarked, RevocationMarks } from "../revocations.ts";
import { customerUrl, forgetHosts } from "./customer-url.ts";
import { deliver } from "./deliver.ts";
import { secret } from "./destination.ts";

beforeEach(() => {
  forgetConfiguration();
  forgetMarked();
  forgetHosts();
  for (const method of ["error", "warn", "info"] as const) vi.spyOn(console, method).mockImplementation(() => {});
});
afterEach(() => vi.restoreAllMocks());

const lettersOf = async (environmentId: string) =>
  (
    await env.DB.prepare("SELECT message_id, reason, detail FROM dead_letters WHERE environment_id = ?")
      .bind(environmentId)
      .all<Record<string, string>>()
  ).results;

describe("a receiver that refuses the credentials", () => {
  const run = async (lanes: SomeLanes, clock: { now: number }, until: number) => {
    for (let due = lanes.nextDue; due !== undefined && due <= until; due = lanes.nextDue) {
      clock.now = Math.max(clock.now, due);
      for (const lane of ["delivery-0", "delivery-recovery"]) await lanes.consume(lane);
    }
    clock.now = until;
  };
  const aClock = () => {
    const clock = { now: Date.parse("2026-11-20T10:00:00.000Z") };
    vi.spyOn(Date, "now").mockImplementation(() => clock.now);
    return clock;
  };
  const HOUR = 3_600_000;

  it("for one payload is not paused for ever: that event is given up, and all others arrive", async () => {
    const clock = aClock();
    const integration = await publishIntegration({ lane: 0 });
    const taken: string[] = [];
    fakeVendor(({ ids }) => {
      if (ids.includes("poison")) return new Response("forbidden by a rule", { status: 403 });
      taken.push(...ids);
      return 200;
    });
    const lanes = new SomeLanes(() => clock.now);
    const queue = (message_id: string) => {
      const first_queued_at = new Date(clock.now).toISOString();
      lanes.add(aDelivery(integration, { first_queued_at, items: [anItem({ message_id })] }));
    };
    // The worst case: the poisoned event comes first, and hardly anything else does.
    queue("poison");
    await run(lanes, clock, clock.now + 60_000);
    expect(await gateOf(integration)).toMatchObject({ state: "unauthorised", reason: "HTTP 403: forbidden by a rule" });
    for (let i = 0; i < 6; i++) {
      queue(`good ${i}`);
      await run(lanes, clock, clock.now + HOUR / 2);
    }
    expect(taken).toEqual(["good 0", "good 1", "good 2", "good 3", "good 4", "good 5"]);
    expect(await lettersOf(environmentOf(integration))).toEqual([
      {
        message_id: "poison",
        reason: "rejected",
        detail: "HTTP 403: forbidden by a rule (others were accepted meanwhile)",
      },
    ]);
    expect(await gateOf(integration)).toMatchObject({ state: "open_for_business", dead_lettered: 1 });
    expect(lanes.waiting).toEqual([]);
  });

  it("for all of them keeps every event, asks once in five to twenty minutes, and goes on when it is mended", async () => {
    const clock = aClock();
    const integration = await publishIntegration({ lane: 0 });
    let status = 401;
    const calls = fakeVendor(() => status);
    const lanes = new SomeLanes(() => clock.now);
    for (let i = 0; i < 20; i++) {
      lanes.add(aDelivery(integration, { first_queued_at: new Date(clock.now).toISOString(), items: someItems(10) }));
    }
    await run(lanes, clock, clock.now + 4 * HOUR);
    // Some are under way when the first refusal comes back; after that one probe a pause.
    expect(calls.length).toBeLessThan(25);
    expect(lanes.waiting.reduce((n, { body }) => n + body.items.length, 0)).toBe(200);
    expect(lanes.waiting.every(({ queue }) => queue === "delivery-recovery")).toBe(true);
    status = 200;
    await run(lanes, clock, clock.now + HOUR);
    expect(await gateOf(integration)).toMatchObject({ state: "open_for_business", delivered: 200, dead_lettered: 0 });
  });
});

describe("settings that cannot be used", () => {
  const settings = z.object({ token: secret(), shop: z.string().optional() });

  it.each([
    ["a secret that is missing", {}, {}, "credentials_missing", /^token: /],
    ["a setting of the wrong kind", { shop: 7 }, { token: "t-1234" }, "misconfigured", /^shop: /],
  ])("for %s give the integration a state, and its events wait", async (_, open, secrets, state, reason) => {
    const destination = defineTestVendor({ settings } as never);
    const integration = await publishIntegration({ destination, settings: open, secrets });
    const calls = fakeVendor();
    const { env, sent } = aDeliveryEnv();
    const message = aMessage(aDelivery(integration));
    await deliver(aBatch([message]), env);
    expect(message.fate).toBe("acked");
    expect(calls).toEqual([]);
    expect(sent).toMatchObject([{ lane: "recovery", delaySeconds: 300, body: { attempt: 1 } }]);
    expect(await gateOf(integration)).toMatchObject({ state, reason: expect.stringMatching(reason) });
  });

  it("once they are mended the events go out, and the state says so", async () => {
    const destination = defineTestVendor({ settings } as never);
    const integration = await publishIntegration({ destination });
    fakeVendor();
    const { env, sent } = aDeliveryEnv();
    await deliver(aBatch([aMessage(aDelivery(integration))]), env);
    const { seal } = await import("../../core/vault.ts");
    const sealed = await seal(env.CREDENTIALS_KEY, integration.id, { token: "t-1234" });
    await putConfiguration(configKey.integration(integration.id), {
      environment_id: environmentOf(integration),
      version: 2,
      sealed,
    });
    forgetConfiguration();
    await deliver(
      aBatch(
        sent.map(({ body }) => aMessage(body)),
        "delivery-recovery",
      ),
      env,
    );
    expect(await gateOf(integration)).toMatchObject({ state: "open_for_business", delivered: 1, received: 1 });
  });
});

describe("an address of the customer's choice", () => {
  const destination = () =>
    defineTestVendor({
      settings: z.object({ url: customerUrl(), token: secret().optional() }),
      request: (payloads: unknown[], { url }: { url: string }) => ({
        url,
        method: "POST",
        headers: {},
        body: JSON.stringify({ events: payloads }),
      }),
    } as never);

  /** A network in which the resolver knows these names, and receivers take everything. */
  function network(names: Record<string, string>) {
    const called: string[] = [];
    vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
      const url = new URL(String(input));
      called.push(url.hostname);
      if (url.hostname !== "cloudflare-dns.com") return new Response(null, { status: 200 });
      const address = names[url.searchParams.get("name")!];
      if (address === undefined) throw new Error("no network");
      const type = address.includes(":") ? 28 : 1;
      const Answer = (type === 1) === (url.searchParams.get("type") === "A") ? [{ type, data: address }] : [];
      return Response.json({ Status: 0, Answer });
    });
    return called;
  }

  it.each([["10.0.0.7"], ["169.254.169.254"], ["::1"], ["fd00::1"]])(
    "whose name leads to %s is not called, and its events wait",
    async (address) => {
      const called = network({ "hooks.example.com": address });
      const integration = await publishIntegration({
        destination: destination(),
        settings: { url: "https://hooks.example.com/in" },
      });
      const { env, sent } = aDeliveryEnv();
      await deliver(aBatch([aMessage(aDelivery(integration))]), env);
      expect(called).not.toContain("hooks.example.com");
      expect(sent).toMatchObject([{ lane: "recovery" }]);
      expect(await gateOf(integration)).toMatchObject({
        state: "misconfigured",
        reason: `url: hooks.example.com leads to ${address}, which is not a public address`,
      });
    },
  );

  it("that was saved before the rule was there is not called either", async () => {
    const called = network({});
    const integration = await publishIntegration({
      destination: destination(),
      settings: { url: "https://127.0.0.1/in" },
    });
    await deliver(aBatch([aMessage(aDelivery(integration))]), aDeliveryEnv().env);
    expect(called).toEqual([]);
    expect(await gateOf(integration)).toMatchObject({ state: "misconfigured" });
  });

  it.each([
    ["that is public", { "hooks.example.com": "93.184.216.34" }],
    ["where the resolver does not answer", {}],
  ])("%s is called, and resolved once for many batches", async (_, names) => {
    const called = network(names as Record<string, string>);
    const integration = await publishIntegration({
      destination: destination(),
      settings: { url: "https://hooks.example.com/in" },
    });
    for (let i = 0; i < 3; i++) await deliver(aBatch([aMessage(aDelivery(integration))]), aDeliveryEnv().env);
    expect(called.filter((host) => host === "hooks.example.com")).toHaveLength(3);
    expect(called.filter((host) => host === "cloudflare-dns.com")).toHaveLength(2);
  });
});

describe("consent that is taken back", () => {
  const minutesAgo = (n: number) => new Date(Date.now() - n * 60_000).toISOString();

  async function revoke(environmentId: string, anonymous_id: string) {
    const marks = new RevocationMarks();
    const received_at = new Date().toISOString();
    marks.note(1, environmentId, anEvent({ anonymous_id, received_at, context: { consent: { marketing: false } } }));
    await marks.send(env, () => {});
  }

  it("cancels what is queued and what waits to be tried again, for that person and that purpose", async () => {
    const marketing = await publishIntegration({ purpose: "marketing" });
    let status = 503;
    const calls = fakeVendor(() => status);
    const { env, sent } = aDeliveryEnv();
    const items = ["leaves", "stays"].map((anonymous_id) =>
      anItem({ anonymous_id, message_id: anonymous_id, received_at: minutesAgo(5) }),
    );
    await deliver(aBatch([aMessage(aDelivery(marketing, { items }))]), env);
    expect(sent).toMatchObject([{ body: { attempt: 2, items: [{}, {}] } }]);
    await revoke(environmentOf(marketing), "leaves");
    status = 200;
    calls.length = 0;
    const fresh = anItem({ anonymous_id: "leaves", received_at: minutesAgo(1) });
    await deliver(aBatch([aMessage(sent[0]!.body), aMessage(aDelivery(marketing, { items: [fresh] }))]), env);
    expect(calls.flatMap(({ ids }) => ids)).toEqual(["stays"]);
    expect(await gateOf(marketing)).toMatchObject({ received: 1, delivered: 1, filtered: { consent_revoked: 2 } });
  });

  it.each(["functional", "analytics"] as const)("leaves alone what is for %s", async (purpose) => {
    const integration = await publishIntegration({ purpose });
    const calls = fakeVendor();
    await revoke(environmentOf(integration), "leaves");
    const items = [anItem({ anonymous_id: "leaves", received_at: minutesAgo(5) })];
    await deliver(aBatch([aMessage(aDelivery(integration, { items }))]), aDeliveryEnv().env);
    expect(calls).toHaveLength(1);
  });

  it("is asked for once, however many events a batch holds; while nobody can tell, nothing is sent", async () => {
    const integration = await publishIntegration({ purpose: "marketing" });
    const calls = fakeVendor();
    let asked = 0;
    const since = async () => {
      asked++;
      return [];
    };
    const messages = [1, 2, 3].map(() => aMessage(aDelivery(integration, { items: someItems(40) })));
    const counted = { getByName: () => ({ since }) } as never;
    await deliver(aBatch(messages), aDeliveryEnv({ CONSENT_REVOCATIONS: counted }).env);
    expect(asked).toBe(1);
    calls.length = 0;
    const down = { getByName: () => ({ since: () => Promise.reject(new Error("down")) }) } as never;
    const message = aMessage(aDelivery(integration));
    await deliver(aBatch([message]), aDeliveryEnv({ CONSENT_REVOCATIONS: down }).env);
    expect(calls).toEqual([]);
    expect(message.fate).toEqual({ retried_after_s: expect.any(Number) });
  });
});

describe("a chunk of a replay", () => {
  it("that was queued twice is delivered once; the same message again is delivered again", async () => {
    const integration = await publishIntegration();
    const calls = fakeVendor();
    const body = aDelivery(integration, { items: someItems(3), replay: { id: "r1", chunk: "r1/0" } });
    const first = () => aMessage(body, { id: "queue-message-1" });
    for (const message of [first(), first(), aMessage(body), aMessage(body)]) {
      await deliver(aBatch([message]), aDeliveryEnv().env);
      expect(message.fate).toBe("acked");
    }
    expect(calls).toHaveLength(2);
    expect(await gateOf(integration)).toMatchObject({ delivered: 6, filtered: { replayed_before: 6 } });
  });

  it("is tried again where the vendor failed, though by another message", async () => {
    const integration = await publishIntegration();
    let status = 503;
    const calls = fakeVendor(() => status);
    const { env, sent } = aDeliveryEnv();
    await deliver(aBatch([aMessage(aDelivery(integration, { replay: { id: "r2", chunk: "r2/0" } }))]), env);
    status = 200;
    await deliver(aBatch(sent.map(({ body }) => aMessage(body))), env);
    expect(calls).toHaveLength(2);
    expect((await gateOf(integration)).delivered).toBe(1);
  });
});
