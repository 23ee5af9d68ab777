/** Addresses of visitors, and what a source's policy leaves of them. */
import { createHash } from "node:crypto";
import ipaddr from "ipaddr.js";
import type { Source } from "./environment.ts";

/** An address as such; one of IPv4 written as IPv6 (`::ffff:203.0.113.7`) is the IPv4 one. Undefined for what is none. */
export function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  // The library also takes what C does: 203.0.113, 0xcb007107.
  return ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text) ? ipaddr.process(text) : undefined;
}

const PLAIN_IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;

/** How much of an address names the network: 24 bits of IPv4, 48 of IPv6. Bytes. */
const NETWORK_BYTES = { ipv4: 3, ipv6: 6 };

/**
 * What may be stored of an address, or undefined for nothing. `truncated` keeps the network: 203.0.113.0, 2001:db8:1::. With
 * `last_octet_hashed` the rest is replaced by a hash of the address under `salt`, so that for a day one address stays one
 * address. What is no address is kept under no policy but `full`.
 */
export function keptAddress(
  address: string | undefined,
  policy: Source["ip_policy"],
  salt?: Uint8Array,
): string | undefined {
  if (address === undefined || policy === "dropped") return undefined;
  if (policy === "full") return address;
  // Most addresses, and the library takes fifty times as long for one.
  if (policy === "truncated" && PLAIN_IPV4.test(address)) return address.replace(/\d+$/, "0");
  const parsed = parseAddress(address);
  if (!parsed) return undefined;
  const bytes = parsed.toByteArray();
  const network = NETWORK_BYTES[parsed.kind()];
  const hash = policy === "last_octet_hashed" && salt ? createHash("sha256").update(salt).update(address).digest() : [];
  return ipaddr.fromByteArray(bytes.map((byte, i) => (i < network ? byte : (hash[i - network] ?? 0)))).toString();
}
