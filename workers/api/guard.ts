/** What every answer of the management API bears: a request id, headers that keep browsers safe, how much the caller may still ask. Not on ingest's path. */
import type { Context, MiddlewareHandler } from "hono";
import { ApiError } from "../../core/api-error.ts";
import { sha256 } from "../../core/hash.ts";
import type { ApiEnv } from "../env.ts";
import { RateWindow } from "./rate-window.ts";

/** Of one caller, and of one address, in one isolate; the platform starts more of those only under more load. */
export const LIMIT = { REQUESTS: 6_000, WINDOW_MS: 60_000 } as const;
const window = new RateWindow(LIMIT.REQUESTS, LIMIT.WINDOW_MS);

const REQUEST_ID = /^[\w-]{8,64}$/;

/** Answers of the API are data: no browser is to run, frame or guess anything of them. */
const SAFE_HEADERS: Record<string, string> = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "strict-transport-security": "max-age=63072000; includeSubDomains",
  "cache-control": "no-store",
};

/** Headers that a page of another origin may send, and read. */
const ALLOWED = "authorization, content-type, if-match, idempotency-key, x-request-id";
const EXPOSED = "etag, x-request-id, x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset";

declare module "hono" {
  interface ContextVariableMap {
    request_id: string;
  }
}

export const guard: MiddlewareHandler<{ Bindings: ApiEnv }> = async (c, next) => {
  const given = c.req.header("x-request-id") ?? "";
  const id = REQUEST_ID.test(given) ? given : crypto.randomUUID();
  c.set("request_id", id);
  const origin = allowedOrigin(c);
  if (c.req.method === "OPTIONS" && origin && c.req.header("access-control-request-method")) {
    return new Response(null, { status: 204, headers: { ...corsOf(origin), "x-request-id": id, ...PREFLIGHT } });
  }
  const left = window.take(callersOf(c), Date.now());
  const limits = {
    "x-ratelimit-limit": String(LIMIT.REQUESTS),
    "x-ratelimit-remaining": String(left.remaining),
    "x-ratelimit-reset": String(Math.ceil(left.resets_at / 1_000)),
  };
  const headers = { ...limits, ...(origin && corsOf(origin)), "x-request-id": id };
  // Set before, so that what refuses and what fails has them too.
  for (const [name, value] of Object.entries(headers)) c.header(name, value);
  if (!left.ok) {
    const wait = Math.max(1, Math.ceil((left.resets_at - Date.now()) / 1_000));
    throw new ApiError("too_many_requests", `Too many requests: ${LIMIT.REQUESTS} a minute are allowed`, {
      headers: { ...headers, ...SAFE_HEADERS, "retry-after": String(wait) },
    });
  }
  await next();
  // The answer to an upgrade is a socket: copied with other headers it would lose it.
  if (c.res.status === 101) return;
  const safe = Object.entries(SAFE_HEADERS).filter(([name]) => !c.res.headers.has(name));
  for (const [name, value] of [...Object.entries(headers), ...safe]) c.header(name, value);
};

const PREFLIGHT = {
  "access-control-allow-methods": "GET, POST, PUT, PATCH, DELETE",
  "access-control-allow-headers": ALLOWED,
  "access-control-max-age": "600",
};

function corsOf(origin: string): Record<string, string> {
  return {
    "access-control-allow-origin": origin,
    "access-control-allow-credentials": "true",
    "access-control-expose-headers": EXPOSED,
    vary: "Origin",
  };
}

/** Only those that the deployment names; the dashboard comes from this very host and needs none. */
function allowedOrigin(c: Context<{ Bindings: ApiEnv }>): string | undefined {
  const origin = c.req.header("origin");
  const allowed = (c.env.API_ALLOWED_ORIGINS ?? "").split(",").map((one) => one.trim());
  return origin && allowed.includes(origin) ? origin : undefined;
}

/** Who asks: by address, and by token or cookie. Hashed, since this stays in memory. */
function callersOf(c: Context): string[] {
  const address = c.req.header("cf-connecting-ip");
  const credential = c.req.header("authorization") ?? c.req.header("cookie");
  return [...(address ? [`ip ${address}`] : []), ...(credential ? [`who ${sha256(credential)}`] : [])];
}
