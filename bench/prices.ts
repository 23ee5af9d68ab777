/**
 * Cloudflare's list prices on Workers Paid, without the included amounts. US dollars for a million unless `per` says otherwise.
 * https://developers.cloudflare.com/workers/platform/pricing/ and the pricing pages of Queues, Durable Objects, D1, R2,
 * KV and Analytics Engine, as of November 2026. Rows read are left out: at $0.001 they are a thousandth of rows written.
 */
export const PRICES = {
  worker_requests: { dollars: 0.3, per: 1e6 },
  worker_cpu_ms: { dollars: 0.02, per: 1e6 },
  queue_operations: { dollars: 0.4, per: 1e6 },
  object_requests: { dollars: 0.15, per: 1e6 },
  /** GB-seconds: 128 MB for as long as an object is busy. */
  object_gb_seconds: { dollars: 12.5, per: 1e6 },
  rows_written: { dollars: 1, per: 1e6 },
  kv_reads: { dollars: 0.5, per: 1e6 },
  r2_class_a: { dollars: 4.5, per: 1e6 },
  r2_class_b: { dollars: 0.36, per: 1e6 },
  analytics_points: { dollars: 0.25, per: 1e6 },
} as const;

export type Operation = keyof typeof PRICES;
export type Operations = Record<Operation, number>;

export function dollars(operations: Operations): number {
  return (Object.keys(PRICES) as Operation[]).reduce(
    (sum, name) => sum + (operations[name] * PRICES[name].dollars) / PRICES[name].per,
    0,
  );
}
