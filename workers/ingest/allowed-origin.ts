import type { Source } from "../../core/environment.ts";

/**
 * Whether a page that this request comes from may use the source's public keys. Browsers name the page's origin, or for a
 * picture its address; who names neither is no page, and is let in only where every page is.
 */
export function isAllowedOrigin({ allowed_origins }: Pick<Source, "allowed_origins">, { headers }: Request): boolean {
  if (!allowed_origins) return true;
  const origin = headers.get("origin") ?? originOf(headers.get("referer"));
  if (origin === undefined) return false;
  const { whole, below } = parse(allowed_origins);
  return whole.has(origin) || below.some(([start, end]) => liesBelow(origin, start, end));
}

/** The whole origins, and for each wildcard what stands before and behind it. */
interface Parsed {
  whole: ReadonlySet<string>;
  below: [start: string, end: string][];
}

/** Parsed once for as long as a source's document is in memory. */
const parsed = new WeakMap<string[], Parsed>();

function parse(allowed: string[]): Parsed {
  const known = parsed.get(allowed);
  if (known) return known;
  const below = allowed.flatMap((one): [string, string][] => {
    const [start, end] = one.split("*");
    return end === undefined ? [] : [[start!, end]];
  });
  const made = { whole: new Set(allowed.filter((one) => !one.includes("*"))), below };
  parsed.set(allowed, made);
  return made;
}

function liesBelow(origin: string, start: string, end: string): boolean {
  if (!origin.startsWith(start) || !origin.endsWith(end)) return false;
  return /^[a-z0-9.-]+$/.test(origin.slice(start.length, -end.length));
}

function originOf(address: string | null): string | undefined {
  return address && URL.canParse(address) ? new URL(address).origin : undefined;
}
