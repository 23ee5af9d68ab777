import type { LiveRecord } from "./live-record.ts";

export interface Summary {
  /** Events in the browser's requests. */
  sent: number;
  accepted: number;
  processed: number;
  duplicates: number;
  /** By integration name. */
  delivered: Record<string, number>;
  /** By integration name: events that an integration was not meant to get, by reason. */
  filtered: Record<string, Record<string, number>>;
  dead_lettered: number;
  /** Queued for a vendor, and without a final outcome. */
  undelivered: number;
  /** From the door's clock (received_at) to the vendor's answer, over all deliveries. Milliseconds. */
  end_to_end_ms: { p50: number; p95: number };
}

export function summarise(record: LiveRecord): Summary {
  const kept = record.processed.filter(({ receipt }) => receipt.steps.every((step) => step.verdict === "kept"));
  const summary: Summary = {
    sent: record.witness.sent,
    accepted: record.witness.accepted,
    processed: kept.length,
    duplicates: record.processed.filter(({ receipt }) => receipt.steps.some((step) => step.reason === "duplicate"))
      .length,
    delivered: {},
    filtered: {},
    dead_lettered: 0,
    undelivered: 0,
    end_to_end_ms: { p50: 0, p95: 0 },
  };
  for (const item of kept) {
    for (const { integration, integration_id, outcome, reason } of item.receipt.integrations) {
      summary.delivered[integration] ??= 0;
      if (outcome === "filtered") {
        const reasons = summary.filtered[integration] ?? {};
        summary.filtered[integration] = { ...reasons, [reason!]: (reasons[reason!] ?? 0) + 1 };
        continue;
      }
      const final = record.finalOutcome(item.event.message_id, integration_id);
      if (final === "delivered") summary.delivered[integration]++;
      else if (final === "dead_lettered") summary.dead_lettered++;
      else summary.undelivered++;
    }
  }
  const latencies = record.delivered
    .flatMap(({ at, events }) =>
      events.filter((e) => e.outcome === "delivered").map((e) => Date.parse(at) - Date.parse(e.received_at)),
    )
    .sort((a, b) => a - b);
  summary.end_to_end_ms = { p50: percentile(latencies, 0.5), p95: percentile(latencies, 0.95) };
  return summary;
}

/** In words, everything that keeps "all that was accepted was delivered" from being true. */
export function failures({
  sent,
  accepted,
  processed,
  duplicates,
  delivered,
  filtered,
  dead_lettered,
  undelivered,
}: Summary): string[] {
  const found: string[] = [];
  if (accepted === 0) found.push("no event was accepted");
  if (accepted < sent) found.push(`${sent - accepted} of ${sent} events were not accepted`);
  if (processed + duplicates !== accepted)
    found.push(`${accepted} events were accepted, ${processed + duplicates} processed`);
  for (const [integration, count] of Object.entries(delivered)) {
    if (count === processed) continue;
    const reasons = Object.entries(filtered[integration] ?? {}).map(([reason, n]) => `${n} ${reason}`);
    found.push(
      `${integration} received ${count} of ${processed} events${reasons.length ? ` (${reasons.join(", ")})` : ""}`,
    );
  }
  if (dead_lettered) found.push(`${dead_lettered} deliveries were dead-lettered`);
  if (undelivered) found.push(`${undelivered} deliveries have no outcome yet`);
  return found;
}

/** Nearest rank; `sorted` ascending. */
function percentile(sorted: number[], p: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * p) - 1)] ?? 0;
}
