/** What a group of a card adds up, and which of it a card needs. */
import type { Card, Metric } from "./query.ts";

/** Sums of a group. In this order. */
export const SUMS = [
  "visitors",
  "new_visitors",
  "sessions",
  "bounces",
  "engaged_s",
  "page_views",
  "events",
  "orders",
  "revenue",
  "refunds",
  "refunded",
  "conversions",
  "converted_sessions",
] as const;
export type Sum = (typeof SUMS)[number];
export const AT = Object.fromEntries(SUMS.map((name, i) => [name, i])) as Record<Sum, number>;

/** From which sums a metric is made, where not from that of its own name. */
const MADE_OF: Partial<Record<Metric, Sum[]>> = {
  bounce_rate: ["bounces", "sessions"],
  net_revenue: ["revenue", "refunded"],
  average_order: ["revenue", "orders"],
  revenue_per_visitor: ["revenue", "visitors"],
  conversion_rate: ["converted_sessions", "sessions"],
};
const OF_SESSIONS = new Set<Sum>(["visitors", "new_visitors", "sessions", "bounces", "engaged_s"]);

export function needsOf({ metrics, order_by }: Card) {
  const needed = new Set<Sum>();
  for (const metric of order_by ? [...metrics, order_by] : metrics)
    for (const sum of MADE_OF[metric] ?? [metric as Sum]) needed.add(sum);
  return {
    sessions: [...needed].some((sum) => OF_SESSIONS.has(sum)),
    steps: [...needed].some((sum) => !OF_SESSIONS.has(sum)),
    visitors: needed.has("visitors"),
    newVisitors: needed.has("new_visitors"),
    goal: needed.has("conversions") || needed.has("converted_sessions"),
  };
}
