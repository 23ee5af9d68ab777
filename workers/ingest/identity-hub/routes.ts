/**
 * Identity Hub: a visitor stays the same on all hosts that a source lists in `linked_hosts`, the hub's own among them.
 * POST /token says who the visitor is here, for another host; POST /redeem believes it there. Between the two a token travels in a
 * link, or by way of the hub: GET /frame is its hidden page, POST /exchange what that page asks,
 * and POST /forget is for any of the pages.
 */
import { type Context, Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { readConsent } from "../../../core/consent-signals.ts";
import { cookieDomain } from "../../../core/cookie-domain.ts";
import { LONGEST_AGE_S, parseCookies, setCookie } from "../../../core/cookies.ts";
import type { Environment, Source } from "../../../core/environment.ts";
import { sha256 } from "../../../core/hash.ts";
import type { IngestEnv } from "../../env.ts";
import { authenticate } from "../authenticate.ts";
import { isCookieless } from "../cookieless.ts";
import { ADDRESS_RATE, spend } from "../rate-limit.ts";
import { readBody } from "../read-body.ts";
import { VISITOR_COOKIE } from "../visitor.ts";
import { framePage } from "./frame.ts";
import { issue, redeem } from "./token.ts";

type HubContext = Context<{ Bindings: IngestEnv }>;

const guid = z.guid();

const tokenBody = z.object({ audience: z.string().max(256), anonymous_id: guid.optional() });
const exchangeBody = z.object({ token: z.string() });
const redeemBody = z.object({ token: z.string(), anonymous_id: guid.optional() });

export const identityHub = new Hono<{ Bindings: IngestEnv }>();

identityHub.get("/frame", async (c) => {
  const { source } = await opened(c, { write_key: c.req.query("key") });
  // Most browsers name the page that embeds it; the page's own policy (frame-ancestors) keeps out those of the others.
  const embedder = c.req.header("referer");
  if (embedder && !source.linked_hosts.includes(hostOf(embedder, c.req.raw) ?? "")) throw notListed();
  return framePage(source.linked_hosts);
});

/** `{audience, anonymous_id?, consent?}` to `{token}`. The id is the cookie's, else the page's own, else a new one. */
identityHub.post("/token", async (c) => {
  const { raw, body, environment, source, host, now } = await recognisableCaller(c);
  const { audience, anonymous_id } = parse(tokenBody, body);
  if (!source.linked_hosts.includes(audience)) {
    throw new ApiError("wrong_audience", "The audience must be one of the source's linked hosts");
  }
  const own = visitorIn(raw, VISITOR_COOKIE);
  if (!own && source.cookieless === "until_consent") {
    // Their first event gets them a cookie and hands over the session they had without one; ours would come between.
    throw new ApiError("consent_required", "This visitor has no cookie yet; send an event with their consent first");
  }
  const dfid = own ?? anonymous_id ?? crypto.randomUUID();
  const token = await issue(c.env, raw, { dfid, from: host, aud: audience, env: environment.id }, now);
  return answer(raw, { token }, visitorCookie(dfid, raw, source));
});

/**
 * `{token}` to `{token?}`, on the hub's host, for its frame. A hub that knows this browser already answers whom it knows; one that
 * does not, or is told the same, remembers and answers nothing.
 */
identityHub.post("/exchange", async (c) => {
  const { raw, body, environment, source, host, now } = await recognisableCaller(c);
  const told = await redeem(c.env, raw, parse(exchangeBody, body).token, { aud: host, env: environment.id }, now);
  const known = visitorIn(raw, hubCookieName(environment));
  const dfid = known ?? told.dfid;
  const token =
    dfid !== told.dfid && source.linked_hosts.includes(told.from)
      ? await issue(c.env, raw, { dfid, from: host, aud: told.from, env: environment.id }, now)
      : undefined;
  return answer(raw, { token }, hubCookie(environment, dfid, LONGEST_AGE_S));
});

/** The visitor has logged out on a linked host, or taken back their consent: the hub's cookie goes. */
identityHub.post("/forget", async (c) => {
  const { raw, environment } = await linkedCaller(c);
  return answer(raw, {}, hubCookie(environment, "", 0));
});

/**
 * `{token, anonymous_id?}` to `{anonymous_id, previous_id?}`. The token's id holds from now on. Who this browser was here until now
 * is `previous_id`: the page sends it in an `alias`, so that the two are joined by an event that anybody can see.
 */
identityHub.post("/redeem", async (c) => {
  const { raw, body, environment, source, host, now } = await recognisableCaller(c);
  const { token, anonymous_id } = parse(redeemBody, body);
  const { dfid } = await redeem(c.env, raw, token, { aud: host, env: environment.id }, now);
  const before = visitorIn(raw, VISITOR_COOKIE) ?? anonymous_id;
  const previous_id = before === dfid ? undefined : before;
  return answer(raw, { anonymous_id: dfid, previous_id }, visitorCookie(dfid, raw, source));
});

interface Caller {
  raw: Request;
  body: Record<string, unknown>;
  environment: Environment;
  source: Source;
  /** The page that calls, as `linked_hosts` names it. */
  host: string;
  now: number;
}

/** As `linkedCaller`; throws `consent_required` for a visitor who goes without cookies. */
async function recognisableCaller(c: HubContext): Promise<Caller> {
  const caller = await linkedCaller(c);
  if (isCookieless(caller.source, readConsent(caller.body.consent))) {
    throw new ApiError("consent_required", "This visitor goes without cookies, so there is nobody to recognise");
  }
  return caller;
}

/** Throws `origin_not_allowed` for a page that is not listed. */
async function linkedCaller(c: HubContext): Promise<Caller> {
  const { raw } = c.req;
  const { value: body, bytes } = await readBody(raw);
  const { environment, source } = await opened(c, body, bytes);
  // Browsers name it in every POST.
  const host = hostOf(raw.headers.get("origin"), raw);
  if (!host || !source.linked_hosts.includes(host)) throw notListed();
  return { raw, body, environment, source, host, now: Date.now() };
}

async function opened(c: HubContext, body: Record<string, unknown>, bytes?: Uint8Array) {
  const address = c.req.header("cf-connecting-ip");
  if (address && !(await spend(c.env.ADDRESS_LIMIT, address, ADDRESS_RATE, Date.now())).allowed) {
    throw new ApiError("too_many_requests", "This address sends faster than it may", {
      headers: { "retry-after": "10" },
    });
  }
  const { environment, source } = await authenticate(c.req.raw, body, c.env, bytes);
  if (source.linked_hosts.length === 0) {
    throw new ApiError("origin_not_allowed", "This source has no linked hosts, so there is no hub for it");
  }
  return { environment, source };
}

/** A page's host, as `linked_hosts` writes it. A page that came unencrypted may be anybody's, unless we are asked unencrypted ourselves. */
function hostOf(page: string | null, request: Request): string | undefined {
  if (!page || !URL.canParse(page)) return undefined;
  const { protocol, host } = new URL(page);
  return protocol === "https:" || protocol === new URL(request.url).protocol ? host : undefined;
}

const notListed = () => new ApiError("origin_not_allowed", "This page is not on one of the source's linked hosts");

function parse<T>(schema: z.ZodType<T>, body: Record<string, unknown>): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new ApiError("invalid_request", `${issue.path.join(".")}: ${issue.message}`);
}

