/** Which column of a file becomes which field of an event, as the customer says it or by the columns' own names. */
import * as z from "zod";
import type { EventType } from "../../../core/event.ts";
import { isRecord } from "../../../core/values.ts";

/** Names that an event may have, ours and Segment's; `name` and `category` are a page's. */
const FIELDS = new Set(
  (
    "message_id messageId anonymous_id anonymousId user_id userId group_id groupId previous_id previousId type event name category " +
    "properties traits context integrations timestamp original_timestamp originalTimestamp"
  ).split(" "),
);
/** Those of them that are objects, so that a path may lead into them. */
const ROOTS = new Set(["properties", "traits", "context", "integrations"]);
const TYPES = ["string", "number", "boolean", "json"] as const;
type ValueType = (typeof TYPES)[number];
const LONGEST_PATH = 8;

interface Target {
  path: string[];
  /** Absent: as it stands in the file. */
  type?: ValueType | undefined;
}

const target = z
  .string()
  .max(512)
  .refine((text) => {
    const { path } = targetOf(text);
    return isPath(path);
  }, "a column becomes a field of an event (user_id) or a path into properties, traits, context or integrations (traits.email), with :number, :boolean or :json where it is not text");

/** `{"email": "traits.email", "total": "properties.total:number", "note": null}`; null leaves a column out. */
export const mapping = z.record(z.string().max(512), target.nullable());
export type Mapping = z.infer<typeof mapping>;

function targetOf(text: string): Target {
  const type = TYPES.find((one) => text.endsWith(`:${one}`));
  return { path: (type ? text.slice(0, -type.length - 1) : text).split("."), type };
}

/** `__proto__` is nobody's property, and assigning it would give the event another prototype. */
function isPath(path: string[]): boolean {
  if (path.length > LONGEST_PATH || path.some((key) => key === "" || key === "__proto__")) return false;
  return path.length === 1 ? FIELDS.has(path[0]!) : ROOTS.has(path[0]!);
}

export type RawEvent = Record<string, unknown>;
export type Mapped = { ok: true; event: RawEvent } | { ok: false; code: string; message: string };

interface Defaults {
  type: EventType;
  event?: string | undefined;
}

/**
 * A function from a row, as pairs of column and value, to an event as a client would send it. What no mapping names goes to the
 * field or path of its own name, else into `traits` of an identify or group, else into `properties`. An empty cell is no value.
 */
export function mapperOf(given: Mapping | undefined, defaults: Defaults): (row: Iterable<[string, unknown]>) => Mapped {
  const targets = new Map<string, Target | null>();
  const known = (column: string) => {
    let found = targets.get(column);
    if (found === undefined) {
      const said = given && Object.hasOwn(given, column) ? given[column] : ownTarget(column);
      found = typeof said === "string" ? targetOf(said) : (said ?? null);
      // Of JSON rows each may have keys of its own.
      if (targets.size < 10_000) targets.set(column, found);
    }
    return found;
  };
  return (row) => {
    const event: RawEvent = {};
    const rest: [string, unknown][] = [];
    for (const [column, value] of row) {
      if (value === "" || value === undefined) continue;
      if (column === "" || column === "__proto__") {
        const message =
          column === "" ? "there is a value in a column without a name" : "no column may be called __proto__";
        return { ok: false, code: "invalid_column", message };
      }
      const to = known(column);
      if (to === null) continue;
      if (to.path.length === 0) {
        rest.push([column, value]);
        continue;
      }
      if (value === null && to.type) continue;
      const typed = typedValue(value, to.type);
      if (typed === undefined) {
        return { ok: false, code: "invalid_value", message: `${column}: not a ${to.type}` };
      }
      if (!place(event, to.path, typed)) {
        return {
          ok: false,
          code: "invalid_column",
          message: `${column}: ${to.path.join(".")} leads into something that is no object`,
        };
      }
    }
    event.type ??= defaults.type;
    if (event.type === "track" && defaults.event !== undefined) event.event ??= defaults.event;
    const root = event.type === "identify" || event.type === "group" ? "traits" : "properties";
    for (const [column, value] of rest) {
      if (!place(event, [root, column], value)) {
        return { ok: false, code: "invalid_column", message: `${column}: ${root} is no object` };
      }
    }
    return { ok: true, event };
  };
}

/** An empty path: where the row's type says. */
function ownTarget(column: string): Target {
  const own = targetOf(column);
  return isPath(own.path) ? own : { path: [] };
}

/** Undefined: it is none. What is no text came from JSON and has a type already; a customer who names another one is taken at his word. */
function typedValue(value: unknown, type: ValueType | undefined): unknown {
  if (type === undefined) return value;
  if (type === "string") return typeof value === "object" ? undefined : String(value);
  if (typeof value !== "string") return type === "json" || typeof value === type ? value : undefined;
  switch (type) {
    case "number":
      return /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?\s*$/i.test(value) && Number.isFinite(Number(value))
        ? Number(value)
        : undefined;
    case "boolean":
      return booleanOf(value.trim().toLowerCase());
    case "json":
      // A key of that name deeper down would pass unseen (read-body.ts refuses it in requests).
      if (/__proto__|\\u005f/i.test(value)) return undefined;
      try {
        return JSON.parse(value);
      } catch {
        return undefined;
      }
  }
}

function booleanOf(text: string): boolean | undefined {
  if (["true", "1", "yes"].includes(text)) return true;
  return ["false", "0", "no"].includes(text) ? false : undefined;
}

/** Whether there was room: a path leads only into objects, whatever order the columns come in. */
function place(event: RawEvent, path: string[], value: unknown): boolean {
  let at: Record<string, unknown> = event;
  for (const key of path.slice(0, -1)) {
    if (!Object.hasOwn(at, key)) at[key] = {};
    const inner = at[key];
    if (!isRecord(inner)) return false;
    at = inner;
  }
  const last = path.at(-1)!;
  const there = Object.hasOwn(at, last) ? at[last] : undefined;
  // A whole object beside paths into it: what a path says about one key is the more particular.
  if (isRecord(there)) {
    if (!isRecord(value)) return false;
    at[last] = { ...value, ...there };
    return true;
  }
  at[last] = value;
  return true;
}
