/**
 * Paths into an event, with wildcards: `context.ip`, `properties.products.*.cost`, `traits.**.ssn`. `*` stands for one name or place in
 * a list, `**` for any number of them, none included.
 */
import * as z from "zod";

/** What every event must keep, or it is none: these may not be named, and no wildcard takes them. */
const ROOTS = ["properties", "traits", "context", "integrations", "user_id", "group_id", "previous_id", "sent_at"];
const MOST_PARTS = 12;

export const fieldPath = z
  .string()
  .max(256)
  .refine((path) => path.split(".").every((part) => part !== ""), "a part of the path is empty")
  .refine((path) => path.split(".").length <= MOST_PARTS, `a path has at most ${MOST_PARTS} parts`)
  .refine((path) => path.split(".").filter((part) => part === "**").length <= 1, "`**` stands once at most")
  .refine((path) => ROOTS.includes(path.split(".")[0]!), `a path begins with one of ${ROOTS.join(", ")}`)
  .refine((path) => !["properties", "context", "properties.**", "context.**"].includes(path), "every event has that");

type Fields = Record<string, unknown>;

/**
 * The same value without what the path leads to; what it led to is added to `gone`, as paths without wildcards. Nothing is mutated:
 * the value itself comes back where nothing was found. What a list loses is closed up.
 */
export function without<T extends object>(value: T, path: string[], gone: string[], at = ""): T {
  return (remove(value, path, 0, at, gone) ?? value) as T;
}

/** Undefined where nothing changed. */
function remove(value: unknown, path: string[], from: number, at: string, gone: string[]): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  const part = path[from]!;
  const isLast = from === path.length - 1;
  if (part === "**") {
    // First what is here, then what is below: `a.**.b` takes a.b and a.x.b.
    const here = isLast ? emptied(value, at, gone) : remove(value, path, from + 1, at, gone);
    const below = each(here ?? value, (inner, _, inside) => remove(inner, path, from, inside, gone), at);
    return below ?? here;
  }
  if (part === "*") {
    if (isLast) return emptied(value, at, gone);
    return each(value, (inner, _, inside) => remove(inner, path, from + 1, inside, gone), at);
  }
  if (!Object.hasOwn(value, part)) return undefined;
  const inside = at ? `${at}.${part}` : part;
  if (isLast) {
    gone.push(inside);
    if (Array.isArray(value)) return value.filter((_, i) => String(i) !== part);
    const { [part]: _, ...rest } = value as Fields;
    return rest;
  }
  const inner = remove((value as Fields)[part], path, from + 1, inside, gone);
  if (inner === undefined) return undefined;
  if (Array.isArray(value)) return value.map((one, i) => (String(i) === part ? inner : one));
  return { ...value, [part]: inner };
}

function emptied(value: object, at: string, gone: string[]): object | undefined {
  const keys = Object.keys(value);
  if (keys.length === 0) return undefined;
  for (const key of keys) gone.push(`${at}.${key}`);
  return Array.isArray(value) ? [] : {};
}

function each(value: object, change: (inner: unknown, key: string, at: string) => unknown, at: string) {
  let changed: Fields | unknown[] | undefined;
  for (const key of Object.keys(value)) {
    const now = change((value as Fields)[key], key, `${at}.${key}`);
    if (now === undefined) continue;
    changed ??= Array.isArray(value) ? [...value] : { ...value };
    (changed as Fields)[key] = now;
  }
  return changed;
}
