/**
 * Who belongs to a segment: conditions on a person, in groups. The same document as JSON and as YAML.
 *
 *     all:
 *       - { trait: plan, value: { is: one_of, to: [pro, team] } }
 *       - { event: Order Completed, within_days: 30, times: { is: at_least, to: 2 } }
 *       - not: { seen_within_days: 7 }
 *
 * A window is of whole UTC days, today included, as those of computed traits are; only `seen_within_days` counts to the millisecond.
 */
import * as z from "zod";
import { comparison } from "../comparison.ts";
import { COMPUTED_KINDS, type ComputedTrait, computedTrait, propertyFilters } from "../computed-traits.ts";
import { PROFILE_LIMITS } from "../profile.ts";
import { defined, isRecord } from "../values.ts";

export const SEGMENT_LIMITS = { CONDITIONS: 100, DEPTH: 10 } as const;

const name = z.string().min(1).max(256);
export const segmentId = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{2,63}$/, "ids are 3 to 64 of a–z, 0–9, _ and -, and begin with a letter");
const withinDays = computedTrait.shape.window_days;

const COUNTED_BY: ReadonlySet<string> = new Set([
  "equal",
  "not_equal",
  "at_least",
  "at_most",
  "more_than",
  "less_than",
]);

/** What each kind of condition is told by, and what it says. */
const LEAVES = {
  trait: z.strictObject({ trait: name, value: comparison }),
  computed_trait: z.strictObject({ computed_trait: z.string().min(1).max(64), value: comparison }),
  /** How often it happened; `{ is: equal, to: 0 }` is "did not". With `where`, only events with these properties. */
  event: z.strictObject({
    event: name,
    within_days: withinDays,
    where: propertyFilters.optional(),
    times: comparison.refine(({ is }) => COUNTED_BY.has(is), "times is a number: at_least, equal, more_than, …"),
  }),
  /** Of a property of an event: its sum, first, last, … */
  aggregate: z
    .strictObject({
      aggregate: z.enum(COMPUTED_KINDS).exclude(["count"]),
      of: name,
      property: name.optional(),
      within_days: withinDays,
      where: propertyFilters.optional(),
      value: comparison,
    })
    .refine(
      ({ aggregate, property }) => (aggregate === "days_since") === (property === undefined),
      "days_since is of events and takes no property; every other aggregate needs one",
    ),
  /** How they came: the first touch of all, or the last one that somebody else sent them by. */
  touch: z.strictObject({
    touch: z.enum(["first", "last"]),
    field: z.enum(["source", "medium", "name", "term", "content", "referrer", "page"]),
    value: comparison,
  }),
  consent: z.strictObject({
    consent: z.enum(["analytics", "marketing", "ad_user_data", "ad_personalization"]),
    granted: z.boolean(),
  }),
  seen_within_days: z.strictObject({ seen_within_days: z.int().min(1).max(3_650) }),
  segment: z.strictObject({ segment: segmentId }),
  /** A share of people by a hash of their id: of one name, shares that do not overlap are different people. */
  bucket: z
    .strictObject({
      bucket: z.string().min(1).max(64),
      from_percent: z.number().min(0).max(100).default(0),
      to_percent: z.number().min(0).max(100),
    })
    .refine(({ from_percent, to_percent }) => from_percent < to_percent, "from_percent must be less than to_percent"),
};
type Leaves = { [K in keyof typeof LEAVES]: z.infer<(typeof LEAVES)[K]> };
export type Leaf = Leaves[keyof Leaves];
export type Condition = { all: Condition[] } | { any: Condition[] } | { not: Condition } | Leaf;
export type LeafOf<K extends keyof Leaves> = Leaves[K];

export interface Misread {
  /** Where in the document: `all.2.value.to`. */
  place: string;
  reason: string;
}

/** The definition as it is meant, or everything that is wrong with it, each with its place. Never throws. */
export function readDefinition(given: unknown): { ok: true; definition: Condition } | { ok: false; wrong: Misread[] } {
  const wrong: Misread[] = [];
  let conditions = 0;
  const fail = (path: readonly PropertyKey[], reason: string) => {
    wrong.push({ place: path.map(String).join(".") || "(the whole)", reason });
    return { all: [] };
  };
  const read = (written: unknown, path: readonly PropertyKey[], depth: number): Condition => {
    if (conditions > SEGMENT_LIMITS.CONDITIONS) return { all: [] };
    if (depth > SEGMENT_LIMITS.DEPTH) return fail(path, `groups lie at most ${SEGMENT_LIMITS.DEPTH} deep`);
    if (!isRecord(written)) return fail(path, "a condition is an object");
    for (const group of ["all", "any"] as const) {
      if (!Object.hasOwn(written, group)) continue;
      if (Object.keys(written).length > 1) return fail(path, `beside ${group} there is nothing else`);
      const inner = written[group];
      if (!Array.isArray(inner) || !inner.length) return fail([...path, group], "a list of at least one condition");
      const read_ = inner.map((one, i) => read(one, [...path, group, i], depth + 1));
      return group === "all" ? { all: read_ } : { any: read_ };
    }
    if (Object.hasOwn(written, "not")) {
      if (Object.keys(written).length > 1) return fail(path, "beside not there is nothing else");
      return { not: read(written.not, [...path, "not"], depth + 1) };
    }
    if (++conditions > SEGMENT_LIMITS.CONDITIONS)
      return fail(path, `a segment has at most ${SEGMENT_LIMITS.CONDITIONS} conditions, and here begins the next one`);
    const kind = (Object.keys(LEAVES) as (keyof Leaves)[]).find((key) => Object.hasOwn(written, key));
    if (!kind)
      return fail(path, `a condition names one of ${["all", "any", "not", ...Object.keys(LEAVES)].join(", ")}`);
    const parsed = LEAVES[kind].safeParse(written);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) fail([...path, ...issue.path], issue.message);
    return { all: [] };
  };
  const definition = read(given, [], 1);
  return wrong.length ? { ok: false, wrong } : { ok: true, definition };
}

export function* leavesOf(condition: Condition): Generator<Leaf> {
  if ("all" in condition) for (const one of condition.all) yield* leavesOf(one);
  else if ("any" in condition) for (const one of condition.any) yield* leavesOf(one);
  else if ("not" in condition) yield* leavesOf(condition.not);
  else yield condition;
}

/** The aggregate that a condition is read from; undefined where a person has what it needs anyway. */
export function counterOf(leaf: Leaf): ComputedTrait | undefined {
  if ("event" in leaf) {
    const { event, within_days: window_days, where } = leaf;
    if (!where && window_days !== undefined && window_days <= PROFILE_LIMITS.COUNTED_DAYS) return undefined;
    return { name: "of a segment", kind: "count", event, ...defined({ window_days, where }) };
  }
  if (!("aggregate" in leaf)) return undefined;
  const { aggregate: kind, of: event, property, within_days: window_days, where } = leaf;
  return { name: "of a segment", kind, event, ...defined({ property, window_days, where }) };
}

/** What is to be kept of every person, beyond what is kept anyway, so that these definitions can be decided. */
export function countersOf(definitions: readonly Condition[]): ComputedTrait[] {
  return definitions.flatMap((one) => [...leavesOf(one)].flatMap((leaf) => counterOf(leaf) ?? []));
}

export function segmentsIn(definition: Condition): string[] {
  return [...new Set([...leavesOf(definition)].flatMap((leaf) => ("segment" in leaf ? [leaf.segment] : [])))];
}
