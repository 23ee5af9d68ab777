import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import { applyEnvironment, environmentDocument } from "../../../db/apply-environment.ts";
import * as schema from "../../../db/schema.ts";
import type { ApiEnv } from "../../env.ts";
import { jsonBody } from "../json-body.ts";
import { refuseWithoutKey } from "./org-data-layer.ts";

/** PATCH /:id: creates or changes an environment from a document (db/apply-environment.ts) and publishes it. */
export const environments = new Hono<{ Bindings: ApiEnv }>().patch("/:id", async (c) => {
  const document = await jsonBody(c, environmentDocument);
  refuseWithoutKey(document.org_data_layer, c.env);
  const db = drizzle(c.env.DB, { schema });
  const { environment, created_keys } = await applyEnvironment(
    db,
    c.env.CONFIG,
    c.env.CREDENTIALS_KEY,
    c.req.param("id"),
    document,
  );
  return c.json({ environment, created_keys });
});
