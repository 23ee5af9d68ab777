import { asc } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { Context } from "hono";
import { ApiError } from "../../../core/api-error.ts";
import type { Environment } from "../../../core/environment.ts";
import { environments } from "../../../db/schema.ts";
import { readEnvironment } from "../../config.ts";
import type { ApiEnv } from "../../env.ts";

/** The environment that `?environment_id` names, or the only one there is. Throws `not_found`, `invalid_request`. */
export async function environmentOf(c: Context<{ Bindings: ApiEnv }>): Promise<Environment> {
  const named = c.req.query("environment_id");
  const id = named ?? (await onlyEnvironment(c.env.DB));
  const environment = await readEnvironment(c.env.CONFIG, id);
  if (!environment) throw new ApiError("not_found", `No environment ${id}`);
  return environment;
}

async function onlyEnvironment(db: D1Database): Promise<string> {
  const [first, second] = await drizzle(db)
    .select({ id: environments.id })
    .from(environments)
    .orderBy(asc(environments.id))
    .limit(2);
  if (!first) throw new ApiError("not_found", "There is no environment yet");
  if (second) throw new ApiError("invalid_request", "There are several environments: name one by environment_id");
  return first.id;
}
