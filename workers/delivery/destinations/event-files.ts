/** Rows as a file: Parquet or NDJSON, both compressed by gzip. The same rows make the same bytes. */
import { gzipSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import { type ColumnType, columnsOf, type EventRow, type PropertyColumns } from "../../../core/event-row.ts";

export const FILE_FORMATS = ["parquet", "ndjson"] as const;
export type FileFormat = (typeof FILE_FORMATS)[number];

export const EXTENSION: Record<FileFormat, string> = { parquet: "parquet", ndjson: "ndjson.gz" };
export const CONTENT_TYPE: Record<FileFormat, string> = {
  parquet: "application/vnd.apache.parquet",
  ndjson: "application/x-ndjson",
};

export function fileOf(rows: EventRow[], format: FileFormat, own: PropertyColumns): Uint8Array<ArrayBuffer> {
  return format === "parquet" ? parquet(rows, own) : ndjson(rows);
}

function ndjson(rows: EventRow[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(gzipSync(rows.map((row) => `${JSON.stringify(row)}\n`).join("")));
}

const TYPES = {
  string: "STRING",
  timestamp: "TIMESTAMP",
  integer: "INT64",
  number: "DOUBLE",
  boolean: "BOOLEAN",
  json: "STRING",
} as const;

/** JSON is text here: every reader of Parquet knows texts. */
function parquet(rows: EventRow[], own: PropertyColumns): Uint8Array<ArrayBuffer> {
  const columnData = columnsOf(own).map(({ name, type, required }) => ({
    name,
    type: TYPES[type],
    nullable: !required,
    data: rows.map((row) => inParquet(type, row[name])),
  }));
  // Gzip and not zstd, for the reason that durable-objects/lake-file.ts gives.
  return new Uint8Array(
    parquetWriteBuffer({ columnData, codec: "GZIP", compressors: { GZIP: (data) => gzipSync(data) } }),
  );
}

function inParquet(type: ColumnType, value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (type === "timestamp") return new Date(value as string);
  if (type === "integer") return BigInt(value as number);
  return type === "json" ? JSON.stringify(value) : value;
}
