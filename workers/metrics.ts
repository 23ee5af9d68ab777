/**
 * Points for operations in Analytics Engine: one for each group of a batch, since an invocation may write 250 and each costs.
 * It samples, so it is never the truth: exact numbers come from the shards and the gates.
 */

/** The columns, once: writer and queries both take their names from here. `index` is the environment. */
export const METRIC_BLOBS = ["stage", "source_id", "integration_id", "outcome", "reason"] as const;

export type Metric = Partial<Record<(typeof METRIC_BLOBS)[number], string>> & {
  stage: "processor" | "delivery" | "webhook";
  outcome: string;
};

/** Counts equal metrics together, then writes each as one point. */
export class Metrics {
  readonly #counts = new Map<string, { environment: string; metric: Metric; count: number }>();

  count(environment: string, metric: Metric, by = 1): void {
    const key = [environment, ...METRIC_BLOBS.map((name) => metric[name] ?? "")].join("\u0000");
    const group = this.#counts.get(key);
    if (group) group.count += by;
    else this.#counts.set(key, { environment, metric, count: by });
  }

  write(dataset: AnalyticsEngineDataset, most = 240): void {
    for (const { environment, metric, count } of [...this.#counts.values()].slice(0, most)) {
      dataset.writeDataPoint({
        indexes: [environment.slice(0, 96)],
        blobs: METRIC_BLOBS.map((name) => metric[name] ?? ""),
        doubles: [count],
      });
    }
  }
}
