/** Which vendor answers at which host. Adding one is adding its file and a line here. */
import { GA4_HOSTS, ga4 } from "./ga4.ts";
import { META_HOSTS, meta } from "./meta.ts";
import type { Vendor } from "./vendor.ts";

const VENDORS: [hosts: RegExp | string[], Vendor][] = [
  [GA4_HOSTS, ga4],
  [META_HOSTS, meta],
];

/** undefined where nobody whom we know lives: a customer's own receiver. */
export function vendorAt(hostname: string): Vendor | undefined {
  const isAt = (hosts: RegExp | string[]) => (Array.isArray(hosts) ? hosts.includes(hostname) : hosts.test(hostname));
  return VENDORS.find(([hosts]) => isAt(hosts))?.[1];
}
