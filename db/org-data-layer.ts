/** The Org Data Layer's document of an environment: stored as it was given, checked as what it means, versioned and published. */
import { eq, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import * as z from "zod";
import { ApiError } from "../core/api-error.ts";
import type { Environment } from "../core/environment.ts";
import { type OrgDataLayerInput, orgDataLayer } from "../core/org-data-layer.ts";
import { type Authorship, listVersions, type Version, type VersionHead } from "./configuration-versions.ts";
import { publishEnvironment } from "./publish-environment.ts";
import * as schema from "./schema.ts";

/** More would slow every reading of the snapshot from KV. */
const MOST_BYTES = 512 * 1024;

/** What is valid, without the defaults that reading it adds: those are ours to change. */
export const givenOrgDataLayer = z.custom<OrgDataLayerInput>().superRefine((given, context) => {
  if ((JSON.stringify(given) ?? "").length > MOST_BYTES)
    context.addIssue(`the document has at most ${MOST_BYTES} bytes`);
  for (const issue of orgDataLayer.safeParse(given).error?.issues ?? [])
    context.addIssue({ code: "custom", path: issue.path as (string | number)[], message: issue.message });
});

/** `{}` where there is none. Throws `not_found`. */
export async function readOrgDataLayer(
  db: DrizzleD1Database<typeof schema>,
  environmentId: string,
): Promise<OrgDataLayerInput> {
  const { environments } = schema;
  const [row] = await db
    .select({ document: environments.org_data_layer })
    .from(environments)
    .where(eq(environments.id, environmentId));
  if (!row) throw new ApiError("not_found", `No environment ${environmentId}`);
  return (row.document ?? {}) as OrgDataLayerInput;
}

export const subjectOf = (environment_id: string) =>
  ({ kind: "org_data_layer", subject_id: environment_id, environment_id }) as const;

export interface Saved {
  environment: Environment;
  /** The version that is in use now: an older one where the document was the same already. */
  head: VersionHead;
}

/**
 * Replaces the document, which becomes a new version. Throws `invalid_request`, naming path and reason, and `not_found`; nothing has
 * changed then.
 */
export async function saveOrgDataLayer(
  db: DrizzleD1Database<typeof schema>,
  kv: KVNamespace,
  environmentId: string,
  given: unknown,
  by: Authorship,
): Promise<Saved> {
  await readOrgDataLayer(db, environmentId);
  const parsed = givenOrgDataLayer.safeParse(given);
  if (!parsed.success) throw new ApiError("invalid_request", z.prettifyError(parsed.error));
  const { environments } = schema;
  const [, , , heads] = await db.batch([
    keepUnversioned(db, environmentId),
    db.update(environments).set({ org_data_layer: parsed.data }).where(eq(environments.id, environmentId)),
    keepVersion(db, environmentId, by),
    listVersions(db, subjectOf(environmentId), { limit: 1 }),
  ]);
  return { environment: await publishEnvironment(db, kv, environmentId), head: heads[0]! };
}

/** A new version that is equal to an old one. Throws like saving: what was valid then may not be now. */
export async function rollBackOrgDataLayer(
  db: DrizzleD1Database<typeof schema>,
  kv: KVNamespace,
  environmentId: string,
  { version, document }: Version,
  { author, note }: Authorship,
): Promise<VersionHead> {
  const by = { author, note: note || `back to version ${version}` };
  return (await saveOrgDataLayer(db, kv, environmentId, document, by)).head;
}

/**
 * Makes a version of the environment's document where the newest version says something else. A statement for the batch that changes
 * the document, after the change: it reads what was written, so a document of half a megabyte is sent once.
 */
export function keepVersion(db: DrizzleD1Database<typeof schema>, environmentId: string, { author, note }: Authorship) {
  const { kind } = subjectOf(environmentId);
  // Built, as Drizzle's batches take no raw statement with parameters. The columns are in the order of the schema.
  return db.insert(schema.configurationVersions).select(sql`
    SELECT ${kind}, e.id, ifnull(newest.version, 0) + 1, e.id, e.org_data_layer, ${author}, ${note}, ${new Date().toISOString()}
    FROM environments AS e LEFT JOIN (
      SELECT version, document FROM configuration_versions
      WHERE kind = ${kind} AND subject_id = ${environmentId} ORDER BY version DESC LIMIT 1
    ) AS newest ON true
    WHERE e.id = ${environmentId} AND e.org_data_layer IS NOT NULL AND e.org_data_layer IS NOT newest.document`);
}

/** For the same batch, before the change: a document from before there were versions would be lost by it. */
export const keepUnversioned = (db: DrizzleD1Database<typeof schema>, environmentId: string) =>
  keepVersion(db, environmentId, { author: "unknown", note: "as it was before versions were kept" });
