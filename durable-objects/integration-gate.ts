/**
 * The one place that knows how an integration is doing; named by the integration's id. Hands out permission to call the
 * vendor (token bucket, circuit breaker, pause on refused credentials) and counts what became of its events.
 */
import { DurableObject } from "cloudflare:workers";

const migrations = [
  `CREATE TABLE hours (hour INTEGER PRIMARY KEY, counters TEXT NOT NULL);
   CREATE TABLE state (id INTEGER PRIMARY KEY, body TEXT NOT NULL);`,
];

/** Vendor requests that fail in a row before the circuit opens. */
const FAILURES_TO_OPEN = 5;
const OPEN_FIRST_MS = 10_000;
const OPEN_LONGEST_MS = 5 * 60_000;
const PAUSE_UNAUTHORISED_MS = 5 * 60_000;
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
  consecutive: number;
  /** Epoch milliseconds; no request before it but a single probe after. */
  closed_until: number;
  times_opened: number;
  unauthorised: string | null;
  failures: GateFailure[];
}

export class IntegrationGate extends DurableObject<object> {
  readonly #sql: SqlStorage;
  #breaker: Breaker = { consecutive: 0, closed_until: 0, times_opened: 0, unauthorised: null, failures: [] };
  #tokens: number | undefined;
  #tokensAt = 0;

  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    ctx.blockConcurrencyWhile(async () => {
      const done = (await ctx.storage.get<number>("migrated")) ?? 0;
      for (const sql of migrations.slice(done)) this.#sql.exec(sql);
      if (done < migrations.length) await ctx.storage.put("migrated", migrations.length);
      const [saved] = this.#sql.exec<{ body: string }>("SELECT body FROM state WHERE id = 1");
      if (saved) this.#breaker = JSON.parse(saved.body);
    });
  }

  /** Asks to make `requests` calls. The bucket refills at the vendor's rate and holds one second of it. */
  async claim(requests: number, requestsPerSecond: number): Promise<Claim> {
    const now = Date.now();
    const { closed_until, unauthorised, consecutive } = this.#breaker;
    if (now < closed_until) {
      const state = unauthorised ? "unauthorised" : "circuit_open";
      return { granted: 0, retry_in_ms: closed_until - now, state };
    }
    const filled = (this.#tokens ?? requestsPerSecond) + ((now - this.#tokensAt) / 1_000) * requestsPerSecond;
    const tokens = Math.min(Math.max(1, requestsPerSecond), filled);
    // Half open: after a pause one request goes out as a probe, and the rest wait for its answer.
    const probing = consecutive >= FAILURES_TO_OPEN || unauthorised !== null;
    const granted = Math.min(requests, Math.floor(tokens), probing ? 1 : Number.POSITIVE_INFINITY);
    this.#tokens = tokens - granted;
    this.#tokensAt = now;
    if (granted === requests) return { granted, retry_in_ms: 0, state: "open_for_business" };
    return {
      granted,
      retry_in_ms: probing ? 2_000 : Math.ceil(((requests - granted) / requestsPerSecond) * 1_000),
      state: probing ? (unauthorised ? "unauthorised" : "circuit_open") : "rate_limited",
    };
  }

  async report(report: GateReport): Promise<void> {
    this.#count(report);
    this.#judge(report, Date.now());
  }

  /** Totals of the last 90 days, and the state now. */
  async stats(): Promise<GateStats> {
    const total = noCounters();
    for (const row of this.#sql.exec<{ counters: string }>("SELECT counters FROM hours"))
      add(total, JSON.parse(row.counters));
    const { closed_until, unauthorised, failures } = this.#breaker;
    const closed = Date.now() < closed_until;
    const state = !closed ? "open_for_business" : unauthorised ? "unauthorised" : "circuit_open";
    return { ...total, state, reason: unauthorised ?? failures.at(-1)?.reason ?? null, failures };
  }

  /** One row for each report. */
  #count(report: GateReport): void {
    const hour = Math.floor(Date.now() / 3_600_000);
    const [row] = this.#sql.exec<{ counters: string }>("SELECT counters FROM hours WHERE hour = ?", hour);
    const counters: Counters = row ? JSON.parse(row.counters) : noCounters();
    add(counters, report);
    this.#sql.exec("INSERT OR REPLACE INTO hours (hour, counters) VALUES (?, ?)", hour, JSON.stringify(counters));
    if (!row) this.#sql.exec("DELETE FROM hours WHERE hour < ?", hour - KEEP_HOURS);
  }

  #judge({ requests = 0, failed_requests = 0, unauthorised, failures = [] }: GateReport, now: number): void {
    if (requests === 0 && failures.length === 0) return;
    const before = JSON.stringify(this.#breaker);
    const breaker = this.#breaker;
    breaker.failures = [...breaker.failures, ...failures].slice(-KEEP_FAILURES);
    if (unauthorised) {
      breaker.unauthorised = unauthorised;
      breaker.closed_until = now + PAUSE_UNAUTHORISED_MS;
    } else if (requests > 0 && failed_requests < requests) {
      breaker.unauthorised = null;
      breaker.consecutive = 0;
      breaker.times_opened = 0;
      breaker.closed_until = 0;
    } else if (requests > 0) {
      breaker.consecutive += failed_requests;
      if (breaker.consecutive >= FAILURES_TO_OPEN) {
        breaker.closed_until = now + Math.min(OPEN_LONGEST_MS, OPEN_FIRST_MS * 2 ** breaker.times_opened++);
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
