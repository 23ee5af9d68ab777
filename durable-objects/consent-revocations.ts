/**
 * Who took back which consent, and when; named by the environment's id. Events that were queued before are looked up here before they
 * are sent. Appended to and scanned, never updated: one row for each call that marks, and a look-up reads only what is newer than
 * the oldest event it asks for, which for events on time is the last row or two.
 */
import { DurableObject } from "cloudflare:workers";
import { migrate } from "./migrate.ts";

const migrations = [`CREATE TABLE chunks (id INTEGER PRIMARY KEY, last_at INTEGER NOT NULL, records BLOB NOT NULL);`];

/** Longer than a queue keeps a message, and than any destination goes on trying. */
export const KEEP_REVOCATIONS_MS = 15 * 86_400_000;
const CHUNK_BYTES = 64 * 1024;
/** Of a record: hash high and low, purposes, time high and low. */
const WORDS = 5;
const HIGH = 2 ** 32;

export interface Revocation {
  /** 64-bit hash of whose consent it was. */
  high: number;
  low: number;
  /** Bits (workers/revocations.ts). */
  purposes: number;
  /** Epoch milliseconds. */
  at: number;
}

export class ConsentRevocations extends DurableObject<object> {
  readonly #sql: SqlStorage;
  /** All rows without their records, oldest first. */
  #chunks: { id: number; last_at: number; bytes: number }[] = [];

  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    ctx.blockConcurrencyWhile(async () => {
      await migrate(ctx.storage, migrations);
      this.#chunks = this.#sql
        .exec<{ id: number; last_at: number; bytes: number }>(
          "SELECT id, last_at, length(records) AS bytes FROM chunks ORDER BY id",
        )
        .toArray();
    });
  }

  async mark(revocations: Revocation[]): Promise<void> {
    if (revocations.length === 0) return;
    const fresh = new Uint32Array(revocations.length * WORDS);
    revocations.forEach(({ high, low, purposes, at }, i) => {
      fresh.set([high, low, purposes, Math.floor(at / HIGH), at % HIGH], i * WORDS);
    });
    const last_at = Math.max(...revocations.map(({ at }) => at));
    const open = this.#chunks.at(-1);
    if (open && open.bytes + fresh.byteLength <= CHUNK_BYTES) {
      const records = joined(this.#records(open.id), fresh);
      open.last_at = Math.max(open.last_at, last_at);
      open.bytes = records.byteLength;
      this.#sql.exec("UPDATE chunks SET last_at = ?, records = ? WHERE id = ?", open.last_at, records.buffer, open.id);
      return;
    }
    const id = (open?.id ?? 0) + 1;
    this.#sql.exec("INSERT INTO chunks (id, last_at, records) VALUES (?, ?, ?)", id, last_at, fresh.buffer);
    this.#chunks.push({ id, last_at, bytes: fresh.byteLength });
    this.#forget(Date.now() - KEEP_REVOCATIONS_MS);
  }

  /** Revocations since `since` (epoch milliseconds) of those asked for. `hashes`: pairs of high and low. */
  async since(since: number, hashes: Uint32Array): Promise<Revocation[]> {
    const asked = new Map<number, Set<number>>();
    for (let i = 0; i < hashes.length; i += 2) {
      const lows = asked.get(hashes[i]!) ?? new Set();
      asked.set(hashes[i]!, lows.add(hashes[i + 1]!));
    }
    const found: Revocation[] = [];
    for (const { id, last_at } of this.#chunks) {
      if (last_at < since) continue;
      const records = this.#records(id);
      for (let i = 0; i < records.length; i += WORDS) {
        if (!asked.get(records[i]!)?.has(records[i + 1]!)) continue;
        const at = records[i + 3]! * HIGH + records[i + 4]!;
        if (at >= since) found.push({ high: records[i]!, low: records[i + 1]!, purposes: records[i + 2]!, at });
      }
    }
    return found;
  }

  #records(id: number): Uint32Array {
    const { records } = this.#sql.exec<{ records: ArrayBuffer }>("SELECT records FROM chunks WHERE id = ?", id).one();
    return new Uint32Array(records);
  }

  #forget(before: number): void {
    const kept = this.#chunks.filter(({ last_at }) => last_at >= before);
    if (kept.length === this.#chunks.length) return;
    this.#sql.exec("DELETE FROM chunks WHERE last_at < ?", before);
    this.#chunks = kept;
  }
}

function joined(one: Uint32Array, other: Uint32Array): Uint32Array<ArrayBuffer> {
  const both = new Uint32Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
