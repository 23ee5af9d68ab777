/**
 * JSON Schema 2020-12 (https://json-schema.org/draft/2020-12), the part that tracking plans need, compiled to closures: no code is
 * generated, and a schema cannot loop, reach out or blow up. `$ref` leads within the schema only, patterns take linear time, and what
 * is not known is refused rather than ignored. A valid value costs no allocation: only of an invalid one are the places told.
 */
import { RE2JS } from "re2js";
import { isRecord } from "./values.ts";

export type JsonSchema = boolean | { [keyword: string]: unknown };

export interface SchemaViolation {
  /** Dotted, within the value: `products.0.price`; empty for the value itself. */
  path: string;
  keyword: string;
}

export interface SchemaFault {
  path: string[];
  message: string;
}
class Fault extends Error {
  readonly path: string[];
  constructor(path: string[], message: string) {
    super(message);
    this.path = path;
  }
}

/** Whether it holds. With `out` it goes on after the first thing that does not, and writes down each. */
type Check = (value: unknown, out: SchemaViolation[] | null, path: string) => boolean;

export interface CompiledSchema {
  isValid(value: unknown): boolean;
  violations(value: unknown): SchemaViolation[];
}

/** Subschemas that one place of a value may have to be held against, references followed. */
const MOST_CHECKS = 5_000;
const MOST_LEVELS = 64;

/** Throws where `schemaFault` finds something. */
export function compileSchema(schema: JsonSchema): CompiledSchema {
  const { check } = new Compiler(schema).compile(schema, [], new Set());
  return {
    isValid: (value) => check(value, null, ""),
    violations: (value) => {
      const found: SchemaViolation[] = [];
      check(value, found, "");
      return found;
    },
  };
}

/** What is wrong with a schema, and where; undefined for a good one. Never throws. */
export function schemaFault(schema: unknown): SchemaFault | undefined {
  try {
    new Compiler(schema).compile(schema, [], new Set());
    return undefined;
  } catch (error) {
    if (error instanceof Fault) return { path: error.path, message: error.message };
    throw error;
  }
}
export const isSchemaFault = (fault: SchemaFault | undefined): fault is SchemaFault => fault !== undefined;

const ANNOTATIONS = new Set(
  `title description default examples deprecated readOnly writeOnly $schema $id $comment $defs definitions labels contentEncoding
  contentMediaType`.split(/\s+/),
);

interface Compiled {
  check: Check;
  cost: number;
}
const ALWAYS: Compiled = { check: () => true, cost: 0 };

class Compiler {
  readonly #root: unknown;
  /** Null while it is being compiled. */
  readonly #references = new Map<string, Compiled | null>();

  constructor(root: unknown) {
    this.#root = root;
  }

  /** `inPlace`: the references followed to here without a step down into the value. */
  compile(schema: unknown, at: string[], inPlace: Set<string>): Compiled {
    if (schema === true) return ALWAYS;
    if (schema === false) return { check: (_, out, path) => report(out, path, "false"), cost: 1 };
    if (!isRecord(schema)) throw new Fault(at, "a schema is an object, true or false");
    if (at.length > MOST_LEVELS) throw new Fault(at, `a schema nests at most ${MOST_LEVELS} levels`);
    const checks: Check[] = [];
    let cost = 1;
    const sub = (inner: unknown, ...where: string[]): Check => {
      const compiled = this.compile(inner, [...at, ...where], inPlace);
      cost += compiled.cost;
      return compiled.check;
    };
    const below = (inner: unknown, ...where: string[]): Check => {
      const compiled = this.compile(inner, [...at, ...where], new Set());
      cost += compiled.cost;
      return compiled.check;
    };
    for (const [keyword, given] of Object.entries(schema)) {
      if (ANNOTATIONS.has(keyword) || given === undefined) continue;
      if (keyword === "$ref") {
        const compiled = this.#reference(given, [...at, keyword], inPlace);
        cost += compiled.cost;
        checks.push(compiled.check);
        continue;
      }
      // These stand beside another keyword and are read with it.
      if (keyword === "then" || keyword === "else") continue;
      const make = KEYWORDS[keyword];
      if (!make) throw new Fault([...at, keyword], `the keyword ${keyword} is not supported`);
      checks.push(make(given, { schema, at: [...at, keyword], sub, below }));
    }
    if (cost > MOST_CHECKS) throw new Fault(at, `more than ${MOST_CHECKS} subschemas, references followed`);
    if (checks.length === 0) return ALWAYS;
    if (checks.length === 1) return { check: checks[0]!, cost };
    return {
      check: (value, out, path) => {
        let isValid = true;
        for (const check of checks) {
          if (check(value, out, path)) continue;
          isValid = false;
          if (out === null) break;
        }
        return isValid;
      },
      cost,
    };
  }

