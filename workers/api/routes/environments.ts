import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { configKey, environment as environmentSchema } from "../../../core/environment.ts";
import { applyEnvironment, type EnvironmentDocument, environmentDocument } from "../../../db/apply-environment.ts";
import { authorship } from "../../../db/configuration-versions.ts";
import {
  changeEnvironment,
  createEnvironment,
  deleteEnvironment,
  environmentChanges,
  getEnvironment,
  listEnvironments,
  newEnvironment,
  shownEnvironment,
} from "../../../db/environments.ts";
import * as schema from "../../../db/schema.ts";
import { customerUrlsOf, problemOfCustomerUrl } from "../../delivery/customer-url.ts";
import { destinationNamed } from "../../delivery/destinations/index.ts";
import type { ApiEnv } from "../../env.ts";
import { describe } from "../describe.ts";
import { expectedRevision, withEtag } from "../etag.ts";
import { refuseOtherOrganisation } from "../owners.ts";
import { page, pageOf, pageQuery, readCursor } from "../page.ts";
import { refuseWithoutKey } from "./org-data-layer.ts";

const applied = z.object({
  environment: environmentSchema,
  created_keys: z.array(z.object({ source_id: z.string(), kind: z.enum(["public", "server"]), key: z.string() })),
});
/** `organisation_id`: for who belongs to several, or holds the admin token. */
const list = pageQuery.extend({ organisation_id: z.string().optional() });

/**
 * Environments with their settings. PATCH /:id?author&note takes a whole document (db/apply-environment.ts): it creates or changes the
 * environment and what belongs to it, at once. PATCH /:id/settings changes what is named.
 */
export const environments = new Hono<{ Bindings: ApiEnv }>()
  .get("/", describe("Lists environments", { query: list, answer: pageOf(shownEnvironment) }), async (c) => {
    const { limit, cursor, ...named } = c.req.valid("query");
    const organisation_id = c.var.access.organisation_id ?? named.organisation_id;
    const after = readCursor(cursor, z.string());
    const rows = await listEnvironments(drizzle(c.env.DB, { schema }), { after, organisation_id, limit: limit + 1 });
    const { items, next_cursor } = page(rows, limit, ({ id }) => id);
    return c.json({ items: items.map(({ revision: _, ...shown }) => shown), next_cursor });
  })
  .post(
    "/",
    describe("Creates an empty environment", { body: newEnvironment, answer: shownEnvironment, status: 201 }),
    async (c) => {
      const given = c.req.valid("json");
      refuseOtherOrganisation(c, given.organisation_id);
      const made = await createEnvironment(drizzle(c.env.DB, { schema }), c.env.CONFIG, given);
      return c.json(withEtag(c, made), 201);
    },
  )
  .get("/:id", describe("Reads an environment's settings", { answer: shownEnvironment }), async (c) =>
    c.json(withEtag(c, await getEnvironment(drizzle(c.env.DB, { schema }), c.req.param("id")))),
  )
  .patch(
    "/:id",
    describe("Applies a document: an environment, its sources and integrations", {
      body: environmentDocument,
      query: authorship,
      answer: applied,
    }),
    async (c) => {
      const document = c.req.valid("json");
      refuseOtherOrganisation(c, document.organisation.id);
      refuseWithoutKey(document.org_data_layer, c.env);
      // The development sink stands for every host: there is nothing to resolve.
      if (!c.env.VENDOR_SINK_URL) await refuseHiddenHosts(document.integrations);
      const db = drizzle(c.env.DB, { schema });
      const by = c.req.valid("query");
      const { CONFIG, CREDENTIALS_KEY } = c.env;
      return c.json(await applyEnvironment(db, CONFIG, CREDENTIALS_KEY, c.req.param("id"), document, by));
    },
  )
  .patch(
    "/:id/settings",
    describe("Changes an environment's settings", { body: environmentChanges, answer: shownEnvironment }),
    async (c) => {
      const db = drizzle(c.env.DB, { schema });
      const changes = c.req.valid("json");
      return c.json(
        withEtag(c, await changeEnvironment(db, c.env.CONFIG, c.req.param("id"), changes, expectedRevision(c))),
      );
    },
  )
  .delete("/:id", describe("Deletes an empty environment"), async (c) => {
    await deleteEnvironment(drizzle(c.env.DB, { schema }), c.env.CONFIG, c.req.param("id"), expectedRevision(c));
    return c.body(null, 204);
  })
  .get(
    "/:id/snapshot",
    describe("What the Workers run on: the snapshot that was published last", {
      answer: z.object({
        environment_id: z.string(),
        version: z.int(),
        published_at: z.string(),
        is_live: z.boolean(),
      }),
    }),
    async (c) => {
      const id = c.req.param("id");
      const { version: wanted } = await getEnvironment(drizzle(c.env.DB, { schema }), id);
      // Past the cache of this isolate: what is asked is what others find.
      const stored = await c.env.CONFIG.get(configKey.environment(id), { type: "json" });
      if (!stored) throw new ApiError("not_found", `${id} was never published`);
      const { version, published_at } = environmentSchema.parse(stored);
      return c.json({ environment_id: id, version, published_at, is_live: version === wanted });
    },
  );

/** Names that lead to a private network; that an address looks like none is for the destination's own settings to say. */
export async function refuseHiddenHosts(
  integrations: Pick<EnvironmentDocument["integrations"][number], "destination" | "settings">[],
  at = (i: number) => `integrations.${i}.`,
): Promise<void> {
  for (const [i, { destination, settings }] of integrations.entries()) {
    const schema = destinationNamed(destination)?.settings;
    for (const name of schema ? customerUrlsOf(schema) : []) {
      const url = settings[name];
      const problem = typeof url === "string" && (await problemOfCustomerUrl(url));
      if (problem) throw new ApiError("invalid_request", `${at(i)}settings.${name}: ${problem}`);
    }
  }
}
