/**
 * The browser script, under the path and name that a source chooses: `/lib/shop.js`, and `/lib/shop.1a2b3c4d.js` with the content's
 * hash, which a browser may keep for a year; in front of it the source's settings for it. Beside it `/lib/e` takes what the script sends.
 */
import { Hono } from "hono";
import { ApiError } from "../../../core/api-error.ts";
import type { Source } from "../../../core/environment.ts";
import { scriptPath } from "../../../core/script-path.ts";
import { scriptOf } from "../../browser-script.ts";
import { readEnvironment, readScriptPath } from "../../config.ts";
import type { IngestEnv } from "../../env.ts";
import { collect } from "../collect.ts";
import { readBody } from "../read-body.ts";

export const script = new Hono<{ Bindings: IngestEnv }>();

// Told apart here and not in the routes' patterns, which would make the router slow for every request.
script.get("*", async (c, next) => {
  if (!c.req.path.endsWith(".js")) return next();
  const path = scriptPath.withoutHash(c.req.path);
  const source = path === scriptPath.usual ? undefined : await sourceAt(c.env.CONFIG, path);
  if (path !== scriptPath.usual && !source) throw new ApiError("not_found", `There is no ${c.req.path}`);
  const { text, hash } = await scriptOf(c.env.ASSETS, source?.script);
  const headers = {
    "content-type": "text/javascript; charset=utf-8",
    // A page that names an older hash still gets a script that works, but only for an hour.
    "cache-control":
      scriptPath.hashIn(c.req.path) === hash ? "public, max-age=31536000, immutable" : "public, max-age=3600",
    etag: `"${hash}"`,
    // Pages that isolate themselves load nothing from another host without these.
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
    "x-content-type-options": "nosniff",
  };
  const isKnown = c.req.header("if-none-match")?.replaceAll("W/", "").split(/, */).includes(headers.etag);
  return isKnown ? new Response(null, { status: 304, headers }) : new Response(text, { headers });
});

/** Where the script of a source's own path sends: nobody who looks for words like "track" or "batch" finds any. */
script.post("*", async (c, next) => {
  if (!c.req.path.endsWith("/e")) return next();
  const { value, ...signed } = await readBody(c.req.raw);
  return collect(c.req.raw, { body: value, ...signed }, c.env);
});

/** As core/environment.ts has `script_path`. Nothing else is looked up: KV fails on keys of over 512 bytes. */
const CHOOSABLE = /^[/\w-]{1,325}\.js$/;

/** The source that has its script there now: what was published for a path outlives the choice. */
async function sourceAt(kv: KVNamespace, path: string): Promise<Source | undefined> {
  if (!CHOOSABLE.test(path)) return undefined;
  const owner = await readScriptPath(kv, path);
  const environment = owner && (await readEnvironment(kv, owner.environment_id));
  return environment?.sources.find((s) => s.id === owner?.source_id && s.script_path === path);
}