  #reference(given: unknown, at: string[], inPlace: Set<string>): Compiled {
    if (typeof given !== "string" || !/^#(\/|$)/.test(given))
      throw new Fault(at, "a reference leads within the schema: #, #/$defs/name");
    if (inPlace.has(given)) throw new Fault(at, `${given} refers to itself`);
    const known = this.#references.get(given);
    if (known) return known;
    // On the way down it comes back to itself, as a tree does.
    if (known === null)
      return { check: (value, out, path) => this.#references.get(given)!.check(value, out, path), cost: 1 };
    let target = this.#root;
    for (const part of given.slice(2).split("/").filter(Boolean)) {
      const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
      target =
        (isRecord(target) || Array.isArray(target)) && Object.hasOwn(target, name)
          ? (target as Record<string, unknown>)[name]
          : undefined;
    }
    if (target === undefined) throw new Fault(at, `there is no ${given}`);
    this.#references.set(given, null);
    const compiled = this.compile(target, at, new Set([...inPlace, given]));
    this.#references.set(given, compiled);
    return compiled;
  }
}

interface Surroundings {
  /** What the keyword stands in. */
  schema: Record<string, unknown>;
  at: string[];
  /** Compiles a subschema for the same place in the value, or for a place below it. */
  sub(inner: unknown, ...where: string[]): Check;
  below(inner: unknown, ...where: string[]): Check;
}

function report(out: SchemaViolation[] | null, path: string, keyword: string): false {
  out?.push({ path, keyword });
  return false;
}

/** A keyword about values of one type: it says nothing of others. */
function about<T>(keyword: string, isIt: (value: unknown) => value is T, holds: (value: T) => boolean): Check {
  return (value, out, path) => !isIt(value) || holds(value) || report(out, path, keyword);
}

const isNumber = (value: unknown): value is number => typeof value === "number";
const isText = (value: unknown): value is string => typeof value === "string";
const isList = (value: unknown): value is unknown[] => Array.isArray(value);

const TYPE_TESTS: Record<string, (value: unknown) => boolean> = {
  string: isText,
  number: isNumber,
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === "boolean",
  null: (value) => value === null,
  array: isList,
  object: isRecord,
};

const child = (path: string, key: string | number) => (path === "" ? `${key}` : `${path}.${key}`);

const KEYWORDS: Record<string, (given: unknown, around: Surroundings) => Check> = {
  type(given, { at }) {
    const names = Array.isArray(given) ? given : [given];
    const tests = names.map((name) => {
      const test = typeof name === "string" && Object.hasOwn(TYPE_TESTS, name) ? TYPE_TESTS[name] : undefined;
      if (!test) throw new Fault(at, `a type is one of ${Object.keys(TYPE_TESTS).join(", ")}`);
      return test;
    });
    const [only] = tests;
    if (tests.length === 1) return (value, out, path) => only!(value) || report(out, path, "type");
    return (value, out, path) => tests.some((test) => test(value)) || report(out, path, "type");
  },
  enum(given, { at }) {
    if (!isList(given)) throw new Fault(at, "enum is a list");
    const scalars = new Set(given.filter((one) => typeof one !== "object" || one === null));
    const others = given.filter((one) => typeof one === "object" && one !== null).map(canonical);
    return (value, out, path) =>
      scalars.has(value) ||
      (typeof value === "object" && others.length > 0 && others.includes(canonical(value))) ||
      report(out, path, "enum");
  },
  const(given) {
    const wanted = canonical(given);
    return (value, out, path) => value === given || canonical(value) === wanted || report(out, path, "const");
  },
  multipleOf: (given, { at }) => {
    const divisor = positive(given, at);
    return about("multipleOf", isNumber, (value) => {
      const times = value / divisor;
      // 0.3 is a multiple of 0.1, whatever binary fractions say.
      return Math.abs(times - Math.round(times)) < 1e-9 * Math.max(1, Math.abs(times));
    });
  },
  maximum: bound((value, limit) => value <= limit, "maximum"),
  exclusiveMaximum: bound((value, limit) => value < limit, "exclusiveMaximum"),
  minimum: bound((value, limit) => value >= limit, "minimum"),
  exclusiveMinimum: bound((value, limit) => value > limit, "exclusiveMinimum"),
  maxLength: size(isText, lengthOf, (n, most) => n <= most, "maxLength"),
  minLength: size(isText, lengthOf, (n, least) => n >= least, "minLength"),
  maxItems: size(
    isList,
    (list) => list.length,
    (n, most) => n <= most,
    "maxItems",
  ),
  minItems: size(
    isList,
    (list) => list.length,
    (n, least) => n >= least,
    "minItems",
  ),
  maxProperties: size(
    isRecord,
    (fields) => Object.keys(fields).length,
    (n, most) => n <= most,
    "maxProperties",
  ),
  minProperties: size(
    isRecord,
    (fields) => Object.keys(fields).length,
    (n, least) => n >= least,
    "minProperties",
  ),
  pattern(given, { at }) {
    const pattern = linear(given, at);
    return about("pattern", isText, (text) => pattern.matcher(text).find());
  },
  /** Asserted, where it is one of these; any other is an annotation. */
  format(given) {
    const test = typeof given === "string" && Object.hasOwn(FORMATS, given) ? FORMATS[given]! : () => true;
    return about("format", isText, test);
  },
  uniqueItems(given) {
    return given === true
      ? about("uniqueItems", isList, (list) => new Set(list.map(canonical)).size === list.length)
      : () => true;
  },
  items(given, { schema, at, below }) {
    if (isList(given)) throw new Fault(at, "a list of items is called prefixItems since 2020-12");
    const first = isList(schema.prefixItems) ? schema.prefixItems.length : 0;
    const check = below(given, "items");
    return (value, out, path) =>
      !isList(value) ||
      every(value.slice(first), (item, i) => check(item, out, out ? child(path, first + i) : path), out);
  },
  prefixItems(given, { at, below }) {
    if (!isList(given)) throw new Fault(at, "prefixItems is a list");
    const checks = given.map((one, i) => below(one, "prefixItems", String(i)));
    return (value, out, path) =>
      !isList(value) ||
      every(checks.slice(0, value.length), (check, i) => check(value[i], out, out ? child(path, i) : path), out);
  },
  required(given, { at }) {
    if (!isList(given) || !given.every(isText)) throw new Fault(at, "required is a list of names");
    return (value, out, path) =>
      !isRecord(value) ||
      every(given, (name) => value[name] !== undefined || report(out, out ? child(path, name) : path, "required"), out);
  },
  properties(given, { at, below }) {
    if (!isRecord(given)) throw new Fault(at, "properties is an object");
    const checks = Object.entries(given).map(([name, schema]) => [name, below(schema, "properties", name)] as const);
    return (value, out, path) =>
      !isRecord(value) ||
      every(
        checks,
        ([name, check]) => value[name] === undefined || check(value[name], out, out ? child(path, name) : path),
        out,
      );
  },
  patternProperties(given, { at, below }) {
    if (!isRecord(given)) throw new Fault(at, "patternProperties is an object");
    const checks = Object.entries(given).map(
      ([name, schema]) => [linear(name, at), below(schema, "patternProperties", name)] as const,
    );
    return (value, out, path) =>
      !isRecord(value) ||
      every(
        Object.keys(value),
        (key) =>
          every(
            checks,
            ([pattern, check]) => !pattern.matcher(key).find() || check(value[key], out, out ? child(path, key) : path),
            out,
          ),
        out,
      );
  },
  additionalProperties(given, { schema, at, below }) {
    const planned = isPlanned(schema, at);
    const check = below(given, "additionalProperties");
    return (value, out, path) => {
      if (!isRecord(value)) return true;
      let isValid = true;
      for (const key in value) {
        if (value[key] === undefined || planned(key)) continue;
        const here = out ? child(path, key) : path;
        if (given === false ? report(out, here, "additionalProperties") : check(value[key], out, here)) continue;
        isValid = false;
        if (out === null) break;
      }
      return isValid;
    };
  },
  propertyNames(given, { below }) {
    const check = below(given, "propertyNames");
    return (value, out, path) =>
      !isRecord(value) ||
      every(
        Object.keys(value),
        (key) => check(key, null, path) || report(out, out ? child(path, key) : path, "propertyNames"),
        out,
      );
  },
  allOf(given, { at, sub }) {
    const checks = list(given, at).map((one, i) => sub(one, "allOf", String(i)));
    return (value, out, path) => every(checks, (check) => check(value, out, path), out);
  },
  anyOf(given, { at, sub }) {
    const checks = list(given, at).map((one, i) => sub(one, "anyOf", String(i)));
    return (value, out, path) => checks.some((check) => check(value, null, path)) || report(out, path, "anyOf");
  },
  oneOf(given, { at, sub }) {
    const checks = list(given, at).map((one, i) => sub(one, "oneOf", String(i)));
    return (value, out, path) =>
      checks.filter((check) => check(value, null, path)).length === 1 || report(out, path, "oneOf");
  },
  not(given, { sub }) {
    const check = sub(given, "not");
    return (value, out, path) => !check(value, null, path) || report(out, path, "not");
  },
  if(given, { schema, sub }) {
    const condition = sub(given, "if");
    const then = schema.then === undefined ? ALWAYS.check : sub(schema.then, "then");
    const otherwise = schema.else === undefined ? ALWAYS.check : sub(schema.else, "else");
    return (value, out, path) => (condition(value, null, path) ? then : otherwise)(value, out, path);
  },
};

/** Whether `properties` or `patternProperties` of this schema name a property. */
export function isPlanned(schema: Record<string, unknown>, at: string[] = []): (name: string) => boolean {
  const names = new Set(isRecord(schema.properties) ? Object.keys(schema.properties) : []);
  const patterns = isRecord(schema.patternProperties)
    ? Object.keys(schema.patternProperties).map((name) => linear(name, at))
    : [];
  return (name) => names.has(name) || patterns.some((pattern) => pattern.matcher(name).find());
}

function every<T>(all: readonly T[], holds: (one: T, i: number) => boolean, out: SchemaViolation[] | null): boolean {
  let isValid = true;
  for (let i = 0; i < all.length; i++) {
    if (holds(all[i]!, i)) continue;
    isValid = false;
    if (out === null) return false;
  }
  return isValid;
}

function bound(holds: (value: number, limit: number) => boolean, keyword: string) {
  return (given: unknown, { at }: Surroundings): Check => {
    if (!isNumber(given)) throw new Fault(at, `${keyword} is a number`);
    return about(keyword, isNumber, (value) => holds(value, given));
  };
}

function size<T>(
  isIt: (value: unknown) => value is T,
  measure: (value: T) => number,
  holds: (n: number, limit: number) => boolean,
  keyword: string,
) {
  return (given: unknown, { at }: Surroundings): Check => {
    if (!Number.isInteger(given) || (given as number) < 0) throw new Fault(at, `${keyword} is a whole number`);
    return about(keyword, isIt, (value) => holds(measure(value), given as number));
  };
}

/** In characters, not in UTF-16 units. */
function lengthOf(text: string): number {
  let n = 0;
  for (const _ of text) n++;
  return n;
}

function positive(given: unknown, at: string[]): number {
  if (!isNumber(given) || given <= 0) throw new Fault(at, "multipleOf is a number above 0");
  return given;
}

function list(given: unknown, at: string[]): unknown[] {
  if (!isList(given) || given.length === 0) throw new Fault(at, "a list of schemas is needed");
  return given;
}

function linear(given: unknown, at: string[]): RE2JS {
  if (!isText(given) || given.length > 1_000) throw new Fault(at, "a pattern is a text of at most 1000 characters");
  try {
    return RE2JS.compile(given);
  } catch (error) {
    throw new Fault(at, `not a pattern that takes linear time: ${error instanceof Error ? error.message : error}`);
  }
}

/** JSON with its keys in order, so that equal values are equal texts. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner) =>
    isRecord(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}

/** Each in linear time. */
const FORMATS: Record<string, (text: string) => boolean> = {
  "date-time": (text) =>
    /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/.test(text) &&
    !Number.isNaN(Date.parse(text)),
  date: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && isDay(text),
  time: (text) => /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/.test(text),
  email: (text) => text.length <= 320 && /^[^\s@]{1,64}@[^\s@.]+(\.[^\s@.]+)+$/.test(text),
  uri: (text) => /^[a-z][a-z0-9+.-]*:\S+$/i.test(text),
  uuid: (text) => /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text),
  ipv4: (text) => /^((25[0-5]|2[0-4]\d|1?\d?\d)(\.|$)){4}$/.test(text) && !text.endsWith("."),
};

function isDay(text: string): boolean {
  const time = Date.parse(text);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}
