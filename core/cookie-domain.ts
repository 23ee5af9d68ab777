import { getDomain } from "tldts";
import type { Source } from "./environment.ts";

/** Where a cookie is valid. */
export interface CookieDomain {
  /** The Domain attribute. Absent: the cookie belongs to the one host that sets it. */
  domain?: string;
  /** Labels of the domain, or of the host where there is none: `shop.co.uk` has 3. An IP address has 1. */
  labels: number;
}

const MOST_HOSTS = 1_000;
const found = new Map<string, CookieDomain>();

/**
 * Where the cookies of a source are valid that collects on `host` (a port is overlooked). A browser refuses a cookie for a domain
 * in which the host does not lie, or in which strangers live (`co.uk`, `github.io`: https://publicsuffix.org): there, and on IP
 * addresses and `localhost`, cookies belong to the host alone.
 */
export function cookieDomain(host: string, source: Pick<Source, "cookie_scope" | "cookie_domain">): CookieDomain {
  const key = `${source.cookie_scope} ${source.cookie_domain ?? ""} ${host}`;
  const known = found.get(key);
  if (known) return known;
  const answer = find(hostName(host), source);
  if (found.size >= MOST_HOSTS) found.clear();
  found.set(key, answer);
  return answer;
}

function find(host: string, source: Pick<Source, "cookie_scope" | "cookie_domain">): CookieDomain {
  const chosen = source.cookie_domain;
  const bare = chosen?.toLowerCase().replace(/^\./, "");
  if (chosen && bare && lies(host, bare) && siteOf(bare)) return { domain: chosen, labels: labelsOf(bare) };
  const site = source.cookie_scope === "site" ? siteOf(host) : undefined;
  return site ? { domain: site, labels: labelsOf(site) } : { labels: isAddress(host) ? 1 : labelsOf(host) };
}

/** The registrable domain, with what companies hand out to strangers (`shop.github.io`) told apart. */
function siteOf(host: string): string | undefined {
  if (isAddress(host) || lies(host, "localhost") || host.endsWith(".")) return undefined;
  return getDomain(host, { allowPrivateDomains: true }) ?? undefined;
}

const hostName = (host: string): string => host.toLowerCase().replace(/:\d+$/, "");
const lies = (host: string, domain: string): boolean => host === domain || host.endsWith(`.${domain}`);
const labelsOf = (name: string): number => name.replace(/\.$/, "").split(".").length;
const isAddress = (host: string): boolean => host.includes(":") || /^\d{1,3}(\.\d{1,3}){3}$/.test(host);
