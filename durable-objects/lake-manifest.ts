/**
 * Which bytes are current in the lake. A shard writes each of its files once, and that file's key stays its name for good: replays,
 * visitors' records and receipts call it by that. Later its rows may lie in another object, together with those of other files
 * (workers/api/lake/compact.ts), or without the rows of a person who was erased. The manifest of a day says where:
 *
 *   manifests/env=env_demo/dt=2026-11-20.json
 *   {"v":1, "objects":[{"key":"events/…/compacted-1f0a….parquet","bytes":…,"parts":[{"key":"events/…/s3-1-4021.parquet","rows":4020}]}], "retired":[…]}
 *
 * It is replaced in one conditional put, so a reader finds every row once, whatever crashed: an object that the manifest does not name is not there
 * yet, or no more. A reader lists first and asks for the manifest then: what is retired between the two is found in the manifest, and stays
 * for a grace where it was.
 */
import { gunzipSync } from "node:zlib";
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import * as z from "zod";

export const lakePart = z.object({
  /** The key under which a shard wrote the file. */
  key: z.string(),
  /** Rows of it that are there, in their order. */
  rows: z.int().min(0),
  /** Rows that were erased: which they were, and the hash of each receipt, without which the others could not be verified. */
  erased: z.array(z.tuple([z.int().min(0), z.string()])).optional(),
});
export type LakePart = z.infer<typeof lakePart>;

const lakeObject = z.object({ key: z.string(), bytes: z.int(), parts: z.array(lakePart) });
export type LakeObject = z.infer<typeof lakeObject>;

export const manifest = z.object({
  v: z.literal(1),
  objects: z.array(lakeObject),
  /** Read no more, and deleted when the grace is over; since epoch milliseconds. */
  retired: z.array(z.object({ key: z.string(), at: z.int() })),
});
export type Manifest = z.infer<typeof manifest>;

/** Where the rows of one file of a shard are: from `row` of `object` on. */
export interface LakePlace {
  key: string;
  object: string;
  row: number;
  /** Absent: all rows of the object. */
  part?: LakePart;
}

export const dayFolder = (environment: string, date: string) => `events/env=${environment}/dt=${date}/`;
export const isCompacted = (key: string) => /\/compacted-[0-9a-f]+\.parquet$/.test(key);
const manifestKey = (environment: string, date: string) => `manifests/env=${environment}/dt=${date}.json`;

/** Environment and UTC date of a lake key. Throws where it is none. */
export function dayOfKey(key: string): { environment: string; date: string } {
  const [, environment, date] = /^events\/env=([^/]+)\/dt=(\d{4}-\d\d-\d\d)\//.exec(key) ?? [];
  if (environment === undefined || date === undefined) throw new Error(`${key} is not a lake file`);
  return { environment, date };
}

export interface StoredManifest {
  manifest: Manifest;
  /** Absent: there is none yet. */
  etag?: string;
}

export async function readManifest(lake: R2Bucket, environment: string, date: string): Promise<StoredManifest> {
  const stored = await lake.get(manifestKey(environment, date));
  if (!stored) return { manifest: { v: 1, objects: [], retired: [] } };
  return { manifest: manifest.parse(await stored.json()), etag: stored.etag };
}

/** Whether it was written: not where somebody else wrote since `before` was read. */
export async function replaceManifest(
  lake: R2Bucket,
  [environment, date]: [environment: string, date: string],
  before: StoredManifest,
  next: Manifest,
): Promise<boolean> {
  const onlyIf = before.etag === undefined ? { etagDoesNotMatch: "*" } : { etagMatches: before.etag };
  return (await lake.put(manifestKey(environment, date), JSON.stringify(next), { onlyIf })) !== null;
}

