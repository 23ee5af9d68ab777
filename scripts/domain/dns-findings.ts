/** What the records of a host mean. */
import { kindOfAddress } from "./cloudflare-ranges.ts";
import type { Finding } from "./finding.ts";
import { siteOf } from "./host-name.ts";
import type { DnsFacts, DnsTrouble } from "./look-up.ts";

export function dnsFindings(host: DnsFacts, site: DnsFacts): Finding[] {
  if (host.trouble) {
    const [says, next] = DNS_TROUBLES[host.trouble](host);
    return [{ question: "address", outcome: "failed", says, next }];
  }
  return [addressFinding(host.addresses), cnameFinding(host, site)];
}

const DNS_TROUBLES: Record<DnsTrouble, (facts: DnsFacts) => [says: string, next: string]> = {
  no_such_name: ({ host }) => [
    `The DNS does not know ${host}.`,
    "Is it spelled right? Then give the Worker this custom domain; a new name can take some minutes to be known.",
  ],
  no_address: ({ host, cname }) =>
    cname.length > 0
      ? [
          `${host} leads to ${cname.at(-1)}, which has no address.`,
          "Mend the CNAME: its target does not exist (any more).",
        ]
      : [`${host} has no A and no AAAA record.`, "Give the Worker this custom domain, or add a proxied record for it."],
  cname_loop: ({ host, cname }) => [
    `The CNAMEs of ${host} never end: ${[host, ...cname].join(" → ")} → …`,
    "Remove the CNAME that leads back.",
  ],
  no_answer: () => ["The DNS server did not answer.", "Are you online? Another server can be asked: --dns 1.1.1.1"],
  server_failed: ({ host }) => [
    `The DNS server could not say anything of ${host}.`,
    "Look at the name servers and DNSSEC of its domain, or ask another server: --dns 1.1.1.1",
  ],
};

function addressFinding(addresses: string[]): Finding {
  const kinds = addresses.map(kindOfAddress);
  const found = (outcome: Finding["outcome"], what: string, next?: string): Finding => ({
    question: "address",
    outcome,
    says: `${addresses.join(", ")}: ${what}`,
    ...(next && { next }),
  });
  if (kinds.includes("placeholder")) {
    const next = "Turn its proxy on (the orange cloud) in Cloudflare's DNS, or use a custom domain instead.";
    return found("failed", "the placeholder of a record that is not proxied; nothing answers there.", next);
  }
  if (kinds.includes("private")) {
    const next = "Visitors cannot reach it. Point the host at Cloudflare, or ask a public DNS server: --dns 1.1.1.1";
    return found("warning", "not an address of the public internet.", next);
  }
  if (kinds.includes("public")) {
    const next =
      "That is fine if a proxy of yours passes the requests on; Millrace then takes its address for the visitor's.";
    return found("warning", "not Cloudflare's.", next);
  }
  return found("good", "Cloudflare's.");
}

function cnameFinding(host: DnsFacts, site: DnsFacts): Finding {
  const last = host.cname.at(-1);
  if (!last) return { question: "cname", outcome: "good", says: "None: there is no other name to be seen behind it." };
  const says = [host.host, ...host.cname].join(" → ");
  const own = [siteOf(host.host), site.cname.length > 0 ? siteOf(site.cname.at(-1)!) : undefined];
  if (own.includes(siteOf(last))) return { question: "cname", outcome: "good", says: `${says}.` };
  return {
    question: "cname",
    outcome: "warning",
    says: `${says}: another domain's. Ad blockers that look behind names judge ${host.host} by ${last}.`,
    next: "In a zone of your own at Cloudflare, a custom domain or a route needs no CNAME.",
  };
}
