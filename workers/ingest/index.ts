/**
 * The door. A request is answered 200 only after its events are durable; nothing here asks D1, and nothing waits for a vendor.
 * Routes: POST /v1/batch and /v1/{page,track,identify,group,alias,screen}.
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

ingest.post("/v1/batch", (c) => collect(c.req.raw, c.env));
for (const type of EVENT_TYPES) ingest.post(`/v1/${type}`, (c) => collect(c.req.raw, c.env, type));

ingest.all("/v1/*", (c) => {
  const known = c.req.path === "/v1/batch" || EVENT_TYPES.some((type) => c.req.path === `/v1/${type}`);
  throw known
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

async function collect(request: Request, env: IngestEnv, type?: EventType): Promise<Response> {
  const now = Date.now();
  const body = await readBody(request);
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
