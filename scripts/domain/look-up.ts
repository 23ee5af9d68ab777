/** What the DNS says of a host: its addresses, and the CNAMEs on the way to them. */
import type { Resolver } from "node:dns/promises";

export type DnsTrouble = "no_such_name" | "no_address" | "cname_loop" | "no_answer" | "server_failed";

export interface DnsFacts {
  host: string;
  /** IPv4 before IPv6. */
  addresses: string[];
  /** The names that the host leads to, in order; empty without a CNAME. */
  cname: string[];
  /** Why there are no addresses. */
  trouble?: DnsTrouble;
}

const MOST_CNAMES = 10;

/** Asks for A, AAAA and CNAME records. Never throws: what goes wrong is `trouble`. */
export async function lookUp(resolver: Resolver, host: string): Promise<DnsFacts> {
  const [four, six, chain] = await Promise.all([
    answer(resolver.resolve4(host)),
    answer(resolver.resolve6(host)),
    followCnames(resolver, host),
  ]);
  const addresses = [...(four.names ?? []), ...(six.names ?? [])];
  const facts: DnsFacts = { host, addresses, cname: chain.cname };
  if (addresses.length > 0) return facts;
  if (chain.loops) return { ...facts, trouble: "cname_loop" };
  return { ...facts, trouble: troubleOf([four.code, six.code], chain.cname.length > 0) };
}

type Answered = { names: string[]; code?: undefined } | { names?: undefined; code: string };

const answer = (asked: Promise<string[]>): Promise<Answered> =>
  asked.then(
    (names) => ({ names }),
    (error: NodeJS.ErrnoException) => ({ code: error.code ?? "EUNKNOWN" }),
  );

async function followCnames(resolver: Resolver, host: string): Promise<{ cname: string[]; loops: boolean }> {
  const cname: string[] = [];
  for (let name = host; cname.length < MOST_CNAMES; ) {
    const next = (await answer(resolver.resolveCname(name))).names?.[0]?.toLowerCase().replace(/\.$/, "");
    if (!next) return { cname, loops: false };
    if (next === host || cname.includes(next)) return { cname, loops: true };
    cname.push(next);
    name = next;
  }
  return { cname, loops: true };
}

/** `codes` are those of c-ares, as Node names them (https://nodejs.org/api/dns.html#error-codes). */
function troubleOf(codes: (string | undefined)[], hasCname: boolean): DnsTrouble {
  if (codes.some((code) => code === "ETIMEOUT" || code === "ECONNREFUSED")) return "no_answer";
  if (codes.some((code) => code !== "ENOTFOUND" && code !== "ENODATA")) return "server_failed";
  return codes.includes("ENOTFOUND") && !hasCname ? "no_such_name" : "no_address";
}
