/**
 * Records by key, stored so that rows written stay few: a row costs as much as a thousand rows read, so changed records are appended
 * together in blobs of up to 64 KB (as Bitcask does on disk), and an index in memory, of 21 to 43 bytes a record, says where each key's
 * newest version lies. Older ones are garbage until `clean` rewrites their blob.
 *
 * Table `records`: `id`, `keys` (Uint32 triples: hash high, hash low, byte offset) and `body` (NDJSON, one record a line). A record that is
 * larger than a row takes goes on in the rows after it, which have no keys.
 */
import { HashIndex } from "./hash-index.ts";
import { ROW_BYTES } from "./rows.ts";

export const recordTable = "CREATE TABLE records (id INTEGER PRIMARY KEY, keys BLOB NOT NULL, body BLOB NOT NULL);";

export interface Hash {
  high: number;
  low: number;
}

interface Blob {
  /** Over which it is spread, from its id on. */
  rows: number;
  records: number;
  /** How many of them are still the newest. */
  live: number;
}

const BLOB_BYTES = 64 * 1024;
/** Of a record so much is read at first: copying the rest of its blob would cost more than reading twice. */
const READ_BYTES = 4_096;

export class RecordStore<R extends { key: string }> {
  readonly #sql: SqlStorage;
  readonly #hashOf: (key: string) => Hash;
  readonly #index: HashIndex;
  readonly #blobs = new Map<number, Blob>();
  #nextBlob = 1;

  constructor(sql: SqlStorage, hashOf: (key: string) => Hash) {
    this.#sql = sql;
    this.#hashOf = hashOf;
    const total = sql.exec<{ n: number }>("SELECT coalesce(sum(length(keys)), 0) / 12 AS n FROM records").one().n;
    this.#index = new HashIndex(total);
    let last: Blob | undefined;
    for (const row of sql.exec<{ id: number; keys: ArrayBuffer }>("SELECT id, keys FROM records ORDER BY id")) {
      this.#nextBlob = row.id + 1;
      const keys = new Uint32Array(row.keys);
      if (!keys.length) {
        last!.rows++;
        continue;
      }
      last = { rows: 1, records: 0, live: 0 };
      this.#blobs.set(row.id, last);
      for (let i = 0; i < keys.length; i += 3) this.#point({ high: keys[i]!, low: keys[i + 1]! }, row.id, keys[i + 2]!);
    }
  }

  /** Keys that have, or had, a record. */
  get size(): number {
    return this.#index.size;
  }

  get indexBytes(): number {
    return this.#index.bytes;
  }

  get(hash: Hash): R | undefined {
    const place = this.#index.get(hash);
    return place && this.#read(...place);
  }

