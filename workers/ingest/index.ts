/**
 * The door. A request is answered 200 only after its events are durable; nothing here asks D1, and nothing waits for a vendor.
 * Routes: POST /v1/batch and /v1/{page,track,identify,group,alias,screen}, and by the other names that Segment's SDKs use;
 * GET /v1/pixel/{call}, and what a Segment bundle asks for when it starts.
 */
import { Hono } from "hono";
import { ApiError, errorResponse } from "../../core/api-error.ts";
import { EVENT_TYPES, type EventType } from "../../core/event.ts";
import { readEnvironment } from "../config.ts";
import type { IngestEnv } from "../env.ts";
import { acceptEvents } from "./accept-events.ts";
import { authenticate } from "./authenticate.ts";
import { drainSpill, enqueue } from "./enqueue.ts";
import { identify } from "./identity-cookies.ts";
import { INVISIBLE_GIF, pixelBody } from "./pixel.ts";
import { mayGoOn } from "./rate-limit.ts";
import { readBody } from "./read-body.ts";
import { requestFacts } from "./request-facts.ts";

export const ingest = new Hono<{ Bindings: IngestEnv }>();

ingest.options("/v1/*", (c) => {
  const headers = crossOrigin(c.req.header("origin"));
  headers["access-control-allow-methods"] = "POST, GET, OPTIONS";
  headers["access-control-allow-headers"] =
    c.req.header("access-control-request-headers") ?? "content-type, authorization";
  headers["access-control-max-age"] = "86400";
  return new Response(null, { status: 204, headers });
});

/** What each path takes. Segment's bundles for browsers call by one letter; an import is a batch of events with old times. */
const CALLS = new Map<string, EventType | "batch">([
  ...EVENT_TYPES.map((type): [string, EventType] => [type, type]),
  ...EVENT_TYPES.map((type): [string, EventType] => [type.charAt(0), type]),
  ["batch", "batch"],
  ["b", "batch"],
  ["import", "batch"],
]);

for (const [name, call] of CALLS) {
  ingest.post(`/v1/${name}`, async (c) => collect(c.req.raw, await readBody(c.req.raw), c.env, typeOf(call)));
}

/** For pages and mails without scripts: the body as base64 in `data`, the answer an invisible picture. */
ingest.get("/v1/pixel/:call", async (c) => {
  const call = CALLS.get(c.req.param("call"));
  if (!call) throw new ApiError("not_found", `There is no ${c.req.path}`);
  const collected = await collect(c.req.raw, pixelBody(c.req.query("data")), c.env, typeOf(call));
  const headers = new Headers(collected.headers);
  headers.set("content-type", "image/gif");
  return new Response(INVISIBLE_GIF, { headers });
});

/** What Segment's browser SDK reads before it sends anything: one destination, ourselves. */
ingest.get("/v1/projects/:key/settings", async (c) => {
  const apiKey = c.req.param("key");
  await authenticate(c.req.raw, { write_key: apiKey }, c.env.CONFIG);
  const { host, protocol } = new URL(c.req.url);
  const integrations = { "Segment.io": { apiKey, apiHost: `${host}/v1`, protocol: protocol.slice(0, -1) } };
  return new Response(
    JSON.stringify({ integrations, plan: {}, edgeFunction: {}, middlewareSettings: {}, enabledMiddleware: {} }),
    {
      headers: {
        "content-type": "application/json",
        "cache-control": "public, max-age=60",
        ...crossOrigin(c.req.header("origin")),
      },
    },
  );
});

/** Figures about Segment's SDK itself, which it sends without being asked. They concern nobody here. */
ingest.post("/v1/m", (c) => new Response(null, { status: 204, headers: crossOrigin(c.req.header("origin")) }));

ingest.all("/v1/*", (c) => {
  throw CALLS.has(c.req.path.slice("/v1/".length))
    ? new ApiError("method_not_allowed", `${c.req.path} takes POST`, { headers: { allow: "POST, OPTIONS" } })
    : new ApiError("not_found", `There is no ${c.req.path}`);
});

ingest.notFound((c) => {
  throw new ApiError("not_found", `There is no ${c.req.path}`);
});

ingest.onError((error, c) => {
  const response = errorResponse(error);
  for (const [name, value] of Object.entries(crossOrigin(c.req.header("origin")))) response.headers.set(name, value);
  return response;
});

const typeOf = (call: EventType | "batch") => (call === "batch" ? undefined : call);

async function collect(
  request: Request,
  body: Record<string, unknown>,
  env: IngestEnv,
  type?: EventType,
): Promise<Response> {
  const now = Date.now();
  const key = await authenticate(request, body, env.CONFIG);
  const environment = await readEnvironment(env.CONFIG, key.environment_id);
  const source = environment?.sources.find((s) => s.id === key.source_id);
  if (!environment || !source) throw new ApiError("unknown_write_key", "The source of this write key no longer exists");
  if (!(await mayGoOn(env.SOURCE_LIMIT, source.id, now))) {
    throw new ApiError("too_many_requests", "This source sends faster than it may", {
      headers: { "retry-after": "10" },
    });
  }

  const who = key.kind === "public" ? identify(request, body, source, environment, now) : undefined;
  const { accepted, rejected } = acceptEvents(body, { now, type, who, cookieWins: source.cookie_http_only });
  if (accepted.length === 0) {
    throw new ApiError("no_valid_events", rejected[0]?.message ?? "There is no event in this request", {
      details: { rejected },
    });
  }
  await enqueue(env, accepted, {
    v: 1,
    environment_id: environment.id,
    source_id: source.id,
    received_at: new Date(now).toISOString(),
    request: key.kind === "public" ? requestFacts(request) : {},
    vendor_ids: who?.vendor_ids ?? {},
  });

  const headers = new Headers({ "content-type": "application/json", "cache-control": "no-store" });
  for (const [name, value] of Object.entries(crossOrigin(request.headers.get("origin")))) headers.set(name, value);
  for (const cookie of who?.set_cookies ?? []) headers.append("set-cookie", cookie);
  return new Response(JSON.stringify({ success: true, accepted: accepted.length, rejected }), { headers });
}

/** Any site may send: what protects a source is its key. Cookies need the origin named and credentials allowed. */
function crossOrigin(origin: string | null | undefined): Record<string, string> {
  if (!origin) return {};
  return {
    "access-control-allow-origin": origin,
    "access-control-allow-credentials": "true",
    "access-control-expose-headers": "retry-after",
    vary: "origin",
  };
}

export default {
  fetch: ingest.fetch,
  scheduled: (_controller, env, ctx) => ctx.waitUntil(drainSpill(env)),
} satisfies ExportedHandler<IngestEnv>;
