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

/** Events that came, and were here before. */
export interface Counts {
  duplicates: number;
  redelivered: number;
}
const NONE: Counts = { duplicates: 0, redelivered: 0 };

/** An event of history: facts without its id, and the id where it is known. */
export interface Kept {
  facts: StoredFacts;
  id: string | null;
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
    // Events that came from another shard are in history at once, whatever waits here.
    const [last] = sql.exec<{ end: number }>("SELECT first + count AS end FROM history ORDER BY first DESC LIMIT 1");
    this.#next = Math.max(this.#next, last?.end ?? 0);
    this.#rebuild();
  }

  get next(): number {
    return this.#next + this.#fresh.length;
  }

  get ids(): { ids: number; bytes: number } {
    return { ids: this.#index.size - this.#gone, bytes: this.#index.bytes };
  }

  /** The number of the oldest event that is not in the lake; of the next that will come, where all are. */
  get firstWaiting(): number {
    const [row] = this.#sql.exec<{ first: number }>("SELECT first FROM log ORDER BY first LIMIT 1");
    return row?.first ?? this.#next;
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
   * to what was added, in its order; `counts` are of what was not, since the row before. Call inside a transaction. Returns rows written.
   */
  write(now: number, lines: Lines, taken: number[], all: number, counts: Counts): number {
    const fresh = this.#fresh;
    this.#fresh = [];
    if (fresh.length === 0) return 0;
    const facts = pack(JSON.stringify(fresh));
    // Nearly every call is of new events only: their lines are stored as they came.
    if (taken.length === all && lines instanceof Uint8Array && facts.length + lines.length <= ROW_BYTES)
      return this.#insert(now, fresh.length, facts, lines, counts);
    const given = linesOf(lines);
    const stored = taken.map((index, i) => ({ facts: JSON.stringify(fresh[i]), line: given[index]! }));
    let written = 0;
    for (const part of rows(stored, (one) => utf8Length(one.facts) + utf8Length(one.line))) {
      const facts = pack(`[${part.map((one) => one.facts).join(",")}]`);
      const lines = pack(part.map((one) => one.line).join("\n"));
      written += this.#insert(now, part.length, facts, lines, written === 0 ? counts : NONE);
    }
    return written;
  }

  #insert(
    now: number,
    count: number,
    facts: Uint8Array<ArrayBuffer>,
    lines: Uint8Array,
    { duplicates, redelivered }: Counts,
  ): number {
    const length = unpackedLength(lines);
    const { rowsWritten } = this.#sql.exec(
      "INSERT INTO log (first, count, received_at, length, duplicates, redelivered, facts, lines) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      this.#next,
      count,
      now,
      length,
      duplicates,
      redelivered,
      facts,
      lines,
    );
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

  /** What was counted with events from this number on. */
  countsFrom(number: number): Counts {
    return this.#sql
      .exec<{ duplicates: number; redelivered: number }>(
        "SELECT coalesce(sum(duplicates), 0) AS duplicates, coalesce(sum(redelivered), 0) AS redelivered FROM log WHERE first >= ?",
        number,
      )
      .one();
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

  /** The oldest events that wait, as many as one lake file takes: of one UTC day, and numbered without a gap. */
  nextRange(): Range | undefined {
    let range: Range | undefined;
    let day = 0;
    let bytes = 0;
    for (const { first, count, received_at, length } of this.#sql.exec<{
      first: number;
      count: number;
      received_at: number;
      length: number;
    }>("SELECT first, count, received_at, length FROM log ORDER BY first")) {
      bytes += length;
      const isFull = range && (first + count - range.first > FILE_EVENTS || bytes > FILE_LENGTH);
      if (range && (isFull || first !== range.end || dayOf(received_at) !== day)) break;
      day = dayOf(received_at);
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

  /** A visitor's events that wait, in their order. */
  waitingOf(anonymousId: string): { number: number; facts: StoredFacts; line: string }[] {
    const found: { number: number; facts: StoredFacts; line: string }[] = [];
    for (const row of this.#sql.exec<{ first: number; facts: Packed; lines: Packed }>(
      "SELECT first, facts, lines FROM log ORDER BY first",
    )) {
      const facts = parsed(row.facts);
      if (!facts.some((one) => one[3] === anonymousId)) continue;
      unpack(row.lines)
        .split("\n")
        .forEach((line, i) => {
          if (facts[i]![3] === anonymousId) found.push({ number: row.first + i, facts: facts[i]!, line });
        });
    }
    return found;
  }

  /** Call inside a transaction. Returns rows written. */
  moveToHistory({ first, end }: Range): number {
    let written = 0;
    const all: Kept[] = [];
    let receivedAt = 0;
    for (const row of this.#sql.exec<{ received_at: number; facts: Packed; length: number }>(
      "SELECT received_at, facts, length FROM log WHERE first >= ? AND first < ? ORDER BY first",
      first,
      end,
    )) {
      for (const facts of parsed(row.facts)) {
        all.push({ facts: historyFacts(facts), id: facts[11] ?? null });
      }
      receivedAt = row.received_at;
      this.waiting.length -= row.length;
    }
    written += this.#keep(first, receivedAt, all);
    written += this.#sql.exec("DELETE FROM log WHERE first >= ? AND first < ?", first, end).rowsWritten;
    this.waiting.events -= all.length;
    this.#lastFacts = undefined;
    this.#parsed.clear();
    return written;
  }

  /** Rows of history from this number on. Returns rows written. */
  #keep(first: number, receivedAt: number, all: Kept[]): number {
    let written = 0;
    let number = first;
    const texts = all.map(({ facts, id }) => ({ facts, id: JSON.stringify(id), json: JSON.stringify(facts) }));
    for (const part of rows(texts, ({ id, json }) => utf8Length(id) + utf8Length(json), HISTORY_EVENTS)) {
      written += this.#sql.exec(
        "INSERT INTO history (first, count, received_at, keys, ids, facts) VALUES (?, ?, ?, ?, ?, ?)",
        number,
        part.length,
        receivedAt,
        keysOf(part.map(({ facts }) => facts)).buffer as ArrayBuffer,
        `[${part.map(({ id }) => id).join(",")}]`,
        pack(`[${part.map(({ json }) => json).join(",")}]`),
      ).rowsWritten;
      number += part.length;
    }
    return written;
  }

  /** Rows of history from this number on that no event that waits comes before, each with its next number. */
  *historyFrom(number: number): Generator<{ received_at: number; kept: Kept[]; next: number }> {
    for (const { first, count, received_at, ids, facts } of this.#sql.exec<{
      first: number;
      count: number;
      received_at: number;
      ids: string | null;
      facts: Packed;
    }>(
      "SELECT first, count, received_at, ids, facts FROM history WHERE first >= ? AND first < ? ORDER BY first",
      number,
      this.firstWaiting,
    )) {
      const names = JSON.parse(ids ?? "[]") as (string | null)[];
      const kept = parsed(facts).map((one, i) => ({ facts: one, id: names[i] ?? null }));
      yield { received_at, kept, next: first + count };
    }
  }

  /**
   * Takes in events that another shard decided, so that what comes again is answered as it would have been there. Those that are known
   * are left out. Call inside a transaction. Returns how many were new here, and rows written.
   */
  take(receivedAt: number, all: Kept[]): { taken: number; written: number } {
    const fresh = all.filter(({ facts, id }) => !this.#knows(facts, id));
    const written = this.#keep(this.#next, receivedAt, fresh);
    for (const { facts } of fresh) this.#index.add(facts[1], this.#next++);
    return { taken: fresh.length, written };
  }

  #knows([high, low]: StoredFacts, id: string | null): boolean {
    if (id !== null) return this.find(id) !== undefined;
    const isIt = (number: number) => {
      const row = this.#rowOf(number);
      const at = row ? (number - row.first) * 3 : 0;
      return row?.keys[at] === high && row.keys[at + 1] === low;
    };
    return this.#index.find(low, isIt) !== undefined;
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
    return Math.min(of("history") ?? this.#next, of("log") ?? this.#next);
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
    if (!row) return undefined;
    this.#parsed.set(String(row.first), row);
    // The map's order is that of insertion: the first is the oldest.
    if (this.#parsed.size > PARSED_ROWS) this.#parsed.delete(this.#parsed.keys().next().value!);
    return row;
  }

  /** Undefined where it was forgotten while others that came before it still wait for the lake. */
  #parse(number: number): Parsed | undefined {
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
    if (!row || number >= row.first + row.count) return undefined;
    const facts = parsed(row.facts);
    return { first: row.first, count: row.count, keys: keysOf(facts), ids: facts.map((one) => one[11]) };
  }
}

type Packed = string | ArrayBuffer;
const dayOf = (at: number) => Math.floor(at / 86_400_000);
const parsed = (facts: Packed) => JSON.parse(unpack(facts)) as StoredFacts[];

/** Hash high, hash low and delivery tag of each event: all that the dedupe index needs after a restart, and the tag. */
function keysOf(facts: StoredFacts[]): Uint32Array {
  const keys = new Uint32Array(facts.length * 3);
  facts.forEach(([high, low, tag], i) => {
    keys.set([high, low, tag], i * 3);
  });
  return keys;
}
