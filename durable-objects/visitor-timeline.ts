/**
 * A visitor's events, newest first by when they came: those that wait, and then those in the lake files that the visitor's record names.
 *
 * A file is one read from R2 ($0.36 a million) of about half a megabyte, of which three columns are unpacked; the newest page of most
 * visitors is in one or two of them. Who was there in more than 64 files has the newest of them here, and the rest in the lake.
 */
import type { EventLog } from "./event-log.ts";
import { type LakeFileName, type LakeRow, lakeKey } from "./lake-file.ts";
import { openNamed } from "./lake-manifest.ts";
import { factsOf, withFacts } from "./visitor-facts.ts";

export interface Timeline {
  /** `event_json`: the envelope, as the lake has it. */
  events: { source_id: string; event_json: string }[];
  /** Where to go on, as `before`; absent: that was all. */
  next?: string;
  /** Files that were read for it. */
  lake_files: number;
}

export interface TimelineQuery {
  anonymous_id: string;
  /** A `next` of before. */
  before?: string | undefined;
  /** At most so many events; there may be fewer though more follow. */
  limit: number;
}

interface Sources {
  shard: string;
  environment: string;
  log: EventLog;
  lake: R2Bucket;
  /** As the record has them: in the order in which they were written. */
  files: LakeFileName[];
}

/** Files read for one answer: each is held in memory while it is read. */
const MOST_FILES = 8;

/** Events before the one with this number of this shard. */
interface Place {
  shard: string;
  number: number;
}

/** Undefined where `text` is no place. */
export function placeOf(text: string): Place | undefined {
  const [, shard, number] = /^(.+)\.(\d{1,15})$/.exec(text) ?? [];
  return shard === undefined ? undefined : { shard, number: Number(number) };
}

export async function timelineOf(
  { anonymous_id, before, limit }: TimelineQuery,
  { shard, environment, log, lake, files }: Sources,
): Promise<Timeline> {
  const place = before === undefined ? undefined : placeOf(before);
  const events: { number: number; shard: string; row: Timeline["events"][number] }[] = [];
  const isBehind = (number: number) => !place || number < place.number;
  if (!place || place.shard === shard) {
    for (const { number, facts, line } of log.waitingOf(anonymous_id).reverse()) {
      if (!isBehind(number) || events.length > limit) continue;
      const { source_id, event } = withFacts(JSON.parse(line) as LakeRow, factsOf(facts));
      events.push({ number, shard, row: { source_id, event_json: JSON.stringify(event) } });
    }
  }
  const older = files.slice(0, place ? lastWith(files, place) + 1 : files.length);
  let read = 0;
  while (older.length && events.length <= limit && read < MOST_FILES) {
    const file = older.pop()!;
    const [, first, , name] = file;
    read++;
    for (const { index, row } of (await rowsOf(lake, lakeKey(environment, file), anonymous_id)).reverse()) {
      const isOld = place?.shard === name && !isBehind(first + index);
      if (!isOld) events.push({ number: first + index, shard: name, row });
    }
  }
  const page = events.slice(0, limit);
  const last = page.at(-1);
  const next =
    events.length > limit && last
      ? `${last.shard}.${last.number}`
      : older.length
        ? `${older.at(-1)![3]}.${older.at(-1)![2]}`
        : undefined;
  return { events: page.map(({ row }) => row), lake_files: read, ...(next !== undefined && { next }) };
}

/** The last file that has events before this place; all before it in the list are older. */
function lastWith(files: LakeFileName[], { shard, number }: Place): number {
  const own = files.findLastIndex(([, first, , name]) => name === shard && first < number);
  if (own >= 0) return own;
  return files.findIndex(([, , , name]) => name === shard) - 1;
}

/** The visitor's rows in a file, in its order, with their places in it. None where the file is gone. */
async function rowsOf(lake: R2Bucket, key: string, anonymousId: string) {
  const file = await openNamed(lake, key);
  if (!file) return [];
  const visitors = await file.read(["anonymous_id"]);
  const found = new Set(visitors.filter(({ row }) => row.anonymous_id === anonymousId).map(({ number }) => number));
  if (found.size === 0) return [];
  const rows = await file.read(["source_id", "event_json"], Math.min(...found), Math.max(...found) + 1);
  return rows
    .filter(({ number }) => found.has(number))
    .map(({ number, row }) => ({ index: number, row: row as unknown as Timeline["events"][number] }));
}
