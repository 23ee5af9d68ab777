/**
 * One step of a pipeline's stages: what it does, to which events, and what becomes of an event on which it fails. A step reads and
 * writes the event; in the custom stage it reads the event and writes the payload.
 */
import * as z from "zod";
import { jsonataExpression } from "../expressions/compiled.ts";
import { isRecord, text } from "../values.ts";
import type { Draft } from "./draft.ts";
import { type LookupTable, lookUp, tableName } from "./lookup-table.ts";
import { path, read, segmentsOf, writablePath } from "./path.ts";
import { compileCondition, compileValue, condition, jsonataSource, type Scope, value } from "./value.ts";

/** What happens to an event on which a step fails, for this integration: it goes on without the step; it is not sent; it is kept aside. */
export const POLICIES = ["skip", "drop", "quarantine"] as const;
export const policy = z.enum(POLICIES);
export type Policy = z.infer<typeof policy>;

const fieldName = z.string().min(1).max(128);
/** UTF-8 of a function's module. */
const MOST_CODE = 64_000;

/** Everything that a step can do; each does one of them. `place`: where it may write. */
const verbsOf = (place: z.ZodType<string, string>) => ({
  /** A new name, or old name → new name. */
  rename_event: z.union([z.string().min(1).max(256), z.record(z.string(), z.string().min(1).max(256))]).optional(),
  set: z.record(place, value).optional(),
  remove: z.array(place).min(1).max(100).optional(),
  /** From → to. */
  move: z.record(place, place).optional(),
  /** A list of objects made of another one: products of line items. Paths inside `fields` begin at the element. */
  list: z
    .strictObject({
      from: path,
      to: place,
      fields: z.record(fieldName, value),
      /** Also keeps what `fields` does not name. */
      keep_others: z.boolean().default(false),
    })
    .optional(),
  /** Only events for which it holds go on. */
  filter: condition.optional(),
  /** Columns of the row of an uploaded table whose key is this value. */
  lookup: z
    .strictObject({
      table: tableName,
      key: value,
      /** Where the columns are put. Absent: nothing else makes sense to everybody. */
      into: place,
      columns: z.array(z.string().min(1)).min(1).max(50).optional(),
      /** Whether an event without a row is a failure. */
      required: z.boolean().default(false),
    })
    .optional(),
  /** Of an event: an object with what is to replace its `event`, `properties`, `traits`, `context` …; in the custom stage: the payload. */
  jsonata: jsonataSource.optional(),
  /** A module whose default export is `(event, payload) => …`, with the same result; runs in a Worker of its own. */
  function: z.strictObject({ code: z.string().min(1).max(MOST_CODE) }).optional(),
});
export type Verb = keyof ReturnType<typeof verbsOf>;
export const VERBS = Object.keys(verbsOf(path)) as Verb[];

const stepOf = (place: z.ZodType<string, string>) =>
  z
    .strictObject({
      name: z.string().min(1).max(100).optional(),
      /** Events by name, in any capitals; `Product *` is all that begin so. What is not a track has its type for a name. */
      events: z.array(z.string().min(1).max(256)).min(1).max(200).optional(),
      when: condition.optional(),
      on_error: policy.optional(),
      ...verbsOf(place),
    })
    .superRefine((written, issues) => {
      const does = VERBS.filter((verb) => written[verb] !== undefined);
      if (does.length !== 1)
        issues.addIssue({
          code: "custom",
          message: `a step does one of ${VERBS.join(", ")}; this one ${does.length ? `does ${does.join(" and ")}` : "does none"}`,
        });
    });

/** Of an event. */
export const step = stepOf(writablePath);
/** Of a payload, all of which may be written to. */
export const payloadStep = stepOf(path);
export type Step = z.infer<typeof step>;

/** What happened to the event; undefined where it goes on. */
export type StepOutcome = undefined | { failed: string } | { filtered: string };

/** What a run brings along: tables by name, and functions where the account has Worker Loader. */
export interface Resources {
  tables: ReadonlyMap<string, LookupTable>;
  functions?: FunctionHost;
}

export interface FunctionHost {
  /** Runs customer code over one event. Many calls of one batch travel together. */
  call(
    code: string,
    input: { event: unknown; payload?: unknown },
  ): Promise<{ ok: true; value: unknown } | { ok: false; detail: string }>;
}

