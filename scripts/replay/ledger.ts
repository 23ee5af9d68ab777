/** Adds up batches in the order of the log, whatever order they were answered in. */
import { addTally, type Batch, emptyTally, type Tally } from "./batch.ts";
import type { Refusal } from "./send.ts";
import type { Done } from "./state.ts";

const SHOWN_REFUSALS = 5;

export interface BatchOutcome {
  sent: number;
  refused: Record<string, number>;
  /** This run's refusals, for the summary to show a few. */
  refusals: readonly Refusal[];
}

/** A refused event, by the line it came from. */
export interface RefusedLine {
  line: number;
  code: string;
  message: string;
}

/**
 * Its totals are of lines 1 to `done.lines` exactly: a batch that was answered before an earlier one waits for it.
 * That is what makes them safe to save, and what makes lines = sent + refused + skipped hold at every moment.
 */
export class Ledger {
  readonly tally: Tally = emptyTally();
  readonly done: Done = { lines: 0, sent: 0, refused: {} };
  readonly examples: RefusedLine[] = [];
  /** Bytes of the file that the lines done take up, roughly. */
  bytes = 0;
  #next = 0;
  readonly #waiting = new Map<number, { batch: Batch; outcome: BatchOutcome }>();

  settle(batch: Batch, outcome: BatchOutcome): void {
    this.#waiting.set(batch.number, { batch, outcome });
    for (let settled = this.#waiting.get(this.#next); settled; settled = this.#waiting.get(this.#next)) {
      this.#waiting.delete(this.#next++);
      this.#add(settled.batch, settled.outcome);
    }
  }

  /** Batches that were answered before an earlier one. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Events answered for, but after one that was not: a resumed run sends them once more. */
  get ahead(): number {
    return [...this.#waiting.values()].reduce((sum, { batch }) => sum + batch.events.length, 0);
  }

  #add(batch: Batch, { sent, refused, refusals }: BatchOutcome): void {
    addTally(this.tally, batch.tally);
    this.bytes = batch.bytes;
    this.done.lines = batch.last_line;
    this.done.sent += sent;
    for (const [code, n] of Object.entries(refused)) this.done.refused[code] = (this.done.refused[code] ?? 0) + n;
    for (const { index, code, message } of refusals.slice(0, SHOWN_REFUSALS - this.examples.length)) {
      this.examples.push({ line: batch.event_lines[index]!, code, message });
    }
  }
}
