import { env } from "cloudflare:workers";
import { drizzle } from "drizzle-orm/d1";
import { beforeEach, describe, expect, it } from "vitest";
import type { Environment } from "../../../core/environment.ts";
import type { Event } from "../../../core/event.ts";
import { firstProfileShardMap, firstShardMap } from "../../../core/shard-map.ts";
import { publishEnvironment } from "../../../db/publish-environment.ts";
import * as schema from "../../../db/schema.ts";
import { anEvent } from "../../../test/an-event.ts";
import { forgetConfiguration, readEnvironment } from "../../config.ts";
import { erasePerson, mergePeople, undoLinks } from "../../people.ts";
import { askProfileShards } from "../../processor/ask-profile-shards.ts";
import { api } from "../index.ts";

let made = 0;
let id = "";
const db = drizzle(env.DB, { schema });
beforeEach(async () => {
  id = `env_segments_api_${++made}`;
  await db
    .insert(schema.organisations)
    .values({ id: "org_segments", name: "x", created_at: "x" })
    .onConflictDoNothing();
  await db.insert(schema.environments).values({
    id,
    organisation_id: "org_segments",
    name: "dev",
    version: 1,
    shard_map: firstShardMap(1),
    profile_shard_map: firstProfileShardMap(3),
    session_timeout_s: 1_800,
    consent_default: "granted",
  });
  await publishEnvironment(db, env.CONFIG, id);
  forgetConfiguration();
});

