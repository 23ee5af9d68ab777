/** Whose the things are that a request names: one place for every id in a path, a query or a header. */
import { eq, inArray } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { Context } from "hono";
import { ApiError } from "../../core/api-error.ts";
import * as schema from "../../db/schema.ts";
import type { ApiEnv } from "../env.ts";
import type { Owned } from "./permissions.ts";

/** Of an organisation that a body names. Throws `not_found`. */
export function refuseOtherOrganisation(c: Context, id: string): void {
  const { organisation_id } = c.var.access;
  if (organisation_id !== null && id !== organisation_id) throw new ApiError("not_found", `No organisation ${id}`);
}

/** The organisations of everything that is named, each once; empty where nothing is. Throws `not_found` for what does not exist. */
export async function organisationsNamed(
  c: Context<{ Bindings: ApiEnv }>,
  owned: Owned | undefined,
  id: string | undefined,
): Promise<string[]> {
  const header = c.req.header("x-environment-id");
  const organisation = c.req.header("x-organisation-id");
  const organisations = [...(c.req.queries("organisation_id") ?? []), ...(organisation ? [organisation] : [])];
  const environments = [...(c.req.queries("environment_id") ?? []), ...(header ? [header] : [])];
  if (owned && id !== undefined) {
    const decoded = decodeURIComponent(id);
    if (owned === "organisation") organisations.push(decoded);
    else environments.push(await environmentBehind(c.env.DB, owned, decoded));
  }
  if (environments.length > 0) {
    const asked = [...new Set(environments)];
    const { environments: table } = schema;
    const rows = await drizzle(c.env.DB)
      .select()
      .from(table)
      .where(inArray(table.id, asked.slice(0, 50)));
    if (rows.length < asked.length) throw new ApiError("not_found", `No environment ${asked[0]!.slice(0, 64)}`);
    organisations.push(...rows.map((row) => row.organisation_id));
  }
  return [...new Set(organisations)];
}

async function environmentBehind(DB: D1Database, owned: Exclude<Owned, "organisation">, id: string): Promise<string> {
  if (owned === "environment") return id;
  const db = drizzle(DB);
  const { sources, writeKeys, integrations, pipelines, replays, deadLetters } = schema;
  const environmentId = async (
    table: typeof sources | typeof integrations | typeof pipelines | typeof replays | typeof deadLetters,
  ) => (await db.select({ of: table.environment_id }).from(table).where(eq(table.id, id)))[0]?.of;
  const ofKey = async () =>
    (
      await db
        .select({ of: sources.environment_id })
        .from(writeKeys)
        .innerJoin(sources, eq(sources.id, writeKeys.source_id))
        .where(eq(writeKeys.id, id))
    )[0]?.of;
  const lookUp = {
    source: () => environmentId(sources),
    write_key: ofKey,
    integration: () => environmentId(integrations),
    pipeline: () => environmentId(pipelines),
    replay: () => environmentId(replays),
    dead_letter: () => environmentId(deadLetters),
  };
  const found = await lookUp[owned]();
  if (!found) throw new ApiError("not_found", `No ${owned.replace("_", " ")} ${id.slice(0, 64)}`);
  return found;
}
