/** What rows say: the bytes that find-rows.ts found, as pairs of column and value, or the reason why not. */
import { parse } from "csv-parse/sync";
import { ApiError } from "../../../core/api-error.ts";
import { parseObject } from "../read-body.ts";
import { ROW_BYTES } from "./find-rows.ts";
import type { FoundRow } from "./rows-of-window.ts";

export interface Refusal {
  ok: false;
  code: string;
  message: string;
}
export type Reading = { ok: true; values: Iterable<[string, unknown]> } | Refusal;

const FLAWS: Record<NonNullable<FoundRow["flaw"]>, string> = {
  stray_quote: 'a quote stands inside a field, or something stands behind a closing quote; within quotes write ""',
  unterminated_quote: "a quote opens in this row and never closes: nothing behind it could be read",
  unexpected_end: "the file ends before its array does: it may be incomplete",
  after_the_end: "something stands behind the end of the array",
  row_too_large: `a row may have ${ROW_BYTES / 1024} KB; a quote, string or bracket that never closes makes a row of all that follows`,
};

const refusal = (code: string, message: string): Refusal => ({ ok: false, code, message });

function flawOf({ flaw }: FoundRow): Refusal | undefined {
  return flaw && refusal(flaw, FLAWS[flaw]);
}

/** One row of NDJSON or one element of a JSON array. */
export function readJson(found: FoundRow): Reading {
  const flawed = flawOf(found);
  if (flawed) return flawed;
  try {
    return { ok: true, values: Object.entries(parseObject(found.bytes)) };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return refusal(error.code, JSON_MESSAGES[error.code as keyof typeof JSON_MESSAGES] ?? error.message);
  }
}

/** Where the door speaks of a body, we speak of a row. */
const JSON_MESSAGES = { invalid_json: "the row is not JSON", invalid_encoding: "the row is not UTF-8" };

/** Rows of a CSV file in their order, each with the columns of the heading. csv-parse is fast with many rows and slow to begin. */
export function readCsv(found: FoundRow[], columns: string[], delimiter: string): Reading[] {
  const readings = found.map((row) => flawOf(row) ?? textOf(row.bytes));
  const texts = readings.filter((reading) => typeof reading === "string");
  const records = splitCsv(texts, delimiter);
  let next = 0;
  return readings.map((reading) => {
    if (typeof reading !== "string") return reading;
    const record = records[next++]!;
    if (record.length !== columns.length) {
      return refusal("wrong_column_count", `${record.length} columns where the first row has ${columns.length}`);
    }
    return { ok: true, values: record.map((value, i): [string, string] => [columns[i]!, value]) };
  });
}

/** The heading: names without a repetition. */
export function readHeading(found: FoundRow, delimiter: string): Refusal | string[] {
  const text = flawOf(found) ?? textOf(found.bytes);
  if (typeof text !== "string") return text;
  const columns = splitCsv([text], delimiter)[0]!.map((name) => name.trim());
  const twice = columns.find((name, i) => name !== "" && columns.indexOf(name) !== i);
  if (twice !== undefined) return refusal("duplicate_column", `There are two columns called ${twice.slice(0, 100)}`);
  if (columns.every((name) => name === "")) return refusal("no_columns", "The first row names no column");
  return columns;
}

/** Every text is one row, well formed and without its line end, which the scanner saw to. */
function splitCsv(texts: string[], delimiter: string): string[][] {
  if (texts.length === 0) return [];
  const records = parse(texts.join("\n"), {
    delimiter,
    record_delimiter: "\n",
    relax_column_count: true,
    skip_empty_lines: false,
  });
  if (records.length === texts.length) return records;
  throw new Error(`csv-parse found ${records.length} rows where there are ${texts.length}`);
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function textOf(bytes: Uint8Array): string | Refusal {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    return refusal("invalid_encoding", "the row is not UTF-8");
  }
  return text.includes("\0") ? refusal("invalid_encoding", "the row has a zero byte: it is no text, or UTF-16") : text;
}