  /** Reads those of these keys that have a record, with one statement: one for each costs five times as much. */
  load(keys: Iterable<string>): R[] {
    const wanted: string[] = [];
    const places: [blob: number, offset: number][] = [];
    for (const key of keys) {
      const place = this.#index.get(this.#hashOf(key));
      if (!place) continue;
      wanted.push(key);
      places.push(place);
    }
    const found: R[] = [];
    if (!wanted.length) return found;
    for (const { wanted: i, part } of this.#sql.exec<{ wanted: number; part: ArrayBuffer }>(
      `SELECT place.key AS wanted, substr(body, (place.value ->> 1) + 1, ?) AS part
       FROM json_each(?) AS place CROSS JOIN records ON records.id = place.value ->> 0`,
      READ_BYTES,
      JSON.stringify(places),
    )) {
      const bytes = new Uint8Array(part);
      const record = bytes.includes(NEWLINE) ? recordAt<R>(bytes, 0) : this.#read(...places[i]!);
      if (record?.key === wanted[i]) found.push(record!);
    }
    return found;
  }

  /** Call inside a transaction. Returns rows written. */
  append(records: Iterable<R>): number {
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
      const id = this.#nextBlob;
      for (let from = 0; from < bytes; from += ROW_BYTES) {
        rows += this.#sql.exec(
          "INSERT INTO records (id, keys, body) VALUES (?, ?, ?)",
          this.#nextBlob++,
          from === 0 ? Uint32Array.from(keys).buffer : new ArrayBuffer(0),
          body.slice(from, from + ROW_BYTES).buffer,
        ).rowsWritten;
      }
      this.#blobs.set(id, { rows: this.#nextBlob - id, records: 0, live: 0 });
      for (let i = 0; i < keys.length; i += 3) this.#point({ high: keys[i]!, low: keys[i + 1]! }, id, keys[i + 2]!);
      keys = [];
      parts = [];
      bytes = 0;
    };
    for (const record of records) {
      const line = encoder.encode(`${JSON.stringify(record)}\n`);
      if (bytes + line.length > BLOB_BYTES) flush();
      const hash = this.#hashOf(record.key);
      keys.push(hash.high, hash.low, bytes);
      parts.push(line);
      bytes += line.length;
    }
    flush();
    return rows;
  }

  /** Puts what is left of blobs that are mostly garbage together into new ones. Call inside a transaction. Returns rows written. */
  clean(mostBlobs = 64): number {
    let rows = 0;
    const wasteful = [...this.#blobs].filter(([, b]) => b.live * 2 < b.records).slice(0, mostBlobs);
    const kept: R[] = [];
    for (const [id] of wasteful) kept.push(...this.#liveRecords(id));
    rows += this.append(kept);
    for (const [id, blob] of wasteful) {
      this.#blobs.delete(id);
      rows += this.#sql.exec("DELETE FROM records WHERE id >= ? AND id < ?", id, id + blob.rows).rowsWritten;
    }
    return rows;
  }

  get isWasteful(): boolean {
    for (const { live, records } of this.#blobs.values()) if (live * 2 < records) return true;
    return false;
  }

  /** The records in a blob that no later one has replaced. */
  #liveRecords(id: number): R[] {
    const { keys: stored } = this.#sql.exec<{ keys: ArrayBuffer }>("SELECT keys FROM records WHERE id = ?", id).one();
    const keys = new Uint32Array(stored);
    const bytes = this.#body(id);
    const live: R[] = [];
    for (let i = 0; i < keys.length; i += 3) {
      const place = this.#index.get({ high: keys[i]!, low: keys[i + 1]! });
      if (place?.[0] === id && place[1] === keys[i + 2]) live.push(recordAt<R>(bytes, keys[i + 2]!));
    }
    return live;
  }

  #point(hash: Hash, blob: number, offset: number): void {
    const before = this.#index.get(hash);
    const old = before && this.#blobs.get(before[0]);
    if (old) old.live--;
    this.#index.set(hash, blob, offset);
    const counts = this.#blobs.get(blob)!;
    counts.records++;
    counts.live++;
  }

  #read(blob: number, offset: number): R | undefined {
    const [row] = this.#sql.exec<{ part: ArrayBuffer }>(
      "SELECT substr(body, ?, ?) AS part FROM records WHERE id = ?",
      offset + 1,
      READ_BYTES,
      blob,
    );
    if (!row) return undefined;
    const part = new Uint8Array(row.part);
    return part.includes(NEWLINE) ? recordAt<R>(part, 0) : recordAt<R>(this.#body(blob), offset);
  }

  #body(id: number): Uint8Array {
    const { rows } = this.#blobs.get(id)!;
    const sql = "SELECT body FROM records WHERE id >= ? AND id < ? ORDER BY id";
    const parts = this.#sql.exec<{ body: ArrayBuffer }>(sql, id, id + rows).toArray();
    return parts.length === 1
      ? new Uint8Array(parts[0]!.body)
      : Buffer.concat(parts.map(({ body }) => Buffer.from(body)));
  }
}

function recordAt<R>(body: Uint8Array, offset: number): R {
  return JSON.parse(decoder.decode(body.subarray(offset, body.indexOf(NEWLINE, offset)))) as R;
}

const NEWLINE = 10;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
