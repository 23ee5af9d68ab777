import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import * as z from "zod";
import { funnel } from "../../../core/analytics/funnel.ts";
import { query } from "../../../core/analytics/query.ts";
import { ApiError } from "../../../core/api-error.ts";
import { SavedAnalytics } from "../../../db/saved-analytics.ts";
import type { ApiEnv } from "../../env.ts";
import { jsonBody } from "../json-body.ts";
import { runFunnel } from "../run-funnel.ts";
import { environmentOf } from "./environment-of.ts";

const asked = funnel.extend(query.pick({ from: true, to: true, time_zone: true }).shape);

/** A funnel that is not saved (docs/analytics.md). */
export const funnelRoute = new Hono<{ Bindings: ApiEnv }>().post("/", async (c) => {
  const environment = await environmentOf(c);
  const { from, to, time_zone, ...definition } = await jsonBody(c, asked);
  return c.json(await runFunnel(c.env, environment, definition, { from, to, time_zone }));
});

const DAY = 86_400_000;
const dates = z.object({
  start_date: z.iso.date().optional(),
  end_date: z.iso.date().optional(),
  time_zone: z.string().max(64).default("UTC"),
});

/** A saved one: 30 days up to today where no dates are said. */
export const savedFunnel = new Hono<{ Bindings: ApiEnv }>().get("/funnels/:id", async (c) => {
  const environment = await environmentOf(c);
  const parsed = dates.safeParse(c.req.query());
  if (!parsed.success) throw new ApiError("invalid_request", z.prettifyError(parsed.error));
  const { start_date, end_date, time_zone } = parsed.data;
  const { id, name, document } = await new SavedAnalytics(drizzle(c.env.DB), "funnel", environment.id).get(
    c.req.param("id"),
  );
  const to = end_date ?? new Date().toISOString().slice(0, 10);
  const from = start_date ?? new Date(Date.parse(to) - 29 * DAY).toISOString().slice(0, 10);
  const answer = await runFunnel(c.env, environment, funnel.parse(document), { from, to, time_zone });
  return c.json({ id, name, ...answer });
});