async function call(path: string, method = "GET", body?: unknown, type = "application/json") {
  const url = `/api/v1/segments${path}${path.includes("?") ? "&" : "?"}environment_id=${id}`;
  const headers = { authorization: "Bearer test-admin-token", "content-type": type };
  const sent = typeof body === "string" ? body : JSON.stringify(body);
  const response = await api.request(url, { method, headers, ...(body !== undefined && { body: sent }) }, env);
  forgetConfiguration();
  const text = await response.text();
  // biome-ignore lint/suspicious/noExplicitAny: each test says what it expects
  return { status: response.status, text, body: (/^[{[]/.test(text) ? JSON.parse(text) : undefined) as any };
}

const environment = async () => (await readEnvironment(env.CONFIG, id)) as Environment;

/** Through the processor's own call. */
async function happened(...events: Event[]) {
  const answer = { verdict: "new" } as never;
  const work: { context: { environment: Environment; source_id: string }; failed?: unknown } = {
    context: { environment: await environment(), source_id: "src_test" },
  };
  await askProfileShards(
    events.map((event) => ({ work, event, answer })),
    env,
  );
  expect(work.failed).toBeUndefined();
}
/** Of this moment, which the window is counted from. */
const ordered = (user_id: string, total: number) => {
  const timestamp = new Date().toISOString();
  return anEvent({
    user_id,
    type: "track",
    event: "Order Completed",
    properties: { total },
    message_id: crypto.randomUUID(),
    timestamp,
    received_at: timestamp,
  });
};
let told = 0;
/** Each a second after the one before: of two that say the same trait at one time the message id would decide. */
const identify = (user_id: string | undefined, traits: Record<string, unknown>) =>
  anEvent({
    type: "identify",
    ...(user_id && { user_id }),
    traits,
    message_id: crypto.randomUUID(),
    anonymous_id: `a-${user_id ?? traits.email}`,
    timestamp: new Date(Date.parse("2026-11-20T09:00:00.000Z") + ++told * 1_000).toISOString(),
  });

const PRO = { trait: "plan", value: { is: "equal", to: "pro" } };
const TWICE = { event: "Order Completed", within_days: 90, times: { is: "at_least", to: 2 } };

describe("a preview", () => {
  it("counts exactly over all shards, also who has parts under several identifiers, and shows some of them", async () => {
    await happened(
      ...Array.from({ length: 30 }, (_, k) => identify(`u${k}`, { plan: k % 3 ? "free" : "pro" })),
      // One person in two parts, by an address before and after they had a user id; and one by an address alone.
      identify(undefined, { email: "ann@shop.example", plan: "pro" }),
      identify("u1", { email: "ann@shop.example", plan: "pro" }),
      identify(undefined, { email: "bob@shop.example", plan: "pro" }),
    );
    const { status, body } = await call("/preview", "POST", { document: PRO });
    expect(status).toBe(200);
    expect(body).toMatchObject({ count: 12, of: 31 });
    expect(body.sample).toHaveLength(12);
    expect(body.sample.every(({ traits }: { traits: { plan: string } }) => traits.plan === "pro")).toBe(true);
  });

  it("follows a merge, its undoing, and a deletion", async () => {
    await happened(
      identify("u1", { plan: "free" }),
      identify("u2", { plan: "free" }),
      ordered("u1", 1),
      ordered("u2", 1),
    );
    const count = async () => (await call("/preview", "POST", { document: TWICE })).body;
    expect(await count()).toMatchObject({ count: 0, of: 2 });
    const merged = await mergePeople(env, await environment(), "user_id u1", "user_id u2", "test");
    if (!merged.ok) throw new Error(merged.reason);
    expect(await count()).toMatchObject({ count: 1, of: 1 });
    const target = { message_id: merged.message_id };
    await undoLinks(env, await environment(), "user_id u1", {
      target,
      at: Date.now(),
      by: "test",
      keeps_apart: false,
    } as never);
    expect(await count()).toMatchObject({ count: 0, of: 2 });
    await erasePerson(env, await environment(), "user_id u2");
    expect(await count()).toMatchObject({ of: 1 });
  });
});

describe("a segment", () => {
  it("is made, listed, changed into a new version, explained and deleted", async () => {
    await happened(identify("u1", { plan: "pro" }), identify("u2", { plan: "free" }), identify("u3", { plan: "pro" }));
    const first = await call("", "POST", { id: "pros", name: "Pros", document: PRO, author: "ann" });
    expect(first).toMatchObject({ status: 201, body: { id: "pros", live_version: 1, document: PRO } });
    expect((await call("", "POST", { id: "pros", name: "Again", document: PRO })).status).toBe(409);
    const page = await call("/pros/people?limit=1");
    const rest = await call(`/pros/people?limit=1&cursor=${page.body.next}`);
    expect([page.body.count, page.body.people.length, rest.body.people.length, rest.body.next]).toEqual([
      2,
      1,
      1,
      undefined,
    ]);
    expect((await call("/pros/why/u2")).body).toMatchObject({
      includes: false,
      conditions: [{ place: "", holds: false, found: "free" }],
      next_change_at: null,
    });
    const yaml = "any:\n  - trait: plan\n    value: { is: equal, to: free }\n";
    expect((await call("/pros?note=other", "PUT", yaml, "application/yaml")).body.live_version).toBe(2);
    expect((await call("/pros/size")).body).toMatchObject({ count: 1, of: 3 });
    expect((await call("/pros?format=yaml")).text).toContain("trait: plan");
    expect((await call("/pros/versions")).body.versions.map((one: { version: number }) => one.version)).toEqual([2, 1]);
    await call("", "POST", { id: "not_pros", name: "x", document: { not: { segment: "pros" } } });
    expect((await call("/pros", "PUT", { document: { segment: "not_pros" } })).body.error.message).toMatch(
      /in a circle/,
    );
    expect((await call("/pros", "DELETE")).status).toBe(409);
    expect((await call("/not_pros", "DELETE")).status).toBe(204);
    expect((await call("/pros", "DELETE")).status).toBe(204);
    expect((await call("")).body).toEqual({ segments: [] });
  });

  it("over what no profile counts by itself has it counted from then on", async () => {
    const document = {
      event: "Order Completed",
      where: [{ property: "total", value: { is: "at_least", to: 100 } }],
      times: { is: "at_least", to: 2 },
    };
    const saved = await call("", "POST", { id: "big_orders", name: "Big", document });
    expect(saved.body.counted_since_saved).toEqual([
      { kind: "count", event: "Order Completed", where: document.where },
    ]);
    await happened(ordered("u1", 150), ordered("u1", 99), ordered("u2", 100), ordered("u2", 200));
    expect((await call("/big_orders/people")).body.count).toBe(1);
    expect((await call("/big_orders/why/u2")).body).toMatchObject({ includes: true, conditions: [{ found: 2 }] });
  });

  it("that includes everyone is to be confirmed, and a wrong one names its places", async () => {
    await happened(identify("u1", { plan: "pro" }));
    const everyone = { id: "everyone", name: "All", document: { trait: "plan", value: { is: "set" } } };
    expect(await call("", "POST", everyone)).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringMatching(/all 1 people/) } },
    });
    expect((await call("", "POST", { ...everyone, confirm_everyone: true })).status).toBe(201);
    const wrong = {
      id: "wrong",
      name: "x",
      document: { all: [PRO, { trait: "t", value: { is: "matches", to: "(" } }] },
    };
    expect(await call("", "POST", wrong)).toMatchObject({
      status: 400,
      body: { problems: [{ place: "all.1.value.to" }] },
    });
  });
});
