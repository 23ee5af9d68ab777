import { and, desc, eq, lt } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import { z } from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { deadLetters as table } from "../../../db/schema.ts";
import type { ApiEnv } from "../../env.ts";
import { environmentOf } from "./environment-of.ts";

const query = z.object({
  integration_id: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
  /** `dead_at` of the last one seen. */
  before: z.iso.datetime().optional(),
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
          eq(table.environment_id, environment.id),
          integration_id ? eq(table.integration_id, integration_id) : undefined,
          before ? lt(table.dead_at, before) : undefined,
        ),
      )
      .orderBy(desc(table.dead_at))
      .limit(limit);
    return c.json({ dead_letters: rows });
  })
  .get("/:id", async (c) => {
    const id = c.req.param("id");
    const [row] = await drizzle(c.env.DB).select().from(table).where(eq(table.id, id));
    const stored = row && (await c.env.LAKE.get(row.r2_key));
    if (!row || !stored) throw new ApiError("not_found", `No dead letter ${id}`);
    return c.json({ ...row, stored: await stored.json() });
  });
