/**
 * Durations in buckets that grow by √2: a handful of numbers for a million requests, from which a percentile is known to within a fifth.
 * JSON: `{"<bucket>": how many}`; bucket b ends at √2^b milliseconds.
 */
export type Histogram = Record<string, number>;

/** 34 days: what is slower counts as that. */
const LAST = 63;

export function addDuration(histogram: Histogram, ms: number, times = 1): void {
  const bucket = Math.min(LAST, Math.max(0, Math.ceil(2 * Math.log2(Math.max(1, ms)))));
  histogram[bucket] = (histogram[bucket] ?? 0) + times;
}

export function addHistogram(total: Histogram, more: Histogram): void {
  for (const [bucket, n] of Object.entries(more)) total[bucket] = (total[bucket] ?? 0) + n;
}

/** Milliseconds below which `share` (0 to 1) of the durations lie, in the middle of its bucket; null where there are none. */
export function percentile(histogram: Histogram, share: number): number | null {
  const buckets = Object.entries(histogram).sort(([a], [b]) => Number(a) - Number(b));
  let left = Math.ceil(buckets.reduce((sum, [, n]) => sum + n, 0) * share);
  for (const [bucket, n] of buckets) {
    left -= n;
    if (left <= 0) return Math.round(2 ** ((Number(bucket) - 0.5) / 2));
  }
  return null;
}
