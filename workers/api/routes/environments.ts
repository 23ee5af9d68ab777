import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { applyEnvironment, environmentDocument } from "../../../db/apply-environment.ts";
import * as schema from "../../../db/schema.ts";
import type { ApiEnv } from "../../env.ts";

/** PATCH /:id: creates or changes an environment from a document (db/apply-environment.ts) and publishes it. */
export const environments = new Hono<{ Bindings: ApiEnv }>().patch("/:id", async (c) => {
  const body = await c.req.json().catch(() => {
    throw new ApiError("invalid_json", "The body is not JSON");
  });
  const document = environmentDocument.safeParse(body);
  if (!document.success) throw new ApiError("invalid_request", z.prettifyError(document.error));
  const db = drizzle(c.env.DB, { schema });
  const { environment, created_keys } = await applyEnvironment(
    db,
    c.env.CONFIG,
    c.env.CREDENTIALS_KEY,
    c.req.param("id"),
    document.data,
  );
  return c.json({ environment, created_keys });
});
