/**
 * Events as a Parquet file in the lake: one ordered list of columns, from which both the schema and the values come.
 * Times are UTC with microseconds; `event_json` and `receipt_json` hold the envelope and the receipt whole.
 */
import { gzipSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import type { Event } from "../core/event.ts";

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

/** A row with the texts that are stored, and their hash (core/receipt-chain.ts). */
export interface SealedRow extends LakeRow {
  event_json: string;
  receipt_json: string;
  receipt_hash: string;
}

type Column = {
  name: string;
  type: "STRING" | "TIMESTAMP" | "INT32" | "DOUBLE";
  nullable?: boolean;
  of(row: SealedRow): unknown;
};

export const COLUMNS: readonly Column[] = [
  { name: "received_at", type: "TIMESTAMP", of: ({ event }) => new Date(event.received_at) },
  { name: "timestamp", type: "TIMESTAMP", of: ({ event }) => new Date(event.timestamp) },
  { name: "message_id", type: "STRING", of: ({ event }) => event.message_id },
  { name: "source_id", type: "STRING", of: (row) => row.source_id },
  { name: "type", type: "STRING", of: ({ event }) => event.type },
  { name: "event", type: "STRING", of: ({ event }) => event.event },
  { name: "anonymous_id", type: "STRING", of: ({ event }) => event.anonymous_id },
  { name: "user_id", type: "STRING", nullable: true, of: ({ event }) => event.user_id },
  { name: "session_id", type: "STRING", nullable: true, of: ({ event }) => event.context.session?.id },
  { name: "session_number", type: "INT32", nullable: true, of: ({ event }) => event.context.session?.number },
  { name: "page_url", type: "STRING", nullable: true, of: ({ event }) => event.context.page?.url },
  { name: "page_referrer", type: "STRING", nullable: true, of: ({ event }) => event.context.page?.referrer },
  { name: "utm_source", type: "STRING", nullable: true, of: ({ event }) => event.context.campaign?.source },
  { name: "utm_medium", type: "STRING", nullable: true, of: ({ event }) => event.context.campaign?.medium },
  { name: "utm_campaign", type: "STRING", nullable: true, of: ({ event }) => event.context.campaign?.name },
  { name: "country", type: "STRING", nullable: true, of: ({ event }) => event.context.location?.country },
  { name: "city", type: "STRING", nullable: true, of: ({ event }) => event.context.location?.city },
  { name: "device_type", type: "STRING", nullable: true, of: ({ event }) => event.context.device?.type },
  { name: "browser", type: "STRING", nullable: true, of: ({ event }) => event.context.browser?.name },
  { name: "os", type: "STRING", nullable: true, of: ({ event }) => event.context.os?.name },
  { name: "revenue", type: "DOUBLE", nullable: true, of: ({ event }) => number(event.properties.revenue) },
  { name: "currency", type: "STRING", nullable: true, of: ({ event }) => string(event.properties.currency) },
  { name: "event_json", type: "STRING", of: (row) => row.event_json },
  { name: "receipt_json", type: "STRING", of: (row) => row.receipt_json },
  { name: "receipt_hash", type: "STRING", of: (row) => row.receipt_hash },
];

/**
 * Rows in the order given, as one Parquet file. Gzip and not zstd, which would be smaller and faster: workerd's zstd fails on
 * any page that compresses to more than 40 KB (https://github.com/cloudflare/workerd/issues/6769).
 */
export function lakeFile(rows: SealedRow[]): ArrayBuffer {
  const columnData = COLUMNS.map(({ name, type, nullable = false, of }) => ({
    name,
    type,
    nullable,
    data: rows.map((row) => of(row) ?? null),
  }));
  return parquetWriteBuffer({ columnData, codec: "GZIP", compressors: { GZIP: (data) => gzipSync(data) } });
}

const number = (value: unknown) => (typeof value === "number" ? value : undefined);
const string = (value: unknown) => (typeof value === "string" ? value : undefined);
