/** Cloudflare's addresses, from https://www.cloudflare.com/ips/ as it was in March 2026. The list rarely changes. */
import ipaddr from "ipaddr.js";

const RANGES = [
  "173.245.48.0/20",
  "103.21.244.0/22",
  "103.22.200.0/22",
  "103.31.4.0/22",
  "141.101.64.0/18",
  "108.162.192.0/18",
  "190.93.240.0/20",
  "188.114.96.0/20",
  "197.234.240.0/22",
  "198.41.128.0/17",
  "162.158.0.0/15",
  "104.16.0.0/13",
  "104.24.0.0/14",
  "172.64.0.0/13",
  "131.0.72.0/22",
  "2400:cb00::/32",
  "2606:4700::/32",
  "2803:f800::/32",
  "2405:b500::/32",
  "2405:8100::/32",
  "2a06:98c0::/29",
  "2c0f:f248::/32",
].map((range) => ipaddr.parseCIDR(range));

const PLACEHOLDER = ipaddr.parseCIDR("100::/64");

export type AddressKind = "cloudflare" | "public" | "private" | "placeholder";

/**
 * `placeholder` is `100::/64` (RFC 6666), which stands in a Cloudflare zone for "there is no server": who sees it in the DNS
 * sees a record that is not proxied. `private` reaches only machines of the same network, or none.
 */
export function kindOfAddress(address: string): AddressKind {
  const parsed = ipaddr.process(address);
  if (RANGES.some(([range, bits]) => range.kind() === parsed.kind() && parsed.match(range, bits))) return "cloudflare";
  if (parsed.kind() === "ipv6" && parsed.match(PLACEHOLDER)) return "placeholder";
  return parsed.range() === "unicast" ? "public" : "private";
}
