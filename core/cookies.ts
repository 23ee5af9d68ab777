/** The Cookie and Set-Cookie headers, as far as first-party identifiers need them (RFC 6265bis). */
import { laterGaSession } from "./ga-session.ts";

/** The longest a browser keeps any cookie: 400 days, in seconds. */
export const LONGEST_AGE_S = 400 * 86_400;

export function parseCookies(header: string | null | undefined): Map<string, string> {
  const cookies = new Map<string, string>();
  for (const part of header?.split(";") ?? []) {
    const at = part.indexOf("=");
    if (at < 1) continue;
    const name = part.slice(0, at).trim();
    const value = part.slice(at + 1).trim();
    const first = cookies.get(name);
    // The first one wins: browsers send the most specific cookie first, and of two like ones the older. Google's session is kept
    // by its last hit: an old one, left behind on another domain, would otherwise begin a new session with every request.
    if (first === undefined) cookies.set(name, value);
    else if (name.startsWith("_ga_")) cookies.set(name, laterGaSession(first, value));
  }
  return cookies;
}

/** `value` must already be of cookie characters. Valid for 400 days unless `maxAgeS` is less; Secure, SameSite=Lax, Path=/. */
export function setCookie(
  name: string,
  value: string,
  options: { domain?: string | undefined; httpOnly?: boolean; maxAgeS?: number | undefined } = {},
): string {
  const domain = options.domain ? `; Domain=${options.domain}` : "";
  const httpOnly = options.httpOnly ? "; HttpOnly" : "";
  const age = Math.min(options.maxAgeS ?? LONGEST_AGE_S, LONGEST_AGE_S);
  return `${name}=${value}; Max-Age=${age}; Path=/${domain}; Secure; SameSite=Lax${httpOnly}`;
}
