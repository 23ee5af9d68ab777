/**
 * Google's session cookie `_ga_<stream>`, which gtag.js keeps in either of two formats:
 * `GS1.1.<s>.<o>.<g>.<t>.<j>.<l>.<h>`, and since May 2025 `GS2.1.s<s>$o<o>$g<g>$t<t>$j<j>$l<l>$h<h>` in any order. s: the session's id and
 * start, o: its number, g: engaged, t: the last hit, j: the engagement timer, l: signed in, h: a hash. Times are Unix seconds.
 * https://www.thyngster.com/google-analytics-4-cookie-format-change-from-gs1-to-gs2-explained
 */

/** Google's own timeout of a session: https://support.google.com/analytics/answer/9191807 */
const TIMEOUT_S = 30 * 60;
/** gtag.js writes the last hit each time; writing it this often is enough, and most answers then need no cookie. */
const REFRESH_S = 60;

export interface GaSession {
  /** Start of the session, Unix seconds. */
  id: string;
  /** Counts this browser's sessions from 1. */
  number: string;
  /** The cookie to set. Absent: the browser's is good as it is. */
  value?: string;
}

/**
 * The session of a hit at `nowS`. A session goes on for 30 minutes after its last hit, then the next one begins. `before`: what the
 * server remembers where the cookie is lost; its session goes on if it began less than 30 minutes ago. `depth`: labels of the domain
 * that the cookie is for.
 */
export function gaSession(
  cookie: string | undefined,
  nowS: number,
  depth: number,
  before?: { id: string | undefined; number: string | undefined },
): GaSession {
  const fields = cookie === undefined ? undefined : parse(cookie);
  if (fields) {
    const age = nowS - Number(fields.t);
    if (age < TIMEOUT_S) {
      const { s: id, o: number } = fields;
      return age < REFRESH_S ? { id, number } : { id, number, value: write({ ...fields, t: String(nowS) }, depth) };
    }
  }
  const id = String(nowS);
  const known = SECONDS.test(before?.id ?? "") && COUNT.test(before?.number ?? "") ? before : undefined;
  if (!fields && known && Math.abs(nowS - Number(known.id)) < TIMEOUT_S) {
    return held({ s: known.id!, o: known.number! }, id, depth);
  }
  const number = String(Math.min(Number(fields?.o ?? known?.number ?? 0) + 1, 999_999));
  return held({ ...fields, s: id, o: number }, id, depth);
}

/** Whether this is a session cookie of Google. */
export function isGaSession(cookie: string | undefined): boolean {
  return cookie !== undefined && parse(cookie) !== undefined;
}

/** Of two cookies of one name, that with the later hit; the first where they cannot be told apart. */
export function laterGaSession(first: string, second: string): string {
  return Number(parse(second)?.t ?? -1) > Number(parse(first)?.t ?? -1) ? second : first;
}

type Fields = Record<string, string> & { s: string; o: string; t: string };

const SECONDS = /^\d{10}$/;
const COUNT = /^[1-9]\d{0,5}$/;
/** What follows the version and the depth. Fields that are not known yet are kept: any characters a cookie may have. */
const GS1 = /^GS1\.\d{1,2}(?:-\d{1,2})?\.([\w.-]{1,200})$/;
const GS2 = /^GS2\.\d{1,2}(?:-\d{1,2})?\.([a-z][!-~]{1,250})$/;
const ORDER = ["s", "o", "g", "t", "j", "l", "h"];

function parse(cookie: string): Fields | undefined {
  const fields: Record<string, string> = Object.create(null);
  const second = GS2.exec(cookie)?.[1];
  if (second) for (const part of second.split("$")) fields[part.charAt(0)] = part.slice(1);
  const first = second === undefined ? GS1.exec(cookie)?.[1] : undefined;
  first?.split(".").forEach((part, i) => {
    const name = ORDER[i];
    if (name) fields[name] = part;
  });
  const { s = "", o = "", t = "" } = fields;
  return SECONDS.test(s) && SECONDS.test(t) && COUNT.test(o) ? (fields as Fields) : undefined;
}

/** A hit that gtag.js has not seen: nothing is engaged yet. */
function held(fields: Partial<Fields> & { s: string; o: string }, nowS: string, depth: number): GaSession {
  const value = write({ l: "0", h: "0", ...fields, g: "0", t: nowS, j: "60" }, depth);
  return { id: fields.s, number: fields.o, value };
}

function write(fields: Record<string, string>, depth: number): string {
  const names = [...ORDER, ...Object.keys(fields).filter((name) => !ORDER.includes(name))];
  const parts = names.filter((name) => fields[name] !== undefined).map((name) => name + fields[name]);
  return `GS2.${depth}.${parts.join("$")}`;
}
