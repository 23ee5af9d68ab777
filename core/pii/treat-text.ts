/** Personal data within a text: in free words, in the query of a URL, behind percent signs. */
import type { Action, PiiClass } from "../org-data-layer/pii.ts";
import { GONE } from "../path-tree.ts";
import { classOfName } from "./class-of-name.ts";
import { findInText, type Glance, glance } from "./find-in-text.ts";
import type { PiiKeys } from "./pii-keys.ts";
import type { Policy } from "./policy.ts";
import { treatValue } from "./treat-value.ts";

type Treatment = Pick<Policy, "actions" | "wanted">;

/** No shorter text holds anything that is looked for. */
const SHORTEST = 5;

/**
 * The same text where nothing is to be done. `isWhole`: a text that is nothing but what is to be stripped is `GONE`; otherwise, and
 * within other words, a word in brackets stands in its place.
 */
export function treatText(text: string, policy: Treatment, keys: PiiKeys | undefined): string;
export function treatText(
  text: string,
  policy: Treatment,
  keys: PiiKeys | undefined,
  isWhole: true,
): string | typeof GONE;
export function treatText(text: string, policy: Treatment, keys: PiiKeys | undefined, isWhole = false): unknown {
  return treat(text, policy, keys, isWhole, 0);
}

/** URLs within URLs within URLs; deeper ones nobody reads. */
const MOST_DECODED = 3;

function treat(text: string, policy: Treatment, keys: PiiKeys | undefined, isWhole: boolean, depth: number): unknown {
  if (text.length < SHORTEST) return text;
  const seen = glance(text);
  let now = text;
  if (seen.hasEquals) now = inQuery(now, policy, keys, depth);
  if (seen.hasAt && seen.hasColon) now = now.replace(USER_AND_PASSWORD, "://");
  if (seen.hasPercent && depth < MOST_DECODED) now = behindPercents(now, policy, keys, depth);
  if (!mayHold(seen, text, policy.wanted)) return now;
  const found = findInText(now, policy.wanted, now === text ? seen : glance(now));
  const [only] = found;
  if (only === undefined) return now;
  const whole = now.trim();
  if (isWhole && found.length === 1 && only.end - only.start === whole.length)
    return treatValue(whole, only.class, policy.actions[only.class], keys);
  let rest = "";
  let from = 0;
  for (const { class: pii, start, end } of found) {
    rest += now.slice(from, start) + inWords(now.slice(start, end), pii, policy.actions[pii], keys);
    from = end;
  }
  return rest + now.slice(from);
}

/** `https://ada:lovelace@example.com` */
const USER_AND_PASSWORD = /:\/\/[^\s/:@]{0,128}:[^\s/@]{1,256}@/g;

const TOKEN_BEGINS = /eyJ|_live_|AKIA|gh[pousr]_|xox|Bearer |PRIVATE KEY/;

function mayHold({ digits, hasAt }: Glance, text: string, wanted: ReadonlySet<PiiClass>): boolean {
  if (digits >= 4 || hasAt) return true;
  return text.length >= 16 && wanted.has("secret") && TOKEN_BEGINS.test(text);
}

/** What stands for it among other words. */
function inWords(match: string, pii: PiiClass, action: Action, keys: PiiKeys | undefined): string {
  const treated = action === "mask" && pii === "secret" ? GONE : treatValue(match, pii, action, keys);
  return treated === GONE ? `[${pii}]` : String(treated);
}

const PARAMETER = /([?&#;\s]|^)([\w.[\]%-]{1,64})=([^&#;\s"'<>]+)/g;

/** `?email=a%40b.example&token=…`: by the parameter's name, and by what its value is once decoded. */
function inQuery(text: string, policy: Treatment, keys: PiiKeys | undefined, depth: number): string {
  let isStripped = false;
  const treated = text.replace(PARAMETER, (whole, before: string, name: string, raw: string) => {
    const pii = classOfName(name);
    const action = pii && policy.actions[pii];
    const value = decoded(raw);
    let now: unknown = value;
    if (pii === "secret") now = "***";
    else if (pii && action !== "allow" && PARAMETER_CLASSES.has(pii)) now = treatValue(value, pii, action!, keys);
    if (now === value && value !== raw && depth < MOST_DECODED) now = treat(value, policy, keys, false, depth + 1);
    if (now !== GONE) return now === value ? whole : `${before}${name}=${encode(String(now))}`;
    isStripped = true;
    return before === "?" || before === "#" ? before : "";
  });
  return isStripped ? treated.replace(/([?#])&/g, "$1") : treated;
}

/** Names that in a URL mean what they say: `?name=` and `?address=` are anybody's. */
const PARAMETER_CLASSES = new Set<PiiClass>(["email", "phone", "card", "iban", "ssn", "pesel"]);

const encode = (text: string) => encodeURIComponent(text).replaceAll("%5B", "[").replaceAll("%5D", "]");

function behindPercents(text: string, policy: Treatment, keys: PiiKeys | undefined, depth: number): string {
  const plain = decoded(text);
  if (plain === text) return text;
  const treated = treat(plain, policy, keys, false, depth + 1) as string;
  return treated === plain ? text : encodeURI(treated);
}

/** With `+` for a space, as forms send it; the text itself where it is not well encoded. */
function decoded(text: string): string {
  if (!text.includes("%") && !text.includes("+")) return text;
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}
