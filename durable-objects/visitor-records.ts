/**
 * What a shard remembers of each visitor for 400 days, stored so that rows written stay few: a row costs as much as a
 * thousand rows read, so changed records are appended together in blobs of up to 64 KB (as Bitcask does on disk), and an
 * index in memory says where each visitor's newest record lies. Old versions are garbage until `clean` rewrites their blob.
 *
 * Table `visitors`: `id`, `keys` (Uint32 triples: hash high, hash low, byte offset) and `body` (NDJSON, one record a line).
 */
import type { VendorIds } from "../core/event.ts";
import { hash64 } from "../core/hash.ts";
import type { Session } from "../core/session.ts";
import { HashIndex } from "./hash-index.ts";

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
  /** Another visitor goes on with what was known of this one. */
  taken_over?: true;
}

const BLOB_BYTES = 64 * 1024;
/** The longest a cookie lives, and so the longest that a server-side copy of it makes sense. */
export const FORGET_AFTER_MS = 400 * 86_400_000;
/** Clean records kept in memory after they were saved; the least recently used go first. */
const KEEP_IN_MEMORY = 20_000;

export class VisitorRecords {
  readonly #sql: SqlStorage;
  readonly #index: HashIndex;
  readonly #memory = new Map<string, VisitorRecord>();
  readonly #changed = new Set<string>();
  /** Per blob: records in it, and how many of them are still the newest. */
  readonly #blobs = new Map<number, { records: number; live: number }>();
  #nextBlob = 1;
  /** The last blob that `clean` looked into for forgotten visitors. */
  #inspected = 0;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    const total = sql.exec<{ n: number }>("SELECT coalesce(sum(length(keys)), 0) / 12 AS n FROM visitors").one().n;
    this.#index = new HashIndex(total);
    for (const row of sql.exec<{ id: number; keys: ArrayBuffer }>("SELECT id, keys FROM visitors ORDER BY id")) {
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
  #liveRecords(id: number): VisitorRecord[] {
    const row = this.#sql
      .exec<{ keys: ArrayBuffer; body: ArrayBuffer }>("SELECT keys, body FROM visitors WHERE id = ?", id)
      .one();
    const keys = new Uint32Array(row.keys);
    const body = new Uint8Array(row.body);
    const live: VisitorRecord[] = [];
    for (let i = 0; i < keys.length; i += 3) {
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
    const flush = () => {
      if (!parts.length) return;
      const body = new Uint8Array(bytes);
      let at = 0;
      for (const part of parts) {
        body.set(part, at);
        at += part.length;
      }
      const id = this.#nextBlob++;
      const insert = "INSERT INTO visitors (id, keys, body) VALUES (?, ?, ?)";
      rows += this.#sql.exec(insert, id, Uint32Array.from(keys).buffer, body.buffer).rowsWritten;
      for (let i = 0; i < keys.length; i += 3) this.#point({ high: keys[i]!, low: keys[i + 1]! }, id, keys[i + 2]!);
      keys = [];
      parts = [];
      bytes = 0;
    };
    for (const record of records) {
      const line = encoder.encode(`${JSON.stringify(record)}\n`);
      if (bytes + line.length > BLOB_BYTES) flush();
      const hash = hash64(record.anonymous_id);
      keys.push(hash.high, hash.low, bytes);
      parts.push(line);
      bytes += line.length;
    }
    flush();
    return rows;
  }

  #point(hash: { high: number; low: number }, blob: number, offset: number): void {
    const before = this.#index.get(hash);
    const old = before && this.#blobs.get(before[0]);
    if (old) old.live--;
    this.#index.set(hash, blob, offset);
    const counts = this.#blobs.get(blob) ?? { records: 0, live: 0 };
    this.#blobs.set(blob, { records: counts.records + 1, live: counts.live + 1 });
  }

  /** Undefined where the blob is gone: a visitor forgotten after 400 days leaves its index entry until the next restart. */
  #read(blob: number, offset: number): VisitorRecord | undefined {
    // To the end of the blob: a record that is larger than BLOB_BYTES has one of its own.
    const [row] = this.#sql.exec<{ part: ArrayBuffer }>(
      "SELECT substr(body, ? + 1) AS part FROM visitors WHERE id = ?",
      offset,
      blob,
    );
    return row && recordAt(new Uint8Array(row.part), 0);
  }
}

function recordAt(body: Uint8Array, offset: number): VisitorRecord {
  return JSON.parse(decoder.decode(body.subarray(offset, body.indexOf(NEWLINE, offset)))) as VisitorRecord;
}

const NEWLINE = 10;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
