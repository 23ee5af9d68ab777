/**
 * The events of a shard, numbered from 1 in the order they came, and which of them were here before.
 *
 *   log        what arrived since the last checkpoint: facts (decided) and lines (the events, never parsed here)
 *   history    what went to the lake in the last 26 hours, without the lines: for duplicates and redelivered messages
 *
 * Facts and lines are packed (core/packed.ts); rows of earlier versions hold them as text.
 *
 * Whether an event was here before is decided by its whole message_id: the index in memory only says where to look. It holds 11 to 21
 * bytes an id. A shard knows the ids of its own visitors, so an id that comes with two visitors is one event where both live here, and
 * two where not. Whoever mints message_ids makes them unique, and sends an event again with the visitor that it had.
 */
import { hash64 } from "../core/hash.ts";
import { pack, unpack, unpackedLength } from "../core/packed.ts";
import { DedupeIndex } from "./dedupe-index.ts";
import { ROW_BYTES, rows, utf8Length } from "./rows.ts";
import { historyFacts, type Lines, linesOf, type StoredFacts } from "./visitor-facts.ts";

/** How long a message_id is remembered. The promise is 24 hours; the rest covers a queue that is behind. */
const DEDUPE_MS = 26 * 3_600_000;
const PROMISED_MS = 24 * 3_600_000;
/**
 * Ids remembered at once, 33 MB of index: a shard that gets 32 events a second all day. Beyond it the oldest go first, those of over 24
 * hours before any other. Nothing is refused and no event is lost; a very old duplicate may then count twice.
 */
export const MOST_IDS = 3_000_000;
/** Events in one lake file, and bytes of their lines, so that building it stays far below an object's 128 MB. */
const FILE_EVENTS = 10_000;
const FILE_LENGTH = 16 * 1024 * 1024;
/** Events in one row of history. Looking one up reads all their ids. */
const HISTORY_EVENTS = 1_000;
/** Rows kept parsed: those who ask for one event ask for its neighbours. */
const PARSED_ROWS = 16;

export interface Range {
  first: number;
  end: number;
}

interface Parsed {
  first: number;
  count: number;
  /** Undefined in rows of the first version: there the hash is all there is. */
  ids: (string | undefined)[];
  /** Uint32 triples: message_id hash high and low, delivery tag. */
  keys: Uint32Array;
}

export class EventLog {
  readonly #sql: SqlStorage;
  #index!: DedupeIndex;
  /** The first event of which the index should know; it may still hold some that are gone. */
  #firstKnown = 1;
  /** How many ids it holds that are gone. */
  #gone = 0;
  /** The number of the next event. */
  #next: number;
  /** Events of the present call, not written yet. */
  #fresh: StoredFacts[] = [];
  readonly #parsed = new Map<string, Parsed>();
  #lastFacts: { first: number; facts: StoredFacts[] } | undefined;
  /** What the log holds. `length`: that of the lines, in bytes before they were packed. */
  readonly waiting = { events: 0, length: 0 };

  /** `next`: the number of the next event where nothing waits. */
  constructor(sql: SqlStorage, next: number) {
    this.#sql = sql;
    this.#next = next;
    for (const { first, count, length } of sql.exec<{ first: number; count: number; length: number }>(
      "SELECT first, count, length FROM log ORDER BY first",
    )) {
      this.waiting.events += count;
      this.waiting.length += length;
      this.#next = first + count;
    }
    this.#rebuild();
  }

  get next(): number {
    return this.#next + this.#fresh.length;
  }

