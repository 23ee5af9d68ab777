/**
 * Tables that customers upload and pipelines look things up in: key → columns, from CSV with a header line or a JSON list of objects.
 * A version never changes; a new upload is a new version.
 */
import { parse } from "csv-parse/sync";
import * as z from "zod";
import { isRecord, text } from "../values.ts";

/** UTF-8 of the uploaded file. */
export const TABLE_BYTES = 1_000_000;
const MOST_ROWS = 50_000;
const MOST_COLUMNS = 50;

export const tableName = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,62}$/, "a table's name is of a–z, 0–9, _ and -, and begins with a letter");

const cell = z.union([z.string(), z.number(), z.boolean(), z.null()]);

/** As it is stored: rows are lists in the order of `columns`. */
export const lookupTable = z.object({
  name: tableName,
  version: z.int().min(1),
  key: z.string(),
  columns: z.array(z.string()),
  rows: z.record(z.string(), z.array(cell)),
});
export type LookupTable = z.infer<typeof lookupTable>;

type Parsed = { ok: true; table: Omit<LookupTable, "name" | "version">; rows: number } | { ok: false; message: string };

/** Rows by the text of their `key` column. A key that stands twice, or is empty, is refused with its line. */
export function parseTable(body: string, format: "csv" | "json", key: string): Parsed {
  const bytes = Buffer.byteLength(body, "utf8");
  if (bytes > TABLE_BYTES) return wrong(`${bytes} bytes: a table has at most ${TABLE_BYTES}`);
  let records: Record<string, unknown>[];
  try {
    const parsed: unknown =
      format === "json"
        ? JSON.parse(body)
        : parse(body, { columns: true, bom: true, skip_empty_lines: true, trim: true });
    if (!Array.isArray(parsed) || !parsed.every(isRecord)) return wrong("not a list of objects");
    records = parsed;
  } catch (error) {
    return wrong(error instanceof Error ? error.message : String(error));
  }
  if (records.length === 0) return wrong("there are no rows");
  if (records.length > MOST_ROWS) return wrong(`${records.length} rows: a table has at most ${MOST_ROWS}`);
  const columns = [...new Set(records.flatMap((record) => Object.keys(record)))];
  if (!columns.includes(key))
    return wrong(`there is no column ${key}; there are ${columns.slice(0, MOST_COLUMNS).join(", ")}`);
  if (columns.length > MOST_COLUMNS) return wrong(`${columns.length} columns: a table has at most ${MOST_COLUMNS}`);
  const others = columns.filter((column) => column !== key && column !== "__proto__");

  const rows: Record<string, (string | number | boolean | null)[]> = Object.create(null);
  for (const [i, record] of records.entries()) {
    const named = text(record[key]);
    if (named === undefined) return wrong(`row ${i + 1} has no ${key}`);
    if (named in rows) return wrong(`row ${i + 1}: ${key} ${named} stands twice`);
    const cells = others.map((column) => record[column] ?? null);
    const bad = cells.findIndex((one) => !cell.safeParse(one).success);
    if (bad >= 0) return wrong(`row ${i + 1}, ${others[bad]}: neither text, number, true or false`);
    rows[named] = cells as (string | number | boolean | null)[];
  }
  return { ok: true, table: { key, columns: others, rows: { ...rows } }, rows: records.length };
}

const wrong = (message: string): Parsed => ({ ok: false, message });

/** The columns of one row, empty cells left out; undefined where there is no such row. */
export function lookUp(
  { columns, rows }: LookupTable,
  key: string,
  wanted?: readonly string[],
): Record<string, unknown> | undefined {
  if (!Object.hasOwn(rows, key)) return undefined;
  const cells = rows[key]!;
  const found: Record<string, unknown> = {};
  for (const [i, column] of columns.entries()) {
    const held = cells[i];
    if (held !== null && held !== "" && held !== undefined && (!wanted || wanted.includes(column)))
      found[column] = held;
  }
  return found;
}
