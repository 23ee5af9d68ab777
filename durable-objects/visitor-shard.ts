/**
 * A share of one environment's visitors; named `{environment_id}/{shard}`, e.g. `env_prod/s3` (core/shard-map.ts).
 * Decides for each event whether it is new, which session it belongs to and which vendor ids its visitor has, and keeps the
 * event until it is in the lake. One RPC is one transaction and writes one row; everything else waits for the alarm:
 *
 *   log        what arrived since the last checkpoint: facts (decided) and lines (the events, never parsed here)
 *   history    facts of the last 26 hours, after their events went to the lake: for duplicates and redelivered messages
 *   visitors   records of 400 days (visitor-records.ts)
 *   state      one document: counters, and the lake file that is being written
 *
 * Memory (dedupe index, visitors) is rebuilt from these after an eviction. Replaying a log row twice changes nothing.
 */
import { DurableObject } from "cloudflare:workers";
import type { Event, VendorIds } from "../core/event.ts";
import { hash64 } from "../core/hash.ts";
import { placeInSession } from "../core/session.ts";
import { HashIndex } from "./hash-index.ts";
import { type LakeRow, lakeFile } from "./lake-file.ts";
import { migrate } from "./migrate.ts";
import { VisitorRecords } from "./visitor-records.ts";

const migrations = [
  `CREATE TABLE log (first INTEGER PRIMARY KEY, count INTEGER NOT NULL, received_at INTEGER NOT NULL, facts TEXT NOT NULL, lines TEXT NOT NULL);
   CREATE TABLE history (first INTEGER PRIMARY KEY, count INTEGER NOT NULL, received_at INTEGER NOT NULL, keys BLOB NOT NULL, facts TEXT NOT NULL);
   CREATE TABLE visitors (id INTEGER PRIMARY KEY, keys BLOB NOT NULL, body BLOB NOT NULL);
   CREATE TABLE state (id INTEGER PRIMARY KEY, body TEXT NOT NULL);`,
];

/** How long a message_id is remembered. The promise is 24 hours; the rest covers a queue that is behind. */
const DEDUPE_MS = 26 * 3_600_000;
/** A checkpoint comes this long after the first event, or as soon as the log holds so many characters. */
const CHECKPOINT_AFTER_MS = 5 * 60_000;
const CHECKPOINT_AT_LENGTH = 8 * 1024 * 1024;
/** A row takes 2 MB of UTF-8; a call that brings more is split over several. Bytes. */
const ROW_BYTES = 1_000_000;
/** Events in one lake file, so that building it stays far below an object's 128 MB. */
const FILE_EVENTS = 10_000;
/** Vendor ids remembered of one visitor; the newest stay. What the door lets in at once (core/event.ts), over and over. */
const MOST_VENDOR_IDS = 32;

export interface ShardEvent {
  message_id: string;
  anonymous_id: string;
  /** Event time, epoch milliseconds. */
  at: number;
  /** Where in which queue message it came: a redelivered message has the same, another message never. */
  delivery: string;
  vendor_ids: VendorIds;
  /** The id that this visitor had before, without cookies; its session goes on under the new one. Must live in this shard. */
  previous_id?: string | undefined;
}

export interface ShardBatch {
  events: ShardEvent[];
  /** For each event a JSON line `{source_id, event, receipt}` (LakeRow) without newlines, in the same order. */
  lines: string[];
  session_timeout_ms: number;
  /** Our clock, epoch milliseconds. */
  now: number;
}

/** What the shard knows of an event. */
export type ShardAnswer =
  | (ShardFacts & { verdict: "new" })
  /** This very queue message was applied before: go on with the facts that it was given then. */
  | (ShardFacts & { verdict: "redelivered" })
  /** Another message brought this event. */
  | { verdict: "duplicate" };

export interface ShardFacts {
  session: NonNullable<Event["context"]["session"]>;
  vendor_ids: VendorIds;
}

/** One event's facts as they are stored: `[hash high, hash low, delivery tag, anonymous_id, at, session number, opened, is_new, vendor_ids, rare?]`. */
type StoredFacts = [number, number, number, string, number, number, number, boolean, VendorIds, Rare?];

/** What most events' facts lack. */
interface Rare {
  /** Who opened the session, where it was somebody without cookies that this visitor was before. */
  opened_by?: string;
  /** With this event the visitor took over what is known of this one. */
  took_over?: string;
  /** Somebody else had taken over this visitor, who with this event is there again: another person behind the same address. */
  revived?: true;
}

