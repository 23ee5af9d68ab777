/**
 * Where a visit came from, as GA4 would say it: source and medium. What the address of the page says in UTM parameters decides, then an
 * ad network's click id, then the referrer, and a page without any of them was come to directly.
 */
import { isIPv4, isIPv6 } from "node:net";
import { getDomain } from "tldts";
import type { Event } from "../event.ts";
import { type KnownSource, knownHost, knownSource, type SourceKind } from "./known-sources.ts";

export interface TrafficSource {
  /** `google`, `newsletter`, `blog.example.org`, `(direct)`. */
  source: string;
  /** `organic`, `cpc`, `referral`, `ai-assistant`, `(none)`. */
  medium: string;
  campaign?: string;
  /** What was searched for, or the campaign's key word. */
  term?: string;
  referrer_host?: string;
  /** What decided. */
  by: "utm" | "click_id" | "referrer" | "direct";
  /** What we know the source to be. */
  kind?: SourceKind;
}

const NOT_SET = "(not set)";
const TEXT_LENGTH = 256;

/**
 * What a click id tells by itself. Those that networks add to every link that leads away, paid for or not (fbclid), say only where from.
 * gclid and its like: https://support.google.com/google-ads/answer/9744275; the others' stand in core/vendor-ids.ts.
 */
const CLICKS: Record<string, { source: string; medium: string }> = {
  gclid: { source: "google", medium: "cpc" },
  gbraid: { source: "google", medium: "cpc" },
  wbraid: { source: "google", medium: "cpc" },
  dclid: { source: "google", medium: "display" },
  msclkid: { source: "bing", medium: "cpc" },
  ttclid: { source: "tiktok", medium: "cpc" },
  twclid: { source: "x", medium: "cpc" },
  li_fat_id: { source: "linkedin", medium: "cpc" },
  epik: { source: "pinterest", medium: "cpc" },
  ScCid: { source: "snapchat", medium: "cpc" },
  rdt_cid: { source: "reddit", medium: "cpc" },
  irclickid: { source: "impact", medium: "affiliate" },
  fbclid: { source: "facebook", medium: "social" },
};
/** Where Google's ads stand on other people's pages. */
const AD_SERVERS = ["googlesyndication.com", "doubleclick.net", "googleadservices.com"];

/**
 * Undefined where the event says nothing of it: no campaign and no click, and a referrer of the same site (or none, on what is not a
 * page). `ownHosts` are the customer's other sites.
 */
export function trafficSourceOf(event: Event, ownHosts: readonly string[] = []): TrafficSource | undefined {
  const { campaign, click_ids, page } = event.context as Event["context"] & { click_ids?: Record<string, string> };
  const referrer = page?.referrer ? referrerOf(page.referrer) : undefined;
  const from = referrer && !isOwn(referrer.host, page?.url, ownHosts) ? referrer : undefined;
  const rest = {
    ...(campaign?.name && { campaign: cut(campaign.name) }),
    ...(campaign?.term && { term: cut(campaign.term) }),
    ...(from && { referrer_host: from.host }),
  };
  const click = click_ids && clickOf(click_ids, from);
  if (campaign && (campaign.source || campaign.medium || campaign.name)) {
    const source = campaign.source ? cut(campaign.source) : (click?.source ?? from?.source ?? NOT_SET);
    const known = knownSource(source);
    // ChatGPT names itself in the address of every link, and tells no medium.
    const usual = known?.kind === "ai" ? "ai-assistant" : NOT_SET;
    // Google's own click id outranks the tags of whoever set up the ad, as it does in GA4: a medium of "pmax" is "cpc".
    const isAutoTagged = click?.source === "google" && known?.name === "google";
    const medium = campaign.medium && !isAutoTagged ? cut(campaign.medium) : (click?.medium ?? usual);
    const kind = known?.kind ?? (campaign.source ? undefined : from?.kind);
    return { source, medium, ...rest, by: "utm", ...(kind && { kind }) };
  }
  if (click) return { ...click, ...rest, by: "click_id" };
  if (from)
    return { source: from.source, medium: from.medium, ...rest, ...termOf(from), by: "referrer", ...kindOf(from) };
  const isPage = event.type === "page" && page !== undefined;
  return isPage && !page.referrer ? { source: "(direct)", medium: "(none)", by: "direct" } : undefined;
}

interface Referrer {
  host: string;
  source: string;
  medium: string;
  kind?: SourceKind;
  term?: string;
}

const kindOf = ({ kind }: Referrer) => (kind ? { kind } : {});
const termOf = ({ term }: Referrer) => (term ? { term } : {});
const cut = (text: string) => text.trim().slice(0, TEXT_LENGTH);

function clickOf(ids: Record<string, string>, from: Referrer | undefined) {
  for (const name in CLICKS) {
    if (!ids[name]) continue;
    const said = CLICKS[name]!;
    // An ad of Google's is where it was clicked: on YouTube, or by Google's ad server on somebody's page.
    if (said.source === "google" && from) {
      if (AD_SERVERS.some((host) => from.host === host || from.host.endsWith(`.${host}`)))
        return { source: "google", medium: "display" };
      if (from.kind === "video") return { source: from.source, medium: "cpc", kind: from.kind };
    }
    const kind = knownSource(said.source)?.kind;
    return { ...said, ...(kind && { kind }) };
  }
  return undefined;
}

const MEDIUM: Record<SourceKind, string> = {
  search: "organic",
  social: "referral",
  video: "referral",
  shopping: "referral",
  ai: "ai-assistant",
  email: "email",
};

/** Sites have few referrers and many visits: the whole cache is dropped when it is full. */
const MOST_CACHED = 5_000;
const hosts = new Map<string, { known: KnownSource | undefined; domain: string }>();

function referrerOf(address: string): Referrer | undefined {
  const host = hostOf(address);
  if (!host) return undefined;
  const { known } = aboutHost(host);
  const plain = host.startsWith("www.") ? host.slice(4) : host;
  if (!known) return { host, source: plain.slice(0, TEXT_LENGTH), medium: "referral" };
  const term = known.terms && searchTerm(address, known.terms);
  return { host, source: known.name, medium: MEDIUM[known.kind], kind: known.kind, ...(term && { term }) };
}

function aboutHost(host: string) {
  let about = hosts.get(host);
  if (!about) {
    about = { known: knownHost(host), domain: isIPv4(host) || isIPv6(host) ? host : (getDomain(host) ?? host) };
    if (hosts.size >= MOST_CACHED) hosts.clear();
    hosts.set(host, about);
  }
  return about;
}

/** The host of a web address, or of an Android app (`android-app://org.telegram.messenger/`). By hand: `new URL` takes as long as all the rest. */
export function hostOf(address: string): string | undefined {
  const found = /^(?:https?|android-app):\/\/(?:[^/?#@]*@)?(\[[0-9a-fA-F:.]+\]|[^/?#:@\s]+)/.exec(
    address.slice(0, 512),
  );
  return found?.[1]?.toLowerCase();
}

function isOwn(host: string, url: string | undefined, ownHosts: readonly string[]): boolean {
  const own = url === undefined ? undefined : hostOf(url);
  if (own === host || ownHosts.includes(host)) return true;
  return own !== undefined && aboutHost(own).domain === aboutHost(host).domain;
}

function searchTerm(address: string, names: string[]): string | undefined {
  const at = address.indexOf("?");
  if (at < 0) return undefined;
  const query = new URLSearchParams(address.slice(at + 1).split("#", 1)[0]);
  for (const name of names) {
    const term = query.get(name)?.trim();
    if (term) return term.slice(0, TEXT_LENGTH);
  }
  return undefined;
}
