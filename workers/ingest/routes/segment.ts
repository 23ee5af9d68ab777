/**
 * The calls of Segment's HTTP API (https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/), under all the
 * names that its SDKs and RudderStack's use, and what their bundles for browsers ask for when they start.
 */
import { type Context, Hono } from "hono";
import { ApiError } from "../../../core/api-error.ts";
import { EVENT_TYPES, type EventType } from "../../../core/event.ts";
import type { IngestEnv } from "../../env.ts";
import { collect, openTheDoor } from "../collect.ts";
import { crossOrigin } from "../cross-origin.ts";
import { INVISIBLE_GIF, pixelBody } from "../pixel.ts";
import { readBody } from "../read-body.ts";

export const segment = new Hono<{ Bindings: IngestEnv }>();

/** What each path takes. Segment's bundles for browsers call by one letter; an import is a batch of events with old times. */
const CALLS = new Map<string, EventType | "batch">([
  ...EVENT_TYPES.map((type): [string, EventType] => [type, type]),
  ...EVENT_TYPES.map((type): [string, EventType] => [type.charAt(0), type]),
  ["batch", "batch"],
  ["b", "batch"],
  ["import", "batch"],
]);

const typeOf = (call: EventType | "batch") => (call === "batch" ? undefined : call);

for (const [name, call] of CALLS) {
  segment.post(`/v1/${name}`, async (c) => {
    const { value, ...signed } = await readBody(c.req.raw);
    return collect(c.req.raw, { body: value, ...signed, type: typeOf(call) }, c.env);
  });
}

/** For pages and mails without scripts: the body as base64 in `data`, the answer an invisible picture. */
segment.get("/v1/pixel/:call", async (c) => {
  const call = CALLS.get(c.req.param("call"));
  if (!call) throw new ApiError("not_found", `There is no ${c.req.path}`);
  const collected = await collect(c.req.raw, { body: pixelBody(c.req.query("data")), type: typeOf(call) }, c.env);
  const headers = new Headers(collected.headers);
  headers.set("content-type", "image/gif");
  headers.set("cache-control", "no-store");
  return new Response(INVISIBLE_GIF, { headers });
});

/** RudderStack's script hands what is left to a beacon when a page goes, which can carry no header. */
segment.post("/beacon/v1/batch", async (c) => {
  const { value } = await readBody(c.req.raw);
  return collect(c.req.raw, { body: { write_key: c.req.query("writeKey"), ...value } }, c.env);
});

/** What Segment's browser SDK reads before it sends anything: one destination, ourselves. */
segment.get("/v1/projects/:key/settings", async (c) => {
  const apiKey = c.req.param("key");
  await openTheDoor(c.req.raw, { write_key: apiKey }, undefined, c.env, Date.now());
  const { host, protocol } = new URL(c.req.url);
  const integrations = { "Segment.io": { apiKey, apiHost: `${host}/v1`, protocol: protocol.slice(0, -1) } };
  return configuration(c, {
    integrations,
    plan: {},
    edgeFunction: {},
    middlewareSettings: {},
    enabledMiddleware: {},
  });
});

/**
 * What RudderStack's SDKs read before they send anything: a source that is enabled, and no vendor's own script.
 * https://www.rudderstack.com/docs/sources/event-streams/sdks/rudderstack-javascript-sdk/
 */
segment.on("GET", ["/sourceConfig", "/sourceConfig/"], async (c) => {
  const writeKey = c.req.query("writeKey") ?? c.req.query("write_key");
  const { source, environment } = await openTheDoor(c.req.raw, { write_key: writeKey }, undefined, c.env, Date.now());
  const off = { enabled: false };
  return configuration(c, {
    source: {
      id: source.id,
      name: source.name,
      writeKey,
      enabled: true,
      workspaceId: environment.id,
      config: { statsCollection: { errors: off, metrics: off } },
      destinations: [],
      connections: [],
      updatedAt: environment.published_at,
    },
    updatedAt: environment.published_at,
    consentManagementMetadata: {},
  });
});

/** Figures about Segment's SDK itself, which it sends without being asked. They concern nobody here. */
segment.post("/v1/m", (c) => new Response(null, { status: 204, headers: crossOrigin(c.req.header("origin")) }));

function configuration(c: Context, document: object): Response {
  // A cache must not hand a page what it kept for somebody who named no origin.
  const headers = { "cache-control": "public, max-age=60", vary: "origin", ...crossOrigin(c.req.header("origin")) };
  return Response.json(document, { headers });
}

segment.all("/v1/*", (c, next) => {
  if (!CALLS.has(c.req.path.slice("/v1/".length))) return next();
  throw new ApiError("method_not_allowed", `${c.req.path} takes POST`, { headers: { allow: "POST, OPTIONS" } });
});
