/** What a group of a card adds up, and which of it a card needs. */
import type { Card, Metric } from "./query.ts";

/** Sums of a group, and where each stands. A literal: an object made at run time is looked up anew for every step. */
export const AT = {
  visitors: 0,
  new_visitors: 1,
  sessions: 2,
  bounces: 3,
  engaged_s: 4,
  page_views: 5,
  events: 6,
  orders: 7,
  revenue: 8,
  refunds: 9,
  refunded: 10,
  conversions: 11,
  converted_sessions: 12,
} as const;
export type Sum = keyof typeof AT;
/** In that order. */
export const SUMS = Object.keys(AT) as Sum[];

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
