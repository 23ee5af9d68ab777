/**
 * A share of one environment's visitors; named `{environment_id}/{shard}`, e.g. `env_prod/s3` (core/shard-map.ts).
 * Decides for each event whether it is new, which session it belongs to and which vendor ids its visitor has, and keeps the
 * event until it is in the lake. One RPC is one transaction and writes one row; everything else waits for the alarm:
 *
 *   log, history   the events and what was decided of them (event-log.ts)
 *   visitors       records of 400 days (visitor-records.ts)
 *   closed         sessions that no event finds any more (closed-sessions.ts), asked through columns in memory (session-analysis.ts)
 *   state          one document: counters, and the lake file that is being written
 *   moves          one document: which buckets came from other shards or went to them (bucket-moves.ts)
 *   held, releases events that wait for their visitors' consent (held-events.ts)
 *
 * Memory is rebuilt from these after an eviction: visitors as they were saved, and then, from the log, what was decided since.
 */
import { DurableObject } from "cloudflare:workers";
import type { PartialAnswer } from "../core/analytics/evaluate.ts";
import type { Funnel, FunnelPart } from "../core/analytics/funnel.ts";
import { type Present, PresentCount } from "../core/analytics/realtime.ts";
import { type QueryScan, scanOf } from "../core/analytics/scan.ts";
import type { Bucket } from "../core/analytics/time-buckets.ts";
import { each, type Where } from "../core/buckets.ts";
import type { VendorIds } from "../core/event.ts";
import { hash64 } from "../core/hash.ts";
import { messageKey } from "../core/identity-graph.ts";
import { addToSession, placeInSession, type Session, type Visit } from "../core/session.ts";
import { bucketOf, type ShardMap } from "../core/shard-map.ts";
import { earlierTouch, type FirstTouch, touchOfVisit } from "../core/touch.ts";
import {
  BucketMoves,
  type HandOver,
  type HandOverRequest,
  MOVES_TABLE,
  type Peer,
  type Released,
} from "./bucket-moves.ts";
import { addClosed, closedOf, dropClosed } from "./closed-sessions.ts";
import { type Counts, EventLog } from "./event-log.ts";
import { type Claimed, HeldEvents } from "./held-events.ts";
import { type LakeFileName, lakeKey } from "./lake-file.ts";
import { migrate } from "./migrate.ts";
import type { ReceiptEnv } from "./receipts.ts";
import { sendReleases } from "./send-releases.ts";
import { SessionAnalysis } from "./session-analysis.ts";
import {
  type Decision,
  factsOf,
  linesOf,
  type Rare,
  type SessionSummary,
  type ShardAnswer,
  type ShardBatch,
  type ShardEvent,
  type StoredFacts,
  type StoredSession,
  storedOf,
  summaryIn,
  summaryOf,
} from "./visitor-facts.ts";
import { type VisitorMoveHooks, visitorMoves } from "./visitor-moves.ts";
import type { VisitorContent, VisitorCursor } from "./visitor-pages.ts";
import { isHidden, type VisitorRecord, VisitorRecords } from "./visitor-records.ts";
import {
  EMPTY,
  type Forgotten,
  type Legacy,
  NOTHING_CLOSED,
  type ShardState,
  type ShardStats,
} from "./visitor-state.ts";
import { type Timeline, type TimelineQuery, timelineOf } from "./visitor-timeline.ts";
import { writeLakeFiles } from "./write-lake-files.ts";

export type {
  Decision,
  Elsewhere,
  SessionSummary,
  ShardAnswer,
  ShardBatch,
  ShardEvent,
  ShardFacts,
} from "./visitor-facts.ts";
export type { Forgotten, ShardStats } from "./visitor-state.ts";
export type { Timeline, TimelineQuery } from "./visitor-timeline.ts";

