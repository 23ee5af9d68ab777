import { drizzle } from "drizzle-orm/d1";
import { type Context, Hono } from "hono";
import { parse, stringify } from "yaml";
import { ApiError } from "../../../core/api-error.ts";
import { type OrgDataLayerInput, orgDataLayer } from "../../../core/org-data-layer.ts";
import { policyNeedsKey } from "../../../core/pii/policy.ts";
import { isRecord } from "../../../core/values.ts";
import { authorship, getVersion, listVersions } from "../../../db/configuration-versions.ts";
import { readOrgDataLayer, rollBackOrgDataLayer, saveOrgDataLayer, subjectOf } from "../../../db/org-data-layer.ts";
import * as schema from "../../../db/schema.ts";
import type { ApiEnv } from "../../env.ts";
import { authorshipInQuery, comparison, numbered } from "../document-versions.ts";
import { jsonBody } from "../json-body.ts";
import { environmentOf } from "./environment-of.ts";

type Api = Context<{ Bindings: ApiEnv }>;

/**
 * The Org Data Layer's document of `?environment_id`. GET reads it, as YAML where `Accept` or `?format=yaml` says so. PUT replaces it;
 * PATCH replaces the sections that it names, and forgets those that are null. Both take JSON or YAML (`Content-Type`), answer the
 * document with the version that was published, and change nothing where they refuse. Each change is a version for good, with `?author`
 * and `?note`; what is under /versions lists, compares and brings back.
 */
export const orgDataLayerRoutes = new Hono<{ Bindings: ApiEnv }>()
  .get("/", async (c) => {
    const { id, version } = await environmentOf(c);
    const document = await readOrgDataLayer(drizzle(c.env.DB, { schema }), id);
    return wantsYaml(c) ? yaml(c, document) : c.json({ version, document });
  })
  .put("/", async (c) => save(c, await documentBody(c)))
  .patch("/", async (c) => {
    const { id } = await environmentOf(c);
    const given = await documentBody(c);
    const before = await readOrgDataLayer(drizzle(c.env.DB, { schema }), id);
    return save(
      c,
      Object.fromEntries(Object.entries({ ...before, ...given }).filter(([, section]) => section !== null)),
    );
  })
  .get("/versions", async (c) => {
    const { id } = await environmentOf(c);
    const written = c.req.query("before");
    const before = written === undefined ? undefined : numbered(written);
    return c.json({ versions: await listVersions(drizzle(c.env.DB, { schema }), subjectOf(id), { before }) });
  })
  .get("/versions/:version", async (c) => {
    const { id } = await environmentOf(c);
    const version = await getVersion(drizzle(c.env.DB, { schema }), subjectOf(id), numbered(c.req.param("version")));
    return wantsYaml(c) ? yaml(c, version.document) : c.json(version);
  })
  .get("/versions/:version/diff", async (c) => {
    const { id } = await environmentOf(c);
    const other = c.req.query("with");
    if (other === undefined) throw new ApiError("invalid_request", "with: which version is it held against?");
    const db = drizzle(c.env.DB, { schema });
    const [from, to] = await Promise.all(
      [c.req.param("version"), other].map((written) => getVersion(db, subjectOf(id), numbered(written))),
    );
    return c.json(comparison(from!, to!));
  })
  .post("/versions/:version/rollback", async (c) => {
    const { id } = await environmentOf(c);
    const by = await jsonBody(c, authorship);
    const db = drizzle(c.env.DB, { schema });
    const old = await getVersion(db, subjectOf(id), numbered(c.req.param("version")));
    refuseWithoutKey(old.document as OrgDataLayerInput, c.env);
    return c.json(await rollBackOrgDataLayer(db, c.env.CONFIG, id, old, by), 201);
  });

const wantsYaml = (c: Api): boolean => c.req.query("format") === "yaml" || /yaml/.test(c.req.header("accept") ?? "");

const yaml = (c: Api, document: unknown) =>
  c.body(stringify(document), 200, { "content-type": "application/yaml; charset=utf-8" });

async function save(c: Api, document: Record<string, unknown>) {
  const { id } = await environmentOf(c);
  refuseWithoutKey(document, c.env);
  const by = authorshipInQuery(c);
  const { environment, head } = await saveOrgDataLayer(drizzle(c.env.DB, { schema }), c.env.CONFIG, id, document, by);
  return c.json({ version: environment.version, document_version: head.version, document });
}

/** Events that need the key and find none would wait for it: better said before. Throws `invalid_request`. */
export function refuseWithoutKey(document: OrgDataLayerInput | Record<string, unknown> | undefined, env: ApiEnv): void {
  const parsed = orgDataLayer.safeParse(document ?? {});
  if (!env.PII_KEY && parsed.success && policyNeedsKey(parsed.data.pii))
    throw new ApiError(
      "invalid_request",
      "pii: hash and tokenise need the secret PII_KEY, which this Worker does not have",
    );
}

const MOST_BYTES = 1024 * 1024;

/** Throws `invalid_json`, `invalid_request`, `request_too_large`. */
export async function documentBody(c: Context): Promise<Record<string, unknown>> {
  const text = await c.req.text();
  if (text.length > MOST_BYTES)
    throw new ApiError("request_too_large", `A document has at most ${MOST_BYTES} characters`);
  const isYaml = /yaml/.test(c.req.header("content-type") ?? "");
  let document: unknown;
  try {
    // Aliases are how a few lines of YAML become gigabytes.
    document = isYaml ? (parse(text, { maxAliasCount: 100 }) ?? {}) : JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : "";
    throw new ApiError(
      isYaml ? "invalid_request" : "invalid_json",
      `The body is not ${isYaml ? "YAML" : "JSON"}: ${reason}`,
    );
  }
  if (!isRecord(document)) throw new ApiError("invalid_request", "The document must be an object");
  return document;
}
