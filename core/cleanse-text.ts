/** Cleans text in whatever a customer sent: white space, emptiness, tags. */
import type { Cleanse } from "./org-data-layer/cleanse.ts";
import { stripHtml } from "./strip-html.ts";

type Fields = Record<string, unknown>;

/** Something to do for `trim` or for `collapse`: most text has nothing, and this tells so at once. */
const UNEVEN = /^\s|\s$|\s\s|[^\S ]/;

/** The same object where there was nothing to do; `changed` gets the paths that are other or gone. */
export function cleanseFields(fields: Fields, rules: Cleanse, path: string, changed: string[]): Fields {
  let next: Fields | undefined;
  for (const key in fields) {
    const held = fields[key];
    const now = cleanseValue(held, rules, path, key, changed);
    if (now === held && (now !== undefined || !rules.remove_empty)) continue;
    next ??= { ...fields };
    if (now === undefined) delete next[key];
    else next[key] = now;
  }
  return next ?? fields;
}

/** Undefined where it is to go. Paths are written only of what changes. */
function cleanseValue(value: unknown, rules: Cleanse, at: string, key: string | number, changed: string[]): unknown {
  if (typeof value === "string") {
    const text = cleanseText(value, rules);
    if (text === "" && rules.remove_empty) return gone(at, key, changed);
    if (text !== value) changed.push(`${at}.${key}`);
    return text;
  }
  if (value === null || value === undefined) return rules.remove_empty ? gone(at, key, changed) : value;
  if (typeof value !== "object") return value;
  const path = `${at}.${key}`;
  if (!Array.isArray(value)) return cleanseFields(value as Fields, rules, path, changed);
  let next: unknown[] | undefined;
  for (let i = 0; i < value.length; i++) {
    const now = cleanseValue(value[i], rules, path, i, changed);
    if (now !== value[i]) next ??= value.slice(0, i);
    if (next && (now !== undefined || !rules.remove_empty)) next.push(now);
  }
  return next ?? value;
}

export function cleanseText(value: string, rules: Cleanse): string {
  let text = value;
  if (rules.strip_html && text.includes("<")) text = stripHtml(text);
  if (!UNEVEN.test(text)) return text;
  if (rules.trim) text = text.trim();
  return rules.collapse_white_space ? text.replace(/\s+/g, " ") : text;
}

function gone(at: string, key: string | number, changed: string[]): undefined {
  changed.push(`${at}.${key}`);
}
