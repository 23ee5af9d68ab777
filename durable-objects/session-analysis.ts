/**
 * A shard's sessions as columns in memory, for queries: closed ones block by block as their rows are read, live ones anew when there
 * was an event. What is stored stays the truth, so a visitor who is moved, merged or forgotten is never in two places here.
 */
import { evaluate, type PartialAnswer, type Scan } from "../core/analytics/evaluate.ts";
import type { Funnel, FunnelPart } from "../core/analytics/funnel.ts";
import {
  type AnalysedSession,
  columnsOf,
  Dictionaries,
  type SessionColumns,
} from "../core/analytics/session-columns.ts";
import type { Bucket } from "../core/analytics/time-buckets.ts";
import { walkFunnel } from "../core/analytics/walk-funnel.ts";
import { closedRows } from "./closed-sessions.ts";
import { analysedOf, type StoredSession } from "./visitor-facts.ts";

/** Rows are put together into blocks of at least so many sessions. */
const BLOCK_SESSIONS = 4_096;

export class SessionAnalysis {
  readonly #sql: SqlStorage;
  #dictionaries = new Dictionaries();
  #blocks: SessionColumns[] = [];
  /** Of the newest rows, which do not make up a block yet. */
  #tail: AnalysedSession[] = [];
  #tailBlock: SessionColumns | undefined;
  #lastRow = 0;
  #live: SessionColumns | undefined;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** After an event: the live sessions are not what they were. */
  touch(): void {
    this.#live = undefined;
  }

  /** After sessions were deleted: of those nothing stays here either. */
  reset(): void {
    this.#dictionaries = new Dictionaries();
    this.#blocks = [];
    this.#tail = [];
    this.#tailBlock = undefined;
    this.#lastRow = 0;
    this.#live = undefined;
  }

  /** `live`: the sessions that are in no row yet. `isHere`: while buckets move, whose sessions count here. */
  answer(scan: Scan, live: () => Iterable<StoredSession>, isHere?: (anonymousId: string) => boolean): PartialAnswer[] {
    return evaluate(this.#columns(live), this.#dictionaries, scan, isHere);
  }

  /** As `answer`: how far visitors came in a funnel. */
  funnel(
    funnel: Funnel,
    range: Bucket,
    live: () => Iterable<StoredSession>,
    isHere?: (anonymousId: string) => boolean,
  ): FunnelPart {
    return walkFunnel(this.#columns(live), this.#dictionaries, funnel, range, isHere);
  }

  #columns(live: () => Iterable<StoredSession>): SessionColumns[] {
    this.#read();
    this.#live ??= columnsOf(Array.from(live(), analysedOf), this.#dictionaries);
    this.#tailBlock ??= columnsOf(this.#tail, this.#dictionaries);
    return [...this.#blocks, this.#tailBlock, this.#live];
  }

  #read(): void {
    for (const { id, sessions } of closedRows(this.#sql, this.#lastRow)) {
      for (const session of sessions) this.#tail.push(analysedOf(session));
      this.#lastRow = id;
      this.#tailBlock = undefined;
      if (this.#tail.length < BLOCK_SESSIONS) continue;
      this.#blocks.push(columnsOf(this.#tail, this.#dictionaries));
      this.#tail = [];
    }
  }
}
