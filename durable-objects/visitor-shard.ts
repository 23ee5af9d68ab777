/**
 * A share of one environment's visitors; named `{environment_id}/{shard}`, e.g. `env_prod/s3` (core/shard-map.ts).
 * Decides for each event whether it is new, which session it belongs to and which vendor ids its visitor has, and keeps the
 * event until it is in the lake. One RPC is one transaction and writes one row; everything else waits for the alarm:
 *
 *   log, history   the events and what was decided of them (event-log.ts)
 *   visitors       records of 400 days (visitor-records.ts)
 *   closed         sessions that no event finds any more (closed-sessions.ts)
 *   state          one document: counters, and the lake file that is being written
 *   held, releases events that wait for their visitors' consent (held-events.ts)
 *
 * Memory is rebuilt from these after an eviction: visitors as they were saved, and then, from the log, what was decided since.
 */
import { DurableObject } from "cloudflare:workers";
import type { VendorIds } from "../core/event.ts";
import { hash64 } from "../core/hash.ts";
import { CHAIN_START, type ChainEnd } from "../core/receipt-chain.ts";
import { addToSession, placeInSession } from "../core/session.ts";
import { addClosed, closedOf } from "./closed-sessions.ts";
import { EventLog, type Range } from "./event-log.ts";
import { type Claimed, type HeldCounts, HeldEvents } from "./held-events.ts";
import type { LakeRow } from "./lake-file.ts";
import { migrate } from "./migrate.ts";
import { type ReceiptEnv, writeSealed } from "./receipts.ts";
import { sendReleases } from "./send-releases.ts";
import {
  factsOf,
  type Rare,
  type SessionSummary,
  type ShardAnswer,
  type ShardBatch,
  type ShardEvent,
  type StoredFacts,
  summaryOf,
  withFacts,
} from "./visitor-facts.ts";
import { type VisitorRecord, VisitorRecords } from "./visitor-records.ts";

export type { SessionSummary, ShardAnswer, ShardBatch, ShardEvent, ShardFacts } from "./visitor-facts.ts";

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
];

/** A checkpoint comes this long after the first event, or as soon as the log holds so many characters. */
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

/** Saved at every checkpoint. */
interface ShardState {
  sessions: number;
  duplicates: number;
  redelivered: number;
  lake_files: number;
  /** Visitors that another took over: they have records, and count no more. */
  taken_over: number;
  /** The number that the first event after the last checkpoint has. */
  next: number;
  /** The first event that is not in the visitors, the counts and the closed sessions as they were saved. */
  unsaved: number;
  /** Sessions of visitors last seen up to then are closed. Epoch milliseconds. */
  closed_until: number;
  closed: { sessions: number; bounces: number; engaged_s: number };
  /** A lake file being written: a crash repeats exactly this range, so the file's name stays the same. */
  writing: Range | null;
  /** Of the receipts that are in the lake. */
  chain: ChainEnd;
}

const EMPTY: Omit<ShardState, "unsaved"> = {
  sessions: 0,
  duplicates: 0,
  redelivered: 0,
  lake_files: 0,
  taken_over: 0,
  next: 1,
  closed_until: 0,
  closed: { sessions: 0, bounces: 0, engaged_s: 0 },
  writing: null,
  chain: CHAIN_START,
};

export interface ShardStats {
  events: number;
  duplicates: number;
  redelivered: number;
  sessions: number;
  visitors: number;
  lake_files: number;
  /** Events that are not in the lake yet, and how long the oldest of them waits. */
  waiting_events: number;
  oldest_waiting_s: number | null;
  /** When the shard will next wake by itself. ISO 8601. */
  alarm_at: string | null;
  /** Sessions that are final. */
  closed_sessions: number;
  /** Of those. */
  bounces: number;
  engaged_s: number;
  storage_bytes: number;
  /** By this instance since it was started. */
  rows_written: number;
  dedupe: { ids: number; bytes: number };
  /** Events that wait, or waited, for their visitors' consent. */
  held: HeldCounts & { waiting: number };
}

/** What a shard is bound to. */
export interface ShardEnv extends ReceiptEnv {
  /** Releases of held events go here. */
  RAW_EVENTS: Queue;
}

export class VisitorShard extends DurableObject<ShardEnv> {
  readonly #sql: SqlStorage;
  #log!: EventLog;
  #visitors!: VisitorRecords;
  #held!: HeldEvents;
  #state!: ShardState;
  /** As it is stored. */
  #savedState!: ShardState;
  /** Sessions that became final with an event and are not stored yet. */
  #closing: SessionSummary[] = [];
  #rowsWritten = 0;
  #alarmAt = 0;
  #checkpointing: Promise<void> | undefined;
  #hasWarned = false;
  /** Set where an alarm came for held events and left the log for later: when its oldest event came. */
  #lakeWaitsSince: number | undefined;