/** The files of a day as shards named them, in the order of their names, each with the place where it is. */
export async function placesOfDay(lake: R2Bucket, environment: string, date: string): Promise<LakePlace[]> {
  const listed = await listAll(lake, dayFolder(environment, date));
  const { manifest } = await readManifest(lake, environment, date);
  const places = placesIn(manifest);
  for (const { key } of listed) {
    if (!isCompacted(key) && !places.has(key)) places.set(key, { key, object: key, row: 0 });
  }
  return [...places.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

function placesIn({ objects }: Manifest): Map<string, LakePlace> {
  const places = new Map<string, LakePlace>();
  for (const object of objects) {
    let row = 0;
    for (const part of object.parts) {
      places.set(part.key, { key: part.key, object: object.key, row, part });
      row += part.rows;
    }
  }
  return places;
}

/** Where a file of a shard is; its own key where no manifest speaks of it. */
export async function placeOfFile(lake: R2Bucket, key: string): Promise<LakePlace> {
  const { environment, date } = dayOfKey(key);
  const { manifest } = await readManifest(lake, environment, date);
  return placesIn(manifest).get(key) ?? { key, object: key, row: 0 };
}

/** Objects up to this size are read in one request; of larger ones, the ranges that are needed. */
const WHOLE_BYTES = 2 * 1024 * 1024;
export const COMPRESSORS = { GZIP: (data: Uint8Array) => gunzipSync(data) };

export interface OpenObject {
  file: AsyncBuffer;
  metadata: FileMetaData;
}

/** Null where it is gone. Throws on reading where it goes while it is read. */
export async function openObject(lake: R2Bucket, key: string): Promise<OpenObject | null> {
  const head = await lake.head(key);
  if (!head) return null;
  const range = async (start: number, end = head.size) => {
    const stored = await lake.get(key, { range: { offset: start, length: end - start } });
    if (!stored) throw new Error(`${key} was deleted while it was read`);
    return stored.arrayBuffer();
  };
  const whole = head.size <= WHOLE_BYTES ? await range(0) : undefined;
  const file: AsyncBuffer = {
    byteLength: head.size,
    slice: (start, end) => (whole ? whole.slice(start, end) : range(start, end)),
  };
  return { file, metadata: await parquetMetadataAsync(file) };
}

export interface OpenFile extends OpenObject {
  /** As the shard wrote it: the erased ones count, and are not found. */
  rows: number;
  /** Rows [from, to) of it that are still there, with their numbers. */
  read(columns: string[], from?: number, to?: number): Promise<{ number: number; row: Record<string, unknown> }[]>;
}

/** A shard's file, wherever its rows are now. Null where there is none. */
export async function openFile(lake: R2Bucket, place: LakePlace): Promise<OpenFile | null> {
  const opened = await openObject(lake, place.object);
  if (!opened) return null;
  const erased = new Set(place.part?.erased?.map(([number]) => number));
  const present = place.part?.rows ?? Number(opened.metadata.num_rows);
  const rows = present + erased.size;
  return {
    ...opened,
    rows,
    read: async (columns, from = 0, to = rows) => {
      const numbers: number[] = [];
      let skipped = 0;
      for (let number = 0; number < Math.min(to, rows); number++) {
        if (number < from) skipped += erased.has(number) ? 0 : 1;
        else if (!erased.has(number)) numbers.push(number);
      }
      if (numbers.length === 0) return [];
      const rowStart = place.row + skipped;
      const span = { rowStart, rowEnd: rowStart + numbers.length, columns };
      const found = await parquetReadObjects({ ...opened, ...span, compressors: COMPRESSORS });
      return found.map((row, i) => ({ number: numbers[i]!, row }));
    },
  };
}

/** A file that a visitor's record names: mostly it lies where it was written. */
export async function openNamed(lake: R2Bucket, key: string): Promise<OpenFile | null> {
  return (await openFile(lake, { key, object: key, row: 0 })) ?? openFile(lake, await placeOfFile(lake, key));
}

export async function listAll(lake: R2Bucket, prefix: string): Promise<R2Object[]> {
  const objects: R2Object[] = [];
  let cursor: string | undefined;
  do {
    const page: R2Objects = await lake.list({ prefix, ...(cursor && { cursor }) });
    objects.push(...page.objects);
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor);
  return objects;
}
