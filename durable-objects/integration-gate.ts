/**
 * The one place that knows how an integration is doing; named by the integration's id. Hands out permission to call the
 * vendor (token bucket, circuit breaker, pause on refused credentials) and counts what became of its events.
 */
import { DurableObject } from "cloudflare:workers";
import {
  acceptedOf,
  type Breaker,
  type GateState,
  judge,
  SOUND,
  stateOf,
  type Verdicts,
} from "../core/circuit-breaker.ts";
import { addReasons, type Counted, type Counters, count, noCounters } from "../core/delivery-counters.ts";
import { type FailureSpike, failureSpike, LOOK_BACK_MINUTES } from "../core/failure-spike.ts";
import { addDuration } from "../core/histogram.ts";
import { type Board, type BoardQuery, GateHours } from "./gate-hours.ts";
import { migrate } from "./migrate.ts";
import { type Exchanged, type KeeperEnv, TokenKeeper, tokenTables } from "./token-keeper.ts";

export type { GateState } from "../core/circuit-breaker.ts";

import { countVersions, VERSION_COUNTS_TABLE, type VersionCounts, versionCounts } from "./version-counts.ts";

const migrations = [
  `CREATE TABLE hours (hour INTEGER PRIMARY KEY, counters TEXT NOT NULL);
   CREATE TABLE state (id INTEGER PRIMARY KEY, body TEXT NOT NULL);`,
  `ALTER TABLE hours ADD COLUMN detail TEXT;
   CREATE TABLE failures (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
   CREATE TABLE chunks (chunk TEXT PRIMARY KEY, queue_message TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;`,
  tokenTables,
  VERSION_COUNTS_TABLE,
];

/** A probe that was not reported by then is lost: longer than any vendor's timeout. */
const PROBE_MS = 30_000;
/** Who finds a probe under way asks again after this. */
const ASK_AGAIN_MS = 2_000;
/** How long events that were refused themselves let others go first when credentials are tried again. */
const SUSPECTS_WAIT_MS = 30_000;
/** Answers by which it is judged what is slow for this vendor. */
const LAST_ANSWERS = 20;
const KEEP_FAILURES = 50;
/** Failures hold people's data: that is kept no longer than it takes to look into them. */
const KEEP_FAILURES_MS = 7 * 86_400_000;
/** Chunks of a replay are remembered for longer than a queue keeps a message that is retried to the end. */
const KEEP_CHUNKS_MS = 15 * 86_400_000;

export interface ClaimTerms {
  /** Whether one of these requests may be the probe of a vendor that is not well; only the recovery queue's may. */
  may_probe?: boolean;
  /** All of these events were themselves refused for their credentials. */
  suspects?: boolean;
}

export interface Claim {
  /** How many requests may be sent now. */
  granted: number;
  /** When to ask again for the others. */
  retry_in_ms: number;
  state: GateState;
  /** When the vendor last accepted a request, epoch milliseconds; null where that is not known. */
  accepted_at: number | null;
  /** The slowest of its last answers; null where there was none yet. */
  slowest_ms: number | null;
}

export interface GateReport extends Verdicts {
  delivered?: number;
  retried?: number;
  dead_lettered?: number;
  /** By reason: events that the processor did not send to this integration. */
  filtered?: Record<string, number>;
  /** The same numbers and more by the event's name. Their sums stand above. */
  events?: Record<string, Counted>;
  /** Of each request that was answered. */
  answer_ms?: number[];
  /** Of `of` delivered events, how many held which identifier. */
  matched?: { of: number; with: Record<string, number> };
  failures?: GateFailure[];
  /** By version of the pipeline that events came through. */
  versions?: Record<string, Partial<VersionCounts>>;
}

export interface GateFailure {
  at: string;
  message_id: string;
  event: string;
  reason: string;
  /** What was to be sent, as JSON; cut, and without the integration's secrets. */
  payload?: string;
}

export interface GateStats extends Pick<Counters, "delivered" | "retried" | "dead_lettered" | "filtered"> {
  received: number;
  requests: number;
  state: GateState;
  reason: string | null;
  /** When the vendor may be asked again, ISO 8601; null while it may. */
  paused_until: string | null;
  failures: GateFailure[];
  alert: FailureSpike | null;
}

export class IntegrationGate extends DurableObject<KeeperEnv> {
  readonly #sql: SqlStorage;
  readonly #keeper: TokenKeeper;
  readonly #hours: GateHours;
  #breaker: Breaker = SOUND;
  #failures: GateFailure[] = [];
  #acceptedAt: number | null = null;
  #lastAnswers: number[] = [];
  #isAlerted = false;
  #probingUntil = 0;
  #tokens: number | undefined;
  #tokensAt = 0;