  constructor(ctx: DurableObjectState, env: ShardEnv) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    ctx.blockConcurrencyWhile(async () => {
      await migrate(ctx.storage, migrations);
      this.#alarmAt = (await ctx.storage.getAlarm()) ?? 0;
      this.#load();
    });
  }

  /** Decides and records the events of one batch, in the order given. Facts come back in that order. */
  async apply(batch: ShardBatch): Promise<ShardAnswer[]> {
    try {
      return this.#transaction(() => this.#apply(batch));
    } finally {
      await this.#schedule();
    }
  }

  async stats(): Promise<ShardStats> {
    const alarm = await this.ctx.storage.getAlarm();
    const { sessions, duplicates, redelivered, taken_over, lake_files, closed } = this.#state;
    return {
      events: this.#log.next - 1,
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
      held: this.#held.counts,
    };
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
      ...[...stored, ...closing].map((session) => ({ ...session, is_final: true })),
      ...live.map((session) => ({ ...summaryOf(anonymousId, session), is_final: false })),
    ].sort((a, b) => a.started_at.localeCompare(b.started_at) || a.number - b.number);
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

  /** For the watchdog: whether events wait longer than they may. If so the alarm, lost or not, is set to now. */
  async tend(): Promise<{ waiting_events: number; oldest_waiting_s: number | null; rearmed: boolean }> {
    const oldest_waiting_s = this.#oldestWaitingS();
    const rearmed = oldest_waiting_s !== null && oldest_waiting_s * 1_000 > LATE_AFTER_MS;
    if (rearmed) await this.#setAlarm(Date.now());
    else await this.#schedule();
    return { waiting_events: this.#log.waiting.events, oldest_waiting_s, rearmed };
  }

  #oldestWaitingS(): number | null {
    const oldest = this.#log.oldestWaiting;
    return oldest === undefined ? null : Math.max(0, Math.floor((Date.now() - oldest) / 1_000));
  }

  #apply(batch: ShardBatch): ShardAnswer[] {
    this.#visitors.load(batch.events.map((event) => event.anonymous_id));
    const answers = batch.events.map((event, i): ShardAnswer => {
      const tag = hash64(event.delivery).low;
      const known = this.#log.find(event.message_id);
      if (known && known.tag !== tag) {
        this.#state.duplicates++;
        return { verdict: "duplicate" };
      }
      if (known) {
        this.#state.redelivered++;
        return { verdict: "redelivered", ...factsOf(this.#log.factsOf(known.number)) };
      }
      const facts = this.#decide(event, tag, batch);
      const told = factsOf(facts);
      this.#log.add(facts, batch.lines[i]!);
      this.#held.take(event, batch.lines[i]!, told);
      return { verdict: "new", ...told };
    });
    this.#rowsWritten += this.#log.write(batch.now) + this.#held.write(batch.now);
    return answers;
  }

  #decide(
    event: ShardEvent,
    tag: number,
    { session_timeout_ms, new_session_on_campaign, now }: ShardBatch,
  ): StoredFacts {
    const { message_id, anonymous_id, at, visit = { kind: "other" } } = event;
    const rare: Rare = this.#takeOver(anonymous_id, event.previous_id);
    const known = this.#visitor(anonymous_id);
    if (known?.taken_over) rare.revived = true;
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
    if (!previous || previous.taken_over || this.#visitors.get(anonymousId)) return {};
    const sessions = previous.sessions.map((session) => ({
      ...session,
      opened_by: session.opened_by ?? previous.anonymous_id,
    }));
    this.#visitors.set({ ...previous, anonymous_id: anonymousId, sessions });
    this.#visitors.set({ ...previous, sessions: [], vendor_ids: {}, taken_over: true });
    return { took_over: previous.anonymous_id };
  }

  /**
   * Makes of visitors and counts what they are with an event of which these facts were decided: the same when it comes and when
   * the log is replayed. Whom it took over is done already. Returns the session's entry page.
   */
  #record(
    [, , , anonymous_id, at, number, opened, isNew, vendor_ids, rare, , , visit]: StoredFacts,
    receivedAt: number,
  ) {
    const known = this.#visitor(anonymous_id);
    const place = { number, opened, isNew, ...(rare?.opened_by && { opened_by: rare.opened_by }) };
    const { sessions, session, final } = addToSession(known?.sessions ?? [], place, at, visit ?? { kind: "other" });
    this.#visitors.set({
      anonymous_id,
      first_seen: known?.first_seen ?? receivedAt,
      // Whoever is here has sessions that are not closed, though the clock that says when be days behind ours.
      last_seen: Math.max(known?.last_seen ?? 0, receivedAt, this.#state.closed_until + 1),
      last_number: Math.max(known?.last_number ?? 0, number),
      sessions,
      vendor_ids,
    });
    for (const one of final) this.#closing.push(summaryOf(anonymous_id, one));
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
    const { files, chain } = await this.#writeLakeFiles(range);
    this.#transaction(() => {
      this.#state.lake_files += files;
      this.#state.chain = chain;
      this.#lakeWaitsSince = undefined;
      this.#rowsWritten += this.#log.moveToHistory(range);
      this.#state.next = range.end;
      this.#state.writing = null;
      this.#save();
    });
  }

  /** One file for each UTC day of arrival. A file that is already there was written before a crash, with the same content. */
  async #writeLakeFiles(range: Range): Promise<{ files: number; chain: ChainEnd }> {
    const [environment, shard] = (this.ctx.id.name ?? "unnamed/shard").split("/") as [string, string];
    const days = new Map<string, LakeRow[]>();
    for (const { received_at, facts, lines } of this.#log.rowsIn(range)) {
      const day = new Date(received_at).toISOString().slice(0, 10);
      const rows = days.get(day) ?? [];
      lines.forEach((line, i) => {
        rows.push(withFacts(JSON.parse(line), factsOf(facts[i]!)));
      });
      days.set(day, rows);
    }
    let files = 0;
    let { chain } = this.#state;
    for (const [day, rows] of days) {
      const key = `events/env=${environment}/dt=${day}/${shard}-${range.first}-${range.end}.parquet`;
      const { written, end } = await writeSealed(this.env, [environment, shard], key, rows, chain);
      if (written) files++;
      chain = end;
    }
    return { files, chain };
  }

  /** Closes the sessions of visitors who were not seen for so long that no event finds them any more. */
  #closeSessions(now: number): void {
    const until = now - FINAL_AFTER_MS;
    if (until - this.#state.closed_until < CLOSE_EVERY_MS) return;
    this.#transaction(() => {
      // Saved first, so that no visitor who came again meanwhile is taken for one who did not.
      this.#rowsWritten += this.#visitors.save();
      for (const { anonymous_id, sessions } of this.#visitors.seenBetween(this.#state.closed_until, until)) {
        for (const session of sessions) this.#closing.push(summaryOf(anonymous_id, session));
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
    const [stored] = this.#sql.exec<{ body: string }>("SELECT body FROM state WHERE id = 1");
    const saved = { ...EMPTY, ...(stored && JSON.parse(stored.body)) };
    this.#savedState = { unsaved: saved.next, ...saved };
    this.#state = { ...this.#savedState, closed: { ...saved.closed } };
    this.#closing = [];
    this.#visitors = new VisitorRecords(this.#sql);
    this.#log = new EventLog(this.#sql, this.#state.next);
    this.#held = new HeldEvents(this.#sql, this.#held?.answers);
    for (const { facts, received_at } of this.#log.factsFrom(this.#state.unsaved)) {
      this.#takeOver(facts[3], facts[9]?.took_over);
      this.#record(facts, received_at);
    }
  }

  /** Saves all that memory knows and the log would have to be replayed for. Call inside a transaction. */
  #save(): void {
    this.#rowsWritten += this.#visitors.save() + addClosed(this.#sql, this.#closing);
    const { closed } = this.#state;
    for (const { is_bounce, engaged_s } of this.#closing) {
      closed.sessions++;
      closed.engaged_s += engaged_s;
      if (is_bounce) closed.bounces++;
    }
    this.#closing = [];
    this.#state.unsaved = this.#log.next;
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
    const times = [this.#checkpointAt(now), this.#held.wakeAt(now)].filter((at) => at !== undefined);
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

  /** Sends on what was released or waited for too long. True where that was what the alarm was for, and the lake may wait. */
  async #releaseHeld(): Promise<boolean> {
    const now = Date.now();
    const isTime = (this.#held.wakeAt(now) ?? Number.POSITIVE_INFINITY) <= now;
    if (!isTime) return false;
    this.#rowsWritten += this.#transaction(() => {
      this.#held.expire(now);
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
    } catch (error) {
      // An alarm that throws six times is dropped for good; ours is set again instead, and nothing is lost meanwhile.
      this.#say("error", "alarm", String(error));
    } finally {
      await this.#schedule();
    }
  }
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
