/**
 * What VisitorShard stores of its buckets, in pages for another to take in. Events and closed sessions are only ever appended, and
 * of visitors those whose sessions are closed change no more until they come again. All these are copied while the visitors are still
 * here; when the buckets are taken, what was appended since follows, and the visitors of the last two days.
 */
import { type BucketRanges, covers } from "../core/buckets.ts";
import { pack, unpack } from "../core/packed.ts";
import { BUCKETS, bucketOf } from "../core/shard-map.ts";
import type { Page } from "./bucket-moves.ts";
import { closedBehind } from "./closed-sessions.ts";
import type { EventLog, Kept } from "./event-log.ts";
import type { HeldEvents, MovedHeld } from "./held-events.ts";
import type { StoredSession } from "./visitor-facts.ts";
import type { VisitorRecord, VisitorRecords } from "./visitor-records.ts";

/** How far a shard was read. */
export interface VisitorCursor {
  /** The number of the next event of history. */
  event: number;
  /** The last row of closed sessions. */
  closed: number;
  /** The last blob of visitors who were last seen up to `quiet`, and of those seen later. */
  blob: number;
  recent_blob: number;
  /** The last event that waits for consent. */
  held: number;
  /** Up to when sessions were closed when the first page was read. Epoch milliseconds. */
  quiet: number;
}

/** Packed JSON, so that a page is a tenth of what it tells. */
export interface VisitorContent {
  events: { received_at: number; kept: Uint8Array }[];
  closed: Uint8Array;
  visitors: Uint8Array;
  held: Uint8Array;
}

/** Characters of JSON in a page: a call takes 32 MB, and an object has 128 for everything. */
const PAGE_LENGTH = 6_000_000;

export interface VisitorTables {
  sql: SqlStorage;
  log: EventLog;
  visitors: VisitorRecords;
  held: HeldEvents;
  /** Sessions of visitors last seen up to then are closed. */
  closedUntil: number;
}

export const isIn = (buckets: BucketRanges) => (hashHigh: number) => covers(buckets, hashHigh % BUCKETS);

/** `given`: nobody adds to these buckets any more, so that visitors of the last two days may go too, and what waits for their consent. */
export function readPage(
  { sql, log, visitors, held, closedUntil }: VisitorTables,
  buckets: BucketRanges,
  from: VisitorCursor | null,
  given: boolean,
): Page<VisitorContent, VisitorCursor> {
  const cursor = { ...(from ?? { event: 0, closed: 0, blob: 0, recent_blob: 0, held: 0, quiet: closedUntil }) };
  const isWanted = isIn(buckets);
  let length = 0;
  const isFull = () => length > PAGE_LENGTH;
  const packed = (lines: string[]) => {
    const text = `[${lines.join(",")}]`;
    return pack(text);
  };

  const events: VisitorContent["events"] = [];
  for (const { received_at, kept, next } of log.historyFrom(cursor.event)) {
    const ours = kept.filter(({ facts }) => covers(buckets, bucketOf(facts[3]))).map((one) => JSON.stringify(one));
    length += lengthOf(ours);
    if (ours.length) events.push({ received_at, kept: packed(ours) });
    cursor.event = next;
    if (isFull()) break;
  }

  const closed: string[] = [];
  if (!isFull())
    for (const { id, sessions } of closedBehind(sql, cursor.closed, isWanted)) {
      const lines = sessions.map((one) => JSON.stringify(one));
      length += lengthOf(lines);
      closed.push(...lines);
      cursor.closed = id;
      if (isFull()) break;
    }

  const records: string[] = [];
  const readBlobs = (at: "blob" | "recent_blob", after: number, until: number) => {
    if (isFull()) return;
    for (const { blob, records: found } of visitors.behind(cursor[at], isWanted, after, until)) {
      const lines = found.map((record) => JSON.stringify(withoutClosed(record, closedUntil)));
      length += lengthOf(lines);
      records.push(...lines);
      cursor[at] = blob;
      if (isFull()) return;
    }
  };
  readBlobs("blob", Number.NEGATIVE_INFINITY, cursor.quiet);
  if (given) readBlobs("recent_blob", cursor.quiet, Number.POSITIVE_INFINITY);

  const waiting: string[] = [];
  if (given && !isFull())
    for (const { id, held: one } of held.behind(cursor.held, (visitor) => covers(buckets, bucketOf(visitor)))) {
      const line = JSON.stringify(one);
      length += line.length;
      waiting.push(line);
      cursor.held = id;
      if (isFull()) break;
    }

  const content = { events, closed: packed(closed), visitors: packed(records), held: packed(waiting) };
  return { content, cursor, done: !isFull() };
}

const lengthOf = (lines: string[]) => lines.reduce((sum, line) => sum + line.length, 0);

/** A record is not written again when its sessions are closed; who takes it in does not know that they are. */
function withoutClosed(record: VisitorRecord, closedUntil: number): VisitorRecord {
  return record.last_seen <= closedUntil && record.sessions.length ? { ...record, sessions: [] } : record;
}

export const keptIn = (packed: Uint8Array) => JSON.parse(unpack(packed)) as Kept[];
export const sessionsIn = (packed: Uint8Array) => JSON.parse(unpack(packed)) as StoredSession[];
export const heldIn = (packed: Uint8Array) => JSON.parse(unpack(packed)) as MovedHeld[];
export const recordsIn = (packed: Uint8Array) => JSON.parse(unpack(packed)) as VisitorRecord[];
