import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import { ApiError } from "../../../core/api-error.ts";
import { applyEnvironment, type EnvironmentDocument, environmentDocument } from "../../../db/apply-environment.ts";
import * as schema from "../../../db/schema.ts";
import { customerUrlsOf, problemOfCustomerUrl } from "../../delivery/customer-url.ts";
import { destinationNamed } from "../../delivery/destinations/index.ts";
import type { ApiEnv } from "../../env.ts";
import { authorshipInQuery } from "../document-versions.ts";
import { jsonBody } from "../json-body.ts";
import { refuseWithoutKey } from "./org-data-layer.ts";

/** PATCH /:id?author&note: creates or changes an environment from a document (db/apply-environment.ts) and publishes it. */
export const environments = new Hono<{ Bindings: ApiEnv }>().patch("/:id", async (c) => {
  const document = await jsonBody(c, environmentDocument);
  refuseWithoutKey(document.org_data_layer, c.env);
  // The development sink stands for every host: there is nothing to resolve.
  if (!c.env.VENDOR_SINK_URL) await refuseHiddenHosts(document);
  const db = drizzle(c.env.DB, { schema });
  const { environment, created_keys } = await applyEnvironment(
    db,
    c.env.CONFIG,
    c.env.CREDENTIALS_KEY,
    c.req.param("id"),
    document,
    authorshipInQuery(c),
  );
  return c.json({ environment, created_keys });
});

/** Names that lead to a private network; that an address looks like none is for the destination's own settings to say. */
async function refuseHiddenHosts({ integrations }: EnvironmentDocument): Promise<void> {
  for (const [i, { destination, settings }] of integrations.entries()) {
    const schema = destinationNamed(destination)?.settings;
    for (const name of schema ? customerUrlsOf(schema) : []) {
      const url = settings[name];
      const problem = typeof url === "string" && (await problemOfCustomerUrl(url));
      if (problem) throw new ApiError("invalid_request", `integrations.${i}.settings.${name}: ${problem}`);
    }
  }
}