/** Columns that are large stand last: what is before them is read without them. */
const migrations = [
  `CREATE TABLE log (first INTEGER PRIMARY KEY, count INTEGER NOT NULL, received_at INTEGER NOT NULL, facts TEXT NOT NULL, lines TEXT NOT NULL);
   CREATE TABLE history (first INTEGER PRIMARY KEY, count INTEGER NOT NULL, received_at INTEGER NOT NULL, keys BLOB NOT NULL, facts TEXT NOT NULL);
   CREATE TABLE visitors (id INTEGER PRIMARY KEY, keys BLOB NOT NULL, body BLOB NOT NULL);
   CREATE TABLE state (id INTEGER PRIMARY KEY, body TEXT NOT NULL);`,
  `CREATE TABLE history_2 (first INTEGER PRIMARY KEY, count INTEGER NOT NULL, received_at INTEGER NOT NULL, keys BLOB NOT NULL, ids TEXT, facts TEXT NOT NULL);
   INSERT INTO history_2 SELECT first, count, received_at, keys, NULL, facts FROM history;
   DROP TABLE history;
   ALTER TABLE history_2 RENAME TO history;
   CREATE TABLE visitors_2 (id INTEGER PRIMARY KEY, seen_from INTEGER NOT NULL, seen_to INTEGER NOT NULL, keys BLOB NOT NULL, body BLOB NOT NULL);
   INSERT INTO visitors_2 SELECT id, 0, 9007199254740991, keys, body FROM visitors;
   DROP TABLE visitors;
   ALTER TABLE visitors_2 RENAME TO visitors;
   CREATE TABLE closed (id INTEGER PRIMARY KEY, keys BLOB NOT NULL, body TEXT NOT NULL);`,
  `CREATE TABLE log_2 (first INTEGER PRIMARY KEY, count INTEGER NOT NULL, received_at INTEGER NOT NULL, length INTEGER NOT NULL, duplicates INTEGER NOT NULL, redelivered INTEGER NOT NULL, facts BLOB NOT NULL, lines BLOB NOT NULL);
   INSERT INTO log_2 SELECT first, count, received_at, length(lines), 0, 0, facts, lines FROM log;
   DROP TABLE log;
   ALTER TABLE log_2 RENAME TO log;`,
  MOVES_TABLE,
];

/** A checkpoint comes this long after the first event, or as soon as the log's lines have so many bytes, before they were packed. */
const CHECKPOINT_AFTER_MS = 5 * 60_000;
const CHECKPOINT_AT_LENGTH = 8 * 1024 * 1024;
/** Events that wait for longer than this have lost their alarm, or the lake cannot be written. */
const LATE_AFTER_MS = 10 * 60_000;
/** A visitor's sessions are final: 24 hours for the longest timeout, and 24 for events that are late. */
export const FINAL_AFTER_MS = 48 * 3_600_000;
/** How often final sessions are looked for. */
const CLOSE_EVERY_MS = 3_600_000;
/** Vendor ids remembered of one visitor; the newest stay. What the door lets in at once (core/event.ts), over and over. */
const MOST_VENDOR_IDS = 32;

/** What a shard is bound to. */
export interface ShardEnv extends ReceiptEnv {
  VISITOR_SHARD: DurableObjectNamespace<VisitorShard>;
  /** Releases of held events go here. */
  RAW_EVENTS: Queue;
}

/** For who asks without a map. */
const NO_MAP: ShardMap = { epoch: 0, shards: ["-"] };
/** A step of a move that failed is taken again after this long. */
const MOVE_AGAIN_AFTER_MS = 2_000;
/** Lake files remembered of a visitor. */
const MOST_FILES = 64;

export class VisitorShard extends DurableObject<ShardEnv> implements Peer<VisitorContent, VisitorCursor, Legacy> {
  readonly #sql: SqlStorage;
  readonly #environment: string;
  readonly #name: string;
  readonly #moves: BucketMoves<VisitorContent, VisitorCursor, Legacy>;
  readonly #analysis: SessionAnalysis;
  #log!: EventLog;
  #visitors!: VisitorRecords;
  #held!: HeldEvents;
  #state!: ShardState;
  /** As it is stored. */
  #savedState!: ShardState;
  /** Sessions that became final with an event and are not stored yet. */
  #closing: StoredSession[] = [];
  /** Since the log's last row. They go into the next one, so that an eviction loses few and none costs a row. */
  #uncounted: Counts = { duplicates: 0, redelivered: 0 };
  #rowsWritten = 0;
  /** When a move that failed is tried again. Epoch milliseconds. */
  #moveAgainAt = 0;
  #alarmAt = 0;
  #checkpointing: Promise<void> | undefined;
  #hasWarned = false;
  /** Set where an alarm came for held events and left the log for later: when its oldest event came. */
  #lakeWaitsSince: number | undefined;

