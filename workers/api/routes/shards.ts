import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { type ShardMap, shardsOf } from "../../../core/shard-map.ts";
import { beginMove, type MapName, readMap } from "../../../db/reshard-environment.ts";
import * as schema from "../../../db/schema.ts";
import { followMap, shardsOfMap } from "../../drive-moves.ts";
import type { ApiEnv } from "../../env.ts";
import { jsonBody } from "../json-body.ts";

const count = z.int().min(1).max(256);
const wanted = z
  .strictObject({
    /** Of shards of visitors. */
    count: count.optional(),
    /** Of shards of people. */
    profile_shards: count.optional(),
  })
  .refine((given) => given.count !== undefined || given.profile_shards !== undefined, {
    error: "Either count or profile_shards is needed",
  });

/**
 * POST /:id/shards `{count, profile_shards}` spreads an environment's visitors, or its people, or both, over another number of shards, while
 * their events come; 202, since it goes on by itself. GET /:id/shards tells how each shard is doing, and what still moves.
 */
export const shards = new Hono<{ Bindings: ApiEnv }>()
  .post("/:id/shards", async (c) => {
    const id = c.req.param("id");
    const { count, profile_shards } = await jsonBody(c, wanted);
    const maps: Partial<Record<MapName, ShardMap>> = {};
    let isSettled = true;
    const counts = { shard_map: count, profile_shard_map: profile_shards };
    for (const name of ["shard_map", "profile_shard_map"] as const) {
      const count = counts[name];
      if (count === undefined) continue;
      const map = await beginMove(drizzle(c.env.DB, { schema }), c.env.CONFIG, id, name, count);
      maps[name] = map;
      // Only sooner than by the cron: what fails here is done there.
      const settled = await followMap(shardsOfMap(c.env, name), id, map).catch(() => false);
      isSettled &&= settled;
    }
    const isMoving = Object.values(maps).some(({ previous }) => previous);
    return c.json({ ...maps, settled: isSettled }, isMoving ? 202 : 200);
  })
  .get("/:id/shards", async (c) => {
    const id = c.req.param("id");
    // From D1: what was published may be half a minute old.
    const row = await drizzle(c.env.DB, { schema }).query.environments.findFirst({
      where: (e, { eq }) => eq(e.id, id),
    });
    if (!row) throw new ApiError("not_found", `No environment ${id}`);
    const map = readMap(row, "shard_map");
    const peopleMap = readMap(row, "profile_shard_map");
    const [visitors, people] = await Promise.all([
      Promise.all(
        shardsOf(map).map(async (shard) => ({
          shard,
          ...(await c.env.VISITOR_SHARD.getByName(`${id}/${shard}`).stats()),
        })),
      ),
      Promise.all(
        shardsOf(peopleMap).map(async (shard) => ({
          shard,
          ...(await c.env.PROFILE_SHARD.getByName(`${id}/${shard}`).stats()),
        })),
      ),
    ]);
    return c.json({
      shard_map: map,
      profile_shard_map: peopleMap,
      is_moving: map.previous !== undefined || peopleMap.previous !== undefined,
      shards: visitors,
      profile_shards: people,
    });
  });
