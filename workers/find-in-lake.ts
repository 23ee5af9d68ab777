/** One event in the lake, by its message_id: the files of a day, newest first, of each one column until it is found. */
import { gunzipSync } from "node:zlib";
import { parquetMetadata, parquetReadObjects } from "hyparquet";
import type { Event } from "../core/event.ts";
import type { StepRecord } from "../core/receipt.ts";

export interface LakeEvent {
  source_id: string;
  event: Event;
  receipt: { v: number; configuration: number; steps: StepRecord[] };
}

/** Each is about half a megabyte, and one read of R2. */
const MOST_FILES = 40;

/** Undefined where it is in none of the newest files of these days (YYYY-MM-DD, UTC, by arrival). With `shard` only that shard's are read. */
export async function findInLake(
  lake: R2Bucket,
  environmentId: string,
  messageId: string,
  { days, shard }: { days: string[]; shard?: string | undefined },
): Promise<LakeEvent | undefined> {
  let left = MOST_FILES;
  for (const day of days) {
    const { objects } = await lake.list({
      prefix: `events/env=${environmentId}/dt=${day}/${shard === undefined ? "" : `${shard}-`}`,
    });
    const newest = objects.toSorted((a, b) => b.uploaded.getTime() - a.uploaded.getTime()).slice(0, left);
    left -= newest.length;
    for (const { key } of newest) {
      const found = await findInFile(lake, key, messageId);
      if (found) return found;
    }
  }
  return undefined;
}

async function findInFile(lake: R2Bucket, key: string, messageId: string): Promise<LakeEvent | undefined> {
  const file = await (await lake.get(key))?.arrayBuffer();
  if (!file) return undefined;
  const given = {
    file,
    metadata: parquetMetadata(file),
    compressors: { GZIP: (data: Uint8Array) => gunzipSync(data) },
  };
  const ids = await parquetReadObjects({ ...given, columns: ["message_id"] });
  const rowStart = ids.findIndex(({ message_id }) => message_id === messageId);
  if (rowStart < 0) return undefined;
  const columns = ["source_id", "event_json", "receipt_json"];
  const [row] = await parquetReadObjects({ ...given, rowStart, rowEnd: rowStart + 1, columns });
  const { source_id, event_json, receipt_json } = row as Record<string, string>;
  return { source_id: source_id!, event: JSON.parse(event_json!), receipt: JSON.parse(receipt_json!) };
}
