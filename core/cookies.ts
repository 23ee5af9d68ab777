/** The Cookie and Set-Cookie headers, as far as first-party identifiers need them (RFC 6265bis). */

/** The longest a browser keeps any cookie: 400 days, in seconds. */
export const LONGEST_AGE_S = 400 * 86_400;

export function parseCookies(header: string | null | undefined): Map<string, string> {
  const cookies = new Map<string, string>();
  for (const part of header?.split(";") ?? []) {
    const at = part.indexOf("=");
    if (at < 1) continue;
    const name = part.slice(0, at).trim();
    // The first one wins: browsers send the most specific cookie first.
    if (!cookies.has(name)) cookies.set(name, part.slice(at + 1).trim());
  }
  return cookies;
}

/** `value` must already be of cookie characters. Valid for 400 days, Secure, SameSite=Lax, Path=/. */
export function setCookie(
  name: string,
  value: string,
  options: { domain?: string | undefined; httpOnly?: boolean } = {},
): string {
  const domain = options.domain ? `; Domain=${options.domain}` : "";
  const httpOnly = options.httpOnly ? "; HttpOnly" : "";
  return `${name}=${value}; Max-Age=${LONGEST_AGE_S}; Path=/${domain}; Secure; SameSite=Lax${httpOnly}`;
}
