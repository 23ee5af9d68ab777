/** Organisations, their environments and who belongs to them. */
import { and, eq, inArray } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { profileSettings } from "../core/profile-settings.ts";
import { firstShardMap } from "../core/shard-map.ts";
import { publishEnvironment } from "./publish-environment.ts";
import * as schema from "./schema.ts";

type Database = DrizzleD1Database<typeof schema>;
const { organisations, environments, members, roles } = schema;

const NAMES = ["dev", "staging", "prod"] as const;
const SHARDS = 8;

export interface Organisation {
  id: string;
  name: string;
  environments: { id: string; name: (typeof NAMES)[number] }[];
}

/** With an environment of each name, published and empty, and the person as its admin. All rows, or none. */
export async function createOrganisation(
  db: Database,
  kv: KVNamespace,
  name: string,
  userId: string,
): Promise<Organisation> {
  const key = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
  const id = `org_${key}`;
  const created_at = new Date().toISOString();
  const made = NAMES.map((one) => ({ id: `env_${key}_${one}`, name: one }));
  await db.batch([
    db.insert(organisations).values({ id, name, created_at }),
    db.insert(environments).values(
      made.map((one) => ({
        ...one,
        organisation_id: id,
        version: 0,
        shard_map: firstShardMap(SHARDS),
        session_timeout_s: 1_800,
        consent_default: "granted" as const,
        profiles: profileSettings.parse({}),
      })),
    ),
    db.insert(members).values({ organisation_id: id, user_id: userId, role: "admin", created_at }),
  ]);
  for (const one of made) await publishEnvironment(db, kv, one.id);
  return { id, name, environments: made };
}

export interface Membership {
  organisation_id: string;
  role: string;
  /** Of the organisation's own role; null: a role of core/roles.ts. */
  permissions: string[] | null;
}

export async function membershipsOf(db: Database, userId: string): Promise<Membership[]> {
  return db
    .select({ organisation_id: members.organisation_id, role: members.role, permissions: roles.permissions })
    .from(members)
    .leftJoin(roles, and(eq(roles.organisation_id, members.organisation_id), eq(roles.name, members.role)))
    .where(eq(members.user_id, userId));
}

/** By name, each with its environments in their order from dev to prod. `ids` absent: all there are. */
export async function listOrganisations(db: Database, ids?: string[]): Promise<Organisation[]> {
  const rows = await db
    .select({ id: organisations.id, name: organisations.name, environment: environments.id, stage: environments.name })
    .from(organisations)
    .leftJoin(environments, eq(environments.organisation_id, organisations.id))
    .where(ids && inArray(organisations.id, ids))
    .orderBy(organisations.name, organisations.id, environments.id);
  return [...Map.groupBy(rows, ({ id }) => id)].map(([id, of]) => ({
    id,
    name: of[0]!.name,
    environments: of
      .flatMap(({ environment, stage }) => (environment && stage ? [{ id: environment, name: stage }] : []))
      .sort((a, b) => NAMES.indexOf(a.name) - NAMES.indexOf(b.name)),
  }));
}
