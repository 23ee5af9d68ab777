/**
 * What a shard remembers of each visitor for 400 days, stored so that rows written stay few: a row costs as much as a
 * thousand rows read, so changed records are appended together in blobs of up to 64 KB (as Bitcask does on disk), and an
 * index in memory says where each visitor's newest record lies. Old versions are garbage until `clean` rewrites their blob.
 *
 * Table `visitors`: `id`, `seen_from` and `seen_to` (the records' earliest and latest `last_seen`), `keys` (Uint32 triples: hash high,
 * hash low, byte offset) and `body` (NDJSON, one record a line).
 */
import type { VendorIds } from "../core/event.ts";
import { hash64 } from "../core/hash.ts";
import type { Session } from "../core/session.ts";
import type { FirstTouch } from "../core/touch.ts";
import { HashIndex } from "./hash-index.ts";
import type { LakeFileName } from "./lake-file.ts";

export interface VisitorRecord {
  anonymous_id: string;
  /** Epoch milliseconds, by our clock. */
  first_seen: number;
  last_seen: number;
  /** How many sessions the visitor ever had. */
  last_number: number;
  /** The sessions of the last 24 hours. */
  sessions: Session[];
  vendor_ids: VendorIds;
  /** What brought the visitor, as early as it is known. */
  first_touch?: FirstTouch;
  /** The newest lake files with events of theirs, in the order in which they were written. */
  files?: LakeFileName[];
  /** Another visitor goes on with what was known of this one. */
  taken_over?: true;
  /** All that was known was deleted, and what happened until then is not to be known again. Epoch milliseconds. */
  forgotten_at?: number;
  /** The visitor was here again since. */
  is_back?: true;
}

/** Records that are no visitors: another took over, or who was deleted and did not come again. */
export const isHidden = ({ taken_over, forgotten_at, is_back }: VisitorRecord): boolean =>
  taken_over === true || (forgotten_at !== undefined && !is_back);

interface Blob {
  records: number;
  /** How many of them are still the newest. */
  live: number;
  seen_from: number;
  seen_to: number;
}

const BLOB_BYTES = 64 * 1024;
/** Of a record that is looked up so much is read at first: copying the rest of its blob would cost more than reading twice. */
const READ_BYTES = 2_048;
/** The longest a cookie lives, and so the longest that a server-side copy of it makes sense. */
export const FORGET_AFTER_MS = 400 * 86_400_000;
/** Clean records kept in memory after they were saved; the least recently used go first. */
const KEEP_IN_MEMORY = 20_000;

