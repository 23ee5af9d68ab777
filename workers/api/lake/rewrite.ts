/**
 * Puts shards' files into one new object, checks that it holds what they held, and makes it the current one. Whatever stops it in
 * between leaves the lake as it was: the new object is nobody's until the manifest names it, and the old ones are somebody's until then.
 */
import { createHash } from "node:crypto";
import { parquetReadObjects } from "hyparquet";
import {
  COMPRESSORS,
  dayFolder,
  type LakePart,
  type LakePlace,
  type Manifest,
  openFile,
  openObject,
  readManifest,
  replaceManifest,
  type StoredManifest,
} from "../../../durable-objects/lake-manifest.ts";
import { LakeObjectWriter, ObjectSink, sealedRowsOf } from "../../../durable-objects/lake-object-writer.ts";

export type Day = [environment: string, date: string];

/** Which rows go, by what stands in the columns. */
export type IsErased = (row: { anonymous_id: string; user_id: string | null }) => boolean;

export interface Rewritten {
  outcome: "rewritten" | "overtaken";
  rows_before: number;
  rows_after: number;
  bytes: number;
}

/** `before`: the manifest from which the places were taken. `overtaken`: somebody else changed the day, and this changed nothing. */
export async function rewrite(
  lake: R2Bucket,
  day: Day,
  before: StoredManifest,
  places: LakePlace[],
  now: number,
  isErased: IsErased = () => false,
): Promise<Rewritten> {
  // By chance: of two that do the same, the one that is overtaken deletes its own.
  const key = `${dayFolder(...day)}compacted-${crypto.randomUUID().replaceAll("-", "")}.parquet`;
  const sink = new ObjectSink(lake, key);
  const writer = new LakeObjectWriter(sink);
  const kept = createHash("sha256");
  let rows_before = 0;
  let rows_after = 0;
  try {
    for (const place of places) {
      const file = await openFile(lake, place);
      if (!file) throw new Error(`${place.object} is not in the lake`);
      const who = await file.read(["message_id", "anonymous_id", "user_id"]);
      const going = new Set(who.filter(({ row }) => isErased(row as never)).map(({ number }) => number));
      for (const { number, row } of who) if (!going.has(number)) kept.update(`${row.message_id}\n`);
      rows_before += who.length;
      rows_after += who.length - going.size;
      const part: LakePart = place.part ?? { key: place.key, rows: who.length };
      if (going.size === 0) {
        await writer.copy(file, place.row, part);
        continue;
      }
      const sealed = await sealedRowsOf(file);
      const gone = sealed.filter(({ number }) => going.has(number));
      const erased = [
        ...(part.erased ?? []),
        ...gone.map(({ number, row }): [number, string] => [number, row.receipt_hash]),
      ].sort(([a], [b]) => a - b);
      const left = sealed.filter(({ number }) => !going.has(number)).map(({ row }) => row);
      await writer.write(left, { key: part.key, rows: left.length, erased });
    }
    const bytes = await writer.finish();
    await check(lake, key, rows_after, kept.digest("hex"));
    const isCurrent = await replaceManifest(
      lake,
      day,
      before,
      withObject(before.manifest, { key, bytes, parts: writer.parts }, places, now),
    );
    if (!isCurrent) await lake.delete(key);
    return { outcome: isCurrent ? "rewritten" : "overtaken", rows_before, rows_after, bytes };
  } catch (error) {
    await sink.abort().catch(() => {});
    throw error;
  }
}

/** The new object read back: as many rows, and the same message ids in the same order. Throws where it is not so. */
async function check(lake: R2Bucket, key: string, rows: number, digest: string): Promise<void> {
  const opened = await openObject(lake, key);
  if (!opened || Number(opened.metadata.num_rows) !== rows)
    throw new Error(`${key} has ${opened?.metadata.num_rows ?? "no"} rows instead of ${rows}`);
  const found = createHash("sha256");
  let at = 0;
  for (const { num_rows } of opened.metadata.row_groups) {
    const span = { rowStart: at, rowEnd: at + Number(num_rows), columns: ["message_id"] };
    for (const { message_id } of await parquetReadObjects({ ...opened, ...span, compressors: COMPRESSORS }))
      found.update(`${message_id}\n`);
    at += Number(num_rows);
  }
  if (found.digest("hex") !== digest) throw new Error(`${key} does not hold the events that it was made of`);
}

/** With the new object in the place of those whose rows it took, which are retired. Objects are taken whole. */
function withObject(
  { objects, retired }: Manifest,
  object: Manifest["objects"][number],
  places: LakePlace[],
  at: number,
): Manifest {
  const taken = new Set(places.map((place) => place.object));
  const known = new Set(retired.map(({ key }) => key));
  const gone = [...taken].filter((key) => !known.has(key)).map((key) => ({ key, at }));
  return { v: 1, objects: [...objects.filter(({ key }) => !taken.has(key)), object], retired: [...retired, ...gone] };
}

/** Deletes what was retired before `until` (epoch milliseconds), first the objects and then their names. How many there were. */
export async function deleteRetired(lake: R2Bucket, day: Day, until: number): Promise<number> {
  const before = await readManifest(lake, ...day);
  const [over, kept] = [
    before.manifest.retired.filter(({ at }) => at <= until),
    before.manifest.retired.filter(({ at }) => at > until),
  ];
  if (over.length === 0) return 0;
  for (let at = 0; at < over.length; at += 1_000) await lake.delete(over.slice(at, at + 1_000).map(({ key }) => key));
  await replaceManifest(lake, day, before, { ...before.manifest, retired: kept });
  return over.length;
}
