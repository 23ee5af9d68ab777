import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { shardMap, shardsOf } from "../../../core/shard-map.ts";
import { beginMove } from "../../../db/reshard-environment.ts";
import * as schema from "../../../db/schema.ts";
import { followMap } from "../../drive-moves.ts";
import type { ApiEnv } from "../../env.ts";
import { jsonBody } from "../json-body.ts";

const wanted = z.strictObject({ count: z.int().min(1).max(256) });

/**
 * POST /:id/shards `{count}` spreads an environment's visitors over another number of shards, while their events come; 202, since it
 * goes on by itself. GET /:id/shards tells how each shard is doing, and what still moves.
 */
export const shards = new Hono<{ Bindings: ApiEnv }>()
  .post("/:id/shards", async (c) => {
    const id = c.req.param("id");
    const { count } = await jsonBody(c, wanted);
    const map = await beginMove(drizzle(c.env.DB, { schema }), c.env.CONFIG, id, count);
    // Only sooner than by the cron: what fails here is done there.
    const settled = await followMap(c.env.VISITOR_SHARD, id, map).catch(() => false);
    return c.json({ shard_map: map, settled }, map.previous ? 202 : 200);
  })
  .get("/:id/shards", async (c) => {
    const id = c.req.param("id");
    // From D1: what was published may be half a minute old.
    const row = await drizzle(c.env.DB, { schema }).query.environments.findFirst({
      where: (e, { eq }) => eq(e.id, id),
    });
    if (!row) throw new ApiError("not_found", `No environment ${id}`);
    const map = shardMap.parse(row.shard_map);
    const all = await Promise.all(
      shardsOf(map).map(async (shard) => ({
        shard,
        ...(await c.env.VISITOR_SHARD.getByName(`${id}/${shard}`).stats()),
      })),
    );
    return c.json({ shard_map: map, is_moving: map.previous !== undefined, shards: all });
  });
