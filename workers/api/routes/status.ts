import { Hono } from "hono";
import { shardsOf } from "../../../core/shard-map.ts";
import type { GateStats } from "../../../durable-objects/integration-gate.ts";
import type { ShardStats } from "../../../durable-objects/visitor-shard.ts";
import type { ApiEnv } from "../../env.ts";
import { profileShardStats } from "../../people.ts";
import { environmentOf } from "./environment-of.ts";

/** What was to be sent is shown where one integration is asked for. */
function withoutPayloads({ failures, ...stats }: GateStats): GateStats {
  return { ...stats, failures: failures.map(({ payload: _, ...failure }) => failure) };
}

/** GET ?environment_id: what the shards hold, exactly, and how each integration is doing. */
export const status = new Hono<{ Bindings: ApiEnv }>().get("/", async (c) => {
  const environment = await environmentOf(c);
  const [shards, profile_shards, integrations] = await Promise.all([
    Promise.all(
      shardsOf(environment.shard_map).map(async (shard) => ({
        shard,
        ...(await c.env.VISITOR_SHARD.getByName(`${environment.id}/${shard}`).stats()),
      })),
    ),
    profileShardStats(c.env, environment),
    Promise.all(
      environment.integrations.map(async ({ id, name, destination, enabled }) => ({
        id,
        name,
        destination,
        enabled,
        ...withoutPayloads(await c.env.INTEGRATION_GATE.getByName(id).stats()),
      })),
    ),
  ]);
  const sum = (of: (stats: ShardStats) => number) => shards.reduce((total, stats) => total + of(stats), 0);
  return c.json({
    environment: { id: environment.id, name: environment.name, version: environment.version },
    events: sum((s) => s.events),
    duplicates: sum((s) => s.duplicates),
    redelivered: sum((s) => s.redelivered),
    visitors: sum((s) => s.visitors),
    sessions: sum((s) => s.sessions),
    lake_files: sum((s) => s.lake_files),
    waiting_events: sum((s) => s.waiting_events),
    rows_written: sum((s) => s.rows_written),
    profiles: profile_shards.reduce((total, { parts }) => total + parts, 0),
    shards,
    profile_shards,
    integrations,
  });
});

/** POST /flush: writes what waits in the shards to the lake now. */
status.post("/flush", async (c) => {
  const environment = await environmentOf(c);
  const shards = shardsOf(environment.shard_map);
  await Promise.all(shards.map((shard) => c.env.VISITOR_SHARD.getByName(`${environment.id}/${shard}`).flush()));
  return c.json({ flushed: shards.length });
});
