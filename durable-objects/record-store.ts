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
  #nextBlob: number;

  /** `nextBlob`: a number that no blob had yet; without it the one behind the last that is stored. */
  constructor(sql: SqlStorage, hashOf: (key: string) => Hash, nextBlob = 1) {
    this.#sql = sql;
    this.#hashOf = hashOf;
    this.#nextBlob = nextBlob;
    const total = sql.exec<{ n: number }>("SELECT coalesce(sum(length(keys)), 0) / 12 AS n FROM records").one().n;
    this.#index = new HashIndex(total);
    let last: Blob | undefined;
    for (const row of sql.exec<{ id: number; keys: ArrayBuffer }>("SELECT id, keys FROM records ORDER BY id")) {
      this.#nextBlob = Math.max(this.#nextBlob, row.id + 1);
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

  /** The number of the next blob. Whoever copies blobs goes by their numbers, so that none may be used twice. */
  get nextBlob(): number {
    return this.#nextBlob;
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
    const wasteful = [...this.#blobs].filter(([id, blob]) => this.#isWasteful(id, blob)).slice(0, mostBlobs);
    const kept: R[] = [];
    for (const [id] of wasteful) kept.push(...this.#liveRecords(id));
    rows += this.append(kept);
    for (const [id] of wasteful) rows += this.#delete(id);
    return rows;
  }

  get isWasteful(): boolean {
    for (const [id, blob] of this.#blobs) if (this.#isWasteful(id, blob)) return true;
    return false;
  }

  /** Not the last one: its number would be used again. */
  #isWasteful(id: number, { live, records, rows }: Blob): boolean {
    return live * 2 < records && id + rows < this.#nextBlob;
  }

  /** The newest records with a hash of these, blob by blob from the one behind `blob` on. */
  *behind(blob: number, isWanted: (hash: Hash) => boolean): Generator<{ blob: number; records: R[] }> {
    for (const id of this.#blobs.keys()) if (id > blob) yield { blob: id, records: this.#liveRecords(id, isWanted) };
  }

  /**
   * Deletes the records with a hash of these, and their older versions, from at most so many blobs. Call inside a transaction that also
   * saves `nextBlob`, until there are no `more`; then build the store anew, since the index keeps what it once had. `dropped` are the newest
   * versions.
   */
  drop(isUnwanted: (hash: Hash) => boolean, mostBlobs: number): { written: number; dropped: R[]; more: boolean } {
    const affected: number[] = [];
    for (const { id, keys: stored } of this.#sql.exec<{ id: number; keys: ArrayBuffer }>(
      "SELECT id, keys FROM records ORDER BY id",
    )) {
      if (affected.length > mostBlobs) break;
      const keys = new Uint32Array(stored);
      for (let i = 0; i < keys.length; i += 3) {
        if (!isUnwanted({ high: keys[i]!, low: keys[i + 1]! })) continue;
        affected.push(id);
        break;
      }
    }
    const dropped: R[] = [];
    let written = 0;
    for (const id of affected.slice(0, mostBlobs)) {
      dropped.push(...this.#liveRecords(id, isUnwanted));
      written += this.append(this.#liveRecords(id, (hash) => !isUnwanted(hash)));
      written += this.#delete(id);
    }
    return { written, dropped, more: affected.length > mostBlobs };
  }

  #delete(id: number): number {
    const { rows } = this.#blobs.get(id)!;
    this.#blobs.delete(id);
    return this.#sql.exec("DELETE FROM records WHERE id >= ? AND id < ?", id, id + rows).rowsWritten;
  }

  /** The records in a blob that no later one has replaced, those with a hash of these. */
  #liveRecords(id: number, isWanted: (hash: Hash) => boolean = () => true): R[] {
    const { keys: stored } = this.#sql.exec<{ keys: ArrayBuffer }>("SELECT keys FROM records WHERE id = ?", id).one();
    const keys = new Uint32Array(stored);
    const offsets: number[] = [];
    for (let i = 0; i < keys.length; i += 3) {
      const hash = { high: keys[i]!, low: keys[i + 1]! };
      if (!isWanted(hash)) continue;
      const place = this.#index.get(hash);
      if (place?.[0] === id && place[1] === keys[i + 2]) offsets.push(keys[i + 2]!);
    }
    if (!offsets.length) return [];
    const bytes = this.#body(id);
    return offsets.map((offset) => recordAt<R>(bytes, offset));
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