  constructor(ctx: DurableObjectState, env: KeeperEnv) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#hours = new GateHours(this.#sql);
    this.#keeper = new TokenKeeper(this.#sql, env);
    ctx.blockConcurrencyWhile(async () => {
      await migrate(ctx.storage, migrations);
      const [saved] = this.#sql.exec<{ body: string }>("SELECT body FROM state WHERE id = 1");
      // Before its second migration the breaker held the failures too.
      const { failures = [], ...breaker } = saved ? JSON.parse(saved.body) : {};
      this.#breaker = { ...SOUND, ...breaker };
      const [kept] = this.#sql.exec<{ body: string }>("SELECT body FROM failures WHERE id = 1");
      this.#failures = kept ? JSON.parse(kept.body) : failures;
    });
  }

  /** The vendor's token (token-keeper.ts), renewed once for all who ask. */
  token(authentication: Exchanged, integrationId: string, refused?: string) {
    return this.#keeper.token(authentication, integrationId, refused);
  }

  beginConsent(state: string, redirectUri: string) {
    return this.#keeper.begin(state, redirectUri);
  }

  completeConsent(...given: Parameters<TokenKeeper["complete"]>) {
    return this.#keeper.complete(...given);
  }

  connection(integrationId: string) {
    return this.#keeper.connection(integrationId);
  }

  forgetTokens() {
    this.#keeper.forget();
  }

  resealTokens(integrationId: string) {
    return this.#keeper.reseal(integrationId);
  }

  /** Asks to make `requests` calls. The bucket refills at the vendor's rate and holds one second of it. */
  async claim(requests: number, requestsPerSecond: number, terms: ClaimTerms = {}): Promise<Claim> {
    const { may_probe = true, suspects = false } = terms;
    const now = Date.now();
    // Who asks has settings that can be used.
    if (this.#breaker.blocked) this.#save({ ...this.#breaker, blocked: null });
    const state = stateOf(this.#breaker);
    const slowest_ms = this.#lastAnswers.length ? Math.max(...this.#lastAnswers) : null;
    const known = { accepted_at: this.#acceptedAt, slowest_ms };
    const refuse = (retry_in_ms: number): Claim => ({ granted: 0, retry_in_ms, state, ...known });
    const { paused_until } = this.#breaker;
    if (now < paused_until) return refuse(paused_until - now);
    // Half open: after a pause one request goes out as a probe, and the rest wait for its answer.
    const healthy = state === "open_for_business";
    if (!healthy) {
      if (now < this.#probingUntil || !may_probe) return refuse(ASK_AGAIN_MS);
      const others = paused_until + SUSPECTS_WAIT_MS;
      if (suspects && state === "unauthorised" && now < others) return refuse(others - now);
    }
    const filled = (this.#tokens ?? requestsPerSecond) + ((now - this.#tokensAt) / 1_000) * requestsPerSecond;
    const tokens = Math.min(Math.max(1, requestsPerSecond), filled);
    const granted = Math.min(requests, Math.floor(tokens), healthy ? Number.POSITIVE_INFINITY : 1);
    this.#tokens = tokens - granted;
    this.#tokensAt = now;
    if (!healthy && granted) this.#probingUntil = now + PROBE_MS;
    if (granted === requests) return { granted, retry_in_ms: 0, state, ...known };
    if (!healthy) return { granted, retry_in_ms: ASK_AGAIN_MS, state, ...known };
    const retry_in_ms = Math.ceil(((requests - granted) / requestsPerSecond) * 1_000);
    return { granted, retry_in_ms, state: "rate_limited", ...known };
  }

  async report(report: GateReport): Promise<void> {
    const now = Date.now();
    this.#count(report, now);
    countVersions(this.#sql, report.versions);
    this.#keepFailures(report.failures ?? [], now);
    if (this.#isAlerted || report.failures?.length) this.#alert(now);
    if (report.requests) this.#probingUntil = 0;
    this.#save(judge(this.#breaker, report, this.#acceptedAt, now));
    if (report.requests && acceptedOf(report) > 0) this.#acceptedAt = now;
    this.#lastAnswers = [...this.#lastAnswers, ...(report.answer_ms ?? [])].slice(-LAST_ANSWERS);
  }

  /**
   * Of chunks of a replay, each with the queue message that brings it, those that came before in another message: whoever began a
   * chunk twice has queued it twice. The same message again may pass, for the queue delivers at least once.
   */
  async knownChunks(chunks: { chunk: string; queue_message: string }[]): Promise<string[]> {
    const now = Date.now();
    return chunks
      .filter(({ chunk, queue_message }) => {
        const [known] = this.#sql.exec<{ queue_message: string }>(
          "SELECT queue_message FROM chunks WHERE chunk = ?",
          chunk,
        );
        if (known) return known.queue_message !== queue_message;
        this.#sql.exec("INSERT INTO chunks (chunk, queue_message, at) VALUES (?, ?, ?)", chunk, queue_message, now);
        return false;
      })
      .map(({ queue_message }) => queue_message);
  }

  /** Totals of the last 90 days, and the state now. */
  async stats(): Promise<GateStats> {
    const { received, delivered, retried, dead_lettered, requests, filtered } = this.#hours.total(Date.now());
    const state = stateOf(this.#breaker);
    const { unauthorised, blocked, paused_until } = this.#breaker;
    const reason = blocked?.reason ?? unauthorised ?? this.#failures.at(-1)?.reason ?? null;
    return {
      received,
      delivered,
      retried,
      dead_lettered,
      requests,
      filtered,
      state,
      reason: state === "open_for_business" ? null : reason,
      paused_until: paused_until > Date.now() ? new Date(paused_until).toISOString() : null,
      failures: this.#failures,
      alert: this.#spike(Date.now()),
    };
  }

  /** What became of events that came through these versions of pipelines (`pip_meta@7`), for good. */
  async versionCounts(tags: string[]): Promise<Record<string, VersionCounts>> {
    return versionCounts(this.#sql, tags);
  }

  #spike(now: number): FailureSpike | null {
    return failureSpike(this.#hours.triesSince(Math.floor(now / 60_000) - LOOK_BACK_MINUTES, now), now);
  }

  /** In the log once when it begins, and once when it is over: there the account's own alerts find it. */
  #alert(now: number): void {
    const spike = this.#spike(now);
    if ((spike !== null) === this.#isAlerted) return;
    this.#isAlerted = spike !== null;
    const integration_id = this.ctx.id.name;
    if (spike)
      console.error(JSON.stringify({ level: "error", at: "integration_gate.alert", integration_id, ...spike }));
    else console.info(JSON.stringify({ level: "info", at: "integration_gate.alert_over", integration_id }));
  }

  /** The delivery board: lines by minute, hour or event's name, and how many events held which identifier. */
  async board(query: BoardQuery): Promise<Board> {
    return this.#hours.board(query, Date.now());
  }

  /** One row for each report that has something to count. */
  #count({ events = {}, answer_ms = [], matched, ...report }: GateReport, now: number): void {
    const all: Counted = {};
    const sums = noCounters();
    for (const counted of Object.values(events)) count(sums, counted);
    // Without names (the processor of an older version, a test) only the sums are known.
    all.received = sums.received;
    all.delivered = report.delivered ?? sums.delivered;
    all.retried = report.retried ?? sums.retried;
    all.dead_lettered = report.dead_lettered ?? sums.dead_lettered;
    all.filtered = report.filtered ?? sums.filtered;
    all.failed = sums.failed;
    all.latencies_ms = Object.values(events).flatMap((counted) => counted.latencies_ms ?? []);
    const isDue = this.#hours.add(now, all, events, (counters) => {
      counters.requests += report.requests ?? 0;
      counters.failed_requests += report.failed_requests ?? 0;
      for (const ms of answer_ms) addDuration(counters.answer_time, ms);
      if (!matched) return;
      counters.matched.of += matched.of;
      addReasons(counters.matched.with, matched.with);
    });
    if (isDue) this.#sql.exec("DELETE FROM chunks WHERE at < ?", now - KEEP_CHUNKS_MS);
  }

  #keepFailures(failures: GateFailure[], now: number): void {
    if (failures.length === 0) return;
    const oldest = new Date(now - KEEP_FAILURES_MS).toISOString();
    this.#failures = [...this.#failures, ...failures].filter(({ at }) => at >= oldest).slice(-KEEP_FAILURES);
    this.#sql.exec("INSERT OR REPLACE INTO failures (id, body) VALUES (1, ?)", JSON.stringify(this.#failures));
  }

  #save(breaker: Breaker): void {
    const after = JSON.stringify(breaker);
    if (after === JSON.stringify(this.#breaker)) return;
    this.#breaker = breaker;
    this.#sql.exec("INSERT OR REPLACE INTO state (id, body) VALUES (1, ?)", after);
  }
}
