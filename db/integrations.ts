/** The integrations of an environment, one by one. Every change is published; secrets go in and never come out. */
import { and, asc, eq, gt, inArray } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import * as z from "zod";
import { ApiError } from "../core/api-error.ts";
import { configKey, type Integration, integration } from "../core/environment.ts";
import { isSecret } from "../workers/delivery/destination.ts";
import { destinationNamed } from "../workers/delivery/destinations/index.ts";
import { type IntegrationDocument, integrationDocument, integrationRow } from "./apply-environment.ts";
import { changeRow } from "./change-row.ts";
import { changeTogether, expectRevision, raised, touchEnvironment } from "./expectation.ts";
import { publishEnvironment } from "./publish-environment.ts";
import * as schema from "./schema.ts";
import { merged } from "./sources.ts";

type Database = DrizzleD1Database<typeof schema>;
const { integrations: table, integrationSources, sources, pipelines } = schema;

const { name, purpose, lane, source_ids, profile_events, settings } = integrationDocument.shape;
/** Null puts a field back to what it is when it is not given. Of `settings` too only what is named changes. */
export const integrationChanges = z.strictObject({
  name: name.optional(),
  enabled: z.boolean().optional(),
  purpose: purpose.nullable(),
  lane: lane.nullable(),
  source_ids: source_ids.nullable(),
  profile_events: profile_events.nullable(),
  settings: settings.optional(),
});
export type IntegrationChanges = z.infer<typeof integrationChanges>;

/** What may be seen: of the secrets, their names. */
export const shownIntegration = integration.extend({
  /** Settings that are secrets: they can be replaced, not read. */
  secret_settings: z.array(z.string()),
});
export type StoredIntegration = Integration & { secret_settings: string[]; revision: number };

type Row = typeof table.$inferSelect;

function shown({ sealed_secrets: _, environment_id: __, revision, ...row }: Row, fedBy: string[]): StoredIntegration {
  const shape = destinationNamed(row.destination)?.settings.shape ?? {};
  return {
    ...integration.parse(merged(row, { source_ids: fedBy.length ? fedBy : null })),
    secret_settings: Object.keys(shape).filter((key) => isSecret(shape[key] as z.ZodType)),
    revision,
  };
}

export async function listIntegrations(
  db: Database,
  environmentId: string,
  { after, limit }: { after?: string | undefined; limit: number },
): Promise<StoredIntegration[]> {
  const rows = db
    .select()
    .from(table)
    .where(and(eq(table.environment_id, environmentId), after === undefined ? undefined : gt(table.id, after)))
    .orderBy(asc(table.id))
    .limit(limit);
  const feeds = db
    .select()
    .from(integrationSources)
    .where(
      inArray(
        integrationSources.integration_id,
        db.select({ id: table.id }).from(table).where(eq(table.environment_id, environmentId)),
      ),
    )
    .orderBy(asc(integrationSources.source_id));
  const [found, fed] = await db.batch([rows, feeds]);
  const by = Map.groupBy(fed, (one) => one.integration_id);
  return found.map((row) =>
    shown(
      row,
      (by.get(row.id) ?? []).map((one) => one.source_id),
    ),
  );
}

async function rowOf(db: Database, environmentId: string, id: string): Promise<Row & { fedBy: string[] }> {
  const [[row], feeds] = await db.batch([
    db
      .select()
      .from(table)
      .where(and(eq(table.id, id), eq(table.environment_id, environmentId))),
    db
      .select()
      .from(integrationSources)
      .where(eq(integrationSources.integration_id, id))
      .orderBy(asc(integrationSources.source_id)),
  ]);
  if (!row) throw new ApiError("not_found", `No integration ${id} in ${environmentId}`);
  return { ...row, fedBy: feeds.map((one) => one.source_id) };
}

/** Throws `not_found`. */
export async function getIntegration(db: Database, environmentId: string, id: string): Promise<StoredIntegration> {
  const { fedBy, ...row } = await rowOf(db, environmentId, id);
  return shown(row, fedBy);
}

