import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { source } from "../../../core/environment.ts";
import { scriptPath } from "../../../core/script-path.ts";
import * as schema from "../../../db/schema.ts";
import {
  changeSource,
  createSource,
  deleteSource,
  getSource,
  listSources,
  newSource,
  sourceChanges,
} from "../../../db/sources.ts";
import { listKeys, makeKey, settingsOf } from "../../../db/write-keys.ts";
import { scriptOf } from "../../browser-script.ts";
import type { ApiEnv } from "../../env.ts";
import { describe } from "../describe.ts";
import { expectedRevision, withEtag } from "../etag.ts";
import { page, pageOf, pageQuery, readCursor } from "../page.ts";
import { environmentIdOf } from "./environment-of.ts";

const newKey = z.strictObject({ form: z.enum(["public", "server", "app"]) });
const madeKey = z.object({
  id: z.string(),
  source_id: z.string(),
  kind: z.enum(["public", "server"]),
  key: z.string(),
  secret: z.string().optional(),
});
const knownKey = z.object({
  id: z.string(),
  source_id: z.string(),
  form: z.enum(["public", "server", "app"]),
  hint: z.string(),
  created_at: z.string(),
  revoked: z.boolean(),
  expires_at: z.string().nullable(),
});
const createdSource = z.object({
  source,
  created_keys: z.array(z.object({ source_id: z.string(), kind: z.enum(["public", "server"]), key: z.string() })),
});

/** Sources of `?environment_id`, their keys, which are shown once and later known by their last letters, and their script. */
export const sources = new Hono<{ Bindings: ApiEnv }>()
  .get("/", describe("Lists sources", { query: pageQuery, answer: pageOf(source) }), async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const after = readCursor(cursor, z.string());
    const rows = await listSources(drizzle(c.env.DB, { schema }), await environmentIdOf(c), {
      after,
      limit: limit + 1,
    });
    const { items, next_cursor } = page(rows, limit, ({ id }) => id);
    return c.json({ items: items.map(({ revision: _, ...shown }) => shown), next_cursor });
  })
  .post(
    "/",
    describe("Creates a source with a key of each kind, shown this once", {
      body: newSource,
      answer: createdSource,
      status: 201,
    }),
    async (c) => {
      const db = drizzle(c.env.DB, { schema });
      const made = await createSource(db, c.env.CONFIG, await environmentIdOf(c), c.req.valid("json"));
      return c.json({ source: withEtag(c, made.source), created_keys: made.created_keys }, 201);
    },
  )
  .get("/:id", describe("Reads a source", { answer: source }), async (c) =>
    c.json(withEtag(c, await getSource(drizzle(c.env.DB, { schema }), await environmentIdOf(c), c.req.param("id")))),
  )
  .patch(
    "/:id",
    describe("Changes a source; null puts a setting back to its default", { body: sourceChanges, answer: source }),
    async (c) => {
      const [db, environmentId] = [drizzle(c.env.DB, { schema }), await environmentIdOf(c)];
      const changes = c.req.valid("json");
      const changed = await changeSource(
        db,
        c.env.CONFIG,
        environmentId,
        c.req.param("id"),
        changes,
        expectedRevision(c),
      );
      return c.json(withEtag(c, changed));
    },
  )
  .delete("/:id", describe("Deletes a source and its keys"), async (c) => {
    const [db, environmentId] = [drizzle(c.env.DB, { schema }), await environmentIdOf(c)];
    await deleteSource(db, c.env.CONFIG, environmentId, c.req.param("id"), expectedRevision(c));
    return c.body(null, 204);
  })
  .get(
    "/:id/keys",
    describe("Lists a source's keys, by their last letters", { answer: z.object({ keys: z.array(knownKey) }) }),
    async (c) => c.json({ keys: await listKeys(drizzle(c.env.DB, { schema }), c.req.param("id")) }),
  )
  .post(
    "/:id/keys",
    describe("Makes a key, shown this once", { body: newKey, answer: madeKey, status: 201 }),
    async (c) => {
      const { form } = c.req.valid("json");
      const { DB, CONFIG, DOOR_KEY } = c.env;
      return c.json(await makeKey(drizzle(DB, { schema }), CONFIG, DOOR_KEY, c.req.param("id"), form), 201);
    },
  )
  .get(
    "/:id/script",
    describe("Where the browser script is, and the tag for a page", {
      query: z.object({ host: z.string().optional(), write_key: z.string().optional() }),
      answer: z.object({ path: z.string(), tag: z.string() }),
    }),
    async (c) => {
      const { script_path, script } = await settingsOf(drizzle(c.env.DB), c.req.param("id"));
      const { hash } = await scriptOf(c.env.ASSETS, script_path ? script : undefined);
      const host = c.req.query("host") ?? new URL(c.req.url).host;
      const key = c.req.query("write_key") ?? "wk_…";
      if (!/^[\w.:-]+$/.test(host) || !/^[\w…-]+$/.test(key))
        throw new ApiError("invalid_request", "host or write_key");
      const path = scriptPath.withHash(script_path ?? scriptPath.usual, hash);
      return c.json({ path, tag: `<script defer src="https://${host}${path}" data-write-key="${key}"></script>` });
    },
  );