  constructor(ctx: DurableObjectState, env: ShardEnv) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#analysis = new SessionAnalysis(this.#sql);
    const [environment, name] = (ctx.id.name ?? "unnamed/shard").split("/");
    this.#environment = environment!;
    this.#name = name!;
    this.#moves = new BucketMoves(this.#name, this.#sql, visitorMoves(this.#moveHooks()));
    ctx.blockConcurrencyWhile(async () => {
      await migrate(ctx.storage, migrations);
      this.#alarmAt = (await ctx.storage.getAlarm()) ?? 0;
      this.#load();
    });
  }

  /** Decides and records the events of one batch, in the order given. Facts come back in that order. */
  async apply(batch: ShardBatch): Promise<ShardAnswer[]> {
    try {
      if (batch.map) this.#moves.adopt(batch.map);
      return this.#transaction(() => this.#apply(batch));
    } finally {
      await this.#schedule();
    }
  }

  /** Begins to fetch what a new map gives to this shard, and tells whether all of it is here. */
  async follow(map: ShardMap): Promise<{ settled: boolean }> {
    this.#moves.adopt(map);
    await this.#schedule();
    return { settled: this.#moves.hasSettled(map) };
  }

  /** For the shard to which a new map gives some of these buckets. */
  async handOver(request: HandOverRequest<VisitorCursor>): Promise<HandOver<VisitorContent, VisitorCursor, Legacy>> {
    try {
      return await this.#moves.handOver(request);
    } finally {
      await this.#schedule();
    }
  }

  /** For the shard that now has all of these buckets. */
  async release(released: Released): Promise<void> {
    await this.#moves.release(released);
    await this.#schedule();
  }

  async stats(): Promise<ShardStats> {
    const alarm = await this.ctx.storage.getAlarm();
    const { sessions, duplicates, redelivered, taken_over, lake_files, closed } = this.#state;
    return {
      events: this.#log.next - 1 - this.#state.events_elsewhere,
      duplicates,
      redelivered,
      sessions,
      visitors: this.#visitors.size - taken_over,
      lake_files,
      waiting_events: this.#log.waiting.events,
      oldest_waiting_s: this.#oldestWaitingS(),
      alarm_at: alarm === null ? null : new Date(alarm).toISOString(),
      closed_sessions: closed.sessions,
      bounces: closed.bounces,
      engaged_s: closed.engaged_s,
      storage_bytes: this.#sql.databaseSize,
      rows_written: this.#rowsWritten,
      dedupe: this.#log.ids,
      moves: this.#moves.pulls.map(({ from, state, buckets }) => ({ from, state, buckets: [...each(buckets)].length })),
      is_giving: this.#moves.isGiving,
      held: this.#held.counts,
    };
  }

  /** Whether a visitor is here, for somebody with this map; what the other methods tell of one who is not is old, or nothing. */
  async whereIs(anonymousId: string, map: ShardMap): Promise<Where> {
    this.#moves.adopt(map);
    return this.#moves.where(bucketOf(anonymousId), map);
  }

  /** The vendor ids that this visitor is known by: none for one that is not known. */
  async vendorIds(anonymousId: string): Promise<VendorIds> {
    return this.#visitors.get(anonymousId)?.vendor_ids ?? {};
  }

  /** A visitor's sessions, oldest first. Those that events may still find are not final. */
  async sessions(anonymousId: string): Promise<(SessionSummary & { is_final: boolean })[]> {
    const stored = closedOf(this.#sql, anonymousId);
    const closing = this.#closing.filter((session) => session.anonymous_id === anonymousId);
    const live = this.#visitor(anonymousId)?.sessions ?? [];
    return [
      ...[...stored, ...closing].map((session) => ({ ...summaryIn(session), is_final: true })),
      ...live.map((session) => ({ ...summaryOf(anonymousId, session), is_final: false })),
    ].sort((a, b) => a.started_at.localeCompare(b.started_at) || a.number - b.number);
  }

  /** This shard's part of a query's answer (core/analytics/): of all sessions, those of a moment ago included. */
  async query(scan: QueryScan, map: ShardMap): Promise<{ cards: PartialAnswer[]; is_moving: boolean }> {
    this.#moves.adopt(map);
    await this.#schedule();
    const cards = this.#analysis.answer(scanOf(scan), () => this.#openSessions(), this.#isHere(map));
    return { cards, is_moving: this.#isMoving };
  }

  /** This shard's part of a funnel's answer (core/analytics/walk-funnel.ts). */
  async funnel(funnel: Funnel, range: Bucket, map: ShardMap): Promise<FunnelPart & { is_moving: boolean }> {
    this.#moves.adopt(map);
    await this.#schedule();
    const part = this.#analysis.funnel(funnel, range, () => this.#openSessions(), this.#isHere(map));
    return { ...part, is_moving: this.#isMoving };
  }

  /** Whose sessions count here; undefined: everybody's. */
  #isHere(map: ShardMap): ((anonymousId: string) => boolean) | undefined {
    if (this.#moves.hasAll(map)) return undefined;
    return (anonymousId) => this.#moves.where(bucketOf(anonymousId), map).at === "here";
  }

  get #isMoving(): boolean {
    return this.#moves.pulls.length > 0 || this.#moves.isGiving;
  }

  /** Who is here of whom an event came, and happened, since then; epoch milliseconds (core/analytics/realtime.ts). */
  async present(since: number, map: ShardMap): Promise<Present> {
    this.#moves.adopt(map);
    await this.#schedule();
    const isHere = this.#isHere(map);
    const count = new PresentCount();
    for (const { anonymous_id, sessions } of this.#visitors.seenAfter(since)) {
      if (isHere && !isHere(anonymous_id)) continue;
      const newest = sessions.reduce<Session | undefined>(
        (last, one) => (last && last.end > one.end ? last : one),
        undefined,
      );
      if (!newest || newest.end <= since) continue;
      const { exit, traffic, campaign, seen } = newest;
      count.add({ page: exit?.page, source: traffic?.told.source ?? campaign?.source, country: seen?.told.country });
    }
    return count.part;
  }

  /** A visitor's events, newest first (visitor-timeline.ts). */
  async eventsOf(query: TimelineQuery): Promise<Timeline> {
    const files = this.#visitors.get(query.anonymous_id)?.files ?? [];
    const sources = { shard: this.#name, environment: this.#environment, log: this.#log, lake: this.env.LAKE, files };
    return timelineOf(query, sources);
  }

  /**
   * Deletes what is known of a visitor: record, sessions, vendor ids, events that wait for consent. Events that happened until then are from now on answered
   * `forgotten`; later ones make another visitor of the same id. What lies in the lake is told, for whoever deletes it there; ids and
   * facts by which duplicates are found go with their 26 hours. Undefined where the visitor is not here: see `whereIs`.
   */
  async forget(anonymousId: string, map: ShardMap = NO_MAP): Promise<Forgotten | undefined> {
    // First to the lake, so that no event of theirs goes there later.
    await this.#drain();
    if (this.#moves.where(bucketOf(anonymousId), map).at !== "here") return undefined;
    return this.#transaction(() => this.#forgetVisitor(anonymousId));
  }

  /** What a release of held events holds, for the queue message that names it, while no other has it. */
  async claimHeld(release: number, queueMessage: string): Promise<Claimed> {
    return this.#transaction(() => this.#held.claim(release, queueMessage, Date.now()));
  }

  /** Forgets a release whose events are on their way. */
  async settleHeld(release: number): Promise<void> {
    this.#rowsWritten += this.#transaction(() => this.#held.settle(release));
  }

  /** Writes everything that waits to the lake now, instead of at the next alarm. */
  async flush(): Promise<void> {
    while (this.#log.waiting.events > 0) await this.#checkpoint();
  }

  /** Writes to the lake what waits now, and not what comes meanwhile. */
  async #drain(): Promise<void> {
    const next = this.#log.next;
    while (this.#log.firstWaiting < next) await this.#checkpoint();
  }

  /** For the watchdog: whether events wait longer than they may. If so the alarm, lost or not, is set to now. */
  async tend(): Promise<{ waiting_events: number; oldest_waiting_s: number | null; rearmed: boolean }> {
    const oldest_waiting_s = this.#oldestWaitingS();
    const rearmed = oldest_waiting_s !== null && oldest_waiting_s * 1_000 > LATE_AFTER_MS;
    if (rearmed) await this.#setAlarm(Date.now());
    else await this.#schedule();
    return { waiting_events: this.#log.waiting.events, oldest_waiting_s, rearmed };
  }

  *#openSessions(): Generator<StoredSession> {
    yield* this.#closing;
    for (const { anonymous_id, sessions } of this.#visitors.seenAfter(this.#state.closed_until)) {
      for (const session of sessions) yield storedOf(anonymous_id, session);
    }
  }

  #oldestWaitingS(): number | null {
    const oldest = this.#log.oldestWaiting;
    return oldest === undefined ? null : Math.max(0, Math.floor((Date.now() - oldest) / 1_000));
  }

  #apply(batch: ShardBatch): ShardAnswer[] {
    this.#visitors.load(batch.events.map((event) => event.anonymous_id));
    const map = batch.map ?? NO_MAP;
    const hasAll = this.#moves.hasAll(map);
    const taken: number[] = [];
    let lines: string[] | undefined;
    const answers = batch.events.map((event, i): ShardAnswer => {
      const place = hasAll ? undefined : this.#moves.where(bucketOf(event.anonymous_id), map);
      if (place?.at === "elsewhere") return { verdict: "elsewhere", shard: place.shard };
      if (place?.at === "nowhere") return { verdict: "elsewhere", shard: null };
      const forgottenAt = this.#visitors.get(event.anonymous_id)?.forgotten_at;
      if (forgottenAt !== undefined && event.at <= forgottenAt) return { verdict: "forgotten" };
      const tag = hash64(event.delivery).low;
      const known = this.#log.find(event.message_id);
      if (known && known.tag !== tag) {
        this.#state.duplicates++;
        this.#uncounted.duplicates++;
        return { verdict: "duplicate" };
      }
      if (known) {
        this.#state.redelivered++;
        this.#uncounted.redelivered++;
        return this.#answer("redelivered", this.#log.factsOf(known.number), event);
      }
      const facts = this.#decide(event, tag, batch);
      this.#log.add(facts);
      taken.push(i);
      if (event.hold || event.answer) {
        // Unpacked where there is something to hold, and else never.
        lines ??= linesOf(batch.lines);
        this.#held.take(event, lines[i]!, factsOf(facts));
      }
      return this.#answer("new", facts, event);
    });
    if (taken.length) {
      this.#analysis.touch();
      this.#rowsWritten += this.#log.write(batch.now, batch.lines, taken, batch.events.length, this.#uncounted);
      this.#rowsWritten += this.#held.write(batch.now);
      this.#uncounted = { duplicates: 0, redelivered: 0 };
    }
    return answers;
  }

  #answer(verdict: "new" | "redelivered", facts: StoredFacts, { is_identified, anonymous_id }: ShardEvent): Decision {
    const first_touch = is_identified ? this.#visitors.get(anonymous_id)?.first_touch : undefined;
    return { verdict, ...factsOf(facts), ...(first_touch && { first_touch }) };
  }

  #forgetVisitor(anonymousId: string): Forgotten {
    this.#save();
    this.#analysis.reset();
    const known = this.#visitors.get(anonymousId);
    const { high, low } = hash64(anonymousId);
    const isTheirs = (hashHigh: number, hashLow: number) => hashHigh === high && hashLow === low;
    this.#rowsWritten += dropClosed(this.#sql, isTheirs) + this.#visitors.drop(isTheirs).written;
    const forgotten_at = Date.now();
    this.#rowsWritten += this.#held.forget(anonymousId) + this.#held.write(forgotten_at);
    this.#visitors.set({
      anonymous_id: anonymousId,
      first_seen: forgotten_at,
      last_seen: Math.max(forgotten_at, this.#state.closed_until + 1),
      // So that no later session has the id of one that was.
      last_number: known?.last_number ?? 0,
      sessions: [],
      vendor_ids: {},
      forgotten_at,
    });
    if (!known || !isHidden(known)) this.#state.taken_over++;
    this.#save();
    const lake_files = (known?.files ?? []).map((file) => lakeKey(this.#environment, file));
    return { forgotten_at, lake_files };
  }

  #decide(
    event: ShardEvent,
    tag: number,
    { session_timeout_ms, new_session_on_campaign, now }: ShardBatch,
  ): StoredFacts {
    const { message_id, anonymous_id, at, visit = { kind: "other" } } = event;
    const rare: Rare = this.#takeOver(anonymous_id, event.previous_id);
    const known = this.#visitor(anonymous_id);
    if (known && isHidden(known)) rare.revived = true;
    const campaign = new_session_on_campaign ? visit.campaign?.key : undefined;
    const place = placeInSession(known?.sessions ?? [], known?.last_number ?? 0, at, session_timeout_ms, campaign);
    const { number, opened, opened_by, isNew } = place;
    if (opened_by) rare.opened_by = opened_by;
    const vendor_ids = remembered(known?.vendor_ids ?? {}, event.vendor_ids);
    const { high, low } = hash64(message_id);
    const facts: StoredFacts = [
      high,
      low,
      tag,
      anonymous_id,
      at,
      number,
      opened,
      isNew,
      vendor_ids,
      Object.keys(rare).length ? rare : null,
      null,
      message_id,
      visit,
    ];
    facts[10] = this.#record(facts, now);
    return facts;
  }

  /** A visitor not seen before goes on with the sessions of another, who then has none. */
  #takeOver(anonymousId: string, previousId: string | undefined): Pick<Rare, "took_over"> {
    const previous = previousId === undefined ? undefined : this.#visitor(previousId);
    if (!previous || isHidden(previous) || this.#visitors.get(anonymousId)) return {};
    const sessions = previous.sessions.map((session) => ({
      ...session,
      opened_by: session.opened_by ?? previous.anonymous_id,
    }));
    const { files, first_touch, ...rest } = previous;
    this.#visitors.set({ ...rest, anonymous_id: anonymousId, sessions, ...(first_touch && { first_touch }) });
    this.#visitors.set({ ...rest, sessions: [], vendor_ids: {}, taken_over: true, ...(files && { files }) });
    return { took_over: previous.anonymous_id };
  }

  /**
   * Makes of visitors and counts what they are with an event of which these facts were decided: the same when it comes and when
   * the log is replayed. Whom it took over is done already. Returns the session's entry page.
   */
  #record(
    [, , , anonymous_id, at, number, opened, isNew, vendor_ids, rare, , message_id, visit]: StoredFacts,
    receivedAt: number,
  ) {
    const known = this.#visitor(anonymous_id);
    const place = { number, opened, isNew, ...(rare?.opened_by && { opened_by: rare.opened_by }) };
    const { sessions, session, final } = addToSession(known?.sessions ?? [], place, at, visit ?? { kind: "other" });
    const wasForgotten = known?.forgotten_at !== undefined && !known.is_back;
    const record: VisitorRecord = {
      anonymous_id,
      first_seen: wasForgotten ? receivedAt : (known?.first_seen ?? receivedAt),
      // Whoever is here has sessions that are not closed, though the clock that says when be days behind ours.
      last_seen: Math.max(known?.last_seen ?? 0, receivedAt, this.#state.closed_until + 1),
      last_number: Math.max(known?.last_number ?? 0, number),
      sessions,
      vendor_ids,
    };
    const first_touch = firstTouch(known?.first_touch, at, message_id, visit);
    if (first_touch) record.first_touch = first_touch;
    if (known?.files) record.files = known.files;
    if (known?.forgotten_at !== undefined) {
      record.forgotten_at = known.forgotten_at;
      record.is_back = true;
    }
    this.#visitors.set(record);
    for (const one of final) this.#closing.push(storedOf(anonymous_id, one));
    if (isNew) this.#state.sessions++;
    if (rare?.took_over) this.#state.taken_over++;
    if (rare?.revived) this.#state.taken_over--;
    return session.entry?.page ?? null;
  }

  /** A visitor without the sessions that are closed: their record is not written again for it. */
  #visitor(anonymousId: string): VisitorRecord | undefined {
    const record = this.#visitors.get(anonymousId);
    return record && record.last_seen <= this.#state.closed_until ? { ...record, sessions: [] } : record;
  }

  /** One at a time: an alarm and a call of `flush` must not write the same range. */
  #checkpoint(): Promise<void> {
    this.#checkpointing ??= this.#moveToLake().finally(() => {
      this.#checkpointing = undefined;
    });
    return this.#checkpointing;
  }

  /** Moves the oldest part of the log to the lake and to history, and saves changed visitors: once each, whatever crashes. */
  async #moveToLake(): Promise<void> {
    const range = this.#state.writing ?? this.#log.nextRange();
    if (!range) return;
    if (!this.#state.writing) {
      this.#state.writing = range;
      this.#store({ ...this.#savedState, writing: range });
    }
    const { written, name, visitors, chain } = await writeLakeFiles(
      this.env,
      [this.#environment, this.#name],
      range,
      this.#log,
      this.#state.chain,
    );
    this.#transaction(() => {
      this.#state.lake_files += written;
      this.#state.chain = chain;
      this.#lakeWaitsSince = undefined;
      this.#rowsWritten += this.#log.moveToHistory(range);
      this.#state.next = this.#log.firstWaiting;
      this.#state.writing = null;
      if (name) this.#remember(name, visitors);
      this.#save();
    });
  }

  /** In which file the events of these visitors lie. */
  #remember(name: LakeFileName, anonymousIds: Set<string>): void {
    this.#visitors.load(anonymousIds);
    for (const id of anonymousIds) {
      const record = this.#visitors.get(id);
      if (record) this.#visitors.set({ ...record, files: [...(record.files ?? []).slice(1 - MOST_FILES), name] });
    }
  }

  /** Closes the sessions of visitors who were not seen for so long that no event finds them any more. */
  #closeSessions(now: number): void {
    const until = now - FINAL_AFTER_MS;
    // Whoever fetches visitors from here is told until when their sessions are closed: it must not change under them.
    if (this.#moves.isGiving) return;
    if (until - this.#state.closed_until < CLOSE_EVERY_MS) return;
    this.#transaction(() => {
      // Saved first, so that no visitor who came again meanwhile is taken for one who did not.
      this.#rowsWritten += this.#visitors.save();
      for (const { anonymous_id, sessions } of this.#visitors.seenBetween(this.#state.closed_until, until)) {
        for (const session of sessions) this.#closing.push(storedOf(anonymous_id, session));
      }
      this.#state.closed_until = until;
      this.#save();
    });
  }

  /** Drops what is older than the dedupe window and the 400 days of visitors. */
  #forget(now: number): void {
    const { written, shortened } = this.#transaction(() => this.#log.forget(now));
    this.#rowsWritten += written + this.#transaction(() => this.#visitors.clean(now));
    if (shortened === undefined || this.#hasWarned) return;
    this.#hasWarned = true;
    const hours = Math.floor(shortened / 3_600_000);
    this.#say("warn", "dedupe_window", `more ids than fit: duplicates are found for ${hours} hours; use more shards`);
  }

  #load(): void {
    this.#analysis.reset();
    const [stored] = this.#sql.exec<{ body: string }>("SELECT body FROM state WHERE id = 1");
    const saved = { ...EMPTY, ...(stored && JSON.parse(stored.body)) };
    this.#savedState = { unsaved: saved.next, ...saved };
    this.#state = { ...this.#savedState, closed: { ...saved.closed } };
    this.#closing = [];
    this.#visitors = new VisitorRecords(this.#sql);
    this.#log = new EventLog(this.#sql, this.#state.next);
    this.#moves.load();
    const { duplicates, redelivered } = this.#log.countsFrom(this.#state.unsaved);
    this.#state.duplicates += duplicates;
    this.#state.redelivered += redelivered;
    this.#uncounted = { duplicates: 0, redelivered: 0 };
    this.#held = new HeldEvents(this.#sql, this.#held?.answers);
    for (const { facts, received_at } of this.#log.factsFrom(this.#state.unsaved)) {
      this.#takeOver(facts[3], facts[9]?.took_over);
      this.#record(facts, received_at);
    }
  }

  /** Saves all that memory knows and the log would have to be replayed for. Call inside a transaction. */
  #save(): void {
    this.#analysis.touch();
    this.#rowsWritten += this.#visitors.save() + addClosed(this.#sql, this.#closing);
    const { closed } = this.#state;
    for (const { is_bounce, engaged_s } of this.#closing) {
      closed.sessions++;
      closed.engaged_s += engaged_s;
      if (is_bounce) closed.bounces++;
    }
    this.#closing = [];
    this.#state.unsaved = this.#log.next;
    this.#uncounted = { duplicates: 0, redelivered: 0 };
    this.#store({ ...this.#state, closed: { ...closed } });
  }

  #store(state: ShardState): void {
    this.#savedState = state;
    const sql = "INSERT OR REPLACE INTO state (id, body) VALUES (1, ?)";
    this.#rowsWritten += this.#sql.exec(sql, JSON.stringify(state)).rowsWritten;
  }

  /** All or nothing, for memory too: where the database undoes its part, what memory has learned meanwhile goes as well. */
  #transaction<T>(work: () => T): T {
    try {
      return this.ctx.storage.transactionSync(work);
    } catch (error) {
      this.#load();
      throw error;
    }
  }

  /** Also the watchdog: an alarm that should have run a minute ago is set again. */
  async #schedule(): Promise<void> {
    const now = Date.now();
    const wanted = this.#wakeAt(now);
    if (wanted === undefined) return;
    if (this.#alarmAt > now - 60_000 && this.#alarmAt <= wanted) return;
    await this.#setAlarm(wanted);
  }

  #wakeAt(now: number): number | undefined {
    const move = this.#moves.pulls.length ? Math.max(now, this.#moveAgainAt) : undefined;
    const times = [move, this.#checkpointAt(now), this.#held.wakeAt(now)].filter((at) => at !== undefined);
    return times.length ? Math.min(...times) : undefined;
  }

  #checkpointAt(now: number): number | undefined {
    const { events, length } = this.#log.waiting;
    if (events > 0) return length >= CHECKPOINT_AT_LENGTH ? now : (this.#lakeWaitsSince ?? now) + CHECKPOINT_AFTER_MS;
    const unclosed = this.#visitors.oldestSeenAfter(this.#state.closed_until);
    return unclosed === undefined ? undefined : Math.max(now, unclosed + FINAL_AFTER_MS) + CLOSE_EVERY_MS;
  }

  async #setAlarm(at: number): Promise<void> {
    this.#alarmAt = at;
    this.#rowsWritten++;
    await this.ctx.storage.setAlarm(at);
  }

  #moveHooks(): VisitorMoveHooks<Legacy> {
    return {
      tables: () => ({
        sql: this.#sql,
        log: this.#log,
        visitors: this.#visitors,
        held: this.#held,
        closedUntil: this.#state.closed_until,
      }),
      peer: (name) => this.env.VISITOR_SHARD.getByName(`${this.#environment}/${name}`) as never,
      transaction: (work) => this.#transaction(work),
      save: () => this.#save(),
      drain: () => this.#drain(),
      isGiven: (buckets) => this.#moves.hasGiven(buckets),
      count: (events, hidden, rowsWritten) => {
        // Sessions came, or went: rows that were read may have changed.
        this.#analysis.reset();
        this.#rowsWritten += rowsWritten;
        this.#state.events_elsewhere += events;
        this.#state.taken_over += hidden;
        this.#save();
      },
      legacy: () => this.#legacy(),
      inherit: (legacy) => this.#inherit(legacy),
    };
  }

  /** What this shard counted, and counts from zero then. */
  #legacy(): Legacy {
    const { sessions, duplicates, redelivered, lake_files, closed } = this.#state;
    const events = this.#log.next - 1 - this.#state.events_elsewhere;
    this.#state.events_elsewhere += events;
    Object.assign(this.#state, { sessions: 0, duplicates: 0, redelivered: 0, lake_files: 0, closed: NOTHING_CLOSED });
    this.#save();
    return { events, sessions, duplicates, redelivered, lake_files, closed };
  }

  #inherit({ events, closed, ...counts }: Legacy): void {
    this.#state.events_elsewhere -= events;
    for (const name of ["sessions", "duplicates", "redelivered", "lake_files"] as const)
      this.#state[name] += counts[name];
    const own = this.#state.closed;
    this.#state.closed = {
      sessions: own.sessions + closed.sessions,
      bounces: own.bounces + closed.bounces,
      engaged_s: own.engaged_s + closed.engaged_s,
    };
    this.#save();
  }

  /** Sends on what was released or waited for too long. True where that was what the alarm was for, and the lake may wait. */
  async #releaseHeld(): Promise<boolean> {
    const now = Date.now();
    const isTime = (this.#held.wakeAt(now) ?? Number.POSITIVE_INFINITY) <= now;
    if (!isTime) return false;
    this.#rowsWritten += this.#transaction(() => {
      this.#held.expire(now, (visitor) => this.#moves.where(bucketOf(visitor), NO_MAP).at === "here");
      return this.#held.write(now);
    });
    try {
      this.#rowsWritten += await sendReleases(this.#held, this.env.RAW_EVENTS, this.ctx.id.name ?? "", now);
    } catch (error) {
      // What is not sent stays where it is; the lake must not wait for a queue.
      this.#held.noteRefused(now);
      this.#say("error", "release", String(error));
    }
    const since = this.#log.oldestWaiting ?? now;
    if (this.#log.waiting.length >= CHECKPOINT_AT_LENGTH || now - since >= CHECKPOINT_AFTER_MS) return false;
    this.#lakeWaitsSince = since;
    return true;
  }

  #say(level: "error" | "warn", about: string, message: string): void {
    console[level](JSON.stringify({ level, at: `visitor_shard.${about}`, shard: this.ctx.id.name, message }));
  }

  override async alarm(): Promise<void> {
    this.#alarmAt = 0;
    this.#lakeWaitsSince = undefined;
    try {
      if (await this.#releaseHeld()) return;
      await this.#checkpoint();
      this.#forget(Date.now());
      this.#closeSessions(Date.now());
      await this.#moves.advance();
    } catch (error) {
      // An alarm that throws six times is dropped for good; ours is set again instead, and nothing is lost meanwhile.
      this.#say("error", "alarm", String(error));
      this.#moveAgainAt = Date.now() + MOVE_AGAIN_AFTER_MS;
    } finally {
      await this.#schedule();
    }
  }
}

/** The visitor's first touch with this event. */
function firstTouch(known: FirstTouch | undefined, at: number, messageId = "", visit?: Visit): FirstTouch | undefined {
  if (!visit || (known && at > known.at)) return known;
  const touch = touchOfVisit(visit);
  return touch ? earlierTouch({ at, message_id: messageKey(messageId), touch }, known) : known;
}

/** Known and new vendor ids of one visitor: a new value replaces a known one, and beyond the limit the known ones go. */
function remembered(known: VendorIds, fresh: VendorIds): VendorIds {
  const all = { ...known, ...fresh };
  const names = Object.keys(all);
  if (names.length <= MOST_VENDOR_IDS) return all;
  const kept = [...Object.keys(fresh), ...names.filter((name) => !Object.hasOwn(fresh, name))].slice(
    0,
    MOST_VENDOR_IDS,
  );
  return Object.fromEntries(kept.map((name) => [name, all[name]!]));
}
