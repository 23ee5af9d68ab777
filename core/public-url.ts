/**
 * Which addresses of a customer's choice we call: public ones, by https. The rules that need no network; that a name leads
 * somewhere private shows when it is resolved (workers/delivery/customer-url.ts).
 * https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
 */
import ipaddr from "ipaddr.js";

/** Names that exist in private networks only, and public services that turn a name into any address. */
const PRIVATE_NAME =
  /(^|\.)(localhost|localdomain|local|internal|intranet|private|corp|home|lan|arpa|onion|invalid|nip\.io|sslip\.io|xip\.io|localtest\.me|lvh\.me|vcap\.me|lacolhost\.com)$/;

/** Below 1024 only https itself. Above, what a receiver may choose, but for where databases, caches and machines' own APIs listen. */
const FORBIDDEN_PORTS = new Set([
  1433, 1521, 2049, 2181, 2375, 2376, 2379, 2380, 3260, 3306, 3389, 4001, 5432, 5672, 5900, 5984, 5985, 5986, 6000,
  6379, 6443, 6667, 7001, 8500, 9092, 9200, 9300, 10250, 10255, 11211, 27017, 27018, 50070,
]);
const LONGEST_URL = 2_048;

/** Why this address is not called, as a person may read it; undefined for one that is. */
export function problemOfUrl(address: string): string | undefined {
  if (address.length > LONGEST_URL) return `must be at most ${LONGEST_URL} characters`;
  // The parser forgives all of these, and other parsers read them differently.
  if (/[\s\\]|[^\x21-\x7e]/.test(address)) return "must be an address of visible ASCII without spaces or backslashes";
  if (!URL.canParse(address)) return "is not an address";
  const { protocol, hostname, port, username, password } = new URL(address);
  if (protocol !== "https:") return "must begin with https://";
  if (username || password || /^https:\/\/[^/?#]*@/i.test(address)) return "must not hold a user name or password";
  const number = port === "" ? 443 : Number(port);
  if ((number < 1_024 && number !== 443) || FORBIDDEN_PORTS.has(number)) return `must not use port ${number}`;
  return problemOfHost(hostname);
}

/** `hostname` as the URL parser wrote it: every spelling of an IPv4 address (0x7f.1, 2130706433, 0177.0.0.1) is then the same one. */
function problemOfHost(hostname: string): string | undefined {
  const host = hostname.replace(/\.$/, "");
  if (host.startsWith("[")) return isPublicAddress(host.slice(1, -1)) ? undefined : `${host} is not a public address`;
  if (ipaddr.IPv4.isValidFourPartDecimal(host)) {
    return isPublicAddress(host) ? undefined : `${host} is not a public address`;
  }
  if (host === "" || !host.includes(".")) return "must name a host with its domain";
  return PRIVATE_NAME.test(host) ? `${host} is a private name` : undefined;
}

/** Whether an IP address, IPv4 or IPv6, was given out to somebody on the public internet. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== "unicast") return false;
  // Of IPv6 only 2000::/3 is given out; what wraps an IPv4 address (mapped, NAT64, 6to4, Teredo) has ranges of its own.
  return parsed.kind() === "ipv4" || ((parsed as ipaddr.IPv6).parts[0]! & 0xe000) === 0x2000;
}
