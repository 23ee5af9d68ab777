import { type Flaw, type Format, firstRow, isSpace, ROW_BYTES, scannerOf } from "./find-rows.ts";
import { UnreadableFile } from "./import-store.ts";

/** A row as it stands in the file. */
export interface FoundRow {
  /** From 1; blank lines are no rows, and the heading of a CSV file is row 0. */
  row: number;
  /** From 1: where it begins. */
  line: number;
  /** Of NDJSON and JSON without the space around it. */
  bytes: Uint8Array;
  flaw?: Flaw | "row_too_large" | "after_the_end" | undefined;
}

/** Where to go on in a file. */
export interface Cursor {
  offset: number;
  /** The number that the next row gets. */
  row: number;
  /** The line that it begins in. */
  line: number;
  /** The scanner's state within a row that was told of and whose end is still to be found; null between rows. */
  skipping: number | null;
}

/**
 * The first rows, `most` at most, of a window of a file that begins at the cursor, and the cursor behind them. A row that the window
 * cuts is left for the next one, unless it is longer than a row may be: it then is told of once, with its beginning, and walked over.
 * `isEnd`: the file ends with the window. A window has to be longer than a row may be. Throws UnreadableFile.
 */
export function rowsOfWindow(
  file: { format: Format; delimiter: string },
  from: Cursor,
  bytes: Uint8Array,
  { isEnd, most }: { isEnd: boolean; most: number },
): { found: FoundRow[]; cursor: Cursor } {
  const { format } = file;
  const scan = scannerOf(format, file.delimiter);
  const found: FoundRow[] = [];
  let { row, line, skipping } = from;
  let at = 0;
  if (from.offset === 0) {
    const first = firstRow(bytes, format);
    if (first.at === -1)
      throw new UnreadableFile("not_an_array", "The file does not begin with [, as a JSON array does");
    at = first.at;
    line += first.lines;
  }
  const add = (begin: number, end: number, flaw: FoundRow["flaw"], isNeeded = false) => {
    const { start, text } = format === "csv" ? withoutReturn(bytes, begin, end) : trimmed(bytes, begin, end);
    if (text.byteLength === 0 && !isNeeded) return;
    const tooLarge = text.byteLength > ROW_BYTES && ("row_too_large" as const);
    found.push({ row: row++, line: line + lineFeeds(bytes, begin, start), bytes: text, flaw: tooLarge || flaw });
  };
  const isArray = format === "json";
  let isClosed = !isArray;
  while (at < bytes.length && found.length < most) {
    const step = scan(bytes, at, skipping ?? 0);
    if (step.end === -1) {
      if (isEnd) {
        if (skipping === null) add(at, bytes.length, step.flaw, isArray);
        [at, skipping, isClosed] = [bytes.length, null, true];
      } else if (skipping !== null || bytes.length - at > ROW_BYTES) {
        if (skipping === null) add(at, bytes.length, "row_too_large", true);
        [at, skipping] = [step.next, step.state];
      } else {
        break;
      }
      line += step.lines;
      break;
    }
    // Nothing between two commas is a mistake; nothing behind the last one is a habit.
    if (skipping === null) add(at, step.end, step.flaw, isArray && !step.last);
    line += step.lines;
    [at, skipping] = [step.next, null];
    if (step.last) {
      add(at, bytes.length, "after_the_end");
      return { found, cursor: { offset: END_OF_FILE, row, line, skipping } };
    }
  }
  const isDone = isEnd && at >= bytes.length;
  if (isDone && !isClosed) add(at, at, "unexpected_end", true);
  return { found, cursor: { offset: isDone ? END_OF_FILE : from.offset + at, row, line, skipping } };
}

/** Larger than any file: there is nothing more to read. */
export const END_OF_FILE = Number.MAX_SAFE_INTEGER;

function trimmed(bytes: Uint8Array, begin: number, end: number): { start: number; text: Uint8Array } {
  let start = begin;
  while (start < end && isSpace(bytes[start])) start++;
  let last = end;
  while (last > start && isSpace(bytes[last - 1])) last--;
  return { start, text: bytes.subarray(start, last) };
}

/** A return that ends the file ends its row. */
function withoutReturn(bytes: Uint8Array, start: number, end: number): { start: number; text: Uint8Array } {
  const isReturn = end === bytes.length && bytes[end - 1] === 13;
  return { start, text: bytes.subarray(start, Math.max(start, isReturn ? end - 1 : end)) };
}

function lineFeeds(bytes: Uint8Array, from: number, to: number): number {
  let lines = 0;
  for (let i = from; i < to; i++) if (bytes[i] === 10) lines++;
  return lines;
}
