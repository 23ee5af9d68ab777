import type { Vendor, Verdict } from "./vendor.ts";

/** What is kept in memory: the newest of either. Batches are large, so their number alone would not bound it. */
const KEPT_REQUESTS = 50_000;
const KEPT_BYTES = 256 * 1024 * 1024;

export interface RecordedRequest {
  /** Counts up from 0 over all integrations, for paging with `since`. */
  index: number;
  at: string;
  integration: string;
  vendor: Vendor["name"];
  method: string;
  /** The vendor's own, secrets masked. */
  url: string;
  headers: Record<string, string>;
  /** Parsed if it was JSON, otherwise the text. */
  body: unknown;
  events: number;
  message_ids: string[];
  /** Status 0: none was given, or none has been yet. */
  answer: { status: number; body: unknown };
  /** GA4: what the vendor found wrong and did not say. */
  validation?: object[];
  /** Webhook: `verified`, `unchecked`, or why it was refused. */
  signature?: string;
}

export interface Totals {
  requests: number;
  events: number;
  accepted_events: number;
  refused_events: number;
  /** "0" are those that got no answer. */
  by_status: Record<string, number>;
  /** Accepted events that the vendor had accepted before. */
  duplicates: number;
}

/** What the vendors were sent and what they made of it. */
export class RequestLog {
  readonly #kept: { request: RecordedRequest; bytes: number }[] = [];
  #keptBytes = 0;
  #nextIndex = 0;
  readonly #totals = new Map<string, Totals>();
  readonly #accepted = new Map<string, Map<string, number>>();

  /** Notes a request when it comes in; the answer follows with `settle`. */
  open(request: Omit<RecordedRequest, "index" | "answer">, bytes: number): RecordedRequest {
    const opened = { index: this.#nextIndex++, ...request, answer: { status: 0, body: "no answer yet" } };
    this.#kept.push({ request: opened, bytes });
    this.#keptBytes += bytes;
    while (this.#kept.length > KEPT_REQUESTS || (this.#keptBytes > KEPT_BYTES && this.#kept.length > 1))
      this.#keptBytes -= this.#kept.shift()?.bytes ?? 0;
    return opened;
  }

  settle(request: RecordedRequest, { answer, events }: Verdict, dedupWindowMs: number): void {
    request.answer = { status: answer.status, body: answer.body ?? "" };
    const totals = this.#totalsOf(request.integration);
    totals.requests++;
    totals.events += events.length;
    totals.by_status[answer.status] = (totals.by_status[answer.status] ?? 0) + 1;
    for (const { accepted, dedup_key } of events) {
      if (accepted) totals.accepted_events++;
      else totals.refused_events++;
      if (accepted && dedup_key !== undefined && this.#repeats(request, dedup_key, dedupWindowMs)) totals.duplicates++;
    }
  }

  /** Oldest first. `since` is the first index wanted. */
  requests({ integration, since = 0, limit }: { integration?: string; since?: number; limit?: number } = {}) {
    return this.#kept
      .map(({ request }) => request)
      .filter((request) => request.index >= since && (integration === undefined || request.integration === integration))
      .slice(0, limit);
  }

  summary(): Record<string, Totals> {
    return Object.fromEntries(this.#totals);
  }

  clear(): void {
    this.#kept.length = 0;
    this.#keptBytes = 0;
    this.#totals.clear();
    this.#accepted.clear();
  }

  #totalsOf(integration: string): Totals {
    const totals = this.#totals.get(integration) ?? {
      requests: 0,
      events: 0,
      accepted_events: 0,
      refused_events: 0,
      by_status: {},
      duplicates: 0,
    };
    this.#totals.set(integration, totals);
    return totals;
  }

  #repeats(request: RecordedRequest, key: string, windowMs: number): boolean {
    const accepted = this.#accepted.get(request.integration) ?? new Map<string, number>();
    this.#accepted.set(request.integration, accepted);
    const at = Date.parse(request.at);
    const before = accepted.get(key);
    if (before !== undefined && at - before <= windowMs) return true;
    accepted.set(key, at);
    return false;
  }
}
