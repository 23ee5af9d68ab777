/** Pipelines in D1: which versions are live, which is tried as a canary, and how that ended. Every change is published. */
import { and, eq, isNotNull, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import * as z from "zod";
import { ApiError } from "../core/api-error.ts";
import type { PublishedPipeline } from "../core/pipeline/published.ts";
import type { VersionCounts } from "../durable-objects/version-counts.ts";
import { type Authorship, addVersion, getVersion, type VersionHead } from "./configuration-versions.ts";
import { publishEnvironment } from "./publish-environment.ts";
import * as schema from "./schema.ts";

type Database = DrizzleD1Database<typeof schema>;

const { pipelines, configurationVersions } = schema;

/** Ends a canary by itself. Percents are of events that were queued or failed. */
export const canaryRule = z.strictObject({
  /** Nothing is decided before so many events came through the new version. */
  min_events: z.int().min(1).max(10_000_000),
  /** More failures than that, steps that were passed over and events that the vendor refused included: back to the live version. */
  max_failure_percent: z.number().min(0).max(100),
  /** So many events that went well enough: the new version becomes the live one. Absent: a person decides. */
  promote_at_events: z.int().min(1).max(10_000_000).optional(),
});
export type CanaryRule = z.infer<typeof canaryRule>;

export interface Canary {
  version: number;
  percent: number;
  started_at: string;
  author: string;
  rule?: CanaryRule;
  /** What both versions had counted before: what comes on top is the canary's. */
  baseline: { live: VersionCounts; canary: VersionCounts };
}

/** How a canary ended, and by what. */
export interface EndedCanary extends Canary {
  ended_at: string;
  outcome: "promoted" | "rolled_back";
  reason: string;
}

export interface Pipeline {
  id: string;
  environment_id: string;
  name: string;
  source_id: string | null;
  integration_id: string | null;
  enabled: boolean;
  live_version: number;
  canary: Canary | null;
  last_canary: EndedCanary | null;
}

const asPipeline = (row: typeof pipelines.$inferSelect): Pipeline => row as Pipeline;

/** Throws `not_found`. */
export async function getPipeline(db: Database, id: string): Promise<Pipeline> {
  const [row] = await db.select().from(pipelines).where(eq(pipelines.id, id));
  if (!row) throw new ApiError("not_found", `No pipeline ${id}`);
  return asPipeline(row);
}

export async function listPipelines(db: Database, environmentId: string): Promise<Pipeline[]> {
  const rows = await db
    .select()
    .from(pipelines)
    .where(eq(pipelines.environment_id, environmentId))
    .orderBy(pipelines.id);
  return rows.map(asPipeline);
}

/** Those that are tried with a part of the visitors, of all environments: for the cron job. */
export async function pipelinesWithCanary(db: Database): Promise<Pipeline[]> {
  const rows = await db
    .select()
    .from(pipelines)
    .where(and(isNotNull(pipelines.canary), eq(pipelines.enabled, true)));
  return rows.map(asPipeline);
}

export type NewPipeline = Pick<Pipeline, "id" | "environment_id" | "name" | "source_id" | "integration_id">;

/** Throws `conflict` where its id is taken, or another one stands between the same source and integration. Version 1 is live at once. */
export async function createPipeline(
  db: Database,
  kv: KVNamespace,
  pipeline: NewPipeline,
  document: unknown,
  authorship: Authorship,
): Promise<Pipeline> {
  const inserted = await db
    .insert(pipelines)
    .values({ ...pipeline, enabled: true, live_version: 0 })
    .onConflictDoNothing()
    .returning();
  if (!inserted.length) {
    const from = pipeline.source_id ?? "every source";
    const to = pipeline.integration_id ?? "all integrations";
    throw new ApiError("conflict", `${pipeline.id} is there already, or another pipeline from ${from} to ${to}`);
  }
  const { version } = await addVersion(db, subjectOf(pipeline), document, authorship);
  return setLive(db, kv, pipeline, version);
}

/** The version that `document` becomes; the live one where `activate` says so. */
export async function savePipeline(
  db: Database,
  kv: KVNamespace,
  pipeline: Pipeline,
  document: unknown,
  authorship: Authorship,
  activate: boolean,
): Promise<VersionHead> {
  const head = await addVersion(db, subjectOf(pipeline), document, authorship);
  if (activate) await setLive(db, kv, pipeline, head.version);
  return head;
}

/** A new version that is equal to an old one, and live. A canary that is running ends. */
export async function rollBackTo(
  db: Database,
  kv: KVNamespace,
  pipeline: Pipeline,
  version: number,
  { author, note }: Authorship,
): Promise<VersionHead> {
  const { document } = await getVersion(db, subjectOf(pipeline), version);
  const head = await addVersion(db, subjectOf(pipeline), document, {
    author,
    note: note || `back to version ${version}`,
  });
  if (pipeline.canary)
    await endCanary(db, kv, pipeline, "rolled_back", `rolled back to version ${version} by ${author}`);
  await setLive(db, kv, pipeline, head.version);
  return head;
}

export const subjectOf = ({ id, environment_id }: Pick<Pipeline, "id" | "environment_id">) =>
  ({ kind: "pipeline", subject_id: id, environment_id }) as const;

async function setLive(
  db: Database,
  kv: KVNamespace,
  { id }: Pick<Pipeline, "id">,
  version: number,
): Promise<Pipeline> {
  return change(db, kv, id, { live_version: version });
}

export async function changePipeline(
  db: Database,
  kv: KVNamespace,
  id: string,
  changes: { name?: string | undefined; enabled?: boolean | undefined },
): Promise<Pipeline> {
  return change(db, kv, id, changes);
}

export async function startCanary(
  db: Database,
  kv: KVNamespace,
  pipeline: Pipeline,
  canary: Canary,
): Promise<Pipeline> {
  await getVersion(db, subjectOf(pipeline), canary.version);
  if (canary.version === pipeline.live_version)
    throw new ApiError("invalid_request", `version ${canary.version} is the live one`);
  return change(db, kv, pipeline.id, { canary });
}

/** Throws `conflict` where there is none: a person and the cron job may both have ended it. */
export async function endCanary(
  db: Database,
  kv: KVNamespace,
  { id, canary }: Pipeline,
  outcome: EndedCanary["outcome"],
  reason: string,
): Promise<Pipeline> {
  if (!canary) throw new ApiError("conflict", `${id} has no canary`);
  const last_canary: EndedCanary = { ...canary, ended_at: new Date().toISOString(), outcome, reason };
  const live = outcome === "promoted" ? { live_version: canary.version } : {};
  return change(db, kv, id, { ...live, canary: null, last_canary });
}

async function change(
  db: Database,
  kv: KVNamespace,
  id: string,
  changes: Partial<Pipeline> | { name?: string | undefined; enabled?: boolean | undefined },
): Promise<Pipeline> {
  const [row] = await db
    .update(pipelines)
    .set(changes as Partial<typeof pipelines.$inferInsert>)
    .where(eq(pipelines.id, id))
    .returning();
  if (!row) throw new ApiError("not_found", `No pipeline ${id}`);
  await publishEnvironment(db, kv, row.environment_id);
  return asPipeline(row);
}

/** What a snapshot holds of an environment's pipelines: the live version of each, and the one that is tried. */
export async function compiledPipelines(db: Database, environmentId: string): Promise<PublishedPipeline[]> {
  const { subject_id, version, document } = configurationVersions;
  const wanted = sql`(${version} = ${pipelines.live_version} OR ${version} = ${pipelines.canary} ->> 'version')`;
  const rows = await db
    .select({ pipeline: pipelines, version, document })
    .from(pipelines)
    .innerJoin(
      configurationVersions,
      and(eq(configurationVersions.kind, "pipeline"), eq(subject_id, pipelines.id), wanted),
    )
    .where(and(eq(pipelines.environment_id, environmentId), eq(pipelines.enabled, true)))
    .orderBy(pipelines.id);
  const documents = new Map(
    rows.map((row) => [`${row.pipeline.id} ${row.version}`, row.document as Record<string, unknown>]),
  );
  const all = new Map(rows.map(({ pipeline }) => [pipeline.id, asPipeline(pipeline)]));
  return [...all.values()].flatMap(({ id, source_id, integration_id, live_version, canary }) => {
    const live = documents.get(`${id} ${live_version}`);
    const tried = canary && documents.get(`${id} ${canary.version}`);
    if (!live) return [];
    return {
      id,
      ...(source_id && { source_id }),
      ...(integration_id && { integration_id }),
      version: live_version,
      document: live,
      ...(tried && { canary: { version: canary.version, percent: canary.percent, document: tried } }),
    };
  });
}

/** The newest version of each of an environment's lookup tables. */
export async function compiledTables(db: Database, environmentId: string): Promise<Record<string, number>> {
  const rows = await db
    .select({ subject_id: configurationVersions.subject_id, version: configurationVersions.version })
    .from(configurationVersions)
    .where(and(eq(configurationVersions.kind, "lookup_table"), eq(configurationVersions.environment_id, environmentId)))
    .orderBy(configurationVersions.version);
  return Object.fromEntries(
    rows.map(({ subject_id, version }) => [subject_id.slice(environmentId.length + 1), version]),
  );
}