/** Saved at every checkpoint; `events` and `sessions` are of the events that left the log. */
interface ShardState {
  events: number;
  sessions: number;
  duplicates: number;
  redelivered: number;
  lake_files: number;
  /** Visitors that another took over: they have records, and count no more. */
  taken_over: number;
  /** The number that the first event after the last checkpoint has. */
  next: number;
  /** A lake file being written: a crash repeats exactly this range, so the file's name stays the same. */
  writing: { first: number; end: number } | null;
}

const EMPTY: ShardState = {
  events: 0,
  sessions: 0,
  duplicates: 0,
  redelivered: 0,
  lake_files: 0,
  taken_over: 0,
  next: 1,
  writing: null,
};

export interface ShardStats {
  events: number;
  duplicates: number;
  redelivered: number;
  sessions: number;
  visitors: number;
  lake_files: number;
  /** Events that are not in the lake yet. */
  waiting_events: number;
  storage_bytes: number;
  /** By this instance since it was started. */
  rows_written: number;
  dedupe: { ids: number; bytes: number };
}

export class VisitorShard extends DurableObject<{ LAKE: R2Bucket }> {
  readonly #sql: SqlStorage;
  #seen!: HashIndex;
  #visitors!: VisitorRecords;
  #state!: ShardState;
  /** The number of the next event. */
  #next = 1;
  /** What the log holds. `length` in characters. */
  #waiting = { events: 0, sessions: 0, taken_over: 0, length: 0 };
  #rowsWritten = 0;
  #alarmAt = 0;
  #checkpointing: Promise<void> | undefined;
  #lastParsed: { first: number; facts: StoredFacts[] } | undefined;

