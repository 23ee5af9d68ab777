import { drizzle } from "drizzle-orm/d1";
import { Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { scriptPath } from "../../../core/script-path.ts";
import { listKeys, makeKey, settingsOf } from "../../../db/write-keys.ts";
import { scriptOf } from "../../browser-script.ts";
import type { ApiEnv } from "../../env.ts";
import { jsonBody } from "../json-body.ts";

const newKey = z.strictObject({ form: z.enum(["public", "server", "app"]) });

/**
 * GET /:id/keys lists a source's keys, by their last letters. POST /:id/keys `{form}` makes one, shown once. GET /:id/script
 * `?host&write_key` tells where the browser script is, and the tag for a page.
 */
export const sources = new Hono<{ Bindings: ApiEnv }>()
  .get("/:id/keys", async (c) => c.json({ keys: await listKeys(drizzle(c.env.DB), c.req.param("id")) }))
  .post("/:id/keys", async (c) => {
    const { form } = await jsonBody(c, newKey);
    const { DB, CONFIG, DOOR_KEY } = c.env;
    return c.json(await makeKey(drizzle(DB), CONFIG, DOOR_KEY, c.req.param("id"), form), 201);
  })
  .get("/:id/script", async (c) => {
    const { script_path, script } = await settingsOf(drizzle(c.env.DB), c.req.param("id"));
    const { hash } = await scriptOf(c.env.ASSETS, script_path ? script : undefined);
    const host = c.req.query("host") ?? new URL(c.req.url).host;
    const key = c.req.query("write_key") ?? "wk_…";
    if (!/^[\w.:-]+$/.test(host) || !/^[\w…-]+$/.test(key)) throw new ApiError("invalid_request", "host or write_key");
    const path = scriptPath.withHash(script_path ?? scriptPath.usual, hash);
    return c.json({ path, tag: `<script defer src="https://${host}${path}" data-write-key="${key}"></script>` });
  });
