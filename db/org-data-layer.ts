/** The Org Data Layer's document of an environment: stored as it was given, checked as what it means, published like every change. */
import { eq } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import * as z from "zod";
import { ApiError } from "../core/api-error.ts";
import type { Environment } from "../core/environment.ts";
import { type OrgDataLayerInput, orgDataLayer } from "../core/org-data-layer.ts";
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

/** Replaces the document. Throws `invalid_request`, naming path and reason, and `not_found`; nothing has changed then. */
export async function saveOrgDataLayer(
  db: DrizzleD1Database<typeof schema>,
  kv: KVNamespace,
  environmentId: string,
  given: unknown,
): Promise<Environment> {
  await readOrgDataLayer(db, environmentId);
  const parsed = givenOrgDataLayer.safeParse(given);
  if (!parsed.success) throw new ApiError("invalid_request", z.prettifyError(parsed.error));
  const { environments } = schema;
  await db.update(environments).set({ org_data_layer: parsed.data }).where(eq(environments.id, environmentId));
  return publishEnvironment(db, kv, environmentId);
}
