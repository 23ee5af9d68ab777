import { parseCookies, setCookie } from "../../core/cookies.ts";
import type { Environment, Source } from "../../core/environment.ts";
import type { VendorIds } from "../../core/event.ts";
import { record, text } from "../../core/values.ts";
import { vendorIdsFromCookies } from "../../core/vendor-ids.ts";

export interface BrowserIdentity {
  /** The visitor, for events that do not name one. */
  anonymous_id: string;
  vendor_ids: VendorIds;
  set_cookies: string[];
}

const COOKIE = "_dfid";
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * Who a browser is. The server owns the identity: a valid `_dfid` stays, otherwise the browser's own UUID is adopted, so
 * that requests sent before the first answer arrived belong to the same visitor; failing that a new one is minted.
 */
export function identify(
  request: Request,
  body: Record<string, unknown>,
  source: Source,
  environment: Environment,
  now: number,
): BrowserIdentity {
  const cookies = parseCookies(request.headers.get("cookie"));
  const anonymous_id = uuid(cookies.get(COOKIE)) ?? uuid(firstAnonymousId(body)) ?? crypto.randomUUID();
  const enabled = new Set(environment.integrations.filter((i) => i.enabled).map((i) => i.destination));
  const fbclid = enabled.has("meta") ? fbclidOf(body) : undefined;
  const { vendor_ids, missing } = vendorIdsFromCookies(cookies, enabled, now, fbclid);
  const domain = source.cookie_domain;
  return {
    anonymous_id,
    vendor_ids,
    set_cookies: [
      // Set again with every answer: the 400 days count from the last visit.
      setCookie(COOKIE, anonymous_id, { domain, httpOnly: source.cookie_http_only }),
      ...missing.map(({ cookie, value }) => setCookie(cookie, value, { domain })),
    ],
  };
}

function firstAnonymousId(body: Record<string, unknown>): unknown {
  const first = record(eventsOf(body)[0]);
  return first.anonymous_id ?? first.anonymousId;
}

/** Meta's click id as our SDK carries it through the visit, or from the page's own address: of the first event that has one. */
function fbclidOf(body: Record<string, unknown>): string | undefined {
  for (const event of eventsOf(body)) {
    const { click_ids, page } = record(record(event).context);
    const fbclid = text(record(click_ids).fbclid) ?? /[?&]fbclid=([\w.-]+)/.exec(text(record(page).search) ?? "")?.[1];
    if (fbclid) return fbclid;
  }
  return undefined;
}

const eventsOf = (body: Record<string, unknown>): unknown[] => (Array.isArray(body.batch) ? body.batch : [body]);

function uuid(value: unknown): string | undefined {
  return typeof value === "string" && UUID.test(value) ? value : undefined;
}
