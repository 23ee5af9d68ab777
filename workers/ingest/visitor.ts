/**
 * Who a browser's request is from, and which cookies say so from now on. The server owns the identity: a valid `_dfid` stays,
 * otherwise the browser's own UUID is adopted, so that requests sent before the first answer arrived belong to the same visitor;
 * failing that a new one is minted. Vendors' ids are read, minted, or brought back from what the shard remembers.
 */
import { clickIdsOf } from "../../core/click-ids.ts";
import { cookieDomain } from "../../core/cookie-domain.ts";
import { parseCookies, setCookie } from "../../core/cookies.ts";
import type { Environment, Source } from "../../core/environment.ts";
import type { Consent, VendorIds } from "../../core/event.ts";
import { record } from "../../core/values.ts";
import { readVendorIds, vendorCookieNames } from "../../core/vendor-ids.ts";
import type { IngestEnv } from "../env.ts";
import { askVisitor } from "../visitor-shards.ts";
import { cookielessId, dailySalts, isCookieless, successorOf } from "./cookieless.ts";
import { eventsOf } from "./events-of.ts";

export interface Visitor {
  /** For events that do not name a visitor. */
  anonymous_id: string;
  /** Outranks what an event says: the id of an event that happened at `at`, epoch milliseconds. */
  idAt?: (at: number) => string;
  /** Who this visitor was without cookies; only when they have just got one. */
  previous_id?: string;
  cookieless: boolean;
  vendor_ids: VendorIds;
  set_cookies: string[];
}

export const VISITOR_COOKIE = "_dfid";
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** A shard answers within a few milliseconds; a page must not wait for one that does not. */
const RECALL_MS = 500;

interface Given {
  source: Source;
  environment: Environment;
  /** The newest answer to the question of consent in this request. */
  consent: Consent | undefined;
  /** Epoch milliseconds. */
  now: number;
}

export async function visitorOf(
  request: Request,
  body: Record<string, unknown>,
  { source, environment, consent, now }: Given,
  env: Pick<IngestEnv, "VISITOR_SHARD" | "DAILY_SALTS">,
): Promise<Visitor> {
  const { headers, url } = request;
  const cookies = parseCookies(headers.get("cookie"));
  // After a log-out the browser is somebody else's, whatever its cookie still says.
  const cookie = body.reset === true ? undefined : uuid(cookies.get(VISITOR_COOKIE));
  const own = uuid(firstAnonymousId(body));
  const domain = cookieDomain(hostOf(url), source);
  // A browser that names nobody and sends no cookie keeps nothing: it would be somebody else with every request.
  const keepsNothing = source.cookieless === "until_consent" && !cookie && !own;
  if (keepsNothing || isCookieless(source, consent)) {
    const salts = await dailySalts(env.DAILY_SALTS, environment.id, now);
    const idAt = (at: number) => cookielessId(salts, request, source.id, at, now);
    const isWithdrawn = body.reset === true || consent?.analytics === false;
    const set_cookies = isWithdrawn ? expired(cookies, environment, domain.domain) : [];
    return { anonymous_id: idAt(now), idAt, cookieless: true, vendor_ids: {}, set_cookies };
  }
  let identity: Pick<Visitor, "anonymous_id" | "idAt" | "previous_id">;
  if (own && !cookie && source.cookieless === "until_consent") {
    const salts = await dailySalts(env.DAILY_SALTS, environment.id, now);
    const previous_id = cookielessId(salts, request, source.id, now, now);
    const anonymous_id = successorOf(previous_id, own);
    identity = { anonymous_id, idAt: () => anonymous_id, previous_id };
  } else {
    const anonymous_id = cookie ?? own ?? crypto.randomUUID();
    const outranks = source.cookie_http_only || source.cookieless === "until_consent";
    identity = outranks ? { anonymous_id, idAt: () => anonymous_id } : { anonymous_id };
  }
  const { anonymous_id } = identity;
  const given = { integrations: environment.integrations, nowMs: now, clickIds: clickIdsIn(body), domain };
  let vendors = readVendorIds(cookies, given);
  if (vendors.lost && cookie) {
    vendors = readVendorIds(cookies, { ...given, remembered: await recall(env, environment, anonymous_id) });
  }
  const { domain: shared } = domain;
  return {
    ...identity,
    cookieless: false,
    vendor_ids: vendors.vendor_ids,
    set_cookies: [
      // Set again with every answer: the 400 days count from the last visit.
      setCookie(VISITOR_COOKIE, anonymous_id, { domain: shared, httpOnly: source.cookie_http_only }),
      ...vendors.set.map(({ cookie, value, maxAgeS }) => setCookie(cookie, value, { domain: shared, maxAgeS })),
    ],
  };
}

/** Ends the life of the cookies that we set, or would have, as far as this browser has them. */
function expired(cookies: ReadonlyMap<string, string>, environment: Environment, domain: string | undefined): string[] {
  const ours = [VISITOR_COOKIE, ...vendorCookieNames(environment.integrations)];
  return ours.filter((name) => cookies.has(name)).map((name) => setCookie(name, "", { domain, maxAgeS: 0 }));
}

/** What the visitor's shard knows of vendors' ids; nothing where it does not say so at once. */
async function recall(
  env: Pick<IngestEnv, "VISITOR_SHARD">,
  environment: Environment,
  anonymousId: string,
): Promise<VendorIds> {
  const late = new Promise<VendorIds>((resolve) => setTimeout(() => resolve({}), RECALL_MS));
  const known = askVisitor(env.VISITOR_SHARD, environment, anonymousId, (shard) => shard.vendorIds(anonymousId));
  return Promise.race([known.catch(() => ({})), late]);
}

function firstAnonymousId(body: Record<string, unknown>): unknown {
  const first = record(eventsOf(body)[0]);
  return first.anonymous_id ?? first.anonymousId;
}

/** Of the first event that has any. */
function clickIdsIn(body: Record<string, unknown>): Record<string, string> {
  for (const event of eventsOf(body)) {
    const ids = clickIdsOf(record(event).context);
    if (Object.keys(ids).length) return ids;
  }
  return {};
}

/** Without parsing the rest: of a URL that the platform wrote. */
function hostOf(url: string): string {
  const start = url.indexOf("//") + 2;
  return url.slice(start, url.indexOf("/", start));
}

function uuid(value: unknown): string | undefined {
  return typeof value === "string" && UUID.test(value) ? value : undefined;
}
