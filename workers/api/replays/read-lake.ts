/** Reading events back from the lake, file by file in the order of their names: by day, then by shard. */
import { gunzipSync } from "node:zlib";
import { parquetMetadata, parquetReadObjects } from "hyparquet";
import type { Event } from "../../../core/event.ts";

const DAY_MS = 86_400_000;
/** An event lies under the day on which its shard took it, which is later than it arrived by as long as queues were behind. */
const LATE_DAYS = 4;

export interface LakeEvent {
  source_id: string;
  event: Event;
  /** What the browser objected to. */
  objected: { gpc?: boolean; dnt?: boolean };
}

/** Epoch milliseconds; events that were received in [from, to). */
export interface Range {
  from: number;
  to: number;
}

/** The first file of the environment that may hold events of the range and comes after `after`; null behind the last. */
export async function nextFile(
  bucket: R2Bucket,
  environmentId: string,
  { from, to }: Range,
  after: string | null,
): Promise<string | null> {
  const folder = `events/env=${environmentId}/`;
  const dayOf = (ms: number) => `${folder}dt=${new Date(ms).toISOString().slice(0, 10)}`;
  // Everything of the first day comes after its folder's name.
  const startAfter = after ?? dayOf(from);
  const { objects } = await bucket.list({ prefix: folder, startAfter, limit: 1 });
  const key = objects[0]?.key;
  return key !== undefined && key < `${dayOf(to + LATE_DAYS * DAY_MS)}~` ? key : null;
}

/** All rows of a file with their numbers, without those that were not received in the range. Null where the file is gone. */
export async function readFile(bucket: R2Bucket, key: string, range: Range): Promise<LakeFile | null> {
  const stored = await bucket.get(key);
  if (!stored) return null;
  const file = await stored.arrayBuffer();
  const metadata = parquetMetadata(file);
  const rows = Number(metadata.num_rows);
  if (!mayHold(metadata, range)) return { rows, read: async () => [] };
  return {
    rows,
    read: async (from, to) => {
      const found = await parquetReadObjects({
        file,
        metadata,
        columns: ["received_at", "source_id", "event_json", "receipt_json"],
        rowStart: from,
        rowEnd: Math.min(to, rows),
        compressors: { GZIP: (data) => gunzipSync(data) },
      });
      return found.flatMap((row, i) => {
        const at = (row.received_at as Date).getTime();
        if (at < range.from || at >= range.to) return [];
        const { gpc, dnt } = JSON.parse((row.receipt_json as string | null) ?? "{}") as { gpc?: true; dnt?: true };
        const event = JSON.parse(row.event_json as string) as Event;
        return [
          {
            row: from + i,
            source_id: row.source_id as string,
            event,
            objected: { ...(gpc && { gpc }), ...(dnt && { dnt }) },
          },
        ];
      });
    },
  };
}

export interface LakeFile {
  rows: number;
  /** Rows [from, to). */
  read(from: number, to: number): Promise<(LakeEvent & { row: number })[]>;
}

/** By the statistics of the file: most files of a day hold nothing of a range of an hour. */
function mayHold({ row_groups }: ReturnType<typeof parquetMetadata>, { from, to }: Range): boolean {
  return row_groups.some(({ columns }) => {
    const received = columns.find((column) => column.meta_data?.path_in_schema[0] === "received_at");
    const { min_value, max_value } = received?.meta_data?.statistics ?? {};
    if (!(min_value instanceof Date && max_value instanceof Date)) return true;
    return min_value.getTime() < to && max_value.getTime() >= from;
  });
}