function visitorIn(request: Request, cookie: string): string | undefined {
  return guid.safeParse(parseCookies(request.headers.get("cookie")).get(cookie)).data;
}

function visitorCookie(id: string, request: Request, source: Source): string {
  const { domain } = cookieDomain(new URL(request.url).host, source);
  return setCookie(VISITOR_COOKIE, id, { domain, httpOnly: source.cookie_http_only });
}

/** One for each environment: two customers of one Worker, or staging and prod, may share the hub's host. */
const hubCookieName = ({ id }: Environment) => `_dfid_hub_${sha256(id).slice(0, 8)}`;

/** Not Partitioned: such a cookie is another one below each page that embeds the hub, which is the opposite of what it is for. */
function hubCookie(environment: Environment, value: string, maxAgeS: number): string {
  return `${hubCookieName(environment)}=${value}; Max-Age=${maxAgeS}; Path=/v1/hub; Secure; HttpOnly; SameSite=None`;
}

function answer(request: Request, body: object, cookie: string): Response {
  const headers = {
    "content-type": "application/json",
    "cache-control": "no-store",
    "set-cookie": cookie,
    "access-control-allow-origin": request.headers.get("origin")!,
    "access-control-allow-credentials": "true",
    vary: "origin",
  };
  return new Response(JSON.stringify(body), { headers });
}
