/**
 * How a ProfileShard's buckets move (bucket-moves.ts calls it). Records and what is remembered of events are only ever appended, under
 * numbers that grow: so all of it is copied while the buckets are still here, and when they are taken, what was appended since follows. What
 * search finds people by is in their records, and is written anew where they arrive.
 */
import { type BucketRanges, covers } from "../core/buckets.ts";
import { pack, unpack } from "../core/packed.ts";
import { BUCKETS } from "../core/shard-map.ts";
import type { Movable, Peer } from "./bucket-moves.ts";
import type { Hash, RecordStore } from "./record-store.ts";
import type { SeenEvent, SeenEvents } from "./seen-events.ts";

/** How far a shard was read. */
export interface ProfileCursor {
  /** The last blob of records. */
  blob: number;
  /** The number of the next event that is remembered. */
  seen: number;
}

/** Packed JSON of `{ records: R[], seen: [received_at, SeenEvent<A>[]][] }`. */
export type ProfileContent = Uint8Array;

/** Counters that a shard which goes leaves to another. */
export interface ProfileLegacy {
  events: number;
  redelivered: number;
  refused: Record<string, number>;
}

/** What the shard itself does, and counts. */
export interface ProfileMoveHooks<R extends { key: string }, A> {
  store(): RecordStore<R>;
  seen(): SeenEvents<A>;
  peer(name: string): Peer<ProfileContent, ProfileCursor, ProfileLegacy>;
  transaction<T>(work: () => T): T;
  /** Counters, and which blobs there were, are to be stored with this transaction. */
  save(): void;
  /** Replaces what is known of the record. Called in a transaction. */
  take(record: R): void;
  /** These are not here any more. Called in a transaction. */
  dropped(records: R[]): void;
  /** Builds the store anew. */
  reindex(): void;
  wrote(rows: number): void;
  legacy(): ProfileLegacy;
  inherit(legacy: ProfileLegacy): void;
}

/** Characters of JSON in a page: a call takes 32 MB, and an object has 128 for everything. */
const PAGE_LENGTH = 6_000_000;
/** Of 64 KB each: one transaction stays within a few milliseconds. */
const BLOBS_AT_ONCE = 64;

export function profileMoves<R extends { key: string }, A>(
  shard: ProfileMoveHooks<R, A>,
): Movable<ProfileContent, ProfileCursor, ProfileLegacy> {
  return {
    peer: shard.peer,
    transaction: shard.transaction,
    save: shard.save,
    legacy: shard.legacy,
    inherit: shard.inherit,
    /** What still happens with events looks again at whose bucket it is, before anything is added. */
    async drain() {},
    read: (buckets, cursor) => readPage(shard.store(), shard.seen(), buckets, cursor),
    take(content) {
      const { records, seen } = JSON.parse(unpack(content)) as { records: R[]; seen: [number, SeenEvent<A>[]][] };
      for (const record of records) shard.take(record);
      for (const [receivedAt, events] of seen) shard.wrote(shard.seen().take(receivedAt, events));
      shard.save();
    },
    async drop(buckets) {
      const isUnwanted = isIn(buckets);
      for (let more = true; more; ) {
        more = shard.transaction(() => {
          const { written, dropped, more } = shard.store().drop(isUnwanted, BLOBS_AT_ONCE);
          shard.wrote(written);
          shard.dropped(dropped);
          shard.save();
          return more;
        });
      }
      shard.reindex();
    },
  };
}

const isIn =
  (buckets: BucketRanges) =>
  ({ high }: Hash) =>
    covers(buckets, high % BUCKETS);

function readPage<R extends { key: string }, A>(
  store: RecordStore<R>,
  seen: SeenEvents<A>,
  buckets: BucketRanges,
  from: ProfileCursor | null,
) {
  const cursor = { ...(from ?? { blob: 0, seen: 0 }) };
  let length = 0;
  const isFull = () => length > PAGE_LENGTH;
  const remembered: string[] = [];
  for (const { received_at, events, next } of seen.from(cursor.seen)) {
    // Of which nobody knows the bucket, they may be anybody's: an id that is remembered in vain does no harm.
    const ours = events.filter(([, , bucket]) => bucket === undefined || covers(buckets, bucket));
    cursor.seen = next;
    if (!ours.length) continue;
    const row = JSON.stringify([received_at, ours]);
    length += row.length;
    remembered.push(row);
    if (isFull()) break;
  }
  const records: string[] = [];
  if (!isFull()) {
    for (const { blob, records: found } of store.behind(cursor.blob, isIn(buckets))) {
      cursor.blob = blob;
      for (const record of found) {
        const line = JSON.stringify(record);
        length += line.length;
        records.push(line);
      }
      if (isFull()) break;
    }
  }
  const content = pack(`{"records":[${records.join(",")}],"seen":[${remembered.join(",")}]}`);
  return { content, cursor, done: !isFull() };
}
