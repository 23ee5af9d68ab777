/** Reading events back from the lake, file by file in the order of their names: by day, then by shard. */
import type { FileMetaData } from "hyparquet";
import type { Event } from "../../../core/event.ts";
import { dayOfKey, openFile, placeOfFile, placesOfDay } from "../../../durable-objects/lake-manifest.ts";

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

/**
 * The first file of the environment that may hold events of the range and comes after `after`; null behind the last. Files are called as their
 * shards called them, also where their rows lie elsewhere now, so that a place in the lake stays one.
 */
export async function nextFile(
  bucket: R2Bucket,
  environmentId: string,
  { from, to }: Range,
  after: string | null,
): Promise<string | null> {
  const folder = `events/env=${environmentId}/`;
  const dateOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const last = dateOf(to + LATE_DAYS * DAY_MS);
  if (after !== null) {
    const key = await nextOfDay(bucket, environmentId, dayOfKey(after).date, after);
    if (key !== undefined) return key;
  }
  // Everything of a day comes after its folder's name, and before it with a tilde.
  let startAfter = after === null ? `${folder}dt=${dateOf(from)}` : `${folder}dt=${dayOfKey(after).date}~`;
  for (;;) {
    const { objects } = await bucket.list({ prefix: folder, startAfter, limit: 1 });
    if (!objects[0]) return null;
    const { date } = dayOfKey(objects[0].key);
    if (date > last) return null;
    const key = await nextOfDay(bucket, environmentId, date, "");
    if (key !== undefined) return key;
    startAfter = `${folder}dt=${date}~`;
  }
}

const nextOfDay = async (bucket: R2Bucket, environmentId: string, date: string, after: string) =>
  (await placesOfDay(bucket, environmentId, date)).find(({ key }) => key > after)?.key;

/** All rows of a file with their numbers, without those that were not received in the range. Null where the file is gone. */
export async function readFile(bucket: R2Bucket, key: string, range: Range): Promise<LakeFile | null> {
  const place = await placeOfFile(bucket, key);
  const file = await openFile(bucket, place);
  if (!file) return null;
  const { rows, metadata } = file;
  if (!place.part && !mayHold(metadata, range)) return { rows, read: async () => [] };
  return {
    rows,
    read: async (from, to) => {
      const found = await file.read(["received_at", "source_id", "event_json", "receipt_json"], from, to);
      return found.flatMap(({ number, row }) => {
        const at = (row.received_at as Date).getTime();
        if (at < range.from || at >= range.to) return [];
        const { gpc, dnt } = JSON.parse((row.receipt_json as string | null) ?? "{}") as { gpc?: true; dnt?: true };
        const event = JSON.parse(row.event_json as string) as Event;
        const source_id = row.source_id as string;
        return [{ row: number, source_id, event, objected: { ...(gpc && { gpc }), ...(dnt && { dnt }) } }];
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
function mayHold({ row_groups }: FileMetaData, { from, to }: Range): boolean {
  return row_groups.some(({ columns }) => {
    const received = columns.find((column) => column.meta_data?.path_in_schema[0] === "received_at");
    const { min_value, max_value } = received?.meta_data?.statistics ?? {};
    if (!(min_value instanceof Date && max_value instanceof Date)) return true;
    return min_value.getTime() < to && max_value.getTime() >= from;
  });
}
