/**
 * First-party identifiers that vendors know a browser by: which destination needs which cookie, in the vendor's own format.
 * The server mints what is missing, so that an id exists before (and without) the vendor's own script.
 */
import type { VendorIds } from "./event.ts";

export interface VendorCookie {
  /** The destination whose presence makes us set it. */
  destination: string;
  cookie: string;
  /** The key in `context.vendor_ids`. */
  id: string;
  /** A new value, or nothing where this vendor's id cannot be made up. */
  mint(nowMs: number, fbclid: string | undefined): string;
  /** The identifier inside a cookie's value, or undefined where the value is not in the vendor's format. */
  read(value: string): string | undefined;
  /** Whether a valid cookie has been overtaken. Absent: a valid one always stays. */
  isOutdated?(value: string, fbclid: string | undefined): boolean;
}

/** A click id of Meta, as far as it fits into a cookie. Case matters in it. */
const FBCLID = /^[\w.-]{1,480}$/;

export const VENDOR_COOKIES: VendorCookie[] = [
  {
    // `GA1.<domain depth>[-<path depth>].<client_id>`, which is `<random>.<unix seconds>`, or `amp-…` from an AMP page.
    destination: "ga4",
    cookie: "_ga",
    id: "ga_client_id",
    mint: (now) => `GA1.1.${randomUint31()}.${Math.floor(now / 1_000)}`,
    read: (value) => /^GA1\.\d{1,2}(?:-\d{1,2})?\.(\d{1,20}\.\d{1,20}|amp-[\w-]{1,100})$/.exec(value)?.[1],
  },
  {
    // `fb.<subdomain index>.<unix milliseconds>.<random>`: https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/fbp-and-fbc
    // Meta's server libraries append 2 or 8 letters that name them: https://github.com/facebook/capi-param-builder
    destination: "meta",
    cookie: "_fbp",
    id: "fbp",
    mint: (now) => `fb.1.${now}.${randomUint31()}`,
    read: (value) => (/^fb\.\d\.\d{13}\.\d{1,20}(\.([\w-]{2}|[\w-]{8}))?$/.test(value) ? value : undefined),
  },
  {
    // `fb.<subdomain index>.<unix milliseconds of the click>.<fbclid>`; a newer click takes the place of an older one.
    destination: "meta",
    cookie: "_fbc",
    id: "fbc",
    mint: (now, fbclid) => (fbclid && FBCLID.test(fbclid) ? `fb.1.${now}.${fbclid}` : ""),
    read: (value) => (/^fb\.\d\.\d{13}\.[\w.-]{1,480}$/.test(value) ? value : undefined),
    isOutdated: (value, fbclid) => fbclid !== undefined && FBCLID.test(fbclid) && !value.includes(fbclid),
  },
  {
    destination: "tiktok",
    cookie: "_ttp",
    id: "ttp",
    mint: () => crypto.randomUUID().replaceAll("-", ""),
    read: (value) => (/^[\w.-]{20,64}$/.test(value) ? value : undefined),
  },
];

/** The vendor ids that a browser's cookies hold, and the cookies to set for those that are missing. `fbclid`: of this visit. */
export function vendorIdsFromCookies(
  cookies: ReadonlyMap<string, string>,
  destinations: ReadonlySet<string>,
  nowMs: number,
  fbclid?: string,
): { vendor_ids: VendorIds; missing: { cookie: string; value: string }[] } {
  const vendor_ids: VendorIds = {};
  const missing: { cookie: string; value: string }[] = [];
  for (const { destination, cookie, id, mint, read, isOutdated } of VENDOR_COOKIES) {
    if (!destinations.has(destination)) continue;
    const present = read(cookies.get(cookie) ?? "");
    if (present && !isOutdated?.(present, fbclid)) {
      vendor_ids[id] = present;
      continue;
    }
    const value = mint(nowMs, fbclid);
    if (!value) continue;
    vendor_ids[id] = read(value)!;
    missing.push({ cookie, value });
  }
  return { vendor_ids, missing };
}

const randomUint31 = () => crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1;