  constructor(ctx: DurableObjectState, env: { LAKE: R2Bucket }) {
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
      await this.#scheduleCheckpoint();
    }
  }

  async stats(): Promise<ShardStats> {
    return {
      events: this.#state.events + this.#waiting.events,
      duplicates: this.#state.duplicates,
      redelivered: this.#state.redelivered,
      sessions: this.#state.sessions + this.#waiting.sessions,
      visitors: this.#visitors.size - this.#state.taken_over - this.#waiting.taken_over,
      lake_files: this.#state.lake_files,
      waiting_events: this.#waiting.events,
      storage_bytes: this.#sql.databaseSize,
      rows_written: this.#rowsWritten,
      dedupe: { ids: this.#seen.size, bytes: this.#seen.bytes },
    };
  }

  /** The vendor ids that this visitor is known by: none for one that is not known. */
  async vendorIds(anonymousId: string): Promise<VendorIds> {
    return this.#visitors.get(anonymousId)?.vendor_ids ?? {};
  }

  /** Writes everything that waits to the lake now, instead of at the next alarm. */
  async flush(): Promise<void> {
    while (this.#waiting.events > 0) await this.#checkpoint();
  }

  #apply({ events, lines, session_timeout_ms, now }: ShardBatch): ShardAnswer[] {
    const fresh: { facts: StoredFacts; line: string }[] = [];
    const answers = events.map((event, i): ShardAnswer => {
      const hash = hash64(event.message_id);
      const tag = hash64(event.delivery).low;
      const before = this.#seen.get(hash);
      if (before) {
        const [knownTag, number] = before;
        if (knownTag !== tag) {
          this.#state.duplicates++;
          return { verdict: "duplicate" };
        }
        this.#state.redelivered++;
        return { verdict: "redelivered", ...factsOf(this.#storedFacts(number)) };
      }
      const facts = this.#decide(event, hash, tag, session_timeout_ms, now);
      this.#seen.set(hash, tag, this.#next + fresh.length);
      fresh.push({ facts, line: lines[i]! });
      return { verdict: "new", ...factsOf(facts) };
    });
    this.#append(fresh, now);
    return answers;
  }

  #decide(
    event: ShardEvent,
    hash: { high: number; low: number },
    tag: number,
    timeoutMs: number,
    now: number,
  ): StoredFacts {
    const rare: Rare = this.#takeOver(event.anonymous_id, event.previous_id);
    const known = this.#visitors.get(event.anonymous_id);
    if (known?.taken_over) rare.revived = true;
    const placed = placeInSession(known?.sessions ?? [], known?.last_number ?? 0, event.at, timeoutMs);
    const { number, opened, opened_by } = placed.session;
    if (opened_by) rare.opened_by = opened_by;
    const vendor_ids = remembered(known?.vendor_ids ?? {}, event.vendor_ids);
    this.#visitors.set({
      anonymous_id: event.anonymous_id,
      first_seen: known?.first_seen ?? now,
      last_seen: now,
      last_number: Math.max(known?.last_number ?? 0, number),
      sessions: placed.sessions,
      vendor_ids,
    });
    const facts: StoredFacts = [
      hash.high,
      hash.low,
      tag,
      event.anonymous_id,
      event.at,
      number,
      opened,
      placed.isNew,
      vendor_ids,
    ];
    if (Object.keys(rare).length) facts.push(rare);
    return facts;
  }

  /** A visitor not seen before goes on with the sessions of another, who then has none. */
  #takeOver(anonymousId: string, previousId: string | undefined): Pick<Rare, "took_over"> {
    const previous = previousId === undefined ? undefined : this.#visitors.get(previousId);
    if (!previous || previous.taken_over || this.#visitors.get(anonymousId)) return {};
    const sessions = previous.sessions.map((session) => ({
      ...session,
      opened_by: session.opened_by ?? previous.anonymous_id,
    }));
    this.#visitors.set({ ...previous, anonymous_id: anonymousId, sessions });
    this.#visitors.set({ ...previous, sessions: [], vendor_ids: {}, taken_over: true });
    return { took_over: previous.anonymous_id };
  }

  #append(fresh: { facts: StoredFacts; line: string }[], now: number): void {
    const inRow = fresh.map(({ facts, line }) => ({ facts, factsJson: JSON.stringify(facts), line }));
    for (const part of rows(inRow, ({ factsJson, line }) => utf8Length(factsJson) + utf8Length(line))) {
      const lines = part.map(({ line }) => line).join("\n");
      this.#write(
        "INSERT INTO log (first, count, received_at, facts, lines) VALUES (?, ?, ?, ?, ?)",
        this.#next,
        part.length,
        now,
        `[${part.map(({ factsJson }) => factsJson).join(",")}]`,
        lines,
      );
      this.#next += part.length;
      const facts = part.map((one) => one.facts);
      this.#nowWaiting(facts, lines.length);
    }
  }

  #nowWaiting(facts: StoredFacts[], length: number): void {
    this.#waiting.events += facts.length;
    this.#waiting.sessions += countOpened(facts);
    this.#waiting.taken_over += countTakenOver(facts);
    this.#waiting.length += length;
  }

  /** The facts of the event with this number, from whichever table has it now. */
  #storedFacts(number: number): StoredFacts {
    // A redelivered message asks for its events one after the other, and they lie together.
    const known = this.#lastParsed?.facts[number - this.#lastParsed.first];
    if (known) return known;
    for (const table of ["log", "history"]) {
      const [row] = this.#sql.exec<{ first: number; count: number; facts: string }>(
        `SELECT first, count, facts FROM ${table} WHERE first <= ? ORDER BY first DESC LIMIT 1`,
        number,
      );
      if (!row || number >= row.first + row.count) continue;
      this.#lastParsed = { first: row.first, facts: JSON.parse(row.facts) };
      return this.#lastParsed.facts[number - row.first]!;
    }
    throw new Error(`event ${number} is in the dedupe index but in no table`);
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
    const range = this.#state.writing ?? this.#nextRange();
    if (!range) return;
    if (!this.#state.writing) {
      this.#state.writing = range;
      this.#saveState();
    }
    this.#state.lake_files += await this.#writeLakeFiles(range);
    this.#transaction(() => {
      this.#moveToHistory(range);
      this.#rowsWritten += this.#visitors.save();
      this.#state.writing = null;
      this.#saveState();
    });
  }

  #nextRange(): { first: number; end: number } | undefined {
    let range: { first: number; end: number } | undefined;
    for (const { first, count } of this.#sql.exec<{ first: number; count: number }>(
      "SELECT first, count FROM log ORDER BY first",
    )) {
      if (range && first + count - range.first > FILE_EVENTS) break;
      range = { first: range?.first ?? first, end: first + count };
    }
    return range;
  }

  /** One file for each UTC day of arrival. A file that is already there was written before a crash, with the same content. */
  async #writeLakeFiles({ first, end }: { first: number; end: number }): Promise<number> {
    const [environment, shard] = (this.ctx.id.name ?? "unnamed/shard").split("/");
    const days = new Map<string, LakeRow[]>();
    for (const row of this.#sql.exec<{ received_at: number; facts: string; lines: string }>(
      "SELECT received_at, facts, lines FROM log WHERE first >= ? AND first < ? ORDER BY first",
      first,
      end,
    )) {
      const day = new Date(row.received_at).toISOString().slice(0, 10);
      const rows = days.get(day) ?? [];
      const facts = JSON.parse(row.facts) as StoredFacts[];
      row.lines.split("\n").forEach((line, i) => {
        rows.push(withFacts(JSON.parse(line), factsOf(facts[i]!)));
      });
      days.set(day, rows);
    }
    let files = 0;
    for (const [day, rows] of days) {
      const key = `events/env=${environment}/dt=${day}/${shard}-${first}-${end}.parquet`;
      const written = await this.env.LAKE.put(key, lakeFile(rows), { onlyIf: { etagDoesNotMatch: "*" } });
      if (written) files++;
    }
    return files;
  }

  #moveToHistory({ first, end }: { first: number; end: number }): void {
    const facts: StoredFacts[] = [];
    let receivedAt = 0;
    let length = 0;
    for (const row of this.#sql.exec<{ received_at: number; facts: string; length: number }>(
      "SELECT received_at, facts, length(lines) AS length FROM log WHERE first >= ? AND first < ? ORDER BY first",
      first,
      end,
    )) {
      facts.push(...(JSON.parse(row.facts) as StoredFacts[]));
      receivedAt = row.received_at;
      length += row.length;
    }
    let moved = first;
    for (const part of rows(
      facts.map((one) => ({ one, json: JSON.stringify(one) })),
      ({ json }) => utf8Length(json),
    )) {
      this.#write(
        "INSERT INTO history (first, count, received_at, keys, facts) VALUES (?, ?, ?, ?, ?)",
        moved,
        part.length,
        receivedAt,
        dedupeKeys(part.map(({ one }) => one)),
        `[${part.map(({ json }) => json).join(",")}]`,
      );
      moved += part.length;
    }
    this.#write("DELETE FROM log WHERE first >= ? AND first < ?", first, end);
    const sessions = countOpened(facts);
    const takenOver = countTakenOver(facts);
    this.#state.events += facts.length;
    this.#state.sessions += sessions;
    this.#state.taken_over += takenOver;
    this.#state.next = end;
    this.#waiting.events -= facts.length;
    this.#waiting.sessions -= sessions;
    this.#waiting.taken_over -= takenOver;
    this.#waiting.length -= length;
    this.#lastParsed = undefined;
  }

  /** Drops what is older than the dedupe window. The index is rebuilt then, since entries cannot be removed from it. */
  #forget(now: number): void {
    const before = this.#rowsWritten;
    this.#write("DELETE FROM history WHERE received_at < ?", now - DEDUPE_MS);
    if (this.#rowsWritten > before) this.#loadSeen();
    this.#rowsWritten += this.#transaction(() => this.#visitors.clean(now));
  }

  #load(): void {
    const [saved] = this.#sql.exec<{ body: string }>("SELECT body FROM state WHERE id = 1");
    this.#state = { ...EMPTY, ...(saved && JSON.parse(saved.body)) };
    this.#visitors = new VisitorRecords(this.#sql);
    this.#next = this.#state.next;
    this.#waiting = { events: 0, sessions: 0, taken_over: 0, length: 0 };
    this.#lastParsed = undefined;
    for (const row of this.#sql.exec<{
      first: number;
      count: number;
      received_at: number;
      facts: string;
      length: number;
    }>("SELECT first, count, received_at, facts, length(lines) AS length FROM log ORDER BY first")) {
      const facts = JSON.parse(row.facts) as StoredFacts[];
      for (const one of facts) this.#replay(one, row.received_at);
      this.#nowWaiting(facts, row.length);
      this.#next = row.first + row.count;
    }
    this.#loadSeen();
  }

  /** What `#decide` did to the visitor, again, from what it decided. */
  #replay([, , , anonymous_id, at, number, opened, , vendor_ids, rare]: StoredFacts, receivedAt: number): void {
    this.#takeOver(anonymous_id, rare?.took_over);
    const known = this.#visitors.get(anonymous_id);
    const others = (known?.sessions ?? []).filter((s) => s.number !== number);
    const same = known?.sessions.find((s) => s.number === number);
    const session = {
      number,
      opened,
      start: Math.min(same?.start ?? at, at),
      end: Math.max(same?.end ?? at, at),
      ...(rare?.opened_by && { opened_by: rare.opened_by }),
    };
    this.#visitors.set({
      anonymous_id,
      first_seen: known?.first_seen ?? receivedAt,
      last_seen: Math.max(known?.last_seen ?? 0, receivedAt),
      last_number: Math.max(known?.last_number ?? 0, number),
      sessions: [...others, session],
      vendor_ids,
    });
  }

  #loadSeen(): void {
    const { n } = this.#sql
      .exec<{ n: number }>(
        "SELECT (SELECT coalesce(sum(count), 0) FROM history) + (SELECT coalesce(sum(count), 0) FROM log) AS n",
      )
      .one();
    this.#seen = new HashIndex(n);
    for (const row of this.#sql.exec<{ first: number; keys: ArrayBuffer }>("SELECT first, keys FROM history")) {
      const keys = new Uint32Array(row.keys);
      for (let i = 0; i < keys.length; i += 3) {
        this.#seen.set({ high: keys[i]!, low: keys[i + 1]! }, keys[i + 2]!, row.first + i / 3);
      }
    }
    for (const row of this.#sql.exec<{ first: number; facts: string }>("SELECT first, facts FROM log ORDER BY first")) {
      (JSON.parse(row.facts) as StoredFacts[]).forEach(([high, low, tag], i) => {
        this.#seen.set({ high, low }, tag, row.first + i);
      });
    }
  }

  #saveState(): void {
    this.#write("INSERT OR REPLACE INTO state (id, body) VALUES (1, ?)", JSON.stringify(this.#state));
  }

  #write(sql: string, ...values: (string | number | ArrayBuffer)[]): void {
    this.#rowsWritten += this.#sql.exec(sql, ...values).rowsWritten;
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
  async #scheduleCheckpoint(): Promise<void> {
    if (this.#waiting.events === 0) return;
    const now = Date.now();
    const wanted = this.#waiting.length >= CHECKPOINT_AT_LENGTH ? now : now + CHECKPOINT_AFTER_MS;
    if (this.#alarmAt > now - 60_000 && this.#alarmAt <= wanted) return;
    this.#alarmAt = wanted;
    this.#rowsWritten++;
    await this.ctx.storage.setAlarm(wanted);
  }

  override async alarm(): Promise<void> {
    this.#alarmAt = 0;
    try {
      await this.#checkpoint();
      this.#forget(Date.now());
    } catch (error) {
      // An alarm that throws six times is dropped for good; ours is set again instead, and nothing is lost meanwhile.
      console.error(
        JSON.stringify({ level: "error", at: "visitor_shard.alarm", shard: this.ctx.id.name, message: String(error) }),
      );
    } finally {
      await this.#scheduleCheckpoint();
    }
  }
}

