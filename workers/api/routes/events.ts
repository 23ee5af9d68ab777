import { desc, eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import type { LiveItem } from "../../../core/live.ts";
import { shardOf } from "../../../core/shard-map.ts";
import { deadLetters } from "../../../db/schema.ts";
import type { ApiEnv } from "../../env.ts";
import { findInLake } from "../../find-in-lake.ts";
import { visibleTo } from "../personal.ts";
import { environmentOf } from "./environment-of.ts";

const recentQuery = z.object({
  source_id: z.string().min(1).max(256),
  limit: z.coerce.number().int().min(1).max(20).default(20),
});
const pathQuery = z.object({
  /** The UTC day on which it arrived; absent: today, and then yesterday. */
  day: z.iso.date().optional(),
  /** Its visitor: then only one shard's files are read. */
  anonymous_id: z.string().max(256).optional(),
});
const MOST_LETTERS = 50;
const DAY_MS = 86_400_000;

/**
 * GET ?source_id: the last events of a source, a sample. GET /:message_id: the path of one event: received, the steps with their receipt,
 * each vendor's request and answer. Those are known while the live stream remembers them; of older events the lake has what came in
 * and the receipt, and the dead letters tell what no vendor took.
 */
export const events = new Hono<{ Bindings: ApiEnv }>()
  .get("/", async (c) => {
    const parsed = recentQuery.safeParse(c.req.query());
    if (!parsed.success) throw new ApiError("invalid_request", z.prettifyError(parsed.error));
    const { source_id, limit } = parsed.data;
    const environment = await environmentOf(c);
    if (!environment.sources.some(({ id }) => id === source_id))
      throw new ApiError("not_found", `No source ${source_id}`);
    const recent = await c.env.LIVE_FEED.getByName(environment.id).recent(source_id, limit);
    return c.json({ events: visibleTo(c, recent as unknown[]) });
  })
  .get("/:message_id", async (c) => {
    const parsed = pathQuery.safeParse(c.req.query());
    if (!parsed.success) throw new ApiError("invalid_request", z.prettifyError(parsed.error));
    const environment = await environmentOf(c);
    const message_id = c.req.param("message_id");
    const [items, letters] = await Promise.all([
      c.env.LIVE_FEED.getByName(environment.id).path(message_id) as Promise<unknown> as Promise<LiveItem[]>,
      lettersOf(c.env.DB, environment.id, message_id),
    ]);
    const seen = seenOf(items, message_id);
    if (seen.processed) return c.json(visibleTo(c, { message_id, from: "live", ...seen, dead_letters: letters }));
    const { day, anonymous_id } = parsed.data;
    const days = day ? [day] : [utcDay(Date.now()), utcDay(Date.now() - DAY_MS)];
    const shard = anonymous_id === undefined ? undefined : shardOf(environment.shard_map, anonymous_id);
    const row = await findInLake(c.env.LAKE, environment.id, message_id, { days, shard });
    if (!row && !seen.received && letters.length === 0)
      throw new ApiError(
        "not_found",
        `No event ${message_id} in live memory, and none in the lake on ${days.join(" or ")}`,
      );
    const processed = row && { source_id: row.source_id, event: row.event, receipt: row.receipt };
    return c.json(
      visibleTo(c, {
        message_id,
        from: row ? "lake" : "live",
        received: seen.received,
        processed: processed ?? null,
        delivered: seen.delivered,
        dead_letters: letters,
      }),
    );
  });

/** One step after the other, out of what passed the stream. Of what a fan-out made, each has an id of its own. */
function seenOf(items: LiveItem[], messageId: string) {
  const received = items.find((item) => item.kind === "received");
  const processed = items.findLast((item) => item.kind === "processed");
  return {
    received: received?.event ?? processed?.received ?? null,
    processed: processed
      ? { source_id: processed.source_id, event: processed.event, receipt: processed.receipt }
      : null,
    delivered: items
      .filter((item) => item.kind === "delivered")
      .map(({ kind: _, events, ...call }) => {
        const { outcome, reason } = events.find(({ message_id }) => message_id === messageId)!;
        return { ...call, outcome, reason: reason ?? null, events_in_request: events.length };
      }),
  };
}

async function lettersOf(db: D1Database, environmentId: string, messageId: string) {
  const { id, stage, integration_id, reason, detail, attempts, dead_at, retried_at, environment_id } = deadLetters;
  const rows = await drizzle(db)
    .select({ id, stage, integration_id, reason, detail, attempts, dead_at, retried_at, environment_id })
    .from(deadLetters)
    .where(eq(deadLetters.message_id, messageId))
    .orderBy(desc(dead_at))
    .limit(MOST_LETTERS);
  return rows.filter((row) => row.environment_id === environmentId).map(({ environment_id: _, ...row }) => row);
}

const utcDay = (at: number) => new Date(at).toISOString().slice(0, 10);
