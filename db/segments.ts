/** Segments in D1: names here, definitions as versions that are never changed. Every change is published. */
import { and, eq } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { ApiError } from "../core/api-error.ts";
import type { Condition } from "../core/segments/definition.ts";
import type { PublishedSegment } from "../core/segments/published.ts";
import { type Authorship, addVersion } from "./configuration-versions.ts";
import { publishEnvironment } from "./publish-environment.ts";
import * as schema from "./schema.ts";

type Database = DrizzleD1Database<typeof schema>;
const { segments, configurationVersions } = schema;
export type SegmentHead = typeof segments.$inferSelect;

export const MOST_SEGMENTS = 200;

export const subjectOf = (environment_id: string, id: string) =>
  ({ kind: "segment", subject_id: `${environment_id}/${id}`, environment_id }) as const;

const isIt = (environmentId: string, id: string) =>
  and(eq(segments.environment_id, environmentId), eq(segments.id, id));

export async function listSegments(db: Database, environmentId: string): Promise<SegmentHead[]> {
  return db.select().from(segments).where(eq(segments.environment_id, environmentId)).orderBy(segments.id);
}

/** Throws `not_found`. */
export async function getSegment(db: Database, environmentId: string, id: string): Promise<SegmentHead> {
  const [row] = await db.select().from(segments).where(isIt(environmentId, id));
  if (!row) throw new ApiError("not_found", `No segment ${id}`);
  return row;
}

/** Throws `conflict` where there is one of that id, or there are too many. */
export async function createSegment(
  db: Database,
  kv: KVNamespace,
  { environment_id, id, name }: Pick<SegmentHead, "environment_id" | "id" | "name">,
  definition: Condition,
  by: Authorship,
): Promise<SegmentHead> {
  const known = await listSegments(db, environment_id);
  if (known.some((one) => one.id === id)) throw new ApiError("conflict", `There is a segment ${id} already`);
  if (known.length >= MOST_SEGMENTS)
    throw new ApiError("conflict", `An environment has at most ${MOST_SEGMENTS} segments`);
  // One that was deleted left its versions, and the next one goes on counting.
  const { version, created_at } = await addVersion(db, subjectOf(environment_id, id), definition, by);
  const row = { environment_id, id, name, live_version: version, created_at, updated_at: created_at };
  const [inserted] = await db.insert(segments).values(row).onConflictDoNothing().returning();
  if (!inserted) throw new ApiError("conflict", `There is a segment ${id} already`);
  await publishEnvironment(db, kv, environment_id);
  return inserted;
}

/** A definition makes a new version; a name does not. */
export async function changeSegment(
  db: Database,
  kv: KVNamespace,
  { environment_id, id }: SegmentHead,
  { name, definition }: { name?: string | undefined; definition?: Condition | undefined },
  by: Authorship,
): Promise<SegmentHead> {
  const version = definition && (await addVersion(db, subjectOf(environment_id, id), definition, by)).version;
  const [row] = await db
    .update(segments)
    .set({
      updated_at: new Date().toISOString(),
      ...(name !== undefined && { name }),
      ...(version && { live_version: version }),
    })
    .where(isIt(environment_id, id))
    .returning();
  if (!row) throw new ApiError("not_found", `No segment ${id}`);
  await publishEnvironment(db, kv, environment_id);
  return row;
}

/** Its versions stay. */
export async function deleteSegment(db: Database, kv: KVNamespace, { environment_id, id }: SegmentHead): Promise<void> {
  await db.delete(segments).where(isIt(environment_id, id));
  await publishEnvironment(db, kv, environment_id);
}

/** For the environment's snapshot. */
export async function compiledSegments(db: Database, environmentId: string): Promise<PublishedSegment[]> {
  const { kind, subject_id, version, document } = configurationVersions;
  const rows = await db
    .select({ id: segments.id, version: segments.live_version, subject_id, definition: document })
    .from(segments)
    .innerJoin(
      configurationVersions,
      and(
        eq(kind, "segment"),
        eq(configurationVersions.environment_id, environmentId),
        eq(version, segments.live_version),
      ),
    )
    .where(eq(segments.environment_id, environmentId))
    .orderBy(segments.id);
  return rows
    .filter((row) => row.subject_id === subjectOf(environmentId, row.id).subject_id)
    .map(({ id, version, definition }) => ({ id, version, definition: definition as Condition }));
}
