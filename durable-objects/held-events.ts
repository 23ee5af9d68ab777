/**
 * Events of a shard that wait for their visitors' consent (core/hold.ts), in tables of their own beside the shard's:
 *
 *   held          one event: its visitor, until when, which purposes wait, and last its line and what the shard decided of it
 *   releases      what was decided at one time, for up to 100 events: a queue message names it, and the processor claims it
 *   held_counts   one document
 *
 * A decision and the event that brought it are one transaction. From there to the vendors it goes through the queue: the alarm sends the
 * number of a release, the processor claims what is in it, sends it on, and settles it; only then is it deleted. A claim is one queue
 * message's for 15 minutes, longer than any consumer lives: a message that comes again gets the same, another one gets nothing yet.
 */
import type { Asked } from "../core/consent-decision.ts";
import { type Answer, type Hold, type Pending, settledBy, settledByDefault } from "../core/hold.ts";
import type { ShardEvent, ShardFacts } from "./visitor-facts.ts";

/** Made where they are not there yet: the shard's own, numbered migrations know nothing of them. */
const TABLES = `
  CREATE TABLE IF NOT EXISTS held (id INTEGER PRIMARY KEY, visitor TEXT NOT NULL, until INTEGER NOT NULL, unanswered TEXT NOT NULL, pending TEXT NOT NULL, body TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS releases (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, sent_at INTEGER, claimed_by TEXT, claimed_at INTEGER, items TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS held_counts (id INTEGER PRIMARY KEY, body TEXT NOT NULL);`;

const RELEASE_EVENTS = 100;
/** No consumer of a queue lives longer. */
const CLAIM_MS = 15 * 60_000;
/** A message that was lost, or given up: its release is sent again. */
const RESEND_AFTER_MS = 3_600_000;
/** A queue that refuses is not asked again at once. */
const SEND_AGAIN_MS = 10_000;
/** Visitors whose last answer is remembered, for events that come after it and were sent before. In memory only. */
const MOST_ANSWERS = 10_000;

interface ReleaseItem {
  held: number;
  granted: Asked[];
  /** Absent: nobody answered, and the default holds. */
  answer?: Answer;
}

/** A released event as the processor gets it. */
export interface HeldEvent {
  /** `{source_id, event, receipt}` as JSON. */
  line: string;
  facts: ShardFacts;
  granted: Asked[];
  answer?: Answer;
}

export type Claimed = { claimed: true; events: HeldEvent[] } | { claimed: false };

export interface HeldCounts {
  held: number;
  /** An answer allowed at least one purpose that waited. */
  released: number;
  /** An answer allowed none. */
  denied: number;
  /** Nobody answered in time: the default allowed it, or did not, or it was to be dropped; dropped also where its visitor was deleted. */
  by_default: number;
  denied_by_default: number;
  dropped: number;
  /** Of those three, because the visitor had too many that waited. */
  over_limit: number;
}

const NONE: HeldCounts = {
  held: 0,
  released: 0,
  denied: 0,
  by_default: 0,
  denied_by_default: 0,
  dropped: 0,
  over_limit: 0,
};

/** As another shard takes it over. */
export interface MovedHeld extends Waiting {
  body: string;
}

interface Waiting {
  visitor: string;
  until: number;
  unanswered: Hold["unanswered"];
  pending: Pending;
}

export class HeldEvents {
  readonly #sql: SqlStorage;
  readonly #waiting = new Map<number, Waiting>();
  readonly #byVisitor = new Map<string, Set<number>>();
  /** How many releases name an event. */
  readonly #named = new Map<number, number>();
  readonly #answers: Map<string, Answer>;
  #counts: HeldCounts;
  #next = 1;
  #earliest = Number.POSITIVE_INFINITY;
  #unsent = false;
  /** Not before then, after the queue refused. */
  #sendAt = 0;
  /** Of the present call. */
  #fresh: { id: number; visitor: string; body: string }[] = [];
  #released: ReleaseItem[] = [];
  #changed = new Set<number>();
  #gone: number[] = [];
  #hasCounted = false;

