import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { personIdOf } from "../../../core/identity-graph.ts";
import { profileEventOf } from "../../../core/profile-event.ts";
import { profileShardOf, type ShardMap, shardOf } from "../../../core/shard-map.ts";
import { anEvent } from "../../../test/an-event.ts";
import { forgetConfiguration, readEnvironment } from "../../config.ts";
import { driveMoves } from "../../drive-moves.ts";
import { personBehind } from "../../people.ts";
import { api } from "../index.ts";

beforeEach(() => forgetConfiguration());

async function call(path: string, method = "GET", body?: unknown) {
  const headers = { authorization: "Bearer test-admin-token" };
  const response = await api.request(path, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) }, env);
  return { status: response.status, body: await response.json<Record<string, unknown>>() };
}

let environments = 0;

/** Of two shards. */
async function anEnvironmentWithVisitors(count: number): Promise<string> {
  const id = `env_reshard_${++environments}`;
  const organisation = { id: "org_reshard", name: "Reshard" };
  const document = { organisation, name: "dev", shards: 2, sources: [], integrations: [] };
  expect((await call(`/api/v1/environments/${id}`, "PATCH", document)).status).toBe(200);
  const { shard_map } = (await readEnvironment(env.CONFIG, id))!;
  for (let i = 0; i < count; i++) {
    const event = anEvent({ anonymous_id: `visitor-${i}` });
    await env.VISITOR_SHARD.getByName(`${id}/${shardOf(shard_map, event.anonymous_id)}`).apply({
      events: [
        {
          message_id: event.message_id,
          anonymous_id: event.anonymous_id,
          at: Date.now(),
          delivery: event.message_id,
          vendor_ids: {},
        },
      ],
      lines: [JSON.stringify({ source_id: "s", event, receipt: { steps: [] } })],
      session_timeout_ms: 1_800_000,
      now: Date.now(),
      map: shard_map,
    });
  }
  return id;
}

/** As the cron and the shards' own alarms would, until the old map is gone. */
async function untilMoved(id: string): Promise<ShardMap> {
  for (let i = 0; i < 50; i++) {
    await driveMoves(env);
    const { body } = await call(`/api/v1/environments/${id}/shards`);
    const map = body.shard_map as ShardMap;
    if (!map.previous) return map;
    for (const shard of map.shards) await runDurableObjectAlarm(env.VISITOR_SHARD.getByName(`${id}/${shard}`));
  }
  throw new Error("the move does not end");
}

/** Until the old map of people is gone; with what is counted then. */
async function untilPeopleMoved(id: string) {
  for (let i = 0; i < 50; i++) {
    await driveMoves(env);
    const { body } = await call(`/api/v1/environments/${id}/shards`);
    const map = body.profile_shard_map as ShardMap;
    const shards = body.profile_shards as { parts: number; events: number; moves: unknown[]; is_giving: boolean }[];
    if (!map.previous) {
      expect(body.is_moving).toBe(false);
      for (const shard of shards) expect(shard).toMatchObject({ moves: [], is_giving: false });
      const sum = (of: "parts" | "events") => shards.reduce((total, shard) => total + shard[of], 0);
      return { shards: map.shards, parts: sum("parts"), events: sum("events") };
    }
    for (const shard of map.shards) await runDurableObjectAlarm(env.PROFILE_SHARD.getByName(`${id}/${shard}`));
  }
  throw new Error("the move does not end");
}

