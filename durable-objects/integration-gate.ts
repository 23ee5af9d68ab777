/**
 * The one place that knows how an integration is doing; named by the integration's id. Hands out permission to call the
 * vendor (token bucket, circuit breaker, pause on refused credentials) and counts what became of its events.
 */
import { DurableObject } from "cloudflare:workers";
import { migrate } from "./migrate.ts";
import { countVersions, VERSION_COUNTS_TABLE, type VersionCounts, versionCounts } from "./version-counts.ts";

const migrations = [
  `CREATE TABLE hours (hour INTEGER PRIMARY KEY, counters TEXT NOT NULL);
   CREATE TABLE state (id INTEGER PRIMARY KEY, body TEXT NOT NULL);`,
  VERSION_COUNTS_TABLE,
];

/** Vendor requests that fail in a row before the circuit opens. */
const FAILURES_TO_OPEN = 5;
const OPEN_FIRST_MS = 10_000;
const OPEN_LONGEST_MS = 5 * 60_000;
const PAUSE_UNAUTHORISED_MS = 5 * 60_000;
/** A probe that was not reported by then is lost: longer than any vendor's timeout. */
const PROBE_MS = 30_000;
/** Who finds a probe under way asks again after this. */
const ASK_AGAIN_MS = 2_000;
const KEEP_FAILURES = 50;
const KEEP_HOURS = 24 * 90;

export interface Claim {
  /** How many requests may be sent now. */
  granted: number;
  /** When to ask again for the others. */
  retry_in_ms: number;
  state: GateState;
}

export type GateState = "open_for_business" | "rate_limited" | "circuit_open" | "unauthorised";

export interface GateReport {
  delivered?: number;
  retried?: number;
  dead_lettered?: number;
  /** By reason: events that the processor did not send to this integration. */
  filtered?: Record<string, number>;
  /** Vendor requests made. */
  requests?: number;
  /** Vendor requests that failed as a whole (network, 5xx, 429): what the circuit breaker goes by. */
  failed_requests?: number;
  /** The vendor refused the credentials. In its words. */
  unauthorised?: string;
  failures?: GateFailure[];
  /** By version of the pipeline that events came through. */
  versions?: Record<string, Partial<VersionCounts>>;
}

export interface GateFailure {
  at: string;
  message_id: string;
  event: string;
  reason: string;
}

type Counters = {
  delivered: number;
  retried: number;
  dead_lettered: number;
  requests: number;
  filtered: Record<string, number>;
};

export interface GateStats extends Counters {
  state: GateState;
  reason: string | null;
  failures: GateFailure[];
}

interface Breaker {
  /** Requests that failed since the last one that did not. */
  failed_in_a_row: number;
  /** Epoch milliseconds; no request before it, and a single one after. */
  paused_until: number;
  /** Pauses since the last request that did not fail: each is twice as long. */
  pauses: number;
  /** The vendor's words. */
  unauthorised: string | null;
  failures: GateFailure[];
}

