/**
 * Where the rows of a file end, found in one window of its bytes at a time: no row is read here, and no file need be whole. Each scanner
 * is a small machine whose state is one number, so that a row longer than a window can be walked over without being kept.
 * What a CSV row says is csv-parse's to tell (read-values.ts): its stream gives no place to go on from after a bad row.
 */

export const FORMATS = ["csv", "ndjson", "json"] as const;
export type Format = (typeof FORMATS)[number];

/** A row may be so long as it stands in the file: six times an event's letters, as JSON may escape them, and what no column keeps. */
export const ROW_BYTES = 192 * 1024;

export interface Step {
  /** Behind the row's last byte, its line end or comma not counted; -1: the row goes on behind the window. */
  end: number;
  /** Where the next row begins; where this one goes on: where to go on with it. */
  next: number;
  /** Line ends that were walked over. */
  lines: number;
  /** To go on with in the next window, where `end` is -1. 0 at the beginning of every row. */
  state: number;
  /** Why the row cannot be read. */
  flaw?: Flaw;
  /** The array is closed: no row begins at `next`. */
  last?: boolean;
}

export type Flaw = "stray_quote" | "unterminated_quote" | "unexpected_end";

type Scan = (bytes: Uint8Array, at: number, state: number) => Step;

const LINE_FEED = 10;
const RETURN = 13;
const QUOTE = 34;
const BACKSLASH = 92;

/** RFC 4180. `delimiter` is one byte. A quote opens a field only as its first letter; elsewhere it spoils its own row and no other. */
function scanCsv(delimiter: number): Scan {
  const START = 0;
  const PLAIN = 1;
  const QUOTED = 2;
  /** Behind a quote within quotes: it either closes the field or is the first half of a doubled one. */
  const CLOSING = 3;
  const FLAWED = 4;
  return (bytes, at, from) => {
    let state = from & 3;
    let flawed = (from & FLAWED) !== 0;
    let lines = 0;
    let i = at;
    for (; i < bytes.length; i++) {
      const byte = bytes[i]!;
      if (state === QUOTED) {
        if (byte === QUOTE) state = CLOSING;
        else if (byte === LINE_FEED) lines++;
      } else if (byte === delimiter) {
        state = START;
      } else if (byte === LINE_FEED || byte === RETURN) {
        // The line feed behind a return may lie in the next window: the row then is looked at again, with more of the file.
        if (byte === RETURN && i + 1 === bytes.length) break;
        const next = byte === RETURN && bytes[i + 1] === LINE_FEED ? i + 2 : i + 1;
        return { end: i, next, lines: lines + 1, state: 0, ...(flawed && { flaw: "stray_quote" as const }) };
      } else if (byte === QUOTE) {
        if (state === PLAIN) flawed = true;
        state = state === PLAIN ? PLAIN : QUOTED;
      } else {
        if (state === CLOSING) flawed = true;
        state = PLAIN;
      }
    }
    return {
      end: -1,
      next: i,
      lines,
      state: state | (flawed ? FLAWED : 0),
      ...(state === QUOTED ? { flaw: "unterminated_quote" as const } : flawed && { flaw: "stray_quote" as const }),
    };
  };
}

const scanLines: Scan = (bytes, at) => {
  const end = bytes.indexOf(LINE_FEED, at);
  if (end === -1) return { end, next: bytes.length, lines: 0, state: 0 };
  return { end, next: end + 1, lines: 1, state: 0 };
};

const COMMA = 44;
const OPEN_ARRAY = 91;
const CLOSE_ARRAY = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;

/** The elements of a JSON array, from behind its opening bracket. The state is how deep we are, within a string, behind a backslash. */
const scanArray: Scan = (bytes, at, from) => {
  let isEscaped = from % 2 === 1;
  let isString = Math.floor(from / 2) % 2 === 1;
  // No shifting: a row that is walked over may open a thousand million brackets.
  let depth = Math.floor(from / 4);
  let lines = 0;
  for (let i = at; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte === LINE_FEED) lines++;
    if (isString) {
      if (isEscaped) isEscaped = false;
      else if (byte === BACKSLASH) isEscaped = true;
      else if (byte === QUOTE) isString = false;
    } else if (byte === QUOTE) {
      isString = true;
    } else if (depth === 0 && (byte === COMMA || byte === CLOSE_ARRAY)) {
      return { end: i, next: i + 1, lines, state: 0, ...(byte === CLOSE_ARRAY && { last: true }) };
    } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      depth++;
    } else if ((byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) && depth > 0) {
      depth--;
    }
  }
  const state = depth * 4 + (isString ? 2 : 0) + (isEscaped ? 1 : 0);
  return { end: -1, next: bytes.length, lines, state, flaw: "unexpected_end" };
};

/** `delimiter` is that of CSV. */
export function scannerOf(format: Format, delimiter: string): Scan {
  if (format === "csv") return scanCsv(delimiter.charCodeAt(0));
  return format === "json" ? scanArray : scanLines;
}

/** Where the first row may begin: behind a byte order mark, and behind a JSON array's bracket. -1 where there is no such bracket. */
export function firstRow(bytes: Uint8Array, format: Format): { at: number; lines: number } {
  let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  if (format !== "json") return { at, lines: 0 };
  let lines = 0;
  for (; isSpace(bytes[at]); at++) if (bytes[at] === LINE_FEED) lines++;
  return { at: bytes[at] === OPEN_ARRAY ? at + 1 : -1, lines };
}

export const isSpace = (byte: number | undefined) => byte === 32 || byte === LINE_FEED || byte === RETURN || byte === 9;
