/** What became of the events of one integration, in numbers that add up: of an hour, of an event's name, of any time. */
import { addDuration, addHistogram, type Histogram, percentile } from "./histogram.ts";

export interface Counters {
  /** Events that reached delivery, each once, whatever became of it. */
  received: number;
  delivered: number;
  /** Tries that failed and are tried again. */
  retried: number;
  dead_lettered: number;
  /** By reason: events that were not sent. */
  filtered: Record<string, number>;
  /** By reason, in the vendor's words without their numbers: events that were given up. */
  failed: Record<string, number>;
  /** From the event's arrival to the vendor's yes. */
  latency: Histogram;
}

export interface IntegrationCounters extends Counters {
  requests: number;
  failed_requests: number;
  /** How long the vendor took to answer. */
  answer_time: Histogram;
  /** Of `matched.of` delivered events, how many held each identifier that a vendor recognises people by. */
  matched: { of: number; with: Record<string, number> };
}

/** What one batch adds. */
export interface Counted {
  received?: number;
  delivered?: number;
  retried?: number;
  dead_lettered?: number;
  filtered?: Record<string, number>;
  failed?: Record<string, number>;
  latencies_ms?: number[];
}

/** Vendors' words differ without end: beyond so many kinds they are counted together. */
const MOST_REASONS = 30;
export const OTHERS = "(others)";

export const noCounters = (): Counters => ({
  received: 0,
  delivered: 0,
  retried: 0,
  dead_lettered: 0,
  filtered: {},
  failed: {},
  latency: {},
});

export const noIntegrationCounters = (): IntegrationCounters => ({
  ...noCounters(),
  requests: 0,
  failed_requests: 0,
  answer_time: {},
  matched: { of: 0, with: {} },
});

export function count(total: Counters, more: Counted): void {
  total.received += more.received ?? 0;
  total.delivered += more.delivered ?? 0;
  total.retried += more.retried ?? 0;
  total.dead_lettered += more.dead_lettered ?? 0;
  addReasons(total.filtered, more.filtered);
  addReasons(total.failed, more.failed);
  for (const ms of more.latencies_ms ?? []) addDuration(total.latency, ms);
}

type Number = "received" | "delivered" | "retried" | "dead_lettered";
type Reasons = "filtered" | "failed";

/** What a batch counts, by the event's name. */
export class CountedEvents {
  readonly events: Record<string, Counted> = {};

  add(event: string, what: Number, by = 1): void {
    const counted = this.#of(event);
    counted[what] = (counted[what] ?? 0) + by;
  }

  addReason(event: string, what: Reasons, reason: string, by = 1): void {
    const counted = this.#of(event);
    counted[what] ??= {};
    addReasons(counted[what], { [reason]: by });
  }

  addLatency(event: string, ms: number): void {
    const counted = this.#of(event);
    counted.latencies_ms ??= [];
    counted.latencies_ms.push(ms);
  }

  addAll(more: CountedEvents): void {
    for (const [event, { filtered = {}, failed = {}, latencies_ms = [], ...numbers }] of Object.entries(more.events)) {
      for (const [what, n] of Object.entries(numbers)) this.add(event, what as Number, n);
      for (const [reason, n] of Object.entries(filtered)) this.addReason(event, "filtered", reason, n);
      for (const [reason, n] of Object.entries(failed)) this.addReason(event, "failed", reason, n);
      for (const ms of latencies_ms) this.addLatency(event, ms);
    }
  }

  get total(): Counters {
    const total = noCounters();
    for (const counted of Object.values(this.events)) count(total, counted);
    return total;
  }

  #of(event: string): Counted {
    this.events[event] ??= {};
    return this.events[event];
  }
}

export function addCounters(total: Counters, more: Counters): void {
  count(total, more);
  addHistogram(total.latency, more.latency);
}

export function addIntegrationCounters(total: IntegrationCounters, more: IntegrationCounters): void {
  addCounters(total, more);
  total.requests += more.requests;
  total.failed_requests += more.failed_requests;
  addHistogram(total.answer_time, more.answer_time);
  total.matched.of += more.matched.of;
  addReasons(total.matched.with, more.matched.with);
}

export function addReasons(total: Record<string, number>, more: Record<string, number> = {}): void {
  for (const [reason, n] of Object.entries(more)) {
    const key = Object.hasOwn(total, reason) || Object.keys(total).length < MOST_REASONS ? reason : OTHERS;
    total[key] = (total[key] ?? 0) + n;
  }
}

/** A vendor's words as a kind: what differs from one event to the next (numbers, ids, quoted values) is left out. */
export function kindOfReason(reason: string): string {
  return reason
    .slice(0, 200)
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{16,}\b/gi, "#")
    .replace(/(["'])[^"']{1,80}\1/g, "$1…$1")
    .replace(/\d{4,}/g, "#")
    .slice(0, 120);
}

/** A line of the delivery board. */
export interface BoardLine {
  received: number;
  delivered: number;
  retried: number;
  failed: number;
  filtered: number;
  /** Of the events that have an outcome, the share that was delivered, 0 to 1; null before there is one. */
  success_rate: number | null;
  latency_ms: { p50: number | null; p95: number | null };
  why: { filtered: Record<string, number>; failed: Record<string, number> };
}

export function boardLine(counters: Counters): BoardLine {
  const { delivered, retried, dead_lettered: failed, filtered, latency } = counters;
  const decided = delivered + failed;
  return {
    received: counters.received + sum(filtered),
    delivered,
    retried,
    failed,
    filtered: sum(filtered),
    success_rate: decided ? delivered / decided : null,
    latency_ms: { p50: percentile(latency, 0.5), p95: percentile(latency, 0.95) },
    why: { filtered, failed: counters.failed },
  };
}

const sum = (all: Record<string, number>) => Object.values(all).reduce((total, n) => total + n, 0);