  get ids(): { ids: number; bytes: number } {
    return { ids: this.#index.size - this.#gone, bytes: this.#index.bytes };
  }

  /** When the oldest event that is not in the lake came, by our clock. */
  get oldestWaiting(): number | undefined {
    return this.#sql.exec<{ received_at: number }>("SELECT received_at FROM log ORDER BY first LIMIT 1").toArray()[0]
      ?.received_at;
  }

  /** The number and delivery tag of the event with this id, if it was here in the last 26 hours. */
  find(messageId: string): { number: number; tag: number } | undefined {
    const hash = hash64(messageId);
    let tag = 0;
    const number = this.#index.find(hash.low, (candidate) => {
      const fresh = this.#fresh[candidate - this.#next];
      if (fresh) {
        tag = fresh[2];
        return fresh[11] === messageId;
      }
      const row = this.#rowOf(candidate);
      if (!row) return false;
      const at = candidate - row.first;
      tag = row.keys[at * 3 + 2]!;
      const id = row.ids[at];
      return id === undefined ? row.keys[at * 3] === hash.high && row.keys[at * 3 + 1] === hash.low : id === messageId;
    });
    return number === undefined ? undefined : { number, tag };
  }

  /** Takes an event in; `write` writes it. */
  add(facts: StoredFacts): void {
    this.#index.add(facts[1], this.next);
    this.#fresh.push(facts);
  }

  /**
   * Writes what was added, in one row if it is not over 1 MB. `lines` are those of a whole call, `taken` says which of them belong
   * to what was added, in its order. Call inside a transaction. Returns rows written.
   */
  write(now: number, lines: Lines, taken: number[], all: number): number {
    const fresh = this.#fresh;
    this.#fresh = [];
    if (fresh.length === 0) return 0;
    const facts = pack(JSON.stringify(fresh));
    // Nearly every call is of new events only: their lines are stored as they came.
    if (taken.length === all && lines instanceof Uint8Array && facts.length + lines.length <= ROW_BYTES)
      return this.#insert(now, fresh.length, facts, lines);
    const given = linesOf(lines);
    const stored = taken.map((index, i) => ({ facts: JSON.stringify(fresh[i]), line: given[index]! }));
    let written = 0;
    for (const part of rows(stored, (one) => utf8Length(one.facts) + utf8Length(one.line))) {
      const facts = pack(`[${part.map((one) => one.facts).join(",")}]`);
      written += this.#insert(now, part.length, facts, pack(part.map((one) => one.line).join("\n")));
    }
    return written;
  }

  #insert(now: number, count: number, facts: Uint8Array<ArrayBuffer>, lines: Uint8Array): number {
    const length = unpackedLength(lines);
    const sql = "INSERT INTO log (first, count, received_at, length, facts, lines) VALUES (?, ?, ?, ?, ?, ?)";
    const { rowsWritten } = this.#sql.exec(sql, this.#next, count, now, length, facts, lines);
    this.#next += count;
    this.waiting.events += count;
    this.waiting.length += length;
    return rowsWritten;
  }

  /** The facts of the event with this number. */
  factsOf(number: number): StoredFacts {
    const fresh = this.#fresh[number - this.#next];
    if (fresh) return fresh;
    const known = this.#lastFacts?.facts[number - this.#lastFacts.first];
    if (known) return known;
    for (const table of ["log", "history"]) {
      const [row] = this.#sql.exec<{ first: number; count: number; facts: Packed }>(
        `SELECT first, count, facts FROM ${table} WHERE first <= ? ORDER BY first DESC LIMIT 1`,
        number,
      );
      if (!row || number >= row.first + row.count) continue;
      this.#lastFacts = { first: row.first, facts: parsed(row.facts) };
      return this.#lastFacts.facts[number - row.first]!;
    }
    throw new Error(`event ${number} is in the dedupe index but in no table`);
  }

  /** The facts of waiting events from this number on, in their order, with when they came. */
  *factsFrom(number: number): Generator<{ facts: StoredFacts; received_at: number }> {
    for (const row of this.#sql.exec<{ first: number; received_at: number; facts: Packed }>(
      "SELECT first, received_at, facts FROM log WHERE first + count > ? ORDER BY first",
      number,
    )) {
      const all = parsed(row.facts);
      for (const facts of all.slice(Math.max(0, number - row.first))) yield { facts, received_at: row.received_at };
    }
  }

  /** The oldest events that wait, as many as one lake file takes. */
  nextRange(): Range | undefined {
    let range: Range | undefined;
    let bytes = 0;
    for (const { first, count, length } of this.#sql.exec<{ first: number; count: number; length: number }>(
      "SELECT first, count, length FROM log ORDER BY first",
    )) {
      bytes += length;
      if (range && (first + count - range.first > FILE_EVENTS || bytes > FILE_LENGTH)) break;
      range = { first: range?.first ?? first, end: first + count };
    }
    return range;
  }

  *rowsIn({ first, end }: Range): Generator<{ received_at: number; facts: StoredFacts[]; lines: string[] }> {
    for (const row of this.#sql.exec<{ received_at: number; facts: Packed; lines: Packed }>(
      "SELECT received_at, facts, lines FROM log WHERE first >= ? AND first < ? ORDER BY first",
      first,
      end,
    )) {
      yield { received_at: row.received_at, facts: parsed(row.facts), lines: unpack(row.lines).split("\n") };
    }
  }

  /** Call inside a transaction. Returns rows written. */
  moveToHistory({ first, end }: Range): number {
    let written = 0;
    let moved = first;
    const all: { facts: StoredFacts; id: string; json: string }[] = [];
    let receivedAt = 0;
    for (const row of this.#sql.exec<{ received_at: number; facts: Packed; length: number }>(
      "SELECT received_at, facts, length FROM log WHERE first >= ? AND first < ? ORDER BY first",
      first,
      end,
    )) {
      for (const facts of parsed(row.facts)) {
        all.push({ facts, id: JSON.stringify(facts[11] ?? null), json: JSON.stringify(historyFacts(facts)) });
      }
      receivedAt = row.received_at;
      this.waiting.length -= row.length;
    }
    for (const part of rows(all, ({ id, json }) => utf8Length(id) + utf8Length(json), HISTORY_EVENTS)) {
      written += this.#sql.exec(
        "INSERT INTO history (first, count, received_at, keys, ids, facts) VALUES (?, ?, ?, ?, ?, ?)",
        moved,
        part.length,
        receivedAt,
        keysOf(part.map(({ facts }) => facts)).buffer as ArrayBuffer,
        `[${part.map(({ id }) => id).join(",")}]`,
        pack(`[${part.map(({ json }) => json).join(",")}]`),
      ).rowsWritten;
      moved += part.length;
    }
    written += this.#sql.exec("DELETE FROM log WHERE first >= ? AND first < ?", first, end).rowsWritten;
    this.waiting.events -= all.length;
    this.#lastFacts = undefined;
    this.#parsed.clear();
    return written;
  }

  /**
   * Drops what is older than the dedupe window, and the oldest where there are more than `most` ids. Returns rows written, and how
   * long the window has become where that is less than the promised 24 hours. Milliseconds.
   */
  forget(now: number, most = MOST_IDS): { written: number; shortened?: number } {
    let dropped = 0;
    let excess = this.ids.ids - most;
    let upTo: { first: number; received_at: number } | undefined;
    for (const row of this.#sql.exec<{ first: number; count: number; received_at: number }>(
      "SELECT first, count, received_at FROM history ORDER BY first",
    )) {
      if (row.received_at >= now - DEDUPE_MS && excess <= 0) break;
      upTo = row;
      dropped += row.count;
      excess -= row.count;
    }
    if (!upTo) return { written: 0 };
    const { rowsWritten: written } = this.#sql.exec("DELETE FROM history WHERE first <= ?", upTo.first);
    this.#gone += dropped;
    this.#firstKnown = this.#first();
    this.#lastFacts = undefined;
    this.#parsed.clear();
    // Entries cannot be removed from the index, and building it anew takes long: it is done when an eighth is gone.
    if (this.#gone * 8 > this.#index.size) this.#rebuild();
    const window = now - upTo.received_at;
    return window < PROMISED_MS ? { written, shortened: window } : { written };
  }

  #first(): number {
    const of = (table: string) =>
      this.#sql.exec<{ first: number | null }>(`SELECT min(first) AS first FROM ${table}`).one().first;
    return of("history") ?? of("log") ?? this.#next;
  }

  #rebuild(): void {
    const { n } = this.#sql.exec<{ n: number }>("SELECT coalesce(sum(count), 0) AS n FROM history").one();
    this.#firstKnown = this.#first();
    this.#gone = 0;
    this.#index = new DedupeIndex(this.#firstKnown, n + this.waiting.events);
    for (const row of this.#sql.exec<{ first: number; keys: ArrayBuffer }>(
      "SELECT first, keys FROM history ORDER BY first",
    )) {
      const keys = new Uint32Array(row.keys);
      for (let i = 0; i < keys.length; i += 3) this.#index.add(keys[i + 1]!, row.first + i / 3);
    }
    for (const row of this.#sql.exec<{ first: number; facts: Packed }>("SELECT first, facts FROM log ORDER BY first")) {
      parsed(row.facts).forEach(([, low], i) => {
        this.#index.add(low, row.first + i);
      });
    }
  }

  /** The ids and tags around this event, from whichever table has it now; undefined where it is forgotten. */
  #rowOf(number: number): Parsed | undefined {
    if (number < this.#firstKnown) return undefined;
    for (const row of this.#parsed.values()) if (number >= row.first && number < row.first + row.count) return row;
    const row = this.#parse(number);
    this.#parsed.set(String(row.first), row);
    // The map's order is that of insertion: the first is the oldest.
    if (this.#parsed.size > PARSED_ROWS) this.#parsed.delete(this.#parsed.keys().next().value!);
    return row;
  }

  #parse(number: number): Parsed {
    const [kept] = this.#sql.exec<{ first: number; count: number; keys: ArrayBuffer; ids: string | null }>(
      "SELECT first, count, keys, ids FROM history WHERE first <= ? ORDER BY first DESC LIMIT 1",
      number,
    );
    if (kept && number < kept.first + kept.count) {
      const ids = (JSON.parse(kept.ids ?? "[]") as (string | null)[]).map((id) => id ?? undefined);
      return { first: kept.first, count: kept.count, keys: new Uint32Array(kept.keys), ids };
    }
    const [row] = this.#sql.exec<{ first: number; count: number; facts: Packed }>(
      "SELECT first, count, facts FROM log WHERE first <= ? ORDER BY first DESC LIMIT 1",
      number,
    );
    if (!row || number >= row.first + row.count)
      throw new Error(`event ${number} is in the dedupe index but in no table`);
    const facts = parsed(row.facts);
    return { first: row.first, count: row.count, keys: keysOf(facts), ids: facts.map((one) => one[11]) };
  }
}

type Packed = string | ArrayBuffer;
const parsed = (facts: Packed) => JSON.parse(unpack(facts)) as StoredFacts[];

/** Hash high, hash low and delivery tag of each event: all that the dedupe index needs after a restart, and the tag. */
function keysOf(facts: StoredFacts[]): Uint32Array {
  const keys = new Uint32Array(facts.length * 3);
  facts.forEach(([high, low, tag], i) => {
    keys.set([high, low, tag], i * 3);
  });
  return keys;
}
