import { asc, eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { Context } from "hono";
import { ApiError } from "../../../core/api-error.ts";
import type { Environment } from "../../../core/environment.ts";
import { environments } from "../../../db/schema.ts";
import { readEnvironment } from "../../config.ts";
import type { ApiEnv } from "../../env.ts";

/**
 * The environment that `?environment_id` names, or the only one of the caller's organisation. That a named one is theirs has been seen to
 * (owners.ts). Throws `not_found`, `invalid_request`.
 */
export async function environmentOf(c: Context<{ Bindings: ApiEnv }>): Promise<Environment> {
  const named = c.req.query("environment_id");
  const id = named ?? (await onlyEnvironment(c.env.DB, c.var.access.organisation_id));
  const environment = await readEnvironment(c.env.CONFIG, id);
  if (!environment) throw new ApiError("not_found", `No environment ${id}`);
  return environment;
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
