import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { type ShardMap, shardOf } from "../../../core/shard-map.ts";
import { anEvent } from "../../../test/an-event.ts";
import { forgetConfiguration, readEnvironment } from "../../config.ts";
import { driveMoves } from "../../drive-moves.ts";
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

  it("that is the one there is changes nothing", async () => {
    const id = await anEnvironmentWithVisitors(1);
    const { status, body } = await call(`/api/v1/environments/${id}/shards`, "POST", { count: 2 });
    expect([status, body.shard_map]).toEqual([200, { epoch: 1, shards: ["s0", "s1"] }]);
  });

  it.each([[{ count: 0 }], [{ count: 257 }], [{ count: 1.5 }], [{}], [{ count: 2, shards: [] }]])(
    "is refused as %j",
    async (body) => {
      const id = await anEnvironmentWithVisitors(0);
      expect(await call(`/api/v1/environments/${id}/shards`, "POST", body)).toMatchObject({
        status: 400,
        body: { error: { code: "invalid_request" } },
      });
    },
  );

  it("is refused of an environment that is not there", async () => {
    expect((await call("/api/v1/environments/env_nowhere/shards", "POST", { count: 2 })).status).toBe(404);
    expect((await call("/api/v1/environments/env_nowhere/shards")).status).toBe(404);
  });
});
