/** Renames what several sources call differently. */
import { compiledOnce } from "./compiled-once.ts";
import type { Event } from "./event.ts";
import type { Standardise } from "./org-data-layer/standardise.ts";

type Fields = Record<string, unknown>;
type Rename = (name: string) => string;

interface Compiled {
  event: Rename;
  /** Undefined: every name stays. */
  properties: Rename | undefined;
  traits: Rename | undefined;
}

const compiled = compiledOnce((rules: Standardise): Compiled | undefined => {
  const { events, event_case, properties, traits } = rules;
  const named = new Map(Object.entries(events).map(([from, to]) => [from.trim().toLowerCase(), to]));
  const event = (name: string) => named.get(name.trim().toLowerCase()) ?? EVENT_CASES[event_case](name);
  const all = { event: remembered(event), properties: renaming(properties, rules), traits: renaming(traits, rules) };
  const isNothing = named.size === 0 && event_case === "as_sent" && !all.properties && !all.traits;
  return isNothing ? undefined : all;
});

/** The same event where every name stays; `changed` gets the paths of the new names. */
export function standardiseNames(event: Event, rules: Standardise, changed: string[]): Event {
  const renames = compiled(rules);
  if (!renames) return event;
  // The other types are named by us.
  const name = event.type === "track" ? renames.event(event.event) : event.event;
  if (name !== event.event) changed.push("event");
  const properties = renames.properties
    ? fields(event.properties, renames.properties, "properties", changed)
    : event.properties;
  const traits =
    event.traits && renames.traits ? fields(event.traits, renames.traits, "traits", changed) : event.traits;
  return changed.length === 0 ? event : { ...event, event: name, properties, ...(traits && { traits }) };
}

function fields(from: Fields, rename: Rename, path: string, changed: string[]): Fields {
  const keys = Object.keys(from);
  let next: Fields | undefined;
  for (const [i, key] of keys.entries()) {
    const wanted = rename(key);
    // Two fields of one name: the one that had it already stays, and so does the other under its own.
    const isTaken =
      wanted !== key && (Object.hasOwn(from, wanted) || (next !== undefined && Object.hasOwn(next, wanted)));
    const name = isTaken ? key : wanted;
    const held = from[key];
    const now = typeof held === "object" && held !== null ? value(held, rename, `${path}.${name}`, changed) : held;
    if (next === undefined && (name !== key || now !== held)) {
      next = {};
      for (const before of keys.slice(0, i)) put(next, before, from[before]);
    }
    if (name !== key) changed.push(`${path}.${name}`);
    if (next) put(next, name, now);
  }
  return next ?? from;
}

/** `__proto__` as a name would otherwise not become a field. */
function put(fields: Fields, name: string, value: unknown): void {
  if (name === "__proto__")
    Object.defineProperty(fields, name, { value, enumerable: true, configurable: true, writable: true });
  else fields[name] = value;
}

function value(held: unknown, rename: Rename, path: string, changed: string[]): unknown {
  if (typeof held !== "object" || held === null) return held;
  if (!Array.isArray(held)) return fields(held as Fields, rename, path, changed);
  let next: unknown[] | undefined;
  for (let i = 0; i < held.length; i++) {
    const now = value(held[i], rename, `${path}.${i}`, changed);
    if (now === held[i]) continue;
    next ??= [...held];
    next[i] = now;
  }
  return next ?? held;
}

function renaming(names: Record<string, string>, rules: Standardise): Rename | undefined {
  const known = new Map(Object.entries(names));
  if (known.size === 0 && rules.case === "as_sent") return undefined;
  const toCase = NAME_CASES[rules.case];
  return remembered((name) => known.get(name) ?? toCase(name));
}

const MOST_REMEMBERED = 10_000;
/** Longer names come once. */
const LONGEST_REMEMBERED = 64;

/** Names come again and again; the whole memory is dropped when it is full. */
function remembered(rename: Rename): Rename {
  const known = new Map<string, string>();
  return (name) => {
    let to = known.get(name);
    if (to !== undefined) return to;
    to = rename(name);
    if (known.size >= MOST_REMEMBERED) known.clear();
    if (name.length <= LONGEST_REMEMBERED) known.set(name, to);
    return to;
  };
}

/** The words of `productID`, `product_id`, `Product Id`, `product-id`: letters and digits of any script. */
const wordsOf = (name: string) =>
  name
    .replace(/([\p{Ll}\d])(\p{Lu})/gu, "$1 $2")
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, "$1 $2")
    .split(/[^\p{L}\p{N}$]+/u)
    .filter(Boolean);

const capital = (word: string) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase();

/** A name without a letter or digit stays. */
const NAME_CASES: Record<Standardise["case"], Rename> = {
  as_sent: (name) => name,
  snake_case: (name) => wordsOf(name).join("_").toLowerCase() || name,
  camel_case: (name) =>
    wordsOf(name)
      .map((word, i) => (i === 0 ? word.toLowerCase() : capital(word)))
      .join("") || name,
};

const EVENT_CASES: Record<Standardise["event_case"], Rename> = {
  as_sent: (name) => name,
  snake_case: NAME_CASES.snake_case,
  title_case: (name) => wordsOf(name).map(capital).join(" ") || name,
};
