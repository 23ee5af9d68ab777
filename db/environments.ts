/** Organisations and their environments: what they are called and what holds for a whole environment. */
import { and, asc, eq, gt, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import * as z from "zod";
import { ApiError } from "../core/api-error.ts";
import { configKey } from "../core/environment.ts";
import { profileSettings } from "../core/profile-settings.ts";
import { firstShardMap } from "../core/shard-map.ts";
import { environmentSettings, resourceId } from "./apply-environment.ts";
import { changeRow } from "./change-row.ts";
import { changeTogether, expectRevision, raised } from "./expectation.ts";
import { publishEnvironment } from "./publish-environment.ts";
import * as schema from "./schema.ts";

type Database = DrizzleD1Database<typeof schema>;
const { environments: table, organisations } = schema;

export const shownOrganisation = z.object({ id: z.string(), name: z.string(), created_at: z.string() });

export const newEnvironment = z.strictObject({
  id: resourceId,
  organisation_id: resourceId,
  name: z.enum(["dev", "staging", "prod"]),
  ...environmentSettings,
  shards: z.int().min(1).max(256).default(8),
});

export const environmentChanges = z.strictObject({
  session_timeout_s: z.int().min(60).max(86_400).optional(),
  new_session_on_campaign: z.boolean().optional(),
  consent_default: z.enum(["granted", "denied"]).optional(),
  profiles: profileSettings.optional(),
});

export const shownEnvironment = z.object({
  id: z.string(),
  organisation_id: z.string(),
  name: z.enum(["dev", "staging", "prod"]),
  /** Of the snapshot that was published last. */
  version: z.int(),
  session_timeout_s: z.int(),
  new_session_on_campaign: z.boolean(),
  consent_default: z.enum(["granted", "denied"]),
  profiles: profileSettings,
  shards: z.int(),
});
export type StoredEnvironment = z.infer<typeof shownEnvironment> & { revision: number };

function shown({ shard_map, profiles, ...row }: typeof table.$inferSelect): StoredEnvironment {
  const { id, organisation_id, name, version, session_timeout_s, new_session_on_campaign, consent_default } = row;
  return {
    id,
    organisation_id,
    name,
    version,
    session_timeout_s,
    new_session_on_campaign,
    consent_default,
    profiles: profileSettings.parse(profiles),
    shards: (shard_map as { shards: string[] }).shards.length,
    revision: row.revision,
  };
}

interface Page {
  after?: string | undefined;
  limit: number;
}

export async function listEnvironments(
  db: Database,
  { after, limit, organisation_id }: Page & { organisation_id?: string | undefined },
): Promise<StoredEnvironment[]> {
  const rows = await db
    .select()
    .from(table)
    .where(
      and(
        after === undefined ? undefined : gt(table.id, after),
        organisation_id === undefined ? undefined : eq(table.organisation_id, organisation_id),
      ),
    )
    .orderBy(asc(table.id))
    .limit(limit);
  return rows.map(shown);
}

/** Throws `not_found`. */
export async function getEnvironment(db: Database, id: string): Promise<StoredEnvironment> {
  return shown(await rowOf(db, id));
}

async function rowOf(db: Database, id: string) {
  const [row] = await db.select().from(table).where(eq(table.id, id));
  if (!row) throw new ApiError("not_found", `No environment ${id}`);
  return row;
}

/** Empty. Throws `not_found` where there is no such organisation, `conflict` where the id is taken. */
export async function createEnvironment(
  db: Database,
  kv: KVNamespace,
  { shards, ...given }: z.infer<typeof newEnvironment>,
): Promise<StoredEnvironment> {
  await getOrganisation(db, given.organisation_id);
  const made = await changeTogether(db, [
    expectRevision(db, table, given.id, null),
    db.insert(table).values({ ...given, version: 0, shard_map: firstShardMap(shards) }),
  ]);
  if (!made) throw new ApiError("conflict", `The id ${given.id} is taken`);
  await publishEnvironment(db, kv, given.id);
  return getEnvironment(db, given.id);
}

/** Throws `not_found`, `precondition_failed`. */
export async function changeEnvironment(
  db: Database,
  kv: KVNamespace,
  id: string,
  changes: z.infer<typeof environmentChanges>,
  expected?: number,
): Promise<StoredEnvironment> {
  await changeRow(
    () => rowOf(db, id),
    expected,
    async ({ revision }) => {
      const done = await changeTogether(db, [
        expectRevision(db, table, id, revision),
        db
          .update(table)
          .set({ ...(changes as Partial<typeof table.$inferInsert>), revision: raised(table) })
          .where(eq(table.id, id)),
      ]);
      return done || undefined;
    },
  );
  await publishEnvironment(db, kv, id);
  return getEnvironment(db, id);
}

/** Only an empty one goes: its sources, integrations and pipelines are deleted one by one before. Its events stay in the lake. */
export async function deleteEnvironment(db: Database, kv: KVNamespace, id: string, expected?: number): Promise<void> {
  await changeRow(
    () => rowOf(db, id),
    expected,
    async ({ revision }) => {
      for (const [what, owned] of [
        ["sources", schema.sources],
        ["integrations", schema.integrations],
        ["pipelines", schema.pipelines],
      ] as const) {
        const left = await db.$count(owned, eq(owned.environment_id, id));
        if (left) throw new ApiError("conflict", `${id} has ${left} ${what}: delete them first`);
      }
      const done = await changeTogether(db, [
        expectRevision(db, table, id, revision),
        db.delete(schema.configurationVersions).where(eq(schema.configurationVersions.environment_id, id)),
        db.delete(schema.currencyRates).where(eq(schema.currencyRates.environment_id, id)),
        db.delete(table).where(eq(table.id, id)),
      ]);
      return done || undefined;
    },
  );
  await Promise.all([kv.delete(configKey.environment(id)), kv.delete(configKey.currencyRates(id))]);
}

/** Throws `not_found`. */
export async function getOrganisation(db: Database, id: string) {
  const [row] = await db.select().from(organisations).where(eq(organisations.id, id));
  if (!row) throw new ApiError("not_found", `No organisation ${id}`);
  return row;
}

/** Throws `not_found`, `precondition_failed`. */
export async function renameOrganisation(db: Database, id: string, name: string, expected?: number) {
  return changeRow(
    () => getOrganisation(db, id),
    expected,
    async ({ revision }) => {
      const [renamed] = await db
        .update(organisations)
        .set({ name, revision: sql`${organisations.revision} + 1` })
        .where(and(eq(organisations.id, id), eq(organisations.revision, revision)))
        .returning();
      return renamed;
    },
  );
}