/** One event on its way through the stages. */
export interface Subject {
  event: Draft<object>;
  /** Set in the custom stage, where steps write to it. */
  payload?: Draft<object>;
  source_id: string;
  resources: Resources;
}

export interface CompiledStep {
  name: string;
  on_error: Policy;
  run(subject: Subject): StepOutcome | Promise<StepOutcome>;
}

export function compileStep(written: Step, index: number, fallback: Policy): CompiledStep {
  const verb = VERBS.find((one) => written[one] !== undefined)!;
  const act = compileVerb(written, verb);
  const isNamed = written.events && nameMatcher(written.events);
  const when = written.when === undefined ? undefined : compileCondition(written.when);
  return {
    name: written.name ?? `${index + 1}. ${verb}`,
    on_error: written.on_error ?? fallback,
    run(subject) {
      if (isNamed && !isNamed((subject.event.value as { event: string }).event)) return undefined;
      if (when) {
        const { holds, detail } = when(scopeOf(subject));
        if (detail !== undefined) return { failed: detail };
        if (!holds) return undefined;
      }
      return act(subject);
    },
  };
}

const scopeOf = (subject: Subject): Scope => ({
  event: subject.event.value,
  source_id: subject.source_id,
  payload: subject.payload?.value ?? {},
});
const target = (subject: Subject): Draft<object> => subject.payload ?? subject.event;

export function nameMatcher(names: string[]): (event: string) => boolean {
  const whole = new Set<string>();
  const beginnings: string[] = [];
  for (const name of names) {
    if (name.endsWith("*")) beginnings.push(name.slice(0, -1).toLowerCase());
    else whole.add(name.toLowerCase());
  }
  return (event) => {
    const name = event.toLowerCase();
    return whole.has(name) || beginnings.some((beginning) => name.startsWith(beginning));
  };
}

function compileVerb(written: Step, verb: Verb): CompiledStep["run"] {
  switch (verb) {
    case "rename_event":
      return rename(written.rename_event!);
    case "set":
      return set(written.set!);
    case "remove": {
      const places = written.remove!.map(segmentsOf);
      return (subject) => {
        for (const place of places) target(subject).remove(place);
        return undefined;
      };
    }
    case "move": {
      const places = Object.entries(written.move!).map(([from, to]) => [segmentsOf(from), segmentsOf(to)] as const);
      return (subject) => {
        for (const [from, to] of places) {
          const held = read(target(subject).value, from);
          if (held === undefined) continue;
          target(subject).remove(from);
          target(subject).set(to, held);
        }
        return undefined;
      };
    }
    case "list":
      return list(written.list!);
    case "filter": {
      const holds = compileCondition(written.filter!);
      return (subject) => {
        const outcome = holds(scopeOf(subject));
        if (outcome.detail !== undefined) return { failed: outcome.detail };
        return outcome.holds ? undefined : { filtered: `not ${written.filter!.slice(0, 200)}` };
      };
    }
    case "lookup":
      return lookup(written.lookup!);
    case "jsonata":
      return reshape(written.jsonata!);
    case "function": {
      const { code } = written.function!;
      return async (subject) => {
        const { functions } = subject.resources;
        if (!functions) return { failed: "this account has no Worker Loader: the function cannot run" };
        const { event, payload } = scopeOf(subject);
        const outcome = await functions.call(code, subject.payload ? { event, payload } : { event });
        return outcome.ok ? take(subject, outcome.value) : { failed: outcome.detail };
      };
    }
    default:
      return verb satisfies never;
  }
}

function rename(to: NonNullable<Step["rename_event"]>): CompiledStep["run"] {
  const table =
    typeof to === "string" ? undefined : new Map(Object.entries(to).map(([old, name]) => [old.toLowerCase(), name]));
  return ({ event }) => {
    const name = table ? table.get((event.value as { event: string }).event.toLowerCase()) : (to as string);
    if (name !== undefined) event.set(["event"], name);
    return undefined;
  };
}

