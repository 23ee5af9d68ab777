/** The plain questions of a site's owner, as GETs: `/api/metrics`, `/api/revenue`, `/api/goals`. Each is one query (docs/analytics.md). */
import { drizzle } from "drizzle-orm/d1";
import { type Context, Hono } from "hono";
import * as z from "zod";
import { type Condition, query } from "../../../core/analytics/query.ts";
import { ApiError } from "../../../core/api-error.ts";
import { SavedAnalytics } from "../../../db/saved-analytics.ts";
import type { ApiEnv } from "../../env.ts";
import { runQuery } from "../run-query.ts";
import { environmentOf } from "./environment-of.ts";

const DAY = 86_400_000;
const MOST_SHOWN = 100;

const asked = z.object({
  start_date: z.iso.date().optional(),
  end_date: z.iso.date().optional(),
  time_zone: z.string().max(64).default("UTC"),
  source: z.string().max(256).optional(),
  device: z.string().max(256).optional(),
  country: z.string().max(256).optional(),
  goal_name: z.string().min(1).max(256).optional(),
});

/** 30 days up to today where no dates are said. */
async function answer(c: Context<{ Bindings: ApiEnv }>, cardsOf: (given: z.infer<typeof asked>) => object[]) {
  const environment = await environmentOf(c);
  const parsed = asked.safeParse(c.req.query());
  if (!parsed.success) throw new ApiError("invalid_request", z.prettifyError(parsed.error));
  const { start_date, end_date, time_zone, source, device, country } = parsed.data;
  const now = Date.now();
  const to = end_date ?? new Date(now).toISOString().slice(0, 10);
  const from = start_date ?? new Date(Date.parse(to) - 29 * DAY).toISOString().slice(0, 10);
  const conditions = Object.entries({ source, device, country }).flatMap(([dimension, value]): Condition[] =>
    value === undefined ? [] : [{ dimension: dimension as Condition["dimension"], operator: "is", values: [value] }],
  );
  const cards = cardsOf(parsed.data);
  return runQuery(
    c.env,
    environment,
    query.parse({ from, to, time_zone, cards, ...(conditions.length && { filter: { and: conditions } }) }),
    now,
  );
}

export const siteMetrics = new Hono<{ Bindings: ApiEnv }>();

/** Visitors, revenue and revenue per visitor: in all, and by source, those with most revenue first. */
siteMetrics.get("/metrics", async (c) => {
  const metrics = ["visitors", "sessions", "page_views", "bounce_rate", "orders", "revenue", "revenue_per_visitor"];
  return c.json(
    await answer(c, () => [
      { name: "total", metrics },
      { name: "sources", metrics, dimensions: ["source"], order_by: "revenue", limit: MOST_SHOWN },
    ]),
  );
});

siteMetrics.get("/revenue", async (c) => {
  const metrics = ["revenue", "orders", "refunds", "refunded", "net_revenue", "average_order"];
  return c.json(
    await answer(c, () => [
      { name: "total", metrics },
      { name: "days", metrics, interval: "day" },
      { name: "sources", metrics, dimensions: ["source"], limit: MOST_SHOWN },
    ]),
  );
});

/** `goal_name` is the name of a saved goal, or else an event's. */
siteMetrics.get("/goals", async (c) => {
  const { id } = await environmentOf(c);
  const name = c.req.query("goal_name");
  const saved = name === undefined ? undefined : await new SavedAnalytics(drizzle(c.env.DB), "goal", id).named(name);
  return c.json(
    await answer(c, ({ goal_name }) => {
      if (goal_name === undefined) throw new ApiError("invalid_request", "goal_name: say which event is the goal");
      const goal = saved?.document ?? { event: goal_name };
      const shared = { metrics: ["conversions", "conversion_rate", "sessions"], goal };
      return [
        { name: "total", ...shared },
        { name: "sources", ...shared, dimensions: ["source"], limit: MOST_SHOWN },
      ];
    }),
  );
});
