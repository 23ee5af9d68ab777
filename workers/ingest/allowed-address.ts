import ipaddr from "ipaddr.js";
import { parseAddress } from "../../core/address.ts";
import type { Source } from "../../core/environment.ts";

type Block = [ipaddr.IPv4 | ipaddr.IPv6, number];

/** Parsed once for as long as a source's document is in memory. */
const parsed = new WeakMap<string[], Block[]>();

/** Whether the machine that sends this request may use the source's server keys. */
export function isAllowedAddress({ allowed_ips }: Pick<Source, "allowed_ips">, { headers }: Request): boolean {
  if (!allowed_ips) return true;
  const machine = parseAddress(headers.get("cf-connecting-ip") ?? "");
  if (!machine) return false;
  return blocksOf(allowed_ips).some(
    ([block, bits]) => block.kind() === machine.kind() && machine.match(block as never, bits),
  );
}

function blocksOf(allowed: string[]): Block[] {
  const known = parsed.get(allowed);
  if (known) return known;
  const blocks = allowed.map((one): Block => {
    if (one.includes("/")) return ipaddr.parseCIDR(one);
    const address = ipaddr.process(one);
    return [address, address.kind() === "ipv4" ? 32 : 128];
  });
  parsed.set(allowed, blocks);
  return blocks;
}