function set(fields: NonNullable<Step["set"]>): CompiledStep["run"] {
  const compiled = Object.entries(fields).map(([field, from]) => ({
    field,
    segments: segmentsOf(field),
    readValue: compileValue(from),
  }));
  return (subject) => {
    const to = target(subject);
    for (const { field, segments, readValue } of compiled) {
      const got = readValue(subject.event.value, scopeOf(subject));
      if (!got.ok) return { failed: `${field}: ${got.detail}` };
      if (got.value !== undefined) to.set(segments, got.value);
    }
    return undefined;
  };
}

function list({ from, to, fields, keep_others }: NonNullable<Step["list"]>): CompiledStep["run"] {
  const source = segmentsOf(from);
  const place = segmentsOf(to);
  const compiled = Object.entries(fields).map(([field, written]) => [field, compileValue(written)] as const);
  return (subject) => {
    const held = read(subject.event.value, source);
    if (held === undefined || held === null) return undefined;
    if (!Array.isArray(held)) return { failed: `${from} is no list` };
    const made: unknown[] = [];
    for (const [i, element] of held.entries()) {
      if (!isRecord(element)) return { failed: `${from}.${i} is no object` };
      const own: Record<string, unknown> = keep_others ? { ...element } : {};
      for (const [field, readValue] of compiled) {
        const got = readValue(element, scopeOf(subject));
        if (!got.ok) return { failed: `${from}.${i}, ${field}: ${got.detail}` };
        if (got.value !== undefined) own[field] = got.value;
      }
      made.push(own);
    }
    target(subject).set(place, made);
    return undefined;
  };
}

function lookup({ table: name, key, into, columns, required }: NonNullable<Step["lookup"]>): CompiledStep["run"] {
  const keyOf = compileValue(key);
  const place = segmentsOf(into);
  return (subject) => {
    const table = subject.resources.tables.get(name);
    if (!table) return { failed: `there is no table ${name}` };
    const got = keyOf(subject.event.value, scopeOf(subject));
    if (!got.ok) return { failed: `the key for ${name}: ${got.detail}` };
    const named = text(got.value);
    const row = named === undefined ? undefined : lookUp(table, named, columns);
    if (!row) return required ? { failed: `${name} has no row ${named ?? "without a key"}` } : undefined;
    const there = read(target(subject).value, place);
    target(subject).set(place, isRecord(there) ? { ...there, ...row } : row);
    return undefined;
  };
}

function reshape(source: string): CompiledStep["run"] {
  const compiled = jsonataExpression(source);
  if (!compiled.ok) return () => ({ failed: compiled.problem.message });
  return async (subject) => {
    const { event, payload } = scopeOf(subject);
    const outcome = await compiled.expression.evaluate(subject.payload ? { event, payload } : event);
    return outcome.ok ? take(subject, outcome.value) : { failed: outcome.problem.message };
  };
}

/** Those parts of an event that a result may replace. */
const PARTS = new Set(["event", "user_id", "group_id", "properties", "traits", "context", "timestamp"]);
const KEPT_IN_CONTEXT = ["consent", "purposes", "session"];

/** Takes an expression's or function's result: the payload, or parts of the event. */
function take(subject: Subject, result: unknown): StepOutcome {
  if (!isRecord(result))
    return {
      failed: `the result is ${result === undefined ? "nothing" : JSON.stringify(result)?.slice(0, 100)}, not an object`,
    };
  if (subject.payload) {
    subject.payload.replace(result);
    return undefined;
  }
  const foreign = Object.keys(result).find((part) => !PARTS.has(part));
  if (foreign)
    return { failed: `the result holds ${foreign.slice(0, 100)}; of an event it may hold ${[...PARTS].join(", ")}` };
  for (const [part, held] of Object.entries(result)) {
    if (part !== "context") {
      subject.event.set([part], held);
    } else if (isRecord(held)) {
      const before = (subject.event.value as { context: Record<string, unknown> }).context;
      const kept = KEPT_IN_CONTEXT.flatMap((name) => (name in before ? [[name, before[name]] as const] : []));
      const { consent: _, purposes: __, session: ___, ...others } = held;
      subject.event.set(["context"], { ...others, ...Object.fromEntries(kept) });
    } else {
      return { failed: "the result's context is no object" };
    }
  }
  return undefined;
}
