/**
 * Versions of the documents that people change: each change is a new one, with who, when and why; none is ever changed or deleted. One
 * mechanism for every kind of document (`schema.ts` lists them).
 */
import { and, desc, eq, lt, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import * as z from "zod";
import { ApiError } from "../core/api-error.ts";
import { configurationVersions as table } from "./schema.ts";

// biome-ignore lint/suspicious/noExplicitAny: with or without the schema, as its users have it.
type Database = DrizzleD1Database<any>;

export type VersionKind = (typeof table.kind.enumValues)[number];
export type Version = typeof table.$inferSelect;
export type VersionHead = Omit<Version, "document">;

/** Who changes something, and why: part of every request that makes a version. Until sign-in is built, whoever has the token says so. */
export const authorship = z.object({
  author: z.string().min(1).max(200).default("admin"),
  note: z.string().max(2_000).default(""),
});
export type Authorship = z.infer<typeof authorship>;

export interface Subject {
  kind: VersionKind;
  subject_id: string;
  environment_id: string;
}

/** Stores the next version. Of two at once each gets its own number. */
export async function addVersion(
  db: Database,
  subject: Subject,
  document: unknown,
  { author, note }: Authorship,
): Promise<VersionHead> {
  const { kind, subject_id, environment_id } = subject;
  const created_at = new Date().toISOString();
  // One statement, so that nobody comes between the question and the answer.
  const [row] = await db.all<{ version: number }>(sql`
    INSERT INTO configuration_versions (kind, subject_id, version, environment_id, document, author, note, created_at)
    SELECT ${kind}, ${subject_id}, ifnull(max(version), 0) + 1, ${environment_id}, ${JSON.stringify(document)}, ${author}, ${note}, ${created_at}
    FROM configuration_versions WHERE kind = ${kind} AND subject_id = ${subject_id}
    RETURNING version`);
  return { ...subject, version: row!.version, author, note, created_at };
}

/** Newest first, without the documents. A query: await it, or put it into a batch. */
export function listVersions(
  db: Database,
  { kind, subject_id }: Pick<Subject, "kind" | "subject_id">,
  { before, limit = 50 }: { before?: number | undefined; limit?: number | undefined } = {},
) {
  const { document: _, ...columns } = table;
  return db
    .select({
      kind: columns.kind,
      subject_id: columns.subject_id,
      version: columns.version,
      environment_id: columns.environment_id,
      author: columns.author,
      note: columns.note,
      created_at: columns.created_at,
    })
    .from(table)
    .where(
      and(
        eq(table.kind, kind),
        eq(table.subject_id, subject_id),
        before === undefined ? undefined : lt(table.version, before),
      ),
    )
    .orderBy(desc(table.version))
    .limit(limit);
}

/** Throws `not_found`. */
export async function getVersion(
  db: Database,
  { kind, subject_id }: Pick<Subject, "kind" | "subject_id">,
  version: number,
): Promise<Version> {
  const [row] = await db
    .select()
    .from(table)
    .where(and(eq(table.kind, kind), eq(table.subject_id, subject_id), eq(table.version, version)));
  if (!row) throw new ApiError("not_found", `${subject_id} has no version ${version}`);
  return row;
}
