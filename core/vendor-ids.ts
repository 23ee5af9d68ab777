/**
 * First-party identifiers that vendors know a browser by: which destination needs which cookie, in the vendor's own format. The server
 * mints what is missing, so that an id exists before (and without) the vendor's own script, and puts back what a browser lost.
 *
 * Not here, since their format could not be confirmed: `_twclid` (X) and `_sccid` (Snapchat). Their click ids still travel with the
 * events, in `context.click_ids`.
 */
import type { CookieDomain } from "./cookie-domain.ts";
import type { Integration } from "./environment.ts";
import type { VendorIds } from "./event.ts";
import { gaSession, isGaSession } from "./ga-session.ts";

interface Now {
  ms: number;
  domain: CookieDomain;
}

export interface VendorCookie {
  /** The destination whose presence makes us set it. */
  destination: string;
  cookie: string;
  /** The key in `context.vendor_ids`. */
  id: string;
  /** The identifier inside a cookie's value, or undefined where the value is not in the vendor's format. */
  read(value: string): string | undefined;
  /** The cookie that holds this identifier. What `read` does not take back is never set. */
  write(id: string, now: Now): string;
  /** A new identifier, where this vendor's may be made up. */
  mint?(now: Now): string;
  /** The query parameter that a click on an ad adds to the page's address. */
  click?: string;
  /** The identifier of a click. Absent: what the parameter says. */
  clicked?(click: string, now: Now): string;
  /** Whether the identifier is of this click. Absent: whether it is the same text. */
  isOf?(id: string, click: string): boolean;
  /** When the click was, epoch milliseconds: only then can a lost cookie be put back for the time that remains. */
  clickedAt?(id: string): number;
  /** How long the vendor keeps it. Absent: as long as a browser does. */
  maxAgeS?: number;
}

const DAY_S = 86_400;
const UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const seconds = (now: Now): number => Math.floor(now.ms / 1_000);
const randomUint31 = (): number => crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1;
const matching =
  (format: RegExp) =>
  (value: string): string | undefined => {
    const match = format.exec(value);
    return match ? (match[1] ?? match[0]) : undefined;
  };
const asItIs = (id: string): string => id;

/** `1` where the cookie belongs to one host, as gtag.js writes with `cookie_domain: none` and `auto`; else the labels of its domain. */
const googleDepth = ({ domain, labels }: CookieDomain): number => (domain ? labels : 1);
/** 0 is `com`, 1 is `shop.com`, 2 is `www.shop.com` or `shop.co.uk`; Meta's library gives an IP address 0. */
const metaIndex = ({ labels }: CookieDomain): number => Math.min(labels - 1, 9);

/** Google's conversion linker keeps clicks for 90 days: `7776E3` seconds in its script. */
const gcl = (cookie: string, click: string): VendorCookie => ({
  destination: "google-ads",
  cookie,
  id: click,
  click,
  // A `~` says that the click came over a link between two of the advertiser's sites; labels may follow.
  read: matching(/^GCL\.\d{10}\.~?([\w-]{1,400})(?:\.[\w.-]{0,100})?$/),
  write: (id, now) => `GCL.${seconds(now)}.${id}`,
  maxAgeS: 90 * DAY_S,
});

const plainClick = (
  destination: string,
  cookie: string,
  click: string,
  format: RegExp,
  days: number,
): VendorCookie => ({
  destination,
  cookie,
  id: click,
  click,
  read: matching(format),
  write: asItIs,
  maxAgeS: days * DAY_S,
});

