/**
 * An environment as one document: what the management API takes and the seed is written in. Applying it creates what is not
 * there, updates what it names, leaves the rest alone, and publishes. All rows change, or none.
 */
import { eq, inArray } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import * as z from "zod";
import { ApiError } from "../core/api-error.ts";
import { PURPOSES } from "../core/consent.ts";
import { openCredentials, sealCredentials } from "../core/credentials.ts";
import { type Environment, sourceSettings } from "../core/environment.ts";
import { profileChangeKind } from "../core/profile-change.ts";
import { profileSettings } from "../core/profile-settings.ts";
import { firstShardMap } from "../core/shard-map.ts";
import { splitSecrets } from "../workers/delivery/destination.ts";
import { destinationNamed, destinations } from "../workers/delivery/destinations/index.ts";
import { type Authorship, authorship } from "./configuration-versions.ts";
import { changeTogether, expectRevision, raised } from "./expectation.ts";
import { givenOrgDataLayer, keepUnversioned, keepVersion } from "./org-data-layer.ts";
import { publishEnvironment } from "./publish-environment.ts";
import * as schema from "./schema.ts";
import { keyRow, newKey } from "./write-keys.ts";

export const resourceId = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{2,63}$/, "ids are 3 to 64 of a–z, 0–9, _ and -, and begin with a letter");
export const resourceName = z.string().min(1).max(200);

export const sourceDocument = z.strictObject({
  id: resourceId,
  name: resourceName,
  ...sourceSettings.shape,
  /** Absent: a source without keys gets one of each kind, and the answer shows them once. */
  write_keys: z
    .array(z.strictObject({ kind: z.enum(["public", "server"]), key: z.string().min(20).max(200) }))
    .optional(),
});

export const integrationDocument = z.strictObject({
  id: resourceId,
  name: resourceName,
  destination: z.string(),
  enabled: z.boolean().default(true),
  purpose: z.enum(PURPOSES).optional(),
  lane: z.int().min(0).max(3).optional(),
  source_ids: z.array(resourceId).optional(),
  /** Which changes of profiles it is told of. */
  profile_events: z.array(profileChangeKind).optional(),
  /** The destination's settings. A secret that is left out stays what it was. */
  settings: z.record(z.string(), z.unknown()),
});
export type IntegrationDocument = z.infer<typeof integrationDocument>;

/** What an environment says of itself, beside what belongs to it. */
export const environmentSettings = {
  session_timeout_s: z.int().min(60).max(86_400).default(1_800),
  new_session_on_campaign: z.boolean().default(false),
  consent_default: z.enum(["granted", "denied"]).default("granted"),
  /** Who is one person, what follows from their events, and what they are found by. */
  profiles: profileSettings.prefault({}),
};

export const environmentDocument = z.strictObject({
  organisation: z.strictObject({ id: resourceId, name: resourceName }),
  name: z.enum(["dev", "staging", "prod"]),
  ...environmentSettings,
  /** Absent: it stays what it was. */
  org_data_layer: givenOrgDataLayer.optional(),
  /** How many shards a new environment gets; without effect on one that exists. */
  shards: z.int().min(1).max(256).default(8),
  sources: z.array(sourceDocument),
  integrations: z.array(integrationDocument),
});
export type EnvironmentDocument = z.infer<typeof environmentDocument>;

export interface Applied {
  environment: Environment;
  /** Keys that were made just now. Only their hashes are stored: this is the one time they can be seen. */
  created_keys: { source_id: string; kind: "public" | "server"; key: string }[];
}

/**
 * Throws `invalid_request`, naming the path, for a document that cannot be applied; nothing has changed then. `by` stands at the version
 * that an Org Data Layer becomes.
 */
