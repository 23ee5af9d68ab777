/**
 * Compaction of a day: the many small files of the shards become objects of at least 64 MB, or one a day, while everybody reads on.
 * Each call does one object, so that it fits a step of a Workflow, and may be repeated at any time.
 */
import {
  dayFolder,
  isCompacted,
  type LakePlace,
  listAll,
  placesOfDay,
  readManifest,
} from "../../../durable-objects/lake-manifest.ts";
import { type Day, deleteRetired, rewrite } from "./rewrite.ts";

export const TARGET_BYTES = 64 * 1024 * 1024;
/** Objects that one new one is made of: each is some reads, of which a Worker has 10,000. */
const MOST_OBJECTS = 1_000;
/** For so long a reader may go on with what it listed. */
export const GRACE_MS = 86_400_000;

export interface Compacted {
  /** `done`: nothing is left to do. */
  outcome: "rewritten" | "overtaken" | "done";
  files: number;
  rows: number;
  bytes: number;
}

export async function compactOnce(
  lake: R2Bucket,
  day: Day,
  now: number,
  targetBytes = TARGET_BYTES,
): Promise<Compacted> {
  const sizes = new Map((await listAll(lake, dayFolder(...day))).map(({ key, size }) => [key, size]));
  const before = await readManifest(lake, ...day);
  const byObject = Map.groupBy(await placesOfDay(lake, ...day), ({ object }) => object);
  const chosen: LakePlace[] = [];
  let bytes = 0;
  let objects = 0;
  for (const [object, places] of byObject) {
    const size = sizes.get(object);
    // Not listed: made since, by somebody else.
    if (size === undefined || (isCompacted(object) && size >= targetBytes)) continue;
    chosen.push(...places);
    bytes += size;
    objects++;
    if (bytes >= targetBytes || objects === MOST_OBJECTS) break;
  }
  const isOneAlready = objects === 1 && isCompacted(chosen[0]!.object);
  if (objects === 0 || isOneAlready) return { outcome: "done", files: 0, rows: 0, bytes: 0 };
  const { outcome, rows_after, bytes: written } = await rewrite(lake, day, before, chosen, now);
  return { outcome, files: chosen.length, rows: rows_after, bytes: written };
}

/** After a grace: what was retired, and objects that a crash left without a name. */
export async function tidyDay(lake: R2Bucket, day: Day, now: number, graceMs = GRACE_MS): Promise<number> {
  const listed = await listAll(lake, dayFolder(...day));
  let deleted = await deleteRetired(lake, day, now - graceMs);
  const { manifest } = await readManifest(lake, ...day);
  const named = new Set([...manifest.objects, ...manifest.retired].map(({ key }) => key));
  for (const { key, uploaded } of listed) {
    if (!isCompacted(key) || named.has(key) || uploaded.getTime() > now - graceMs) continue;
    await lake.delete(key);
    deleted++;
  }
  return deleted;
}
