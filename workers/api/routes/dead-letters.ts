import { and, desc, eq, gte, inArray, isNotNull, isNull, lt, type SQL, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { type Context, Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { deliveryItem } from "../../../core/queue-messages.ts";
import { deadLetters as table } from "../../../db/schema.ts";
import { type BuriedLetters, UNKNOWN_ENVIRONMENT } from "../../dead-letters.ts";
import type { ApiEnv } from "../../env.ts";
import { retryDeadLetters } from "../../retry-dead-letters.ts";
import { jsonBody } from "../json-body.ts";
import { environmentOf } from "./environment-of.ts";

const filter = z.object({
  integration_id: z.string().optional(),
  reason: z.string().optional(),
  event: z.string().optional(),
  message_id: z.string().optional(),
  stage: z.enum(["queue", "processor", "delivery"]).optional(),
  /** Died in [from, to). */
  from: z.iso.datetime().optional(),
  to: z.iso.datetime().optional(),
  /** Whether it was sent on its way again. */
  retried: z.enum(["yes", "no"]).optional(),
});
type Filter = z.infer<typeof filter>;

const query = filter.extend({
  limit: z.coerce.number().int().min(1).max(500).default(100),
  /** The id of the last one seen. */
  before: z.string().optional(),
});

/** Letters that one request sends or deletes; whoever wants more asks again. */
const MOST_AT_ONCE = 1_000;

/**
 * GET: newest first, by filter. GET /:id: with its payload. PATCH /:id {payload}: edits it. POST /:id/retry, DELETE /:id.
 * POST /retry and POST /delete with a filter: up to a thousand at once, and how many are left.
 */
export const deadLetters = new Hono<{ Bindings: ApiEnv }>()
  .get("/", async (c) => {
    const parsed = query.safeParse(c.req.query());
    if (!parsed.success) throw new ApiError("invalid_request", z.prettifyError(parsed.error));
    const { limit, before, ...wanted } = parsed.data;
    const environment = await environmentOf(c);
    const rows = await drizzle(c.env.DB)
      .select()
      .from(table)
      .where(
        and(
          matching(shownOf(c, environment.id), wanted),
          // By id as well: the letters of one message died at the same time.
          before
            ? sql`(${table.dead_at}, ${table.id}) < (SELECT dead_at, id FROM dead_letters WHERE id = ${before} AND ${inArray(table.environment_id, shownOf(c, environment.id))})`
            : undefined,
        ),
      )
      .orderBy(desc(table.dead_at), desc(table.id))
      .limit(limit);
    return c.json({ dead_letters: rows });
  })
  .post("/retry", async (c) => {
    const { wanted, rows } = await chosen(c, { retried: "no" });
    const { retried, failed } = await retryDeadLetters(c.env, rows);
    return c.json({ retried: retried.length, failed, left: await countOf(c.env.DB, wanted) });
  })
  .post("/delete", async (c) => {
    const { wanted, rows } = await chosen(c);
    await remove(c.env, rows);
    return c.json({ deleted: rows.length, left: await countOf(c.env.DB, wanted) });
  })
  .get("/:id", async (c) => {
    const { row, letter } = await letterOf(c);
    return c.json({ ...row, ...letter });
  })
  .patch("/:id", async (c) => {
    const { payload } = await jsonBody(c, z.strictObject({ payload: z.unknown() }));
    const { row, letter, stored, etag } = await letterOf(c);
    if (row.stage === "delivery") {
      const item = deliveryItem.safeParse(payload);
      if (!item.success) throw new ApiError("invalid_request", `payload.${z.prettifyError(item.error)}`);
      // By it the vendor tells a repetition, and we what became of the event.
      if (item.data.message_id !== row.message_id)
        throw new ApiError("invalid_request", "payload.message_id must stay what it is");
    }
    const letters = stored.letters.map((one) => (one.id === letter.id ? { ...one, payload } : one));
    const written = await c.env.LAKE.put(row.r2_key, JSON.stringify({ ...stored, letters }), {
      onlyIf: { etagMatches: etag },
    });
    if (!written) throw new ApiError("conflict", "Somebody else has just edited it");
    const edited_at = new Date().toISOString();
    await drizzle(c.env.DB).update(table).set({ edited_at }).where(eq(table.id, row.id));
    return c.json({ ...row, ...letter, edited_at, payload });
  })
  .post("/:id/retry", async (c) => {
    const { row } = await letterOf(c);
    const { failed } = await retryDeadLetters(c.env, [row]);
    if (failed[0]) throw new ApiError("conflict", `It cannot be sent again: ${failed[0].reason}`);
    return c.json({ retried: 1 });
  })
  .delete("/:id", async (c) => {
    const { row } = await letterOf(c);
    await remove(c.env, [row]);
    return c.json({ deleted: 1 });
  });

type Row = typeof table.$inferSelect;

/** Those of no known environment may be anybody's: whoever runs the platform sees them, with the admin token. */
const shownOf = (c: Context<{ Bindings: ApiEnv }>, environmentId: string) =>
  c.var.access.organisation_id === null ? [environmentId, UNKNOWN_ENVIRONMENT] : [environmentId];

function matching(environmentIds: string[], { from, to, retried, ...equal }: Filter): SQL | undefined {
  return and(
    inArray(table.environment_id, environmentIds),
    ...Object.entries(equal).map(([column, value]) =>
      value === undefined ? undefined : eq(table[column as keyof typeof equal], value),
    ),
    from ? gte(table.dead_at, from) : undefined,
    to ? lt(table.dead_at, to) : undefined,
    retried && (retried === "yes" ? isNotNull(table.retried_at) : isNull(table.retried_at)),
  );
}

/** The oldest letters that a body's filter chooses. An empty one chooses all, so it has to be said. */
async function chosen(c: Context<{ Bindings: ApiEnv }>, always: Filter = {}) {
  const environment = await environmentOf(c);
  const { all, ...given } = await jsonBody(c, filter.extend({ all: z.literal(true).optional() }).strict());
  if (!all && Object.values(given).every((value) => value === undefined))
    throw new ApiError("invalid_request", 'Give a filter, or {"all": true}');
  const wanted = matching(shownOf(c, environment.id), { ...given, ...always });
  const rows = await drizzle(c.env.DB)
    .select()
    .from(table)
    .where(wanted)
    .orderBy(table.dead_at, table.id)
    .limit(MOST_AT_ONCE);
  return { wanted, rows };
}

const countOf = async (db: D1Database, wanted: SQL | undefined) => drizzle(db).$count(table, wanted);

/** One letter of the environment that is asked about, with the object that holds it. */
async function letterOf(c: Context<{ Bindings: ApiEnv }, "/:id">) {
  const id = c.req.param("id");
  const [row] = await drizzle(c.env.DB).select().from(table).where(eq(table.id, id));
  const object = row && (await c.env.LAKE.get(row.r2_key));
  const stored = await object?.json<BuriedLetters>();
  const letter = stored?.letters.find((one) => one.id === id);
  if (!row || !object || !stored || !letter) throw new ApiError("not_found", `No dead letter ${id}`);
  return { row, letter, stored, etag: object.etag };
}

/** The payload first: an index entry that leads nowhere can be deleted again, a payload without one would never be found. */
async function remove(env: ApiEnv, rows: Row[]): Promise<void> {
  for (const [key, gone] of Map.groupBy(rows, ({ r2_key }) => r2_key)) {
    const ids = new Set(gone.map(({ id }) => id));
    const object = await env.LAKE.get(key);
    const stored = await object?.json<BuriedLetters>();
    const letters = stored?.letters.filter(({ id }) => !ids.has(id)) ?? [];
    if (letters.length === 0) await env.LAKE.delete(key);
    else await env.LAKE.put(key, JSON.stringify({ ...stored, letters }));
  }
  await env.DB.prepare("DELETE FROM dead_letters WHERE id IN (SELECT value FROM json_each(?))")
    .bind(JSON.stringify(rows.map(({ id }) => id)))
    .run();
}
