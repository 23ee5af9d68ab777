/** Cuts a log into requests, and counts its lines so that every line belongs to exactly one of them. */
import { type PageEvent, type Reading, type ReadingRules, readPage, type SkipReason } from "./page-event.ts";

/** Well inside the door's own limits (`LIMITS` in core/event.ts), so that a refusal costs little to repeat. */
export const BATCH_EVENTS = 100;
export const BATCH_BYTES = 400 * 1024;
/** `{"batch":[` and `]}`. */
const FRAME_BYTES = 12;

/** What a run of lines held. */
export interface Tally {
  lines: number;
  pages: number;
  skipped: Partial<Record<SkipReason, number>>;
  /** anonymous_ids of the page views. */
  visitors: Set<string>;
  /** Page views whose user agent says that it is no person. */
  bots: number;
  /** Epoch milliseconds of the earliest and latest line. */
  first: number | undefined;
  last: number | undefined;
}

export interface Batch {
  /** Counts from 0 in the order of the log. */
  number: number;
  /** Every line after the previous batch's last, up to this one, is in `tally`. */
  last_line: number;
  /** Each event as JSON, and the line that it came from. */
  events: string[];
  event_lines: number[];
  tally: Tally;
  /** How many bytes of the file had been read when the batch was cut. */
  bytes: number;
}

export interface Cutting {
  lines: AsyncIterable<string>;
  rules: ReadingRules;
  /** Lines up to this one are done: they come first, in one batch that is counted but has no events. */
  after: number;
  bytesRead(): number;
  stop: AbortSignal;
}

/** Ends without a last, partial batch when `stop` fires; when reading fails, yields what was read and then throws. */
export async function* cutBatches({ lines, rules, after, bytesRead, stop }: Cutting): AsyncGenerator<Batch> {
  let number = 0;
  let line = 0;
  let size = FRAME_BYTES;
  let batch = newBatch(number);
  const cut = (last_line: number): Batch => {
    const full = { ...batch, last_line, bytes: bytesRead() };
    batch = newBatch(++number);
    size = FRAME_BYTES;
    return full;
  };

  let failure: unknown;
  try {
    for await (const text of lines) {
      if (stop.aborted) return;
      line++;
      const reading = readPage(text, line, rules);
      if (reading.kind === "page" && line > after) {
        const json = JSON.stringify(reading.event satisfies PageEvent);
        const bytes = Buffer.byteLength(json) + 1;
        if (batch.events.length > 0 && size + bytes > BATCH_BYTES) yield cut(line - 1);
        batch.events.push(json);
        batch.event_lines.push(line);
        size += bytes;
      }
      count(batch.tally, reading);
      if (line === after || batch.events.length === BATCH_EVENTS) yield cut(line);
    }
  } catch (error) {
    failure = error ?? new Error("unreadable");
  }
  if (!stop.aborted && batch.tally.lines > 0) yield cut(line);
  if (failure) throw failure;
}

export function emptyTally(): Tally {
  return { lines: 0, pages: 0, skipped: {}, visitors: new Set(), bots: 0, first: undefined, last: undefined };
}

export function addTally(total: Tally, more: Tally): void {
  total.lines += more.lines;
  total.pages += more.pages;
  total.bots += more.bots;
  for (const visitor of more.visitors) total.visitors.add(visitor);
  for (const [reason, n] of Object.entries(more.skipped) as [SkipReason, number][]) {
    total.skipped[reason] = (total.skipped[reason] ?? 0) + n;
  }
  widen(total, more.first);
  widen(total, more.last);
}

function count(tally: Tally, reading: Reading): void {
  tally.lines++;
  widen(tally, reading.at?.getTime());
  if (reading.kind === "skipped") {
    tally.skipped[reading.reason] = (tally.skipped[reading.reason] ?? 0) + 1;
  } else {
    tally.pages++;
    tally.visitors.add(reading.event.anonymous_id);
    if (reading.bot) tally.bots++;
  }
}

/** Servers log a request when it ends but date it when it began, so lines are not in order of time. */
function widen(tally: Tally, at: number | undefined): void {
  if (at === undefined) return;
  tally.first = Math.min(tally.first ?? at, at);
  tally.last = Math.max(tally.last ?? at, at);
}

function newBatch(number: number): Batch {
  return { number, last_line: 0, events: [], event_lines: [], tally: emptyTally(), bytes: 0 };
}
