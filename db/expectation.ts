/**
 * Changes that hold only if what they were made of is still so. D1 has no transaction that spans a question and a change, but a batch is
 * undone where one of its statements fails: the first ones fail, by a constraint, where a revision is not the one that was read.
 */
import { eq, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import * as schema from "./schema.ts";

type Database = DrizzleD1Database<typeof schema>;
type Revised =
  | typeof schema.sources
  | typeof schema.integrations
  | typeof schema.environments
  | typeof schema.pipelines;

/** A statement for the front of a batch. Null: there must be no such row yet. */
export function expectRevision(db: Database, table: Revised, id: string, revision: number | null) {
  const found = sql`SELECT 1 FROM ${table} WHERE ${table.id} = ${id}`;
  const isMet =
    revision === null ? sql`NOT EXISTS (${found})` : sql`EXISTS (${found} AND ${table.revision} = ${revision})`;
  // Nothing is written where it is met.
  return db.insert(schema.expectations).select(sql`SELECT 0 WHERE NOT ${isMet}`);
}

/** For `set`, of the row's own table. */
export const raised = (table: Revised | typeof schema.organisations) => sql<number>`${table.revision} + 1`;

/** Says that something of the environment has changed: part of every such batch. */
export const touchEnvironment = (db: Database, environmentId: string) =>
  db
    .update(schema.environments)
    .set({ revision: raised(schema.environments) })
    .where(eq(schema.environments.id, environmentId));

/** All, or nothing and false where an expectation was not met. */
export async function changeTogether(db: Database, statements: BatchItem<"sqlite">[]): Promise<boolean> {
  try {
    await db.batch(statements as [BatchItem<"sqlite">, ...BatchItem<"sqlite">[]]);
    return true;
  } catch (error) {
    // Drizzle's own error says only which statement failed.
    const said = error instanceof Error ? `${error.message} ${String(error.cause)}` : "";
    if (said.includes("unmet_expectation")) return false;
    throw error;
  }
}
