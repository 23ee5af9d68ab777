/**
 * Which events a shard has added in the last 26 hours, and what it answered: so that a queue message that comes again changes nothing and
 * gets the same answer. Decided by the whole message_id; the index in memory (11 to 21 bytes an id) only says where to look.
 *
 * Table `seen`: a row for each call: `first` (number of its first event), `count`, `received_at`, `body` (JSON, `[message_id, answer, bucket]` for
 * each event, in order). The bucket (core/shard-map.ts) says with whom the event goes to another shard; of what was stored before there were
 * moves it is not known.
 */
import { hash64 } from "../core/hash.ts";
import { DedupeIndex } from "./dedupe-index.ts";
import { rows, utf8Length } from "./rows.ts";

export const seenTable =
  "CREATE TABLE seen (first INTEGER PRIMARY KEY, count INTEGER NOT NULL, received_at INTEGER NOT NULL, body TEXT NOT NULL);";

/** The promise is 24 hours; the rest covers a queue that is behind. */
const REMEMBER_MS = 26 * 3_600_000;
/** Rows kept parsed: those who ask for one event ask for its neighbours. */
const PARSED_ROWS = 16;

export type SeenEvent<A> = [message_id: string, answer: A, bucket?: number];
interface Row<A> {
  first: number;
  all: SeenEvent<A>[];
}

export class SeenEvents<A> {
  readonly #sql: SqlStorage;
  #index!: DedupeIndex;
  #firstKnown = 1;
  #gone = 0;
  #next = 1;
  #fresh: SeenEvent<A>[] = [];
  #parsed: Row<A>[] = [];

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#rebuild();
  }

  get ids(): { ids: number; bytes: number } {
    return { ids: this.#index.size - this.#gone, bytes: this.#index.bytes };
  }

  /** What was answered to the event, if it was here. */
  find(messageId: string): { answer: A } | undefined {
    let found: SeenEvent<A> | undefined;
    this.#index.find(hash64(messageId).low, (number) => {
      const stored = this.#at(number);
      if (stored?.[0] !== messageId) return false;
      found = stored;
      return true;
    });
    return found && { answer: found[1] };
  }

  /** `write` writes it. */
  add(messageId: string, answer: A, bucket?: number): void {
    this.#index.add(hash64(messageId).low, this.#next + this.#fresh.length);
    this.#fresh.push(bucket === undefined ? [messageId, answer] : [messageId, answer, bucket]);
  }

  /** Remembers what another shard has answered, unless it is known. Call inside a transaction. Returns rows written. */
  take(receivedAt: number, events: SeenEvent<A>[]): number {
    for (const event of events) if (!this.find(event[0])) this.add(...event);
    return this.write(receivedAt);
  }

  /** What was written, row by row, from the event of that number on. `next` is the number to go on with. */
  *from(number: number): Generator<{ received_at: number; events: SeenEvent<A>[]; next: number }> {
    // Numbers begin anew where everything was forgotten meanwhile.
    const from = number > this.#next ? 0 : number;
    for (const { first, count, received_at, body } of this.#sql.exec<{
      first: number;
      count: number;
      received_at: number;
      body: string;
    }>("SELECT first, count, received_at, body FROM seen WHERE first >= ? ORDER BY first", from)) {
      yield { received_at, events: JSON.parse(body), next: first + count };
    }
  }

  /** Call inside a transaction. Returns rows written. */
  write(now: number): number {
    let written = 0;
    const fresh = this.#fresh.map((one) => JSON.stringify(one));
    for (const part of rows(fresh, utf8Length)) {
      written += this.#sql.exec(
        "INSERT INTO seen (first, count, received_at, body) VALUES (?, ?, ?, ?)",
        this.#next,
        part.length,
        now,
        `[${part.join(",")}]`,
      ).rowsWritten;
      this.#next += part.length;
    }
    this.#fresh = [];
    return written;
  }

  /** Drops what is older than the window; what came from another shard waits for what was received here before it. Returns rows written. */
  forget(now: number): number {
    const [old] = this.#sql.exec<{ upTo: number | null; n: number | null }>(
      `SELECT max(first) AS upTo, sum(count) AS n FROM seen
       WHERE first < coalesce((SELECT min(first) FROM seen WHERE received_at >= ?), 9007199254740991)`,
      now - REMEMBER_MS,
    );
    if (!old || old.upTo === null) return 0;
    const { rowsWritten } = this.#sql.exec("DELETE FROM seen WHERE first <= ?", old.upTo);
    this.#gone += old.n!;
    this.#parsed = [];
    this.#firstKnown = this.#first();
    // Entries cannot be removed from the index, and building it anew takes long: it is done when an eighth is gone.
    if (this.#gone * 8 > this.#index.size) this.#rebuild();
    return rowsWritten;
  }

  /** When the oldest that is remembered may go. Epoch milliseconds. */
  get forgetAt(): number | undefined {
    const [oldest] = this.#sql.exec<{ received_at: number }>("SELECT received_at FROM seen ORDER BY first LIMIT 1");
    return oldest && oldest.received_at + REMEMBER_MS;
  }

  #first(): number {
    return this.#sql.exec<{ first: number | null }>("SELECT min(first) AS first FROM seen").one().first ?? this.#next;
  }

  #rebuild(): void {
    const { n } = this.#sql.exec<{ n: number }>("SELECT coalesce(sum(count), 0) AS n FROM seen").one();
    this.#firstKnown = this.#first();
    this.#gone = 0;
    this.#index = new DedupeIndex(this.#firstKnown, n);
    for (const row of this.#sql.exec<{ first: number; count: number; body: string }>(
      "SELECT first, count, body FROM seen ORDER BY first",
    )) {
      (JSON.parse(row.body) as SeenEvent<A>[]).forEach(([id], i) => {
        this.#index.add(hash64(id).low, row.first + i);
      });
      this.#next = Math.max(this.#next, row.first + row.count);
    }
  }

  #at(number: number): SeenEvent<A> | undefined {
    if (number >= this.#next) return this.#fresh[number - this.#next];
    if (number < this.#firstKnown) return undefined;
    const known = this.#parsed.find(({ first, all }) => number >= first && number < first + all.length);
    if (known) return known.all[number - known.first];
    const [row] = this.#sql.exec<{ first: number; body: string }>(
      "SELECT first, body FROM seen WHERE first <= ? ORDER BY first DESC LIMIT 1",
      number,
    );
    if (!row) return undefined;
    const parsed = { first: row.first, all: JSON.parse(row.body) as SeenEvent<A>[] };
    this.#parsed = [parsed, ...this.#parsed].slice(0, PARSED_ROWS);
    return parsed.all[number - row.first];
  }
}
