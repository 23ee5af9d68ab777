/**
 * What live events look like: of each field how often it is there, its types, and a few values, none of which is personal. Summaries of
 * parts of the traffic add up to that of the whole, in whatever order.
 */
import type { Event } from "../event.ts";
import type { JsonSchema } from "../json-schema.ts";
import { PII_CLASSES, type PiiClass } from "../org-data-layer/pii.ts";
import type { PlanRule, TrackingPlan } from "../org-data-layer/tracking-plan.ts";
import { findInText } from "../pii/find-in-text.ts";
import { classOfField, looksLike } from "../pii/treat-event.ts";

export interface Shape {
  /** How many values were seen here. */
  seen: number;
  types: Partial<Record<"string" | "number" | "integer" | "boolean" | "null" | "object" | "array", number>>;
  fields?: Record<string, Shape>;
  items?: Shape;
  /** Short texts that are nobody's, until there are too many to be an enumeration. */
  examples?: string[];
  /** Classes of personal data that were found here, and how often. */
  pii?: Partial<Record<PiiClass, number>>;
}
/** By event: `track Order Completed`, `page`, `identify`. Of each its `properties` and `traits`. */
export type Shapes = Record<string, Shape>;

const MOST = { EVENTS: 500, FIELDS: 100, LEVELS: 5, EXAMPLES: 10, EXAMPLE_LENGTH: 40, ITEMS: 5 } as const;

export const shapeName = ({ type, event }: Pick<Event, "type" | "event">) =>
  type === "track" ? `track ${event}` : type;

export function shapesOf(events: Event[]): Shapes {
  const shapes: Shapes = {};
  for (const event of events) {
    const name = shapeName(event);
    if (!Object.hasOwn(shapes, name) && Object.keys(shapes).length >= MOST.EVENTS) continue;
    const whole = { properties: event.properties, ...(event.traits && { traits: event.traits }) };
    const shape = shapeOf(whole, "", "", 0);
    set(shapes, name, Object.hasOwn(shapes, name) ? mergeShape(shapes[name]!, shape) : shape);
  }
  return shapes;
}

export function mergeShape(one: Shape, other: Shape): Shape {
  const examples = union(one, other);
  const fields = one.fields || other.fields ? mergeNamed(one.fields ?? {}, other.fields ?? {}, MOST.FIELDS) : undefined;
  const items = one.items && other.items ? mergeShape(one.items, other.items) : (one.items ?? other.items);
  return {
    seen: one.seen + other.seen,
    types: sum(one.types, other.types),
    ...(fields && { fields }),
    ...(items && { items }),
    ...(examples && { examples }),
    ...((one.pii || other.pii) && { pii: sum(one.pii ?? {}, other.pii ?? {}) }),
  };
}

/** A plan that everything seen so far would pass. What is there every time is required, once it was seen often enough to say so. */
export function proposePlan(shapes: Shapes, oftenEnough = 20): Pick<TrackingPlan, "events"> & Partial<TrackingPlan> {
  const plan: Pick<TrackingPlan, "events"> & Partial<TrackingPlan> = { events: {} };
  for (const [name, shape] of Object.entries(shapes)) {
    const rule: PlanRule = {};
    for (const section of ["properties", "traits"] as const) {
      const fields = shape.fields?.[section];
      if (fields?.fields) rule[section] = schemaOf(fields, oftenEnough);
    }
    if (name.startsWith("track ")) set(plan.events, name.slice("track ".length), rule);
    else plan[name as "page" | "screen" | "identify" | "group" | "alias"] = rule;
  }
  return plan;
}

function shapeOf(value: unknown, key: string, path: string, level: number): Shape {
  const type = typeOf(value);
  const shape: Shape = { seen: 1, types: { [type]: 1 } };
  if (typeof value === "string" || typeof value === "number") {
    const pii = classesOf(value, key, path);
    if (pii.length) shape.pii = Object.fromEntries(pii.map((name) => [name, 1]));
    else if (typeof value === "string" && value.length <= MOST.EXAMPLE_LENGTH) shape.examples = [value];
    else if (typeof value === "string") shape.examples = [];
  }
  if (level >= MOST.LEVELS || typeof value !== "object" || value === null) return shape;
  const at = path === "" ? key : `${path}.${key}`;
  if (Array.isArray(value)) {
    for (const item of value.slice(0, MOST.ITEMS)) {
      const inner = shapeOf(item, key, path, level + 1);
      shape.items = shape.items ? mergeShape(shape.items, inner) : inner;
    }
    return shape;
  }
  shape.fields = {};
  for (const [name, inner] of Object.entries(value).slice(0, MOST.FIELDS))
    set(shape.fields, name, shapeOf(inner, name, at, level + 1));
  return shape;
}

const ALL_CLASSES = new Set(PII_CLASSES);

function classesOf(value: string | number, key: string, path: string): PiiClass[] {
  const name = classOfField(key, path);
  if (name && looksLike(value, name)) return [name];
  return [...new Set(findInText(String(value), ALL_CLASSES).map((one) => one.class))];
}

function typeOf(value: unknown): keyof Shape["types"] {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value as "string" | "boolean" | "object";
}

/** Absent where texts were seen and are too many: an empty list says that, and stays empty. */
function union(one: Shape, other: Shape): string[] | undefined {
  if (!one.examples || !other.examples) return one.examples ?? other.examples;
  if (one.examples.length === 0 || other.examples.length === 0) return [];
  const all = [...new Set([...one.examples, ...other.examples])].sort();
  return all.length > MOST.EXAMPLES ? [] : all;
}

function sum<K extends string>(
  one: Partial<Record<K, number>>,
  other: Partial<Record<K, number>>,
): Partial<Record<K, number>> {
  const total = { ...one };
  for (const key of Object.keys(other) as K[]) total[key] = (total[key] ?? 0) + (other[key] ?? 0);
  return total;
}

function mergeNamed(one: Record<string, Shape>, other: Record<string, Shape>, most: number): Record<string, Shape> {
  const merged = { ...one };
  for (const [name, shape] of Object.entries(other)) {
    if (Object.hasOwn(merged, name)) set(merged, name, mergeShape(merged[name]!, shape));
    else if (Object.keys(merged).length < most) set(merged, name, shape);
  }
  return merged;
}

/** Names come from outside; `__proto__` is nobody's field. */
function set<T>(all: Record<string, T>, name: string, value: T): void {
  if (name !== "__proto__") all[name] = value;
}

function schemaOf(shape: Shape, oftenEnough: number): JsonSchema {
  const { integer = 0, number = 0, ...others } = shape.types;
  const types = [...Object.keys(others), ...(number > 0 ? ["number"] : integer > 0 ? ["integer"] : [])].sort();
  const fields = Object.entries(shape.fields ?? {});
  const objects = shape.types.object ?? 0;
  const required = fields.filter(([, field]) => field.seen === objects && objects >= oftenEnough).map(([name]) => name);
  return {
    ...(types.length && { type: types.length === 1 ? types[0] : types }),
    ...(fields.length && {
      properties: Object.fromEntries(fields.map(([name, field]) => [name, schemaOf(field, oftenEnough)])),
    }),
    ...(required.length && { required }),
    ...(shape.items && { items: schemaOf(shape.items, oftenEnough) }),
    ...(shape.examples?.length && { examples: shape.examples }),
    ...(shape.pii && { $comment: `personal data: ${Object.keys(shape.pii).sort().join(", ")}` }),
  };
}