/** Throws `invalid_request` naming the setting, `conflict` where the id is taken, in whichever environment. */
export async function createIntegration(
  db: Database,
  kv: KVNamespace,
  credentialsKey: string,
  environmentId: string,
  given: IntegrationDocument,
): Promise<StoredIntegration> {
  await refuseUnknownSources(db, environmentId, given.source_ids);
  // Never with the secrets of another that has the id.
  const [taken] = await db.select({ id: table.id }).from(table).where(eq(table.id, given.id));
  if (taken) throw new ApiError("conflict", `The id ${given.id} is taken`);
  const { row } = await integrationRow(db, credentialsKey, environmentId, given);
  const made = await changeTogether(db, [
    expectRevision(db, table, given.id, null),
    db.insert(table).values(row),
    ...feedsOf(db, given.id, given.source_ids ?? []),
    touchEnvironment(db, environmentId),
  ]);
  if (!made) throw new ApiError("conflict", `The id ${given.id} is taken`);
  await publishEnvironment(db, kv, environmentId);
  return getIntegration(db, environmentId, given.id);
}

/** Throws `not_found`, `invalid_request` naming the setting, `precondition_failed`. */
export async function changeIntegration(
  db: Database,
  kv: KVNamespace,
  credentialsKey: string,
  environmentId: string,
  id: string,
  changes: IntegrationChanges,
  expected?: number,
): Promise<StoredIntegration> {
  await refuseUnknownSources(db, environmentId, changes.source_ids ?? undefined);
  const changed = await changeRow(
    () => rowOf(db, environmentId, id),
    expected,
    async ({ fedBy, ...before }) => {
      const { settings, source_ids, ...rest } = changes;
      const { id: _, name, destination, enabled, purpose, lane, profile_events } = before;
      const next = integrationDocument.parse({
        id,
        ...merged({ name, destination, enabled, purpose, lane, profile_events }, rest),
        settings: merged(before.settings as object, settings ?? {}),
      });
      const { row } = await integrationRow(db, credentialsKey, environmentId, next);
      const values = { ...row, profile_events: row.profile_events ?? null };
      const feeds = source_ids === undefined ? fedBy : (source_ids ?? []);
      const done = await changeTogether(db, [
        expectRevision(db, table, id, before.revision),
        db
          .update(table)
          .set({ ...values, revision: raised(table) })
          .where(eq(table.id, id)),
        db.delete(integrationSources).where(eq(integrationSources.integration_id, id)),
        ...feedsOf(db, id, feeds),
        touchEnvironment(db, environmentId),
      ]);
      return done ? shown({ ...before, ...values, revision: before.revision + 1 }, feeds) : undefined;
    },
  );
  await publishEnvironment(db, kv, environmentId);
  return changed;
}

/** What waits for it is buried by delivery, as of one that is not there. Throws `conflict` where a pipeline leads to it. */
export async function deleteIntegration(
  db: Database,
  kv: KVNamespace,
  environmentId: string,
  id: string,
  expected?: number,
): Promise<void> {
  await changeRow(
    () => rowOf(db, environmentId, id),
    expected,
    async ({ revision }) => {
      const [through] = await db.select({ id: pipelines.id }).from(pipelines).where(eq(pipelines.integration_id, id));
      if (through) throw new ApiError("conflict", `The pipeline ${through.id} leads to ${id}: delete it first`);
      const done = await changeTogether(db, [
        expectRevision(db, table, id, revision),
        db.delete(integrationSources).where(eq(integrationSources.integration_id, id)),
        db.delete(table).where(eq(table.id, id)),
        touchEnvironment(db, environmentId),
      ]);
      return done || undefined;
    },
  );
  await publishEnvironment(db, kv, environmentId);
  await kv.delete(configKey.integration(id));
}

const feedsOf = (db: Database, integration_id: string, sourceIds: string[]) =>
  [...new Set(sourceIds)].map((source_id) => db.insert(integrationSources).values({ integration_id, source_id }));

async function refuseUnknownSources(db: Database, environmentId: string, wanted: string[] = []): Promise<void> {
  if (wanted.length === 0) return;
  const known = await db.select({ id: sources.id }).from(sources).where(eq(sources.environment_id, environmentId));
  const missing = wanted.find((one) => !known.some(({ id }) => id === one));
  if (missing) throw new ApiError("invalid_request", `source_ids: there is no source ${missing} in ${environmentId}`);
}
