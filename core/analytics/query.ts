/** What can be asked: `POST /api/v1/query` (docs/analytics.md). */
import * as z from "zod";

export const METRICS = [
  "visitors",
  "new_visitors",
  "sessions",
  "page_views",
  "events",
  "bounce_rate",
  "engaged_s",
  "orders",
  "revenue",
  "refunds",
  "refunded",
  "net_revenue",
  "average_order",
  "revenue_per_visitor",
  "conversions",
  "conversion_rate",
] as const;
export type Metric = (typeof METRICS)[number];

/** Of a session. */
export const SESSION_DIMENSIONS = [
  "host",
  "country",
  "region",
  "city",
  "language",
  "device",
  "browser",
  "os",
  "screen",
  "source",
  "medium",
  "campaign",
  "term",
  "content",
  "channel",
  "click",
  "entry",
  "exit",
  "referrer",
] as const;
export type SessionDimension = (typeof SESSION_DIMENSIONS)[number];
/** Of each thing that was done in it. */
export const STEP_DIMENSIONS = ["page", "event"] as const;
export const TIME_DIMENSIONS = ["hour", "weekday"] as const;
export const DIMENSIONS = [...SESSION_DIMENSIONS, ...STEP_DIMENSIONS, ...TIME_DIMENSIONS] as const;
export type Dimension = (typeof DIMENSIONS)[number];

const value = z.string().max(512);
const condition = z.strictObject({
  dimension: z.enum([...SESSION_DIMENSIONS, ...STEP_DIMENSIONS]),
  /** `matches`: a regular expression of RE2, which takes linear time. */
  operator: z.enum(["is", "is_not", "contains", "matches"]),
  /** One of them is enough; for `is_not`, none of them. */
  values: z.array(value).min(1).max(100),
});
export type Condition = z.infer<typeof condition>;
export type Filter = Condition | { and: Filter[] } | { or: Filter[] };

const MOST_LEVELS = 5;
const filterOf = (levels: number): z.ZodType<Filter> => {
  if (levels === 0) return condition;
  const parts = z
    .array(filterOf(levels - 1))
    .min(1)
    .max(50);
  return z.union([condition, z.strictObject({ and: parts }), z.strictObject({ or: parts })]);
};
export const filter = filterOf(MOST_LEVELS);

export const INTERVALS = ["hour", "day", "week", "month", "year"] as const;

/** Events of this name, or pages with this path. */
export const goal = z.strictObject({ event: value.optional(), page: value.optional() });

export const card = z.strictObject({
  name: z.string().min(1).max(64),
  metrics: z.array(z.enum(METRICS)).min(1).max(METRICS.length),
  dimensions: z.array(z.enum(DIMENSIONS)).max(2).default([]),
  interval: z.enum(INTERVALS).optional(),
  filter: filter.optional(),
  /** What `conversions` counts. */
  goal: goal.optional(),
  order_by: z.enum(METRICS).optional(),
  /** 100 where nothing is said, and with an interval all. */
  limit: z.int().min(1).max(10_000).optional(),
  offset: z.int().min(0).max(10_000).default(0),
});
export type Card = z.infer<typeof card>;

const moment = z.union([z.iso.date(), z.iso.datetime({ offset: true })]);

export const query = z.strictObject({
  /** Dates are days of the time zone, both included; moments are from (included) to (not included). */
  from: moment,
  to: moment,
  time_zone: z.string().max(64).default("UTC"),
  /** 0 Sunday … 6 Saturday. */
  week_start: z.int().min(0).max(6).default(1),
  compare: z.enum(["previous_period", "previous_year"]).optional(),
  filter: filter.optional(),
  cards: z.array(card).min(1).max(20),
});
export type Query = z.infer<typeof query>;
