/**
 * Cloudflare's list prices on Workers Paid: US dollars for `per` of a thing beyond what the plan's five dollars a month include.
 * https://developers.cloudflare.com/workers/platform/pricing/ and the pricing pages of Queues, Durable Objects, D1, R2,
 * KV and Analytics Engine, as of November 2026. Rows read are left out: at $0.001 they are a thousandth of rows written.
 */
export const PRICES_OF = "2026-11";
export const PLAN_DOLLARS = 5;
/** R2, a GB for a month; ten are free. */
export const LAKE_STORAGE = { dollars: 0.015, included_gb: 10 };
export const PRICES = {
  worker_requests: { dollars: 0.3, per: 1e6, included: 10e6 },
  worker_cpu_ms: { dollars: 0.02, per: 1e6, included: 30e6 },
  queue_operations: { dollars: 0.4, per: 1e6, included: 1e6 },
  object_requests: { dollars: 0.15, per: 1e6, included: 1e6 },
  /** GB-seconds: 128 MB for as long as an object is busy. */
  object_gb_seconds: { dollars: 12.5, per: 1e6, included: 400e3 },
  rows_written: { dollars: 1, per: 1e6, included: 50e6 },
  kv_reads: { dollars: 0.5, per: 1e6, included: 10e6 },
  r2_class_a: { dollars: 4.5, per: 1e6, included: 1e6 },
  r2_class_b: { dollars: 0.36, per: 1e6, included: 10e6 },
  analytics_points: { dollars: 0.25, per: 1e6, included: 10e6 },
} as const;

export type Operation = keyof typeof PRICES;
export type Operations = Record<Operation, number>;

/** Dollars, without what is included. */
export const listPrice = (name: Operation, count: number) => (count * PRICES[name].dollars) / PRICES[name].per;

export function dollars(operations: Operations): number {
  return (Object.keys(PRICES) as Operation[]).reduce((sum, name) => sum + listPrice(name, operations[name]), 0);
}
