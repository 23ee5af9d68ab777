/** A replay as it lies in D1: what was asked for and how far it is. The row is the truth; a Workflow only drives it. */
import { and, desc, eq, inArray, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import * as z from "zod";
import { replays as table } from "../../../db/schema.ts";

export const replayRequest = z.strictObject({
  integration_id: z.string(),
  /** Events that were received in [from, to). */
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  /** Of these names only; absent: of all. */
  events: z.array(z.string().min(1).max(200)).min(1).max(100).optional(),
  /** Of this source only. */
  source_id: z.string().optional(),
  /** The version of the pipelines by which payloads are made; absent: the current one. */
  version: z.int().min(1).optional(),
  events_per_second: z.int().min(1).max(2_000).default(100),
});
export type ReplayRequest = z.infer<typeof replayRequest>;

export type ReplayStatus = (typeof table.$inferSelect)["status"];

export interface Sample {
  message_id: string;
  event: string;
  received_at: string;
  /** As the current pipelines make it, and as the replay does: a payload, or the reason why there is none. */
  old: unknown;
  new: unknown;
  is_changed: boolean;
}

export interface Progress {
  /** The lake file that is being read, and its next row. */
  file: string | null;
  row: number;
  /** Files that were read to their end. */
  files: number;
  /** Events in the time range, with the names and of the source asked for. */
  events: number;
  /** Of them, those with a payload: what is or will be sent. */
  to_send: number;
  /** The others, by reason. */
  filtered: Record<string, number>;
}

export interface ReplayState {
  /** Both passes judge the age of events as of then, so that what is counted is what is sent. */
  as_of: string;
  counted: Progress;
  /** Whether the count is whole: nothing is sent before. */
  is_counted: boolean;
  sent: Progress;
  samples: Sample[];
  failure: string | null;
}

export interface Replay {
  id: string;
  environment_id: string;
  integration_id: string;
  request: ReplayRequest;
  status: ReplayStatus;
  run: number;
  revision: number;
  state: ReplayState;
  created_at: string;
  updated_at: string;
}

const NO_PROGRESS: Progress = { file: null, row: 0, files: 0, events: 0, to_send: 0, filtered: {} };

export async function createReplay(db: D1Database, environment_id: string, request: ReplayRequest): Promise<Replay> {
  const now = new Date().toISOString();
  const replay: Replay = {
    id: `rpl_${crypto.randomUUID()}`,
    environment_id,
    integration_id: request.integration_id,
    request,
    status: "counting",
    run: 1,
    revision: 0,
    state: { as_of: now, counted: NO_PROGRESS, is_counted: false, sent: NO_PROGRESS, samples: [], failure: null },
    created_at: now,
    updated_at: now,
  };
  await drizzle(db).insert(table).values(replay);
  return replay;
}

export async function readReplay(db: D1Database, id: string): Promise<Replay | undefined> {
  const [row] = await drizzle(db).select().from(table).where(eq(table.id, id));
  return row as Replay | undefined;
}

/** Newest first. */
export async function listReplays(db: D1Database, environment_id: string, limit: number): Promise<Replay[]> {
  const rows = await drizzle(db)
    .select()
    .from(table)
    .where(eq(table.environment_id, environment_id))
    .orderBy(desc(table.created_at))
    .limit(limit);
  return rows as Replay[];
}

/**
 * Writes down a piece that was done. Not where another run has taken over or another wrote since: whether it was written. Somebody's pause
 * or cancellation meanwhile stays what it is, and what was done counts all the same.
 */
export async function writeProgress(
  db: D1Database,
  replay: Replay,
  state: ReplayState,
  status: ReplayStatus,
): Promise<boolean> {
  const { meta } = await drizzle(db)
    .update(table)
    .set({
      state,
      status: sql`CASE WHEN status = ${replay.status} THEN ${status} ELSE status END`,
      revision: replay.revision + 1,
      updated_at: new Date().toISOString(),
    })
    .where(and(eq(table.id, replay.id), eq(table.run, replay.run), eq(table.revision, replay.revision)));
  return meta.changes > 0;
}

/** From one of these statuses to another; with `next_run` another Workflow instance goes on. Undefined where it is in none of them. */
export async function changeStatus(
  db: D1Database,
  id: string,
  from: ReplayStatus[],
  to: ReplayStatus,
  { next_run = false } = {},
): Promise<Replay | undefined> {
  const [row] = await drizzle(db)
    .update(table)
    .set({ status: to, updated_at: new Date().toISOString(), ...(next_run && { run: sql`run + 1` }) })
    .where(and(eq(table.id, id), inArray(table.status, from)))
    .returning();
  return row as Replay | undefined;
}
