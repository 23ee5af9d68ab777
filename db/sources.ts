/** The sources of an environment, one by one. Every change is published; a source goes with its keys. */
import { and, asc, eq, gt, inArray } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import * as z from "zod";
import { ApiError } from "../core/api-error.ts";
import { configKey, type Source, source, sourceSettings } from "../core/environment.ts";
import { type Applied, refuseTakenPaths, resourceId, resourceName } from "./apply-environment.ts";
import { changeRow } from "./change-row.ts";
import { changeTogether, expectRevision, raised, touchEnvironment } from "./expectation.ts";
import { publishEnvironment } from "./publish-environment.ts";
import * as schema from "./schema.ts";
import { keyRow, newKey } from "./write-keys.ts";

type Database = DrizzleD1Database<typeof schema>;
const table = schema.sources;

export const newSource = z.strictObject({ id: resourceId, name: resourceName, ...sourceSettings.shape });

/** Null puts a setting back to its default. */
export const sourceChanges = z.strictObject({
  name: resourceName.optional(),
  ...Object.fromEntries(Object.keys(sourceSettings.shape).map((setting) => [setting, z.unknown().optional()])),
}) as z.ZodType<{ name?: string | undefined; [setting: string]: unknown }>;

export type StoredSource = Source & { revision: number };

const shown = ({ id, name, settings, revision }: typeof table.$inferSelect): StoredSource => ({
  ...source.parse({ ...(settings as object), id, name }),
  revision,
});

export async function listSources(
  db: Database,
  environmentId: string,
  { after, limit }: { after?: string | undefined; limit: number },
): Promise<StoredSource[]> {
  const rows = await db
    .select()
    .from(table)
    .where(and(eq(table.environment_id, environmentId), after === undefined ? undefined : gt(table.id, after)))
    .orderBy(asc(table.id))
    .limit(limit);
  return rows.map(shown);
}

async function rowOf(db: Database, environmentId: string, id: string) {
  const [row] = await db
    .select()
    .from(table)
    .where(and(eq(table.id, id), eq(table.environment_id, environmentId)));
  if (!row) throw new ApiError("not_found", `There is no source ${id} in ${environmentId}`);
  return row;
}

/** Throws `not_found`. */
export async function getSource(db: Database, environmentId: string, id: string): Promise<StoredSource> {
  return shown(await rowOf(db, environmentId, id));
}

/** With a key of each kind, shown this once. Throws `conflict` where the id is taken, in whichever environment. */
export async function createSource(
  db: Database,
  kv: KVNamespace,
  environmentId: string,
  { id, name, ...settings }: z.infer<typeof newSource>,
): Promise<{ source: StoredSource; created_keys: Applied["created_keys"] }> {
  await refuseTakenPaths(db, [{ id, script_path: settings.script_path }]);
  const created_keys = (["public", "server"] as const).map((kind) => ({ source_id: id, kind, key: newKey(kind) }));
  const made = await changeTogether(db, [
    expectRevision(db, table, id, null),
    db.insert(table).values({ id, name, settings, environment_id: environmentId }),
    ...created_keys.map(({ kind, key }) => db.insert(schema.writeKeys).values(keyRow(id, kind, key))),
    touchEnvironment(db, environmentId),
  ]);
  if (!made) throw new ApiError("conflict", `The id ${id} is taken`);
  await publishEnvironment(db, kv, environmentId);
  return { source: await getSource(db, environmentId, id), created_keys };
}

/** Throws `not_found`, `invalid_request` naming the setting, `precondition_failed`. */
export async function changeSource(
  db: Database,
  kv: KVNamespace,
  environmentId: string,
  id: string,
  { name, ...changes }: z.infer<typeof sourceChanges>,
  expected?: number,
): Promise<StoredSource> {
  const changed = await changeRow(
    () => rowOf(db, environmentId, id),
    expected,
    async (row) => {
      const settings = parsed(merged(row.settings as object, changes));
      await refuseTakenPaths(db, [{ id, script_path: settings.script_path }]);
      const values = { name: name ?? row.name, settings };
      const done = await changeTogether(db, [
        expectRevision(db, table, id, row.revision),
        db
          .update(table)
          .set({ ...values, revision: raised(table) })
          .where(eq(table.id, id)),
        touchEnvironment(db, environmentId),
      ]);
      return done ? shown({ ...row, ...values, revision: row.revision + 1 }) : undefined;
    },
  );
  await publishEnvironment(db, kv, environmentId);
  return changed;
}

/** Its keys open nothing any more. Throws `conflict` where something is fed by it alone: fed by nothing would mean by all. */
export async function deleteSource(
  db: Database,
  kv: KVNamespace,
  environmentId: string,
  id: string,
  expected?: number,
): Promise<void> {
  const { writeKeys, integrationSources, pipelines } = schema;
  const paths: string[] = [];
  await changeRow(
    () => rowOf(db, environmentId, id),
    expected,
    async (row) => {
      const [keys, feeds, through] = await db.batch([
        db.select({ hash: writeKeys.key_hash }).from(writeKeys).where(eq(writeKeys.source_id, id)),
        db
          .select()
          .from(integrationSources)
          .where(
            inArray(
              integrationSources.integration_id,
              db
                .select({ id: integrationSources.integration_id })
                .from(integrationSources)
                .where(eq(integrationSources.source_id, id)),
            ),
          ),
        db.select({ id: pipelines.id }).from(pipelines).where(eq(pipelines.source_id, id)),
      ]);
      const sole = [...Map.groupBy(feeds, (one) => one.integration_id)].find(([, all]) => all.length === 1);
      if (sole) throw new ApiError("conflict", `${sole[0]} is fed by ${id} alone: change its source_ids first`);
      if (through[0]) throw new ApiError("conflict", `The pipeline ${through[0].id} begins at ${id}: delete it first`);
      const { script_path } = shown(row);
      paths.splice(0, paths.length, ...keys.map(({ hash }) => configKey.writeKey(hash)));
      if (script_path) paths.push(configKey.scriptPath(script_path));
      const done = await changeTogether(db, [
        expectRevision(db, table, id, row.revision),
        db.delete(integrationSources).where(eq(integrationSources.source_id, id)),
        db.delete(writeKeys).where(eq(writeKeys.source_id, id)),
        db.delete(table).where(eq(table.id, id)),
        touchEnvironment(db, environmentId),
      ]);
      return done || undefined;
    },
  );
  // The snapshot first: a key whose source is not in it opens nothing, also where it is written once more by another publication.
  await publishEnvironment(db, kv, environmentId);
  await Promise.all(paths.map((path) => kv.delete(path)));
}

/** Null takes a field away. */
export function merged(before: object, changes: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries({ ...before, ...changes }).filter(([, value]) => value !== null && value !== undefined),
  );
}

function parsed(settings: object): z.infer<typeof sourceSettings> {
  const read = sourceSettings.safeParse(settings);
  if (!read.success) throw new ApiError("invalid_request", z.prettifyError(read.error));
  return read.data;
}