export async function applyEnvironment(
  db: DrizzleD1Database<typeof schema>,
  kv: KVNamespace,
  credentialsKey: string,
  environmentId: string,
  document: EnvironmentDocument,
  by: Authorship = authorship.parse({}),
): Promise<Applied> {
  const created_at = new Date().toISOString();
  await refuseForeignIds(db, environmentId, document);
  const keys = await newKeys(db, document);
  const integrations = await Promise.all(
    document.integrations.map((one, i) => integrationRow(db, credentialsKey, environmentId, one, `integrations.${i}.`)),
  );

  const { organisation, name, session_timeout_s, new_session_on_campaign, consent_default, profiles } = document;
  const settings = {
    name,
    session_timeout_s,
    new_session_on_campaign,
    consent_default,
    profiles,
    ...(document.org_data_layer && { org_data_layer: document.org_data_layer }),
  };
  const changes: BatchItem<"sqlite">[] = [
    ...integrations.map(({ row, revision }) => expectRevision(db, schema.integrations, row.id, revision)),
    ...(document.org_data_layer ? [keepUnversioned(db, environmentId)] : []),
    db
      .insert(schema.organisations)
      .values({ ...organisation, created_at })
      .onConflictDoUpdate({
        target: schema.organisations.id,
        set: { name: organisation.name, revision: raised(schema.organisations) },
      }),
    db
      .insert(schema.environments)
      .values({
        id: environmentId,
        organisation_id: organisation.id,
        version: 0,
        shard_map: firstShardMap(document.shards),
        ...settings,
      })
      .onConflictDoUpdate({
        target: schema.environments.id,
        set: { ...settings, revision: raised(schema.environments) },
      }),
    ...(document.org_data_layer ? [keepVersion(db, environmentId, by)] : []),
  ];
  for (const { id, name, write_keys: _, ...settings } of document.sources) {
    const row = { id, name, settings };
    changes.push(
      db
        .insert(schema.sources)
        .values({ ...row, environment_id: environmentId })
        .onConflictDoUpdate({ target: schema.sources.id, set: { ...row, revision: raised(schema.sources) } }),
    );
  }
  for (const { source_id, kind, key } of keys.all) {
    changes.push(
      db
        .insert(schema.writeKeys)
        .values(keyRow(source_id, kind, key))
        .onConflictDoNothing(),
    );
  }
  for (const { row } of integrations) {
    changes.push(
      db
        .insert(schema.integrations)
        .values(row)
        .onConflictDoUpdate({
          target: schema.integrations.id,
          set: { ...row, revision: raised(schema.integrations) },
        }),
    );
  }
  for (const { id: integration_id, source_ids } of document.integrations) {
    changes.push(
      db.delete(schema.integrationSources).where(eq(schema.integrationSources.integration_id, integration_id)),
    );
    for (const source_id of source_ids ?? [])
      changes.push(db.insert(schema.integrationSources).values({ integration_id, source_id }));
  }
  if (!(await changeTogether(db, changes)))
    throw new ApiError("conflict", `Somebody else has just changed an integration of ${environmentId}: apply it again`);
  return { environment: await publishEnvironment(db, kv, environmentId), created_keys: keys.made };
}

/** Ids are the account's, not the environment's: a document must not reach into another environment through one. */
async function refuseForeignIds(
  db: DrizzleD1Database<typeof schema>,
  environmentId: string,
  document: EnvironmentDocument,
): Promise<void> {
  const { sources, integrations, environments } = schema;
  const [found] = await db.select().from(environments).where(eq(environments.id, environmentId));
  if (found && found.organisation_id !== document.organisation.id)
    throw invalid("organisation.id", `${environmentId} belongs to another organisation`);
  for (const [path, table, ids] of [
    ["sources", sources, document.sources.map((s) => s.id)],
    ["integrations", integrations, document.integrations.map((i) => i.id)],
  ] as const) {
    if (new Set(ids).size < ids.length) throw invalid(path, "an id stands twice");
    if (ids.length === 0) continue;
    const rows = await db
      .select({ id: table.id, environment_id: table.environment_id })
      .from(table)
      .where(inArray(table.id, ids));
    const foreign = rows.find((row) => row.environment_id !== environmentId);
    if (foreign) throw invalid(path, `the id ${foreign.id} is taken`);
  }
  const known = await db.select({ id: sources.id }).from(sources).where(eq(sources.environment_id, environmentId));
  const all = new Set([...known.map((s) => s.id), ...document.sources.map((s) => s.id)]);
  await refuseTakenPaths(db, document.sources, (i) => `sources.${i}.`);
  document.integrations.forEach(({ source_ids = [] }, i) => {
    const missing = source_ids.find((one) => !all.has(one));
    if (missing) throw invalid(`integrations.${i}.source_ids`, `there is no source ${missing}`);
  });
}