export const VENDOR_COOKIES: VendorCookie[] = [
  {
    // `GA1.<domain depth>[-<path depth>].<client_id>`, which is `<random>.<unix seconds>`, or `amp-…` from an AMP page.
    destination: "ga4",
    cookie: "_ga",
    id: "ga_client_id",
    read: matching(/^GA1\.\d{1,2}(?:-\d{1,2})?\.(\d{1,20}\.\d{1,20}|amp-[\w-]{1,100})$/),
    write: (id, { domain }) => `GA1.${googleDepth(domain)}.${id}`,
    mint: (now) => `${randomUint31()}.${seconds(now)}`,
  },
  {
    // `fb.<subdomain index>.<unix milliseconds>.<random>`: https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/fbp-and-fbc
    // Meta's server libraries append 2 or 8 letters that name them: https://github.com/facebook/capi-param-builder
    destination: "meta",
    cookie: "_fbp",
    id: "fbp",
    read: matching(/^fb\.\d\.\d{13}\.\d{1,20}(?:\.(?:[\w-]{2}|[\w-]{8}))?$/),
    write: asItIs,
    mint: ({ ms, domain }) => `fb.${metaIndex(domain)}.${ms}.${randomUint31()}`,
  },
  {
    // `fb.<subdomain index>.<unix milliseconds of the click>.<fbclid>`. Case matters in it.
    destination: "meta",
    cookie: "_fbc",
    id: "fbc",
    click: "fbclid",
    read: matching(/^fb\.\d\.\d{13}\.[\w.-]{1,480}$/),
    write: asItIs,
    clicked: (click, { ms, domain }) => `fb.${metaIndex(domain)}.${ms}.${click}`,
    isOf: (id, click) => `${id.slice(id.indexOf(".", 5) + 1)}.`.startsWith(`${click}.`),
    clickedAt: (id) => Number(id.split(".")[2]),
    maxAgeS: 90 * DAY_S,
  },
  {
    // TikTok's cookies live for 13 months: https://ads.tiktok.com/help/article?aid=10007540
    destination: "tiktok",
    cookie: "_ttp",
    id: "ttp",
    read: matching(/^[\w.-]{20,64}$/),
    write: asItIs,
    mint: () => crypto.randomUUID().replaceAll("-", ""),
  },
  plainClick("tiktok", "ttclid", "ttclid", /^[\w.-]{1,500}$/, 395),
  gcl("_gcl_aw", "gclid"),
  gcl("_gcl_dc", "dclid"),
  // The names mislead: `_gcl_gb` holds wbraid, and gbraid has a cookie of a newer format, in which more may follow.
  gcl("_gcl_gb", "wbraid"),
  {
    destination: "google-ads",
    cookie: "_gcl_ag",
    id: "gbraid",
    click: "gbraid",
    read: matching(/^2\.\d{1,2}\.k([\w-]{1,400})\$i\d{10}(?:\$[\w.$-]{0,200})?$/),
    write: (id, now) => `2.${googleDepth(now.domain)}.k${id}$i${seconds(now)}`,
    maxAgeS: 90 * DAY_S,
  },
  {
    // `_uet<msclkid>`; Microsoft's API takes it without the prefix.
    destination: "microsoft-uet",
    cookie: "_uetmsclkid",
    id: "msclkid",
    click: "msclkid",
    read: matching(/^_uet([\w-]{1,200})$/),
    write: (id) => `_uet${id}`,
    maxAgeS: 90 * DAY_S,
  },
  {
    destination: "microsoft-uet",
    cookie: "_uetvid",
    id: "uetvid",
    read: matching(/^[0-9a-f]{32}$/),
    write: asItIs,
    mint: () => crypto.randomUUID().replaceAll("-", ""),
    maxAgeS: 390 * DAY_S,
  },
  plainClick("pinterest", "_epik", "epik", /^[\w.~-]{1,500}$/, 365),
  {
    // A UUID, or since 2024 another 32 characters.
    destination: "snapchat",
    cookie: "_scid",
    id: "scid",
    read: matching(new RegExp(`^(?:${UUID}|[\\w-]{32})$`, "i")),
    write: asItIs,
    mint: () => crypto.randomUUID(),
    maxAgeS: 395 * DAY_S,
  },
  plainClick("linkedin", "li_fat_id", "li_fat_id", new RegExp(`^${UUID}$`, "i"), 30),
  plainClick("reddit", "_rdt_cid", "rdt_cid", /^[\w.-]{1,500}$/, 90),
  {
    // `<unix milliseconds>.<uuid>`
    destination: "reddit",
    cookie: "_rdt_uuid",
    id: "rdt_uuid",
    read: matching(new RegExp(`^\\d{13}\\.${UUID}$`, "i")),
    write: asItIs,
    mint: ({ ms }) => `${ms}.${crypto.randomUUID()}`,
    maxAgeS: 90 * DAY_S,
  },
  {
    // HubSpot gives it out itself: one that we made up would be nobody's. https://knowledge.hubspot.com/privacy-and-consent/what-cookies-does-hubspot-set-in-a-visitor-s-browser
    destination: "hubspot",
    cookie: "hubspotutk",
    id: "hubspotutk",
    read: matching(/^[0-9a-f]{32}$/),
    write: asItIs,
    maxAgeS: 180 * DAY_S,
  },
];

export interface CookieToSet {
  cookie: string;
  value: string;
  /** Absent: as long as a browser keeps any. */
  maxAgeS?: number;
}

export interface Given {
  /** The same array for the same environment: what follows from it is kept by it. Disabled ones are passed over. */
  integrations: readonly Integration[];
  nowMs: number;
  /** The click ids of this visit (`core/click-ids.ts`). */
  clickIds: Record<string, string>;
  domain: CookieDomain;
  /** What the server remembers of this browser. Absent: nobody has looked. */
  remembered?: VendorIds | undefined;
}

/**
 * The vendor ids that a browser's cookies hold, and the cookies to set: for those that are missing what the server remembers, else new
 * ones; for a new click its id. A valid cookie is never replaced, except by a newer click, and by a later hit of Google's session.
 * `lost`: an id was made up that the server might remember; ask, and call again with `remembered`.
 */
