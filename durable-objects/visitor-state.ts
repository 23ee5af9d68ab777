/** What a VisitorShard counts and tells of itself. */
import type { Pull } from "../core/buckets.ts";
import { CHAIN_START, type ChainEnd } from "../core/receipt-chain.ts";
import type { Range } from "./event-log.ts";
import type { HeldCounts } from "./held-events.ts";

/** Saved at every checkpoint. */
export interface ShardState {
  sessions: number;
  duplicates: number;
  redelivered: number;
  lake_files: number;
  /** Records that are no visitors: another took over, or they were deleted. */
  taken_over: number;
  /** What the number of the last event differs by from how many events this shard decided: events came here, or were left. */
  events_elsewhere: number;
  /** The number that the first event after the last checkpoint has. */
  next: number;
  /** The first event that is not in the visitors, the counts and the closed sessions as they were saved. */
  unsaved: number;
  /** Sessions of visitors last seen up to then are closed. Epoch milliseconds. */
  closed_until: number;
  closed: { sessions: number; bounces: number; engaged_s: number };
  /** A lake file being written: a crash repeats exactly this range, so the file's name stays the same. */
  writing: Range | null;
  /** Of the receipts that are in the lake. */
  chain: ChainEnd;
}

export const NOTHING_CLOSED = { sessions: 0, bounces: 0, engaged_s: 0 };
export const EMPTY: Omit<ShardState, "unsaved"> = {
  sessions: 0,
  duplicates: 0,
  redelivered: 0,
  lake_files: 0,
  taken_over: 0,
  events_elsewhere: 0,
  next: 1,
  closed_until: 0,
  closed: NOTHING_CLOSED,
  writing: null,
  chain: CHAIN_START,
};

export interface ShardStats {
  events: number;
  duplicates: number;
  redelivered: number;
  sessions: number;
  visitors: number;
  lake_files: number;
  /** Events that are not in the lake yet, and how long the oldest of them waits. */
  waiting_events: number;
  oldest_waiting_s: number | null;
  /** When the shard will next wake by itself. ISO 8601. */
  alarm_at: string | null;
  /** Sessions that are final. */
  closed_sessions: number;
  /** Of those. */
  bounces: number;
  engaged_s: number;
  storage_bytes: number;
  /** By this instance since it was started. */
  rows_written: number;
  /** Message ids that are remembered, and what the index of them takes in memory. */
  dedupe: { ids: number; bytes: number };
  /** Buckets on their way here, by where from; whether others still fetch some from here. While either is, visitors may count twice. */
  moves: { from: string; state: Pull["state"]; buckets: number }[];
  is_giving: boolean;
  /** Events that wait, or waited, for their visitors' consent. */
  held: HeldCounts & { waiting: number };
}

export interface Forgotten {
  /** Epoch milliseconds. */
  forgotten_at: number;
  /** Keys of the newest files (64 at most) in which events of theirs lie. */
  lake_files: string[];
}

/** What a shard that goes leaves to another. */
export interface Legacy {
  events: number;
  sessions: number;
  duplicates: number;
  redelivered: number;
  lake_files: number;
  closed: ShardState["closed"];
}
