/**
 * Events as a Parquet file in the lake: one ordered list of columns, from which both the schema and the values come.
 * Times are UTC with microseconds; `event_json` and `receipt_json` hold the envelope and the receipt whole.
 */
import { gzipSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import type { Event } from "../core/event.ts";
import { EVENT_COLUMNS } from "../core/event-row.ts";

export interface LakeRow {
  source_id: string;
  event: Event;
  receipt: unknown;
}

/** A file, by the day of arrival (days since 1970, UTC), its first event's number, the number behind its last, and whose numbers. */
export type LakeFileName = [day: number, first: number, end: number, shard: string];

/** E.g. `events/env=env_prod/dt=2026-11-20/s3-1-4021.parquet`. */
export function lakeKey(environment: string, [day, first, end, shard]: LakeFileName): string {
  const date = new Date(day * 86_400_000).toISOString().slice(0, 10);
  return `events/env=${environment}/dt=${date}/${shard}-${first}-${end}.parquet`;
}

type Column = {
  name: string;
  type: "STRING" | "TIMESTAMP" | "INT32" | "DOUBLE" | "BOOLEAN";
  nullable?: boolean;
  of(row: LakeRow): unknown;
};

const PARQUET = {
  string: "STRING",
  timestamp: "TIMESTAMP",
  integer: "INT32",
  number: "DOUBLE",
  boolean: "BOOLEAN",
} as const;

/** What is JSON stands in `event_json` already. */
const COLUMNS: Column[] = [
  { name: "source_id", type: "STRING", of: (row) => row.source_id },
  ...EVENT_COLUMNS.flatMap(({ name, type, required, of }): Column[] => {
    if (type === "json") return [];
    const isTime = type === "timestamp";
    const value = ({ event }: LakeRow) => (isTime ? new Date(of(event) as string) : of(event));
    return [{ name, type: PARQUET[type], nullable: !required, of: value }];
  }),
  { name: "event_json", type: "STRING", of: ({ event }) => JSON.stringify(event) },
  { name: "receipt_json", type: "STRING", of: (row) => JSON.stringify(row.receipt) },
];

/**
 * Rows in the order given, as one Parquet file. Gzip and not zstd, which would be smaller and faster: workerd's zstd fails on
 * any page that compresses to more than 40 KB (https://github.com/cloudflare/workerd/issues/6769).
 */
export function lakeFile(rows: LakeRow[]): ArrayBuffer {
  const columnData = COLUMNS.map(({ name, type, nullable = false, of }) => ({
    name,
    type,
    nullable,
    data: rows.map((row) => of(row) ?? null),
  }));
  return parquetWriteBuffer({ columnData, codec: "GZIP", compressors: { GZIP: (data) => gzipSync(data) } });
}
