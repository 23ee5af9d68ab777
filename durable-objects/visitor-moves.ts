/** How a VisitorShard's buckets move: what of its tables is read, taken in and deleted (bucket-moves.ts calls it). */

import { covers } from "../core/buckets.ts";
import { bucketOf } from "../core/shard-map.ts";
import type { Movable, Peer } from "./bucket-moves.ts";
import { addClosed, dropClosed } from "./closed-sessions.ts";
import {
  heldIn,
  isIn,
  keptIn,
  readPage,
  recordsIn,
  sessionsIn,
  type VisitorContent,
  type VisitorCursor,
  type VisitorTables,
} from "./visitor-pages.ts";
import { isHidden, type VisitorRecord } from "./visitor-records.ts";

/** What the shard itself does, and counts. */
export interface VisitorMoveHooks<Legacy> {
  tables(): VisitorTables;
  peer(name: string): Peer<VisitorContent, VisitorCursor, Legacy>;
  transaction<T>(work: () => T): T;
  save(): void;
  drain(): Promise<void>;
  isGiven(buckets: [number, number][]): boolean;
  /** So many events came that others decided; so many more records than before are no visitors. Saved with the transaction. */
  count(events: number, hidden: number, rowsWritten: number): void;
  legacy(): Legacy;
  inherit(legacy: Legacy): void;
}

export function visitorMoves<Legacy>(shard: VisitorMoveHooks<Legacy>): Movable<VisitorContent, VisitorCursor, Legacy> {
  return {
    peer: shard.peer,
    transaction: shard.transaction,
    save: shard.save,
    drain: shard.drain,
    legacy: shard.legacy,
    inherit: shard.inherit,
    read: (buckets, cursor) => readPage(shard.tables(), buckets, cursor, shard.isGiven(buckets)),
    take(content) {
      const { sql, log, visitors, held, closedUntil } = shard.tables();
      let events = 0;
      let written = addClosed(sql, sessionsIn(content.closed)) + held.takeOver(heldIn(content.held));
      for (const { received_at, kept } of content.events) {
        const taken = log.take(received_at, keptIn(kept));
        events += taken.taken;
        written += taken.written;
      }
      const records = recordsIn(content.visitors).map((record) => withOpenSessions(record, closedUntil));
      visitors.load(records.map(({ anonymous_id }) => anonymous_id));
      let hidden = 0;
      for (const record of records) {
        const known = visitors.get(record.anonymous_id);
        hidden += Number(isHidden(record)) - Number(known !== undefined && isHidden(known));
      }
      written += visitors.take(records);
      shard.count(events, hidden, written);
    },
    async drop(buckets) {
      const isUnwanted = isIn(buckets);
      shard.transaction(() => {
        const { sql, held } = shard.tables();
        const left = held.leave((visitor) => covers(buckets, bucketOf(visitor)));
        shard.count(0, 0, dropClosed(sql, isUnwanted) + left);
      });
      for (let more = true; more; ) {
        more = shard.transaction(() => {
          const { written, dropped, more } = shard.tables().visitors.drop(isUnwanted, BLOBS_AT_ONCE);
          shard.count(0, -dropped.filter(isHidden).length, written);
          return more;
        });
      }
      shard.tables().visitors.reindex();
    },
  };
}

/** Of 64 KB each: one transaction stays within a few milliseconds. */
const BLOBS_AT_ONCE = 64;

/** Sessions that are not closed belong to a visitor seen later than until when sessions are closed here. */
function withOpenSessions(record: VisitorRecord, closedUntil: number): VisitorRecord {
  if (record.sessions.length === 0 || record.last_seen > closedUntil) return record;
  return { ...record, last_seen: closedUntil + 1 };
}