/** Cuts what is to be stored into rows of at most ROW_BYTES; one thing that is larger gets a row to itself. */
function* rows<T>(all: T[], bytesOf: (one: T) => number): Generator<T[]> {
  let row: T[] = [];
  let bytes = 0;
  for (const one of all) {
    const more = bytesOf(one);
    if (row.length && bytes + more > ROW_BYTES) {
      yield row;
      row = [];
      bytes = 0;
    }
    row.push(one);
    bytes += more;
  }
  if (row.length) yield row;
}

const utf8Length = (text: string) => Buffer.byteLength(text, "utf8");

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

/** How many sessions these events opened. */
function countOpened(facts: StoredFacts[]): number {
  return facts.reduce((count, [, , , , , , , isNew]) => count + (isNew ? 1 : 0), 0);
}

/** How many visitors more were taken over after these events than before. */
function countTakenOver(facts: StoredFacts[]): number {
  return facts.reduce((count, { 9: rare }) => count + (rare?.took_over ? 1 : 0) - (rare?.revived ? 1 : 0), 0);
}

/** Hash high, hash low and delivery tag of each event: all that the dedupe index needs after a restart. */
function dedupeKeys(facts: StoredFacts[]): ArrayBuffer {
  const keys = new Uint32Array(facts.length * 3);
  facts.forEach(([high, low, tag], i) => {
    keys.set([high, low, tag], i * 3);
  });
  return keys.buffer;
}

function factsOf([, , , anonymousId, , number, openedAt, is_new, vendor_ids, rare]: StoredFacts): ShardFacts {
  const { high, low } = hash64(rare?.opened_by ?? anonymousId);
  const visitor = (high * 2 ** 21 + (low >>> 11)).toString(36);
  return {
    session: { id: `${visitor}.${number}`, number, started_at: new Date(openedAt).toISOString(), is_new },
    vendor_ids,
  };
}

/** The event as the lake keeps it: with what the shard added. */
function withFacts(row: LakeRow, facts: ShardFacts): LakeRow {
  const context = { ...row.event.context, session: facts.session, vendor_ids: facts.vendor_ids };
  return { ...row, event: { ...row.event, context } };
}