export class VisitorRecords {
  readonly #sql: SqlStorage;
  #index!: HashIndex;
  readonly #memory = new Map<string, VisitorRecord>();
  readonly #changed = new Set<string>();
  readonly #blobs = new Map<number, Blob>();
  #nextBlob = 1;
  /** The last blob that `clean` looked into for forgotten visitors. */
  #inspected = 0;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#rebuild();
  }

  #rebuild(): void {
    const sql = this.#sql;
    this.#blobs.clear();
    const total = sql.exec<{ n: number }>("SELECT coalesce(sum(length(keys)), 0) / 12 AS n FROM visitors").one().n;
    this.#index = new HashIndex(total);
    for (const row of sql.exec<{ id: number; seen_from: number; seen_to: number; keys: ArrayBuffer }>(
      "SELECT id, seen_from, seen_to, keys FROM visitors ORDER BY id",
    )) {
      this.#blobs.set(row.id, { records: 0, live: 0, seen_from: row.seen_from, seen_to: row.seen_to });
      const keys = new Uint32Array(row.keys);
      for (let i = 0; i < keys.length; i += 3) this.#point({ high: keys[i]!, low: keys[i + 1]! }, row.id, keys[i + 2]!);
      this.#nextBlob = row.id + 1;
    }
  }

  /** Distinct visitors, saved or not. */
  get size(): number {
    let unsaved = 0;
    for (const id of this.#changed) if (!this.#index.get(hash64(id))) unsaved++;
    return this.#index.size + unsaved;
  }

  get indexBytes(): number {
    return this.#index.bytes;
  }

  get(anonymousId: string): VisitorRecord | undefined {
    const known = this.#memory.get(anonymousId);
    if (known) return known;
    const place = this.#index.get(hash64(anonymousId));
    if (!place) return undefined;
    const record = this.#read(...place);
    if (record?.anonymous_id !== anonymousId) return undefined;
    this.#memory.set(anonymousId, record);
    return record;
  }

  /** Reads those of these visitors that are saved and not in memory, with one statement: one for each costs five times as much. */
  load(anonymousIds: Iterable<string>): void {
    const wanted: string[] = [];
    const places: [blob: number, offset: number][] = [];
    for (const id of new Set(anonymousIds)) {
      const place = this.#memory.has(id) ? undefined : this.#index.get(hash64(id));
      if (!place) continue;
      wanted.push(id);
      places.push(place);
    }
    if (wanted.length < 2) return;
    for (const { wanted: i, part } of this.#sql.exec<{ wanted: number; part: ArrayBuffer }>(
      `SELECT place.key AS wanted, substr(body, (place.value ->> 1) + 1, ?) AS part
       FROM json_each(?) AS place CROSS JOIN visitors ON visitors.id = place.value ->> 0`,
      READ_BYTES,
      JSON.stringify(places),
    )) {
      const bytes = new Uint8Array(part);
      // One that is longer is read by itself, when it is asked for.
      const record = bytes.includes(NEWLINE) ? recordAt(bytes, 0) : undefined;
      if (record?.anonymous_id === wanted[i]) this.#memory.set(record!.anonymous_id, record!);
    }
  }

  set(record: VisitorRecord): void {
    // Re-inserted, so that the map's order is the order of use.
    this.#memory.delete(record.anonymous_id);
    this.#memory.set(record.anonymous_id, record);
    this.#changed.add(record.anonymous_id);
  }

  /** Appends every changed record. Call inside a transaction. Returns rows written. */
  save(): number {
    const rows = this.#append([...this.#changed].map((id) => this.#memory.get(id)!));
    this.#changed.clear();
    for (const id of this.#memory.keys()) {
      if (this.#memory.size <= KEEP_IN_MEMORY) break;
      this.#memory.delete(id);
    }
    return rows;
  }

  /**
   * Puts what is left of wasteful blobs together into new ones: of those that are mostly garbage, and of some others, in turn,
   * that hold visitors not seen for 400 days. Call inside a transaction. Returns rows written.
   */
  clean(now: number, mostBlobs = 8): number {
    const wasteful = [...this.#blobs].filter(([, b]) => b.live * 2 < b.records).slice(0, mostBlobs);
    const candidates = new Set([...wasteful.map(([id]) => id), ...this.#nextToInspect(mostBlobs)]);
    const kept: VisitorRecord[] = [];
    const emptied: number[] = [];
    for (const id of candidates) {
      const live = this.#liveRecords(id);
      const remembered = live.filter((record) => record.last_seen > now - FORGET_AFTER_MS);
      const { records } = this.#blobs.get(id)!;
      if (remembered.length === live.length && live.length * 2 >= records) continue;
      for (const { anonymous_id } of live) if (!this.#changed.has(anonymous_id)) this.#memory.delete(anonymous_id);
      kept.push(...remembered);
      emptied.push(id);
    }
    let rows = this.#append(kept);
    for (const id of emptied) {
      this.#blobs.delete(id);
      rows += this.#sql.exec("DELETE FROM visitors WHERE id = ?", id).rowsWritten;
    }
    return rows;
  }

  /** The saved records whose visitors were last seen after `after` and not after `until`. */
  *seenBetween(after: number, until: number): Generator<VisitorRecord> {
    for (const [id, { seen_from, seen_to }] of this.#blobs) {
      if (seen_to <= after || seen_from > until) continue;
      for (const record of this.#liveRecords(id))
        if (record.last_seen > after && record.last_seen <= until) yield record;
    }
  }

  /** All records, saved or not, whose visitors were last seen after `after`. */
  *seenAfter(after: number): Generator<VisitorRecord> {
    for (const id of this.#changed) {
      const record = this.#memory.get(id)!;
      if (record.last_seen > after) yield record;
    }
    for (const record of this.seenBetween(after, Number.POSITIVE_INFINITY))
      if (!this.#changed.has(record.anonymous_id)) yield record;
  }

  /**
   * Saved records with a hash of these, blob by blob from the one behind `blob` on, of visitors last seen after `after` and not after
   * `until`.
   */
  *behind(
    blob: number,
    isWanted: (hashHigh: number) => boolean,
    after: number,
    until: number,
  ): Generator<{ blob: number; records: VisitorRecord[] }> {
    for (const [id, { seen_from, seen_to }] of this.#blobs) {
      if (id <= blob || seen_to <= after || seen_from > until) continue;
      const records = this.#liveRecords(id, isWanted);
      yield { blob: id, records: records.filter(({ last_seen }) => last_seen > after && last_seen <= until) };
    }
  }

  /** Takes in records that another shard saved: they replace what is known. Call inside a transaction. Returns rows written. */
  take(records: VisitorRecord[]): number {
    const written = this.#append(records);
    for (const { anonymous_id } of records) {
      this.#memory.delete(anonymous_id);
      this.#changed.delete(anonymous_id);
    }
    return written;
  }

  /**
   * Deletes saved records with a hash of these, and older versions of them, from up to `most` blobs that have any. None of them may have
   * changed since it was saved. Call inside a transaction, until there are no `more`, and then `reindex`.
   */
  drop(
    isUnwanted: (hashHigh: number, hashLow: number) => boolean,
    most = Number.POSITIVE_INFINITY,
  ): { written: number; dropped: VisitorRecord[]; more: boolean } {
    const affected: number[] = [];
    for (const { id, keys } of this.#sql.exec<{ id: number; keys: ArrayBuffer }>(
      "SELECT id, keys FROM visitors ORDER BY id",
    )) {
      if (affected.length > most) break;
      const all = new Uint32Array(keys);
      if (all.some((high, i) => i % 3 === 0 && isUnwanted(high, all[i + 1]!))) affected.push(id);
    }
    const dropped: VisitorRecord[] = [];
    let written = 0;
    for (const id of affected.slice(0, most)) {
      const left: VisitorRecord[] = [];
      for (const record of this.#liveRecords(id)) {
        const { high, low } = hash64(record.anonymous_id);
        (isUnwanted(high, low) ? dropped : left).push(record);
      }
      written += this.#append(left);
      this.#blobs.delete(id);
      written += this.#sql.exec("DELETE FROM visitors WHERE id = ?", id).rowsWritten;
    }
    for (const { anonymous_id } of dropped) this.#memory.delete(anonymous_id);
    return { written, dropped, more: affected.length > most };
  }

  /** Entries cannot be removed from the index one by one: of visitors who are gone they stay until it is built anew. */
  reindex(): void {
    this.#rebuild();
  }

  /** A time after `after` before which no saved visitor was last seen, but for those last seen by then; undefined where all were. */
  oldestSeenAfter(after: number): number | undefined {
    let oldest: number | undefined;
    for (const { live, seen_from, seen_to } of this.#blobs.values()) {
      if (live > 0 && seen_to > after)
        oldest = Math.min(oldest ?? Number.POSITIVE_INFINITY, Math.max(seen_from, after));
    }
    return oldest;
  }

  /** Only its records tell how old a blob is, so all are looked at in turn, some at every cleaning. */
  #nextToInspect(most: number): number[] {
    const next: number[] = [];
    for (const id of this.#blobs.keys()) {
      if (id > this.#inspected && next.push(id) === most) break;
    }
    this.#inspected = next.length < most ? 0 : next.at(-1)!;
    return next;
  }

  /** The records in a blob that no later one has replaced. */
  #liveRecords(id: number, isWanted: (hashHigh: number) => boolean = () => true): VisitorRecord[] {
    const row = this.#sql
      .exec<{ keys: ArrayBuffer; body: ArrayBuffer }>("SELECT keys, body FROM visitors WHERE id = ?", id)
      .one();
    const keys = new Uint32Array(row.keys);
    const body = new Uint8Array(row.body);
    const live: VisitorRecord[] = [];
    for (let i = 0; i < keys.length; i += 3) {
      if (!isWanted(keys[i]!)) continue;
      const place = this.#index.get({ high: keys[i]!, low: keys[i + 1]! });
      if (place?.[0] === id && place[1] === keys[i + 2]) live.push(recordAt(body, keys[i + 2]!));
    }
    return live;
  }

  #append(records: VisitorRecord[]): number {
    let rows = 0;
    let keys: number[] = [];
    let parts: Uint8Array[] = [];
    let bytes = 0;
    let seen_from = Number.POSITIVE_INFINITY;
    let seen_to = 0;
    const flush = () => {
      if (!parts.length) return;
      const body = new Uint8Array(bytes);
      let at = 0;
      for (const part of parts) {
        body.set(part, at);
        at += part.length;
      }
      const id = this.#nextBlob++;
      const insert = "INSERT INTO visitors (id, seen_from, seen_to, keys, body) VALUES (?, ?, ?, ?, ?)";
      rows += this.#sql.exec(insert, id, seen_from, seen_to, Uint32Array.from(keys).buffer, body.buffer).rowsWritten;
      this.#blobs.set(id, { records: 0, live: 0, seen_from, seen_to });
      for (let i = 0; i < keys.length; i += 3) this.#point({ high: keys[i]!, low: keys[i + 1]! }, id, keys[i + 2]!);
      keys = [];
      parts = [];
      bytes = 0;
      seen_from = Number.POSITIVE_INFINITY;
      seen_to = 0;
    };
    for (const record of records) {
      const line = encoder.encode(`${JSON.stringify(record)}\n`);
      if (bytes + line.length > BLOB_BYTES) flush();
      const hash = hash64(record.anonymous_id);
      keys.push(hash.high, hash.low, bytes);
      parts.push(line);
      bytes += line.length;
      seen_from = Math.min(seen_from, record.last_seen);
      seen_to = Math.max(seen_to, record.last_seen);
    }
    flush();
    return rows;
  }

  #point(hash: { high: number; low: number }, blob: number, offset: number): void {
    const before = this.#index.get(hash);
    const old = before && this.#blobs.get(before[0]);
    if (old) old.live--;
    this.#index.set(hash, blob, offset);
    const counts = this.#blobs.get(blob)!;
    counts.records++;
    counts.live++;
  }

  /** Undefined where the blob is gone: a visitor forgotten after 400 days leaves its index entry until the next restart. */
  #read(blob: number, offset: number): VisitorRecord | undefined {
    for (const most of [READ_BYTES, Number.MAX_SAFE_INTEGER]) {
      const [row] = this.#sql.exec<{ part: ArrayBuffer }>(
        "SELECT substr(body, ?, ?) AS part FROM visitors WHERE id = ?",
        offset + 1,
        most,
        blob,
      );
      if (!row) return undefined;
      const part = new Uint8Array(row.part);
      if (part.includes(NEWLINE)) return recordAt(part, 0);
    }
    throw new Error(`the record at ${offset} of blob ${blob} has no end`);
  }
}

function recordAt(body: Uint8Array, offset: number): VisitorRecord {
  return JSON.parse(decoder.decode(body.subarray(offset, body.indexOf(NEWLINE, offset)))) as VisitorRecord;
}

const NEWLINE = 10;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
