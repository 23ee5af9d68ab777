import { asc, eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { Context } from "hono";
import { ApiError } from "../../../core/api-error.ts";
import type { Environment } from "../../../core/environment.ts";
import { environments } from "../../../db/schema.ts";
import { readEnvironment } from "../../config.ts";
import type { ApiEnv } from "../../env.ts";

type Api = Context<{ Bindings: ApiEnv }>;

/**
 * The environment that `?environment_id` names, or the only one of the caller's organisation, as it was published. That a named one is
 * theirs has been seen to (owners.ts). Throws `not_found`, `invalid_request`.
 */
export async function environmentOf(c: Api): Promise<Environment> {
  const named = c.req.query("environment_id");
  const id = named ?? (await onlyEnvironment(c.env.DB, c.var.access.organisation_id));
  const environment = await readEnvironment(c.env.CONFIG, id);
  if (!environment) throw new ApiError("not_found", `No environment ${id}`);
  return environment;
}

/** The same by D1, which knows at once what was made a moment ago: for what changes configuration. */
export async function environmentIdOf(c: Api): Promise<string> {
  const named = c.req.query("environment_id");
  if (named === undefined) return onlyEnvironment(c.env.DB, c.var.access.organisation_id);
  const { id } = environments;
  const [row] = await drizzle(c.env.DB).select({ id }).from(environments).where(eq(id, named));
  if (!row) throw new ApiError("not_found", `No environment ${named}`);
  return row.id;
}

async function onlyEnvironment(db: D1Database, organisationId: string | null): Promise<string> {
  const [first, second] = await drizzle(db)
    .select({ id: environments.id })
    .from(environments)
    .where(organisationId === null ? undefined : eq(environments.organisation_id, organisationId))
    .orderBy(asc(environments.id))
    .limit(2);
  if (!first) throw new ApiError("not_found", "There is no environment yet");
  if (second) throw new ApiError("invalid_request", "There are several environments: name one by environment_id");
  return first.id;
}