export class IntegrationGate extends DurableObject<object> {
  readonly #sql: SqlStorage;
  #breaker: Breaker = { failed_in_a_row: 0, paused_until: 0, pauses: 0, unauthorised: null, failures: [] };
  #probingUntil = 0;
  #tokens: number | undefined;
  #tokensAt = 0;

  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    ctx.blockConcurrencyWhile(async () => {
      await migrate(ctx.storage, migrations);
      const [saved] = this.#sql.exec<{ body: string }>("SELECT body FROM state WHERE id = 1");
      if (saved) this.#breaker = JSON.parse(saved.body);
    });
  }

  /** Asks to make `requests` calls. The bucket refills at the vendor's rate and holds one second of it. */
  async claim(requests: number, requestsPerSecond: number): Promise<Claim> {
    const now = Date.now();
    const state = this.#state();
    const { paused_until } = this.#breaker;
    if (now < paused_until) return { granted: 0, retry_in_ms: paused_until - now, state };
    // Half open: after a pause one request goes out as a probe, and the rest wait for its answer.
    const healthy = state === "open_for_business";
    if (!healthy && now < this.#probingUntil) return { granted: 0, retry_in_ms: ASK_AGAIN_MS, state };
    const filled = (this.#tokens ?? requestsPerSecond) + ((now - this.#tokensAt) / 1_000) * requestsPerSecond;
    const tokens = Math.min(Math.max(1, requestsPerSecond), filled);
    const granted = Math.min(requests, Math.floor(tokens), healthy ? Number.POSITIVE_INFINITY : 1);
    this.#tokens = tokens - granted;
    this.#tokensAt = now;
    if (!healthy && granted) this.#probingUntil = now + PROBE_MS;
    if (granted === requests) return { granted, retry_in_ms: 0, state };
    if (!healthy) return { granted, retry_in_ms: ASK_AGAIN_MS, state };
    const retry_in_ms = Math.ceil(((requests - granted) / requestsPerSecond) * 1_000);
    return { granted, retry_in_ms, state: "rate_limited" };
  }

  async report(report: GateReport): Promise<void> {
    this.#count(report);
    countVersions(this.#sql, report.versions);
    this.#judge(report, Date.now());
  }

  /** Totals of the last 90 days, and the state now. */
  async stats(): Promise<GateStats> {
    const total = noCounters();
    for (const row of this.#sql.exec<{ counters: string }>("SELECT counters FROM hours"))
      add(total, JSON.parse(row.counters));
    const { unauthorised, failures } = this.#breaker;
    const state = this.#state();
    const reason = state === "open_for_business" ? null : (unauthorised ?? failures.at(-1)?.reason ?? null);
    return { ...total, state, reason, failures };
  }

  /** What became of events that came through these versions of pipelines (`pip_meta@7`), for good. */
  async versionCounts(tags: string[]): Promise<Record<string, VersionCounts>> {
    return versionCounts(this.#sql, tags);
  }

  /** Until a request gets through again, which is longer than the pause. */
  #state(): GateState {
    if (this.#breaker.unauthorised !== null) return "unauthorised";
    return this.#breaker.failed_in_a_row >= FAILURES_TO_OPEN ? "circuit_open" : "open_for_business";
  }

  /** One row for each report that has something to count. */
  #count(report: GateReport): void {
    const hour = Math.floor(Date.now() / 3_600_000);
    const [row] = this.#sql.exec<{ counters: string }>("SELECT counters FROM hours WHERE hour = ?", hour);
    const before = row?.counters ?? JSON.stringify(noCounters());
    const counters: Counters = JSON.parse(before);
    add(counters, report);
    const after = JSON.stringify(counters);
    if (after === before) return;
    this.#sql.exec("INSERT OR REPLACE INTO hours (hour, counters) VALUES (?, ?)", hour, after);
    if (!row) this.#sql.exec("DELETE FROM hours WHERE hour < ?", hour - KEEP_HOURS);
  }

  #judge({ requests = 0, failed_requests = 0, unauthorised, failures = [] }: GateReport, now: number): void {
    if (requests === 0 && failures.length === 0) return;
    const before = JSON.stringify(this.#breaker);
    const breaker = this.#breaker;
    breaker.failures = [...breaker.failures, ...failures].slice(-KEEP_FAILURES);
    if (requests > 0) this.#probingUntil = 0;
    if (unauthorised) {
      breaker.unauthorised = unauthorised;
      breaker.paused_until = now + PAUSE_UNAUTHORISED_MS;
    } else if (requests > failed_requests) {
      breaker.unauthorised = null;
      breaker.failed_in_a_row = 0;
      breaker.pauses = 0;
      breaker.paused_until = 0;
    } else if (requests > 0) {
      breaker.failed_in_a_row += failed_requests;
      // Requests that were under way when the pause began say nothing new.
      if (breaker.failed_in_a_row >= FAILURES_TO_OPEN && now >= breaker.paused_until) {
        breaker.paused_until = now + Math.min(OPEN_LONGEST_MS, OPEN_FIRST_MS * 2 ** breaker.pauses++);
      }
    }
    const after = JSON.stringify(breaker);
    if (after !== before) this.#sql.exec("INSERT OR REPLACE INTO state (id, body) VALUES (1, ?)", after);
  }
}

const noCounters = (): Counters => ({ delivered: 0, retried: 0, dead_lettered: 0, requests: 0, filtered: {} });

function add(total: Counters, more: GateReport): void {
  total.delivered += more.delivered ?? 0;
  total.retried += more.retried ?? 0;
  total.dead_lettered += more.dead_lettered ?? 0;
  total.requests += more.requests ?? 0;
  for (const [reason, n] of Object.entries(more.filtered ?? {}))
    total.filtered[reason] = (total.filtered[reason] ?? 0) + n;
}
