/** Holds an event against the tracking plan. */
import { compiledOnce } from "../compiled-once.ts";
import type { Event } from "../event.ts";
import { type CompiledSchema, compileSchema, isPlanned, type JsonSchema } from "../json-schema.ts";
import type { Mode, PlanRule, TrackingPlan } from "../org-data-layer/tracking-plan.ts";
import { changeAt, GONE, pathTree } from "../path-tree.ts";
import { isRecord } from "../values.ts";

export interface PlanViolation {
  /** `properties.products.0.price`; `event` where the event itself is not planned. */
  path: string;
  /** Of JSON Schema, or `unplanned_event`, `unplanned_property`. */
  keyword: string;
  /** What stands there, undefined where something is missing. As it came: it is redacted before it is kept. */
  value: unknown;
}

export interface Judgement {
  outcome: "kept" | "blocked" | "quarantined";
  event: Event;
  /** Paths that were omitted. */
  omitted: string[];
  violations: PlanViolation[];
}

const SECTIONS = ["properties", "traits", "context"] as const;
type Section = (typeof SECTIONS)[number];

interface CompiledRule {
  mode: Mode;
  unplannedMode: Mode;
  sections: { name: Section; schema: CompiledSchema; isPlanned: ((name: string) => boolean) | undefined }[];
}

interface CompiledPlan {
  tracks: Map<string, CompiledRule>;
  types: Map<string, CompiledRule>;
  common: CompiledRule | undefined;
  unplannedEvents: Mode;
}

const NOTHING: PlanViolation[] = [];

const compiled = compiledOnce((plan: TrackingPlan): CompiledPlan | undefined => {
  const { events, common, mode: _, unplanned_events, unplanned_properties: __, ...types } = plan;
  const typed = Object.entries(types).flatMap(([type, rule]) =>
    rule ? [[type, compileRule(rule, plan)] as const] : [],
  );
  if (Object.keys(events).length === 0 && typed.length === 0 && !common && unplanned_events === "allow")
    return undefined;
  return {
    tracks: new Map(Object.entries(events).map(([name, rule]) => [name, compileRule(rule, plan)])),
    types: new Map(typed),
    common: common && compileRule(common, plan),
    unplannedEvents: unplanned_events,
  };
});

/** Undefined where there is no plan. */
export function checkEvent(event: Event, plan: TrackingPlan): Judgement | undefined {
  const rules = compiled(plan);
  if (!rules) return undefined;
  const own = event.type === "track" ? rules.tracks.get(event.event) : rules.types.get(event.type);
  const isUnplanned = event.type === "track" && !own && rules.unplannedEvents !== "allow";
  const judgement: Judgement = { outcome: "kept", event, omitted: [], violations: NOTHING };
  if (isUnplanned) {
    judgement.violations = [{ path: "event", keyword: "unplanned_event", value: undefined }];
    sentence(judgement, rules.unplannedEvents);
  }
  if (own) apply(own, judgement);
  if (rules.common) apply(rules.common, judgement);
  return judgement;
}

function apply(rule: CompiledRule, judgement: Judgement): void {
  const { event } = judgement;
  const wrong: PlanViolation[] = [];
  const unplanned: PlanViolation[] = [];
  for (const { name, schema, isPlanned } of rule.sections) {
    const fields: Record<string, unknown> = event[name] ?? {};
    if (rule.mode !== "allow" && !schema.isValid(fields)) {
      for (const { path, keyword } of schema.violations(fields)) {
        const whole = path === "" ? name : `${name}.${path}`;
        wrong.push({ path: whole, keyword, value: path === "" ? undefined : valueAt(fields, path) });
      }
    }
    if (!isPlanned) continue;
    for (const key in fields) {
      if (fields[key] === undefined || isPlanned(key)) continue;
      const path = `${name}.${key}`;
      if (!wrong.some((one) => one.path === path))
        unplanned.push({ path, keyword: "unplanned_property", value: fields[key] });
    }
  }
  if (wrong.length === 0 && unplanned.length === 0) return;
  judgement.violations = [...judgement.violations, ...wrong, ...unplanned];
  if (wrong.length > 0) sentence(judgement, rule.mode, wrong);
  if (unplanned.length > 0) sentence(judgement, rule.unplannedMode, unplanned);
}

function sentence(judgement: Judgement, mode: Mode, violations: PlanViolation[] = []): void {
  if (mode === "quarantine") judgement.outcome = "quarantined";
  // Kept aside outranks gone.
  if (mode === "block" && judgement.outcome === "kept") judgement.outcome = "blocked";
  if (mode !== "omit_property") return;
  // What is missing cannot be left out, and of a section as a whole nothing would remain.
  const paths = violations
    .filter(({ path, value }) => value !== undefined && path.includes("."))
    .map(({ path }) => path);
  if (paths.length === 0) return;
  const before = judgement.event;
  const tree = pathTree(paths.map((path) => [path, true] as const));
  judgement.event = changeAt(before, tree, () => GONE);
  if (judgement.event !== before) judgement.omitted = [...judgement.omitted, ...paths];
}

function compileRule(rule: PlanRule, plan: TrackingPlan): CompiledRule {
  const unplannedMode = rule.unplanned_properties ?? plan.unplanned_properties;
  return {
    mode: rule.mode ?? plan.mode,
    unplannedMode,
    sections: SECTIONS.flatMap((name) => {
      const schema: JsonSchema | undefined = rule[name];
      if (schema === undefined) return [];
      // Of a context much is ours, and a schema that names no properties plans none.
      const plans = unplannedMode !== "allow" && name !== "context" && isRecord(schema) && isRecord(schema.properties);
      return [{ name, schema: compileSchema(schema), isPlanned: plans ? isPlanned(schema) : undefined }];
    }),
  };
}

function valueAt(fields: unknown, path: string): unknown {
  let held = fields;
  for (const part of path.split(".")) {
    if (typeof held !== "object" || held === null) return undefined;
    held = (held as Record<string, unknown>)[part];
  }
  return held;
}
