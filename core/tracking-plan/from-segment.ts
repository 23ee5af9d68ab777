/**
 * A tracking plan of Segment's as one of ours. Two forms are about: the Public API's list of rules
 * (https://docs.segmentapis.com/tag/Tracking-Plans: `{key, type, version, jsonSchema}`), and the older one with `rules.events`,
 * `rules.identify_traits`, `rules.group_traits` and `rules.global`.
 */
import * as z from "zod";
import type { JsonSchema } from "../json-schema.ts";
import type { PlanRule, TrackingPlan } from "../org-data-layer/tracking-plan.ts";
import { isRecord, record } from "../values.ts";

const schema = z.record(z.string(), z.unknown());
const apiRule = z.object({
  key: z.string().nullish(),
  type: z.enum(["TRACK", "IDENTIFY", "GROUP", "PAGE", "SCREEN", "COMMON"]),
  version: z.number().default(1),
  jsonSchema: schema.optional(),
  json_schema: schema.optional(),
});
const eventRule = z.object({
  name: z.string(),
  description: z.string().nullish(),
  version: z.number().default(1),
  rules: schema.nullish(),
});
const traitRule = z.object({ name: z.string(), rules: schema.nullish() });

/** The plan itself, or what the API wraps around it. */
export const segmentPlan = z.union([
  z.object({ rules: z.array(apiRule) }),
  z.object({ data: z.object({ rules: z.array(apiRule) }) }).transform(({ data }) => data),
  z.object({
    rules: z.object({
      events: z.array(eventRule).default([]),
      global: schema.nullish(),
      identify_traits: z.array(traitRule).nullish(),
      group_traits: z.array(traitRule).nullish(),
      identify: schema.nullish(),
      group: schema.nullish(),
    }),
  }),
]);

export type ImportedPlan = Partial<TrackingPlan>;

/** Of several versions of an event the newest. What a schema says that ours cannot check is left out, and named in `left_out`. */
export function fromSegment({ rules }: z.infer<typeof segmentPlan>): { plan: ImportedPlan; left_out: string[] } {
  const leftOut: string[] = [];
  const plan: ImportedPlan = { events: {} };
  const versions = new Map<string, number>();
  const add = (
    type: string,
    key: string | null | undefined,
    version: number,
    whole: Record<string, unknown>,
    about?: string | null,
  ) => {
    const isTrack = type === "TRACK" && key;
    const name = isTrack ? key : type.toLowerCase();
    const place = `${isTrack ? "event " : ""}${name}`;
    if (version < (versions.get(place) ?? 0)) return;
    versions.set(place, version);
    const rule = ruleOf(whole, about, place, leftOut);
    if (isTrack) plan.events![name] = rule;
    else if (type !== "TRACK") plan[name as "page" | "screen" | "identify" | "group" | "common"] = rule;
  };
  if (Array.isArray(rules)) {
    for (const { key, type, version, jsonSchema, json_schema } of rules)
      add(type, key, version, jsonSchema ?? json_schema ?? {});
  } else {
    for (const { name, version, rules: whole, description } of rules.events)
      add("TRACK", name, version, whole ?? {}, description);
    if (rules.global && Object.keys(rules.global).length) add("COMMON", null, 1, rules.global);
    for (const type of ["identify", "group"] as const) {
      const traits = rules[`${type}_traits`] ?? [];
      const listed = {
        properties: { traits: { properties: Object.fromEntries(traits.map((one) => [one.name, one.rules ?? {}])) } },
      };
      if (rules[type] && Object.keys(rules[type]).length) add(type.toUpperCase(), null, 1, rules[type]);
      else if (traits.length) add(type.toUpperCase(), null, 1, listed);
    }
  }
  return { plan, left_out: [...new Set(leftOut)] };
}

/** Segment's schema is of the whole event: ours are of its parts. */
function ruleOf(
  whole: Record<string, unknown>,
  about: string | null | undefined,
  place: string,
  leftOut: string[],
): PlanRule {
  const parts = record(whole.properties);
  const description = about ?? (typeof whole.description === "string" ? whole.description : undefined);
  const rule: PlanRule = description ? { description: description.slice(0, 2_000) } : {};
  for (const name of ["properties", "traits", "context"] as const) {
    const part = parts[name];
    if (isRecord(part) && Object.keys(part).length)
      rule[name] = modern(part, `${place}.${name}`, leftOut) as JsonSchema;
  }
  return rule;
}

/** Draft 7 says some things in other words, and some that 2020-12's subset of ours does not check. */
function modern(schema: unknown, place: string, leftOut: string[]): unknown {
  if (Array.isArray(schema)) return schema.map((one, i) => modern(one, `${place}.${i}`, leftOut));
  if (!isRecord(schema)) return schema;
  const next: Record<string, unknown> = {};
  for (const [keyword, given] of Object.entries(schema)) {
    if (["$schema", "$id", "id", "labels"].includes(keyword)) continue;
    if (UNCHECKED.has(keyword)) leftOut.push(`${place}: ${keyword}`);
    else if (keyword === "items" && Array.isArray(given)) next.prefixItems = modern(given, place, leftOut);
    else if (NAMED.has(keyword) && isRecord(given))
      next[keyword] = Object.fromEntries(
        Object.entries(given).map(([name, one]) => [name, modern(one, `${place}.${name}`, leftOut)]),
      );
    else next[keyword] = typeof given === "object" && !VALUES.has(keyword) ? modern(given, place, leftOut) : given;
  }
  return next;
}

const NAMED = new Set(["properties", "patternProperties", "$defs", "definitions"]);
const VALUES = new Set(["enum", "const", "required", "type", "default", "examples"]);
const UNCHECKED = new Set(
  "dependencies dependentRequired dependentSchemas contains minContains maxContains additionalItems unevaluatedProperties unevaluatedItems".split(
    " ",
  ),
);
