import { and, desc, eq, inArray, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { deadLetters as table } from "../../../db/schema.ts";
import { type BuriedLetters, UNKNOWN_ENVIRONMENT } from "../../dead-letters.ts";
import type { ApiEnv } from "../../env.ts";
import { environmentOf } from "./environment-of.ts";

const query = z.object({
  integration_id: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
  /** The id of the last one seen. */
  before: z.string().optional(),
});

/** GET: newest first. GET /:id: with its payload. */
export const deadLetters = new Hono<{ Bindings: ApiEnv }>()
  .get("/", async (c) => {
    const parsed = query.safeParse(c.req.query());
    if (!parsed.success) throw new ApiError("invalid_request", z.prettifyError(parsed.error));
    const { integration_id, limit, before } = parsed.data;
    const environment = await environmentOf(c);
    const rows = await drizzle(c.env.DB)
      .select()
      .from(table)
      .where(
        and(
          // Those of no known environment are shown to everyone who may see any: else nobody would learn of them.
          inArray(table.environment_id, [environment.id, UNKNOWN_ENVIRONMENT]),
          integration_id ? eq(table.integration_id, integration_id) : undefined,
          // By id as well: the letters of one message died at the same time.
          before
            ? sql`(${table.dead_at}, ${table.id}) < (SELECT dead_at, id FROM dead_letters WHERE id = ${before})`
            : undefined,
        ),
      )
      .orderBy(desc(table.dead_at), desc(table.id))
      .limit(limit);
    return c.json({ dead_letters: rows });
  })
  .get("/:id", async (c) => {
    const id = c.req.param("id");
    const [row] = await drizzle(c.env.DB).select().from(table).where(eq(table.id, id));
    const stored = row && (await c.env.LAKE.get(row.r2_key));
    const letter = (await stored?.json<BuriedLetters>())?.letters.find((one) => one.id === id);
    if (!row || !letter) throw new ApiError("not_found", `No dead letter ${id}`);
    return c.json({ ...row, ...letter });
  });
