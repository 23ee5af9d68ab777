import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { configKey, type Environment } from "../../../core/environment.ts";
import type { Event } from "../../../core/event.ts";
import { shardOf } from "../../../core/shard-map.ts";
import { anEnvironment, anIntegration } from "../../../test/an-environment.ts";
import { anEvent } from "../../../test/an-event.ts";
import { forgetConfiguration } from "../../config.ts";
import { askProfileShards } from "../../processor/ask-profile-shards.ts";
import { api } from "../index.ts";

let made = 0;
let environment: Environment;
beforeEach(async () => {
  forgetConfiguration();
  environment = anEnvironment({
    id: `env_profiles_api_${++made}`,
    integrations: [
      anIntegration({
        id: "int_listens",
        destination: "webhook",
        settings: { url: "https://listens.example/in" },
        profile_events: ["merged", "deleted"],
      }),
    ],
  });
  await env.CONFIG.put(configKey.environment(environment.id), JSON.stringify(environment));
});
afterEach(() => vi.restoreAllMocks());

async function call(path: string, method = "GET", body?: unknown, token = "test-admin-token") {
  const url = `/api/v1/profiles${path}${path.includes("?") ? "&" : "?"}environment_id=${environment.id}`;
  const response = await api.request(
    url,
    {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    },
    env,
  );
  // biome-ignore lint/suspicious/noExplicitAny: each test says what it expects
  return { status: response.status, body: (await response.json()) as any };
}

/** Through the processor's own call. */
async function happened(...events: Event[]) {
  const answer = { verdict: "new" } as never;
  const work: { context: { environment: Environment; source_id: string }; failed?: unknown } = {
    context: { environment, source_id: "src_test" },
  };
  await askProfileShards(
    events.map((event) => ({ work, event, answer })),
    env,
  );
  expect(work.failed).toBeUndefined();
}
const identify = (user_id: string, traits: Record<string, unknown>, more: Partial<Event> = {}) =>
  anEvent({ type: "identify", user_id, traits, ...more });

describe("a person", () => {
  beforeEach(() =>
    happened(
      identify("ann", { email: "Ann@Shop.example", phone: "+32 470 12 34 56", plan: "pro" }, { anonymous_id: "a-1" }),
    ),
  );

  it.each([
    "ann",
    "user_id:ann",
    "email:ann@shop.example",
    "email:ANN@shop.example",
    "phone:+32470123456",
    "anonymous_id:a-1",
  ])("is answered to %s", async (who) => {
    const { status, body } = await call(`/${encodeURIComponent(who)}`);
    expect([status, body]).toMatchObject([200, { traits: { plan: "pro" }, events: 1 }]);
    expect((await call(`/${body.person_id}`)).body).toEqual(body);
  });

  it.each([
    ["nobody", 404],
    [`per_${"0".repeat(24)}`, 404],
    ["user_id:null", 400],
    ["email:not an address", 400],
    [`user_id:${"x".repeat(2_000)}`, 400],
    ["phone:12", 400],
  ])("is not answered to %s", async (who, status) => {
    const answer = await call(`/${encodeURIComponent(who)}`);
    expect(answer.status).toBe(status);
    expect(answer.body.error.message).toEqual(expect.any(String));
  });

  it("is found by the beginning of a trait, and exported whole", async () => {
    const { body } = await call("?q=ann%40");
    expect(body.people).toMatchObject([{ matched: "ann@shop.example", traits: { plan: "pro" } }]);
    expect((await call("?q=zzz")).body).toEqual({ people: [] });
    expect((await call("/ann/export")).body).toMatchObject({ profile: { events: 1 }, parts: [{ events: 1 }] });
  });

  it("is not shown to anybody without the token, nor of another environment", async () => {
    expect((await call("/ann", "GET", undefined, "wrong")).status).toBe(401);
    environment = { ...environment, id: "env_profiles_nowhere" };
    expect((await call("/ann")).status).toBe(404);
  });
});

describe("search", () => {
  it("goes on where it ended, and refuses what is no place in its list", async () => {
    await happened(
      ...Array.from({ length: 7 }, (_, n) => identify(`u${n}`, { name: `Person ${n}` }, { anonymous_id: `d${n}` })),
    );
    const first = (await call("?q=person&limit=5")).body;
    expect(first.people.length).toBe(5);
    const second = (await call(`?q=person&limit=5&cursor=${first.next}`)).body;
    expect(second.people.map((one: { matched: string }) => one.matched)).toEqual(["person 5", "person 6"]);
    expect(second.next).toBeUndefined();
    for (const query of ["?q=person&cursor=nonsense", "?q=", "?q=x&limit=0", "?limit=5"])
      expect((await call(query)).status).toBe(400);
  });
});

