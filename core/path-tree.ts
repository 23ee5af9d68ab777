/**
 * Rules for paths of an event, walked together: `properties.price`, `properties.products.*.price`, `traits.address.country`. `*`
 * stands for any one name or place in a list. The walk costs what the rules are, not what the event is.
 */
import * as z from "zod";

const MOST_PARTS = 12;

/** Into what customers fill in themselves. */
export const treePath = z
  .string()
  .max(256)
  .regex(
    /^(properties|traits|context)(\.[^.]+)+$/,
    "a path begins with properties, traits or context, e.g. properties.products.*.price",
  )
  .refine((path) => path.split(".").length <= MOST_PARTS, `a path has at most ${MOST_PARTS} parts`);

export interface PathTree<Rule> {
  rule?: Rule;
  names: Map<string, PathTree<Rule>>;
  any?: PathTree<Rule>;
}

export function pathTree<Rule>(rules: Iterable<readonly [path: string, rule: Rule]>): PathTree<Rule> {
  const root: PathTree<Rule> = { names: new Map() };
  for (const [path, rule] of rules) {
    let node = root;
    for (const part of path.split(".")) {
      const known = part === "*" ? node.any : node.names.get(part);
      const next = known ?? { names: new Map() };
      if (part === "*") node.any = next;
      else node.names.set(part, next);
      node = next;
    }
    node.rule = rule;
  }
  return root;
}

/** What a change returns where the value is to go. */
export const GONE = Symbol("gone");

type Fields = Record<string, unknown>;
type Change<Rule> = (value: unknown, rule: Rule, path: string) => unknown;

/** The same object where nothing changed; nothing is mutated. What a list loses is closed up. */
export function changeAt<T extends object, Rule>(value: T, tree: PathTree<Rule>, change: Change<Rule>, at = ""): T {
  let next: T | undefined;
  let gone = false;
  const visit = (key: string, node: PathTree<Rule>) => {
    const held = (value as Fields)[key];
    if (held === undefined) return;
    const path = at === "" ? key : `${at}.${key}`;
    let now: unknown = held;
    if (typeof held === "object" && held !== null && (node.names.size > 0 || node.any))
      now = changeAt(held, node, change, path);
    if (node.rule !== undefined) now = change(now, node.rule, path);
    if (now === held) return;
    next ??= (Array.isArray(value) ? [...value] : { ...value }) as T;
    if (now === GONE && !Array.isArray(value)) delete (next as Fields)[key];
    else (next as Fields)[key] = now;
    gone ||= now === GONE;
  };
  for (const [key, node] of tree.names) if (Object.hasOwn(value, key)) visit(key, node);
  // A rule that names the place outranks one for all places.
  if (tree.any) for (const key of Object.keys(value)) if (!tree.names.has(key)) visit(key, tree.any);
  if (next === undefined) return value;
  return gone && Array.isArray(next) ? (next.filter((item) => item !== GONE) as T) : next;
}
