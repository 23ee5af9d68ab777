import { Hono } from "hono";
import * as z from "zod";
import { NOW_MS, presentOf, realtimeLimit } from "../../../core/analytics/realtime.ts";
import { ApiError } from "../../../core/api-error.ts";
import { shardsOf } from "../../../core/shard-map.ts";
import type { ApiEnv } from "../../env.ts";
import { environmentOf } from "./environment-of.ts";

/** Who is there now (docs/analytics.md). */
export const realtime = new Hono<{ Bindings: ApiEnv }>().get("/realtime", async (c) => {
  const { id, shard_map: map } = await environmentOf(c);
  const limit = realtimeLimit.safeParse(c.req.query("limit"));
  if (!limit.success) throw new ApiError("invalid_request", `limit: ${z.prettifyError(limit.error)}`);
  const now = Date.now();
  const since = now - NOW_MS;
  const parts = await Promise.all(
    shardsOf(map).map((shard) => c.env.VISITOR_SHARD.getByName(`${id}/${shard}`).present(since, map)),
  );
  return c.json({
    at: new Date(now).toISOString(),
    since: new Date(since).toISOString(),
    ...presentOf(parts, limit.data),
  });
});