describe("another number of shards", () => {
  it("is reached by itself, keeps what was counted, and publishes the map that remains", async () => {
    const id = await anEnvironmentWithVisitors(20);
    const started = await call(`/api/v1/environments/${id}/shards`, "POST", { count: 4 });
    expect(started).toMatchObject({
      status: 202,
      body: { shard_map: { epoch: 2, shards: ["s0", "s2", "s1", "s3"], previous: { epoch: 1, shards: ["s0", "s1"] } } },
    });
    forgetConfiguration();
    expect((await readEnvironment(env.CONFIG, id))!.shard_map).toEqual(started.body.shard_map);
    // The move may be over by now: shards begin when they hear of it.
    const again = await call(`/api/v1/environments/${id}/shards`, "POST", { count: 3 });
    expect(again).toMatchObject({ status: 409, body: { error: { code: "conflict" } } });

    expect(await untilMoved(id)).toEqual({ epoch: 2, shards: ["s0", "s2", "s1", "s3"] });
    forgetConfiguration();
    expect((await readEnvironment(env.CONFIG, id))!.shard_map).toEqual({ epoch: 2, shards: ["s0", "s2", "s1", "s3"] });
    const { body } = await call(`/api/v1/status?environment_id=${id}`);
    expect(body).toMatchObject({ events: 20, visitors: 20, sessions: 20 });
    const shards = body.shards as { visitors: number; moves: unknown[]; is_giving: boolean; storage_bytes: number }[];
    expect(shards).toHaveLength(4);
    for (const shard of shards) {
      expect(shard).toMatchObject({ moves: [], is_giving: false });
      expect(shard.visitors).toBeGreaterThan(0);
      expect(shard.storage_bytes).toBeGreaterThan(0);
    }

    await call(`/api/v1/environments/${id}/shards`, "POST", { count: 1 });
    expect(await untilMoved(id)).toMatchObject({ epoch: 3 });
    forgetConfiguration();
    expect((await call(`/api/v1/status?environment_id=${id}`)).body).toMatchObject({
      events: 20,
      visitors: 20,
      sessions: 20,
    });
  });

  it("of people is reached from the eight that nobody chose, and back, while the shards of visitors stay as they are", async () => {
    const id = await anEnvironmentWithVisitors(0);
    const { profile_shard_map, profiles } = (await readEnvironment(env.CONFIG, id))!;
    expect(profile_shard_map.shards).toHaveLength(8);
    for (let n = 0; n < 40; n++) {
      const event = anEvent({ type: "identify", user_id: `u${n}`, traits: { email: `u${n}@shop.example` } });
      const found = profileEventOf(event, "src", profiles.identity, [])!;
      const shard = env.PROFILE_SHARD.getByName(`${id}/${profileShardOf(profile_shard_map, personIdOf(found.home))}`);
      const settings = { rules: profiles.identity, computed: [], searchable: [], publishes: false };
      await shard.apply({ events: [found], map: profile_shard_map, ...settings, now: Date.now() });
    }
    const path = `/api/v1/environments/${id}/shards`;
    const started = await call(path, "POST", { profile_shards: 16 });
    expect(started).toMatchObject({ status: 202, body: { profile_shard_map: { epoch: 2, previous: { epoch: 1 } } } });
    expect(started.body.shard_map).toBeUndefined();
    expect(await call(path, "POST", { profile_shards: 3 })).toMatchObject({ status: 409 });
    const sixteen = await untilPeopleMoved(id);
    expect(sixteen).toMatchObject({ parts: 40, events: 40 });
    expect(sixteen.shards.slice(0, 4)).toEqual(["p0", "p8", "p1", "p9"]);
    await call(path, "POST", { profile_shards: 8, count: 2 });
    expect(await untilPeopleMoved(id)).toEqual({ shards: profile_shard_map.shards, parts: 40, events: 40 });
    forgetConfiguration();
    const environment = (await readEnvironment(env.CONFIG, id))!;
    expect(environment.shard_map).toEqual({ epoch: 1, shards: ["s0", "s1"] });
    expect(environment.profile_shard_map).toEqual({ epoch: 3, shards: profile_shard_map.shards });
    expect(await personBehind(env, environment, "user_id u7")).toMatchObject({ traits: { email: "u7@shop.example" } });
  }, 60_000);

  it("that is the one there is changes nothing", async () => {
    const id = await anEnvironmentWithVisitors(1);
    const { status, body } = await call(`/api/v1/environments/${id}/shards`, "POST", { count: 2 });
    expect([status, body.shard_map]).toEqual([200, { epoch: 1, shards: ["s0", "s1"] }]);
  });

  it.each([
    [{ count: 0 }],
    [{ profile_shards: 0 }],
    [{ count: 2, profile_shards: 257 }],
    [{ count: 257 }],
    [{ count: 1.5 }],
    [{}],
    [{ count: 2, shards: [] }],
  ])("is refused as %j", async (body) => {
    const id = await anEnvironmentWithVisitors(0);
    expect(await call(`/api/v1/environments/${id}/shards`, "POST", body)).toMatchObject({
      status: 400,
      body: { error: { code: "invalid_request" } },
    });
  });

  it("is refused of an environment that is not there", async () => {
    expect((await call("/api/v1/environments/env_nowhere/shards", "POST", { count: 2 })).status).toBe(404);
    expect((await call("/api/v1/environments/env_nowhere/shards")).status).toBe(404);
  });
});