/** All hosts of an account lead to the same Worker, so a path belongs to one source. */
export async function refuseTakenPaths(
  db: DrizzleD1Database<typeof schema>,
  given: { id: string; script_path?: string | undefined }[],
  at = (_index: number) => "",
): Promise<void> {
  const rows = await db.select({ id: schema.sources.id, settings: schema.sources.settings }).from(schema.sources);
  const ours = new Set(given.map((s) => s.id));
  const owners = new Map(
    rows
      .filter((row) => !ours.has(row.id))
      .map(({ id, settings }) => [(settings as { script_path?: string }).script_path, id]),
  );
  given.forEach(({ id, script_path }, i) => {
    if (!script_path) return;
    const owner = owners.get(script_path);
    if (owner) throw invalid(`${at(i)}script_path`, `${script_path} belongs to another source`);
    owners.set(script_path, id);
  });
}

async function newKeys(db: DrizzleD1Database<typeof schema>, document: EnvironmentDocument) {
  const ids = document.sources.map((s) => s.id);
  const rows = ids.length
    ? await db.select().from(schema.writeKeys).where(inArray(schema.writeKeys.source_id, ids))
    : [];
  const made: Applied["created_keys"] = [];
  const given: Applied["created_keys"] = [];
  for (const { id: source_id, write_keys } of document.sources) {
    if (write_keys) given.push(...write_keys.map((one) => ({ source_id, ...one })));
    else if (!rows.some((row) => row.source_id === source_id)) {
      made.push(
        { source_id, kind: "public", key: newKey("public") },
        { source_id, kind: "server", key: newKey("server") },
      );
    }
  }
  return { made, all: [...given, ...made] };
}

/** The row that an integration becomes, and the revision of the one whose secrets it keeps; `at`: where problems are, e.g. `settings`. */
export async function integrationRow(
  db: DrizzleD1Database<typeof schema>,
  credentialsKey: string,
  environmentId: string,
  { source_ids: _, settings, ...integration }: IntegrationDocument,
  at = "",
) {
  const destination = destinationNamed(integration.destination);
  if (!destination) {
    throw invalid(
      `${at}destination`,
      `there is no ${integration.destination}; there are ${Object.keys(destinations).join(", ")}`,
    );
  }
  const [before] = await db.select().from(schema.integrations).where(eq(schema.integrations.id, integration.id));
  const kept =
    before?.destination === integration.destination
      ? await openCredentials(credentialsKey, integration.id, before.sealed_secrets)
      : {};
  const parsed = destination.settings.safeParse({ ...(kept as object), ...settings });
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw invalid([`${at}settings`, ...issue.path].join("."), issue.message);
  }
  const { open, secrets } = splitSecrets(destination.settings, parsed.data as Record<string, unknown>);
  const row = {
    ...integration,
    purpose: integration.purpose ?? null,
    lane: integration.lane ?? null,
    environment_id: environmentId,
    settings: open,
    sealed_secrets: await sealCredentials(credentialsKey, integration.id, secrets),
  };
  return { row, revision: before?.revision ?? null };
}

const invalid = (path: string, message: string) => new ApiError("invalid_request", `${path}: ${message}`);