export function readVendorIds(
  cookies: ReadonlyMap<string, string>,
  given: Given,
): { vendor_ids: VendorIds; set: CookieToSet[]; lost: boolean } {
  const { nowMs: ms, domain, clickIds, remembered } = given;
  const now = { ms, domain };
  const vendor_ids: VendorIds = {};
  const set: CookieToSet[] = [];
  let isMissing = false;
  const plan = planOf(given.integrations);
  for (const one of plan.cookies) {
    const value = cookies.get(one.cookie);
    const present = value === undefined ? undefined : one.read(value);
    const click = one.click === undefined ? undefined : clickIds[one.click];
    let next: CookieToSet | undefined;
    if (present === undefined) {
      next = fromClick(one, click, now) ?? again(one, remembered, now) ?? made(one, now);
      isMissing ||= one.mint !== undefined;
    } else if (click !== undefined && !isOf(one, present, click)) {
      next = fromClick(one, click, now);
    }
    if (next) set.push(next);
    const id = next ? one.read(next.value) : present;
    if (id !== undefined) vendor_ids[one.id] = id;
  }
  for (const { cookie, id, number } of plan.streams) {
    const value = cookies.get(cookie);
    const before = { id: remembered?.[id], number: remembered?.[number] };
    const session = gaSession(value, seconds(now), googleDepth(domain), before);
    vendor_ids[id] = session.id;
    vendor_ids[number] = session.number;
    if (session.value) {
      set.push({ cookie, value: session.value });
      isMissing ||= !isGaSession(value);
    }
  }
  return { vendor_ids, set, lost: isMissing && remembered === undefined };
}

/** The cookies of the integrations that are on. */
export function vendorCookieNames(integrations: readonly Integration[]): string[] {
  const { cookies, streams } = planOf(integrations);
  return [...cookies, ...streams].map(({ cookie }) => cookie);
}

function isOf(one: VendorCookie, id: string, click: string): boolean {
  return one.isOf ? one.isOf(id, click) : id === click;
}

function fromClick(one: VendorCookie, click: unknown, now: Now): CookieToSet | undefined {
  if (typeof click !== "string" || click === "") return undefined;
  return cookieOf(one, one.clicked ? one.clicked(click, now) : click, now);
}

/** What the server remembers, which a client may have told it: it counts only in the vendor's format. */
function again(one: VendorCookie, remembered: VendorIds | undefined, now: Now): CookieToSet | undefined {
  const id = remembered?.[one.id];
  if (id === undefined) return undefined;
  if (!one.click) return cookieOf(one, id, now);
  const cookie = one.clickedAt && cookieOf(one, id, now);
  if (!cookie) return undefined;
  const left = Math.floor((one.clickedAt!(id) - now.ms) / 1_000) + one.maxAgeS!;
  return left > 0 ? { ...cookie, maxAgeS: Math.min(left, one.maxAgeS!) } : undefined;
}

function made(one: VendorCookie, now: Now): CookieToSet | undefined {
  return one.mint && cookieOf(one, one.mint(now), now);
}

function cookieOf(one: VendorCookie, id: string, now: Now): CookieToSet | undefined {
  const value = one.write(id, now);
  if (one.read(value) !== id) return undefined;
  return { cookie: one.cookie, value, ...(one.maxAgeS !== undefined && { maxAgeS: one.maxAgeS }) };
}

interface Plan {
  cookies: VendorCookie[];
  /** Google's session cookies, each with the keys of its two ids. */
  streams: { cookie: string; id: string; number: string }[];
}

const plans = new WeakMap<readonly Integration[], Plan>();
/** Two ids each, and an event takes 32. */
const MOST_STREAMS = 5;

function planOf(integrations: readonly Integration[]): Plan {
  const known = plans.get(integrations);
  if (known) return known;
  const enabled = integrations.filter((one) => one.enabled);
  const destinations = new Set(enabled.map((one) => one.destination));
  const streams = new Set(enabled.map(streamOf).filter((stream) => stream !== undefined));
  const plan = {
    cookies: VENDOR_COOKIES.filter((one) => destinations.has(one.destination)),
    streams: [...streams]
      .slice(0, MOST_STREAMS)
      .map((stream, i) => ({ cookie: `_ga_${stream}`, ...keysOf(stream, i) })),
  };
  plans.set(integrations, plan);
  return plan;
}

/** The first stream's ids have the plain names, each other's also say whose they are. */
function keysOf(stream: string, index: number): { id: string; number: string } {
  const of = index === 0 ? "" : `_${stream}`;
  return { id: `ga_session_id${of}`, number: `ga_session_number${of}` };
}

/** `ABC123` of the measurement id `G-ABC123`. */
function streamOf({ destination, settings }: Integration): string | undefined {
  if (destination !== "ga4" || typeof settings.measurement_id !== "string") return undefined;
  return /^G-([A-Z0-9]{1,32})$/.exec(settings.measurement_id)?.[1];
}
