/** Everything that can be asked of a host from outside, without writing anything: one finding for each question. */
import type { Resolver } from "node:dns/promises";
import { dnsFindings } from "./dns-findings.ts";
import type { Finding } from "./finding.ts";
import { type NamedHost, siteOf } from "./host-name.ts";
import { httpsFindings } from "./https-findings.ts";
import { type DnsFacts, lookUp } from "./look-up.ts";
import { type SafariVerdict, safariVerdict } from "./safari.ts";

export interface Report {
  host: string;
  site: string;
  /** Whether the site was named by the caller, or is the likeliest one. */
  site_guessed: boolean;
  /** Nothing failed: browsers can load the script and send events. */
  works: boolean;
  findings: Finding[];
  safari: SafariVerdict;
  dns: { host: DnsFacts; site: DnsFacts };
}

export interface Wanted {
  host: NamedHost;
  site: NamedHost | undefined;
  writeKey: string | undefined;
}

export async function check(resolver: Resolver, { host, site, writeKey }: Wanted): Promise<Report> {
  const [ofHost, ofSite] = await Promise.all([
    lookUp(resolver, host.host),
    site ? lookUp(resolver, site.host) : likeliestSite(resolver, host.host),
  ]);
  const findings = dnsFindings(ofHost, ofSite);
  if (findings.every(({ outcome }) => outcome !== "failed")) {
    const target = { host: host.host, port: host.port, addresses: ofHost.addresses };
    const pages = `https://${ofSite.host}${!site || site.port === 443 ? "" : `:${site.port}`}`;
    findings.push(...(await httpsFindings(target, { pages, script: host.script, writeKey })));
  }
  return {
    host: host.host,
    site: ofSite.host,
    site_guessed: !site,
    works: findings.every(({ outcome }) => outcome !== "failed"),
    findings,
    safari: safariVerdict(ofHost, ofSite),
    dns: { host: ofHost, site: ofSite },
  };
}

/** The host itself where it looks like one with pages; otherwise `www.` of its domain, or else the bare domain. */
async function likeliestSite(resolver: Resolver, host: string): Promise<DnsFacts> {
  const domain = siteOf(host)!;
  if (host === domain || host.startsWith("www.")) return lookUp(resolver, host);
  const [www, bare] = await Promise.all([lookUp(resolver, `www.${domain}`), lookUp(resolver, domain)]);
  return www.addresses.length > 0 || bare.addresses.length === 0 ? www : bare;
}
