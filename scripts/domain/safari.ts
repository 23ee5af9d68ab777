/**
 * How long Safari keeps the cookies that a host sets for the pages of a site. The rules are WebKit's own:
 * https://webkit.org/tracking-prevention/ says that they are, and `setCookieTransformForFirstPartyRequest` in
 * https://github.com/WebKit/WebKit/blob/main/Source/WebKit/NetworkProcess/cocoa/NetworkTaskCocoa.mm what they are. Of a request
 * to the page's own site it asks: does the host lead, by CNAME, to another domain than the site's and the page's own CNAME?
 * Without a CNAME: is the first half of its address another than that of the page's? Then cookies end after 7 days.
 */
import ipaddr from "ipaddr.js";
import { siteOf } from "./host-name.ts";
import type { DnsFacts } from "./look-up.ts";

/** In words: kept as they were set, for 400 days; cut to 7; one or the other, by the address a visitor gets; not at all. */
export type CookieLife = "400_days" | "7_days" | "7_or_400_days" | "third_party" | "unknown";

export interface SafariVerdict {
  cookies: CookieLife;
  says: string;
  next?: string;
}

const USE_A_ROUTE =
  "For 400 days, serve Millrace on the site's own host, by a route for a path of it (docs/custom-domain.md).";

export function safariVerdict(host: DnsFacts, site: DnsFacts): SafariVerdict {
  if (siteOf(host.host) !== siteOf(site.host)) {
    return {
      cookies: "third_party",
      says: `${host.host} is not part of the site ${site.host}: its cookies are a third party's, and Safari blocks them. So do others, more and more.`,
      next: `Use a host below ${siteOf(site.host)}.`,
    };
  }
  if (host.host === site.host) {
    return {
      cookies: "400_days",
      says: "The pages and Millrace share a host, which Safari compares with itself: cookies last 400 days.",
    };
  }
  return byCname(host, site) ?? byAddress(host, site);
}

/** undefined where there is no CNAME to judge by. */
function byCname(host: DnsFacts, site: DnsFacts): SafariVerdict | undefined {
  const last = host.cname.at(-1);
  if (!last) return undefined;
  const target = siteOf(last);
  if (target === siteOf(site.host)) {
    return { cookies: "400_days", says: `Its CNAME stays within ${target}: cookies last 400 days.` };
  }
  const siteCname = site.cname.at(-1);
  if (siteCname && siteOf(siteCname) === target) {
    return { cookies: "400_days", says: `The site has a CNAME to ${target} as well: cookies last 400 days.` };
  }
  return {
    cookies: "7_days",
    says: `Its CNAME leads to ${target ?? last}, away from the site: Safari ends its cookies after 7 days.`,
    next: USE_A_ROUTE,
  };
}

function byAddress(host: DnsFacts, site: DnsFacts): SafariVerdict {
  const unknown = [host, site].find(({ addresses }) => addresses.length === 0);
  if (unknown) {
    return {
      cookies: "unknown",
      says: `${unknown.host} has no address, so what Safari would compare is not known.`,
      ...(unknown === site && { next: "Name the host of your pages: --site www.example.com" }),
    };
  }
  switch (sharedHalves(host.addresses, site.addresses)) {
    case "all":
      return {
        cookies: "400_days",
        says: `Its addresses begin as those of ${site.host} do: cookies last 400 days, for as long as that stays so.`,
      };
    case "some":
      return {
        cookies: "7_or_400_days",
        says: `Some of its addresses begin as some of ${site.host} do, and others do not: cookies last 7 days or 400, by the two that a visitor gets.`,
        next: USE_A_ROUTE,
      };
    case "none":
      return {
        cookies: "7_days",
        says: `Its addresses begin otherwise than those of ${site.host}: Safari ends its cookies after 7 days. An A record does not change that.`,
        next: USE_A_ROUTE,
      };
  }
}

/**
 * Whether a visitor's two connections have the same first half of the address: 16 bits of IPv4, 64 of IPv6. A browser with IPv6
 * uses it for every host that has it, so that the families are compared only where they are not the same.
 */
function sharedHalves(host: string[], site: string[]): "all" | "some" | "none" {
  const [hosts, sites] = [halves(host), halves(site)];
  const shared = sites.filter((half) => hosts.includes(half));
  if (shared.length === 0) return "none";
  const families = (list: string[]) => new Set(list.map((half) => half.slice(0, 2)));
  const sameFamilies = families(hosts).symmetricDifference(families(sites)).size === 0;
  const onePerFamily = families(hosts).size === new Set(hosts).size && families(sites).size === new Set(sites).size;
  return sameFamilies && onePerFamily && shared.length === sites.length ? "all" : "some";
}

/** `v4 104.21`: the family and the first half. */
const halves = (addresses: string[]): string[] =>
  addresses.map((address) => {
    const parsed = ipaddr.parse(address);
    const bytes = parsed.toByteArray();
    return `${parsed.kind() === "ipv4" ? "v4" : "v6"} ${bytes.slice(0, bytes.length / 2).join(".")}`;
  });