  /** `answers`: of an instance before, where one was thrown away with its transaction. */
  constructor(sql: SqlStorage, answers = new Map<string, Answer>()) {
    this.#sql = sql;
    this.#answers = answers;
    sql.exec(TABLES);
    type Row = { id: number; visitor: string; until: number; unanswered: Hold["unanswered"]; pending: string };
    for (const row of sql.exec<Row>("SELECT id, visitor, until, unanswered, pending FROM held ORDER BY id")) {
      this.#next = row.id + 1;
      const pending = JSON.parse(row.pending) as Pending;
      // Of what is released nothing waits: the row stays until the release is settled.
      if (Object.keys(pending).length) this.#add(row.id, { ...row, pending });
    }
    for (const { items, sent_at } of sql.exec<{ items: string; sent_at: number | null }>(
      "SELECT items, sent_at FROM releases",
    )) {
      if (sent_at === null) this.#unsent = true;
      for (const { held } of JSON.parse(items) as ReleaseItem[]) this.#name(held, 1);
    }
    const [counts] = sql.exec<{ body: string }>("SELECT body FROM held_counts WHERE id = 1");
    this.#counts = { ...NONE, ...(counts && JSON.parse(counts.body)) };
  }

  get counts(): HeldCounts & { waiting: number } {
    return { ...this.#counts, waiting: this.#waiting.size };
  }

  get answers(): Map<string, Answer> {
    return this.#answers;
  }

  /** When there is something to do; undefined where there is not. Epoch milliseconds. */
  wakeAt(now: number): number | undefined {
    if (this.#unsent) return Math.max(now, this.#sendAt);
    if (this.#named.size) return Math.min(this.#earliest, now + RESEND_AFTER_MS);
    return this.#waiting.size && Number.isFinite(this.#earliest) ? this.#earliest : undefined;
  }

  /** Takes in a new event: what it holds, and what its visitor answers with it. `line` and `facts` as the log has them. */
  take(event: ShardEvent, line: string, facts: ShardFacts): void {
    const { hold, answer, anonymous_id } = event;
    if (answer) {
      this.#remember(anonymous_id, answer);
      // Who has just got a cookie was somebody else before, and is asked for both.
      for (const visitor of [anonymous_id, event.previous_id]) if (visitor) this.#answer(visitor, answer);
    }
    if (!hold || Object.keys(hold.pending).length === 0) return;
    const before = this.#answers.get(anonymous_id);
    const id = this.#next++;
    const isFull = (this.#byVisitor.get(anonymous_id)?.size ?? 0) >= hold.most;
    this.#add(id, { visitor: anonymous_id, ...hold });
    this.#fresh.push({ id, visitor: anonymous_id, body: JSON.stringify({ line, facts }) });
    this.#count("held");
    if (before) this.#settle(id, settledBy(before, hold.pending), before);
    if (!isFull || !this.#waiting.has(id)) return;
    this.#count("over_limit");
    this.#giveUp(id);
  }

  /** What time is over for, of visitors who are still here. Call inside a transaction, and then `write`. */
  expire(now: number, isHere: (visitor: string) => boolean = () => true): void {
    if (this.#earliest > now) return;
    let earliest = Number.POSITIVE_INFINITY;
    for (const [id, { until, visitor }] of this.#waiting) {
      // Whoever has the visitor now fetches the event as well.
      if (!isHere(visitor)) continue;
      if (until <= now) this.#giveUp(id);
      else earliest = Math.min(earliest, until);
    }
    this.#earliest = earliest;
  }

  /** Writes what the present call decided. Call inside a transaction. Returns rows written. */
  write(now: number): number {
    let written = 0;
    const exec = (sql: string, ...values: (string | number)[]) => {
      written += this.#sql.exec(sql, ...values).rowsWritten;
    };
    const gone = new Set(this.#gone);
    for (const { id, visitor, body } of this.#fresh) {
      if (gone.has(id)) continue;
      const waiting = this.#waiting.get(id);
      exec(
        "INSERT INTO held (id, visitor, until, unanswered, pending, body) VALUES (?, ?, ?, ?, ?, ?)",
        id,
        visitor,
        waiting?.until ?? 0,
        waiting?.unanswered ?? "default",
        JSON.stringify(waiting?.pending ?? {}),
        body,
      );
    }
    const fresh = new Set(this.#fresh.map(({ id }) => id));
    for (const id of this.#changed) {
      if (fresh.has(id) || gone.has(id)) continue;
      exec("UPDATE held SET pending = ? WHERE id = ?", JSON.stringify(this.#waiting.get(id)?.pending ?? {}), id);
    }
    for (const id of gone) if (!fresh.has(id)) exec("DELETE FROM held WHERE id = ?", id);
    for (let at = 0; at < this.#released.length; at += RELEASE_EVENTS) {
      const items = JSON.stringify(this.#released.slice(at, at + RELEASE_EVENTS));
      exec("INSERT INTO releases (at, items) VALUES (?, ?)", now, items);
      this.#unsent = true;
    }
    if (this.#hasCounted) {
      exec("INSERT OR REPLACE INTO held_counts (id, body) VALUES (1, ?)", JSON.stringify(this.#counts));
    }
    this.#fresh = [];
    this.#released = [];
    this.#changed = new Set();
    this.#gone = [];
    this.#hasCounted = false;
    return written;
  }

  /** Releases whose message was not sent, or long ago. */
  unsent(now: number): number[] {
    return this.#sql
      .exec<{ id: number }>(
        "SELECT id FROM releases WHERE coalesce(sent_at, 0) <= ? AND coalesce(claimed_at, 0) <= ? ORDER BY id LIMIT 1000",
        now - RESEND_AFTER_MS,
        now - CLAIM_MS,
      )
      .toArray()
      .map(({ id }) => id);
  }

  /** Call when the queue has their messages. Returns rows written. */
  noteSent(ids: number[], now: number): number {
    const { rowsWritten } = this.#sql.exec(
      "UPDATE releases SET sent_at = ? WHERE id IN (SELECT value FROM json_each(?))",
      now,
      JSON.stringify(ids),
    );
    this.#unsent = this.#sql.exec("SELECT 1 FROM releases WHERE sent_at IS NULL LIMIT 1").toArray().length > 0;
    return rowsWritten;
  }

  noteRefused(now: number): void {
    this.#sendAt = now + SEND_AGAIN_MS;
  }

  /** Gives one queue message what was released, and for 15 minutes no other. Nothing is left of what was settled. */
  claim(id: number, by: string, now: number): Claimed {
    type Row = { claimed_by: string | null; claimed_at: number | null; items: string };
    const [row] = this.#sql.exec<Row>("SELECT claimed_by, claimed_at, items FROM releases WHERE id = ?", id);
    if (!row) return { claimed: true, events: [] };
    if (row.claimed_by !== null && row.claimed_by !== by && (row.claimed_at ?? 0) > now - CLAIM_MS)
      return { claimed: false };
    this.#sql.exec("UPDATE releases SET claimed_by = ?, claimed_at = ? WHERE id = ?", by, now, id);
    const events = (JSON.parse(row.items) as ReleaseItem[]).flatMap(({ held, ...item }): HeldEvent[] => {
      const [event] = this.#sql.exec<{ body: string }>("SELECT body FROM held WHERE id = ?", held);
      return event ? [{ ...(JSON.parse(event.body) as Pick<HeldEvent, "line" | "facts">), ...item }] : [];
    });
    return { claimed: true, events };
  }

  /** Call when what was released is on its way, inside a transaction. Returns rows written. */
  settle(id: number): number {
    const [row] = this.#sql.exec<{ items: string }>("SELECT items FROM releases WHERE id = ?", id);
    if (!row) return 0;
    let written = this.#sql.exec("DELETE FROM releases WHERE id = ?", id).rowsWritten;
    for (const { held } of JSON.parse(row.items) as ReleaseItem[]) {
      if (this.#name(held, -1) > 0 || this.#waiting.has(held)) continue;
      written += this.#sql.exec("DELETE FROM held WHERE id = ?", held).rowsWritten;
    }
    return written;
  }

  /**
   * What waits of these visitors, behind the one with this id. What is released already stays, and goes on from here: a queue message
   * names this shard.
   */
  *behind(after: number, isWanted: (visitor: string) => boolean): Generator<{ id: number; held: MovedHeld }> {
    type Row = { id: number; body: string };
    for (const { id, body } of this.#sql.exec<Row>("SELECT id, body FROM held WHERE id > ? ORDER BY id", after)) {
      const waiting = this.#waiting.get(id);
      if (waiting && isWanted(waiting.visitor)) yield { id, held: { ...waiting, body } };
    }
  }

  /** Takes over what waited in another shard, where it was counted. Call inside a transaction. Returns rows written. */
  takeOver(all: MovedHeld[]): number {
    let written = 0;
    for (const { body, ...waiting } of all) {
      const id = this.#next++;
      this.#add(id, waiting);
      const { visitor, until, unanswered, pending } = waiting;
      written += this.#sql.exec(
        "INSERT INTO held (id, visitor, until, unanswered, pending, body) VALUES (?, ?, ?, ?, ?, ?)",
        id,
        visitor,
        until,
        unanswered,
        JSON.stringify(pending),
        body,
      ).rowsWritten;
    }
    return written;
  }

  /** Deletes what waits of visitors who are another shard's now. Call inside a transaction. Returns rows written. */
  leave(isUnwanted: (visitor: string) => boolean): number {
    let written = 0;
    for (const [id, { visitor }] of [...this.#waiting]) {
      if (!isUnwanted(visitor)) continue;
      this.#drop(id);
      this.#answers.delete(visitor);
      written += this.#named.has(id)
        ? this.#sql.exec("UPDATE held SET pending = '{}' WHERE id = ?", id).rowsWritten
        : this.#sql.exec("DELETE FROM held WHERE id = ?", id).rowsWritten;
    }
    return written;
  }

  /** Deletes all events of a visitor, also those that are released and not claimed yet. Call inside a transaction, and then `write`. */
  forget(visitor: string): number {
    for (const id of [...(this.#byVisitor.get(visitor) ?? [])]) {
      this.#drop(id);
      this.#count("dropped");
    }
    this.#answers.delete(visitor);
    return this.#sql.exec("DELETE FROM held WHERE visitor = ?", visitor).rowsWritten;
  }

  #add(id: number, { visitor, until, unanswered, pending }: Waiting): void {
    this.#waiting.set(id, { visitor, until, unanswered, pending });
    this.#earliest = Math.min(this.#earliest, until);
    const ids = this.#byVisitor.get(visitor);
    if (ids) ids.add(id);
    else this.#byVisitor.set(visitor, new Set([id]));
  }

  #answer(visitor: string, answer: Answer): void {
    for (const id of [...(this.#byVisitor.get(visitor) ?? [])]) {
      this.#settle(id, settledBy(answer, this.#waiting.get(id)!.pending), answer);
    }
  }

  #settle(id: number, { granted, denied, left }: ReturnType<typeof settledBy>, answer?: Answer): void {
    if (granted.length + denied.length === 0) return;
    const isOver = Object.keys(left).length === 0;
    if (isOver) this.#drop(id);
    else this.#waiting.get(id)!.pending = left;
    this.#changed.add(id);
    if (granted.length) {
      this.#released.push({ held: id, granted, ...(answer && { answer }) });
      this.#name(id, 1);
      this.#count(answer ? "released" : "by_default");
    } else if (isOver) {
      this.#count(answer ? "denied" : "denied_by_default");
    }
    // What another release still names is deleted with that.
    if (isOver && !this.#named.has(id)) this.#gone.push(id);
  }

  #giveUp(id: number): void {
    const { unanswered, pending } = this.#waiting.get(id)!;
    if (unanswered === "default") {
      this.#settle(id, settledByDefault(pending));
      return;
    }
    this.#drop(id);
    this.#changed.add(id);
    this.#count("dropped");
    if (!this.#named.has(id)) this.#gone.push(id);
  }

  #drop(id: number): void {
    const { visitor } = this.#waiting.get(id)!;
    this.#waiting.delete(id);
    const ids = this.#byVisitor.get(visitor);
    ids?.delete(id);
    if (ids?.size === 0) this.#byVisitor.delete(visitor);
  }

  #name(id: number, by: 1 | -1): number {
    const count = (this.#named.get(id) ?? 0) + by;
    if (count > 0) this.#named.set(id, count);
    else this.#named.delete(id);
    return count;
  }

  #remember(visitor: string, answer: Answer): void {
    const known = this.#answers.get(visitor);
    // Deleted first, so that the map's order is that of the last answers.
    this.#answers.delete(visitor);
    this.#answers.set(visitor, { ...known, ...answer });
    if (this.#answers.size > MOST_ANSWERS) this.#answers.delete(this.#answers.keys().next().value!);
  }

  #count(what: keyof HeldCounts): void {
    this.#counts = { ...this.#counts, [what]: this.#counts[what] + 1 };
    this.#hasCounted = true;
  }
}