describe("merge", () => {
  it("makes two people one, tells whoever listens, and is undone by its message", async () => {
    const send = vi.spyOn(env.PROFILE_EVENTS, "send").mockResolvedValue({} as never);
    await happened(
      identify("ann", { plan: "free" }, { anonymous_id: "a" }),
      identify("bob", { city: "Ghent" }, { anonymous_id: "b" }),
    );
    const merged = await call("/merge", "POST", { into: "ann", from: "user_id:bob" });
    expect(merged.status).toBe(200);
    expect(JSON.parse(send.mock.calls[0]![0] as string).changes).toMatchObject([
      { kind: "merged", person_id: merged.body.person_id },
    ]);
    expect((await call("/bob")).body.traits).toEqual({ plan: "free", city: "Ghent" });
    expect(await call("/merge", "POST", { into: "ann", from: "bob" })).toMatchObject({ status: 409 });

    await call("/bob/unmerge", "POST", { message_id: merged.body.message_id });
    expect((await call("/bob")).body).toMatchObject({ traits: { city: "Ghent" }, cancelled_links: [{ by: "admin" }] });
  });

  it.each([
    [{ into: "ann" }, 400],
    [{ into: "ann", from: "nobody" }, 404],
    [{ into: "ann", from: "ann" }, 409],
    [{ into: "ann", from: "user_id:undefined" }, 400],
    [{ into: "ann", from: "bob", force: true }, 400],
  ])("refuses %j", async (body, status) => {
    await happened(identify("ann", {}));
    expect((await call("/merge", "POST", body)).status).toBe(status);
  });
});

describe("links", () => {
  it("between two are undone, for good where that is said", async () => {
    const device = { anonymous_id: "tablet" };
    await happened(identify("ann", {}, device));
    const between = ["user_id:ann", "anonymous_id:tablet"];
    const { body } = await call("/ann/unmerge", "POST", { between, keep_apart: true });
    expect(body.person.identifiers).toEqual([{ kind: "user_id", value: "ann" }]);
    const later = new Date(Date.now() + 60_000).toISOString();
    await happened(identify("ann", {}, { ...device, timestamp: later, received_at: later }));
    expect((await call("/ann")).body.identifiers.length).toBe(1);
  });

  it("of one identifier are undone together", async () => {
    await happened(identify("ann", { email: "ann@shop.example" }, { anonymous_id: "a-2" }));
    const { body } = await call("/ann/split", "POST", { identifier: "email:ann@shop.example" });
    expect(body.person.identifiers.map(({ kind }: { kind: string }) => kind)).toEqual(["user_id", "anonymous_id"]);
  });
});

describe("the timeline", () => {
  /** Through the visitor's shard as well, which keeps the events. */
  async function visited(...events: Event[]) {
    for (const event of events) {
      const stub = env.VISITOR_SHARD.getByName(
        `${environment.id}/${shardOf(environment.shard_map, event.anonymous_id)}`,
      );
      await stub.apply({
        events: [
          {
            message_id: event.message_id,
            anonymous_id: event.anonymous_id,
            at: Date.parse(event.timestamp),
            delivery: event.message_id,
            vendor_ids: {},
          },
        ],
        lines: [JSON.stringify({ source_id: "src_test", event, receipt: { steps: [] } })],
        session_timeout_ms: 1_800_000,
        now: Date.parse(event.received_at),
      });
    }
    await happened(...events);
  }
  const at = (minute: number) => {
    const time = new Date(Date.UTC(2026, 10, 20, 10, minute)).toISOString();
    return { timestamp: time, received_at: time };
  };

  it("has what a person did on every device, before they logged in too, from the log and from the lake", async () => {
    await visited(
      anEvent({ type: "page", anonymous_id: "mobile-1", ...at(1) }),
      identify("ann", {}, { anonymous_id: "mobile-1", ...at(2) }),
      identify("ann", {}, { anonymous_id: "laptop", ...at(3) }),
    );
    for (const shard of environment.shard_map.shards)
      await env.VISITOR_SHARD.getByName(`${environment.id}/${shard}`).flush();
    await visited(anEvent({ anonymous_id: "laptop", user_id: "ann", event: "Bought", ...at(4) }));

    const seen: string[] = [];
    let query = "?limit=2";
    for (let page = 0; page < 10; page++) {
      const { status, body } = await call(`/ann/timeline${query}`);
      expect(status).toBe(200);
      seen.push(...body.events.map(({ event }: { event: Event }) => `${event.anonymous_id} ${event.event}`));
      if (!body.next) break;
      query = `?limit=2&cursor=${body.next}`;
    }
    expect(seen.toSorted()).toEqual(["laptop Bought", "laptop identify", "mobile-1 identify", "mobile-1 page"]);
    expect(seen[0]).toBe("laptop Bought");
  });

  it("of a shared device has what each person did, and no more", async () => {
    await visited(
      identify("ann", {}, { anonymous_id: "tablet", ...at(1) }),
      anEvent({ anonymous_id: "tablet", event: "By Ann", ...at(2) }),
      identify("bob", {}, { anonymous_id: "tablet", ...at(62) }),
      anEvent({ anonymous_id: "tablet", event: "By Bob", ...at(63) }),
    );
    const names = async (who: string) =>
      (await call(`/${who}/timeline`)).body.events.map(({ event }: { event: Event }) => event.event);
    expect(await names("ann")).toEqual(["By Ann", "identify"]);
  });
});

describe("deletion", () => {
  it("forgets, tells whoever listens, and is final for what was said before", async () => {
    const send = vi.spyOn(env.PROFILE_EVENTS, "send").mockResolvedValue({} as never);
    await happened(identify("ann", { email: "ann@shop.example" }));
    const erased = await call("/ann", "DELETE");
    expect([erased.status, erased.body.identifiers.length]).toEqual([200, 3]);
    expect(JSON.parse(send.mock.calls[0]![0] as string).changes).toMatchObject([
      { kind: "deleted", key: "user_id ann" },
    ]);
    expect((await call("/ann")).status).toBe(404);
    expect((await call("/ann", "DELETE")).status).toBe(404);
    await happened(identify("ann", { plan: "late" }));
    expect((await call("/ann")).status).toBe(404);
  });
});
