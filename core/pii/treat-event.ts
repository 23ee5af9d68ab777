/** Personal data of a whole event, treated by the policy: in properties, traits, context and the event's name. */
import type { Event } from "../event.ts";
import type { PiiClass } from "../org-data-layer/pii.ts";
import { GONE, type PathTree } from "../path-tree.ts";
import { classOfName } from "./class-of-name.ts";
import type { PiiKeys } from "./pii-keys.ts";
import type { Policy } from "./policy.ts";
import { treatText } from "./treat-text.ts";
import { treatValue } from "./treat-value.ts";

/** In these names mean something else (`device.token` is where pushes go); their values are looked at all the same. */
const CONTEXT_OF_MACHINES = new Set(
  `library vendor_ids consent client_hints user_agent user_agent_data location device browser os screen session app network bot
  campaign`.split(/\s+/),
);

type Fields = Record<string, unknown>;
type Tree = Policy["paths"] | undefined;

/** The same event where there was nothing to treat. `changed` gets the paths. Ids are keys of the customer's and are not looked at. */
export function treatEvent(event: Event, policy: Policy, keys: PiiKeys | undefined, changed: string[]): Event {
  const walk = new Walk(policy, keys, changed);
  const { names } = policy.paths;
  const properties = walk.fields(event.properties, "properties", names.get("properties"), true);
  const traits = event.traits && walk.fields(event.traits, "traits", names.get("traits"), true);
  const context = walk.context(event.context, names.get("context"));
  const integrations = event.integrations && walk.fields(event.integrations, "integrations", undefined, true);
  const name = event.type === "track" ? treatText(event.event, policy, keys) : event.event;
  if (name !== event.event) changed.push("event");
  if (changed.length === 0) return event;
  return {
    ...event,
    event: name,
    properties,
    context: context as Event["context"],
    ...(traits && { traits }),
    ...(integrations && { integrations }),
  };
}

class Walk {
  readonly #policy: Policy;
  readonly #keys: PiiKeys | undefined;
  readonly #changed: string[];

  constructor(policy: Policy, keys: PiiKeys | undefined, changed: string[]) {
    this.#policy = policy;
    this.#keys = keys;
    this.#changed = changed;
  }

  context(context: Fields, tree: Tree): Fields {
    let next: Fields | undefined;
    for (const key in context) {
      const isNamed = !CONTEXT_OF_MACHINES.has(key);
      next = this.#put(context, next, key, "context", tree, isNamed);
    }
    return next ?? context;
  }

  fields(fields: Fields, path: string, tree: Tree, isNamed: boolean): Fields {
    let next: Fields | undefined;
    for (const key in fields) next = this.#put(fields, next, key, path, tree, isNamed);
    return next ?? fields;
  }

  #put(fields: Fields, next: Fields | undefined, key: string, path: string, tree: Tree, isNamed: boolean) {
    const held = fields[key];
    const now = this.#value(held, path, key, below(tree, key), isNamed ? classOfField(key, path) : undefined, isNamed);
    if (now === held) return next;
    const copy = next ?? { ...fields };
    if (now === GONE) delete copy[key];
    else copy[key] = now;
    return copy;
  }

  #value(held: unknown, at: string, key: string, tree: Tree, name: PiiClass | undefined, isNamed: boolean): unknown {
    const rule = tree?.rule;
    if (rule === "skip" || held === null || typeof held === "boolean" || held === undefined) return held;
    // A whole object under a name such as `secret` is one; of an address, its parts have names of their own.
    if (rule === "strip" || (name === "secret" && typeof held === "object" && this.#policy.actions.secret === "strip"))
      return this.#gone(at, key);
    if (typeof held === "object") {
      const path = `${at}.${key}`;
      if (Array.isArray(held)) return this.#list(held, path, tree, name, isNamed);
      return this.fields(held as Fields, path, tree, isNamed);
    }
    if (typeof held !== "string" && typeof held !== "number") return held;
    const pii = name !== undefined && looksLike(held, name) ? name : undefined;
    let now: unknown = held;
    const action = rule ?? (pii && this.#policy.actions[pii]);
    if (action !== undefined && action !== "allow") {
      now = treatValue(held, pii ?? name ?? "name", action, this.#keys);
    }
    if (now === held || pii === undefined)
      now = this.#within(now, rule === undefined ? this.#policy : this.#policy.secretsOnly);
    if (now === held) return held;
    if (now === GONE) return this.#gone(at, key);
    this.#changed.push(`${at}.${key}`);
    return now;
  }

  /** What stands in a text, or a number, whatever its name is. */
  #within(value: unknown, policy: Policy | Policy["secretsOnly"]): unknown {
    if (typeof value === "string") return treatText(value, policy, this.#keys, true);
    // No shorter number is a card's, and of longer ones JSON has lost the last digits.
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1e13) return value;
    const text = String(value);
    const treated = treatText(text, policy, this.#keys, true);
    return treated === text ? value : treated;
  }

  #list(list: unknown[], path: string, tree: Tree, name: PiiClass | undefined, isNamed: boolean): unknown[] {
    let next: unknown[] | undefined;
    for (let i = 0; i < list.length; i++) {
      const now = this.#value(list[i], path, String(i), tree && below(tree, String(i)), name, isNamed);
      if (now === list[i]) continue;
      next ??= [...list];
      next[i] = now;
    }
    return next?.filter((item) => item !== GONE) ?? list;
  }

  #gone(at: string, key: string): typeof GONE {
    this.#changed.push(`${at}.${key}`);
    return GONE;
  }
}

function below<T>(tree: PathTree<T> | undefined, key: string): PathTree<T> | undefined {
  return tree && (tree.names.get(key) ?? tree.any);
}

/** A person's `name` is personal, a product's is not; and what is an `address` of a page is not one where people live. */
export function classOfField(key: string, path: string): PiiClass | undefined {
  if (key === "name") return path === "traits" || path === "context.traits" ? "name" : undefined;
  return classOfName(key);
}

/** A field named `phone` may say "iPhone 16", one named `email` "yes". What is secret by name is, whatever it looks like. */
export function looksLike(value: string | number, name: PiiClass): boolean {
  const text = String(value);
  const digits = () => text.replace(/\D/g, "").length;
  switch (name) {
    case "email":
      return text.includes("@");
    case "phone":
      return digits() >= 6 && digits() <= 16 && !/[a-z]{3}/i.test(text);
    case "card":
      return digits() >= 12 && digits() <= 19;
    case "ip":
      return /^[\da-f.:]{3,45}$/i.test(text);
    case "birth_date":
      return digits() >= 4;
    case "pesel":
      return digits() === 11;
    case "nip":
      return digits() === 10;
    case "ssn":
      return digits() === 9;
    case "iban":
      return digits() >= 6;
    case "name":
    case "address":
    case "secret":
      return text !== "";
  }
}
