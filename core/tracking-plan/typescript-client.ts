/**
 * TypeScript of a tracking plan: one interface for each event's properties, one function to send it. What is written depends on nothing
 * but the plan, and compiles under `strict` with no import.
 */
import type { JsonSchema } from "../json-schema.ts";
import type { TrackingPlan } from "../org-data-layer/tracking-plan.ts";
import { isRecord } from "../values.ts";

type Plan = Pick<TrackingPlan, "events"> & Partial<TrackingPlan>;

/** The source of a module that exports `typedClient(client)`; `client` is anything with Segment's `track`, `identify`, `group` and `page`. */
export function typescriptClient(plan: Plan): string {
  const names = new Names();
  const interfaces: string[] = [];
  const methods: string[] = [];
  const declare = (
    name: string,
    schema: JsonSchema | undefined,
    about: string | undefined,
  ): { type: string; isOptional: boolean } => {
    const type = names.typeName(name);
    const root = schema ?? true;
    const body = typeOf(root, root, 0);
    interfaces.push(`${comment(about, "")}export type ${type} = ${body === "unknown" ? "Fields" : body};`);
    const required = isRecord(root) && Array.isArray(root.required) ? root.required : [];
    return { type, isOptional: required.length === 0 };
  };
  for (const [event, { properties, description }] of Object.entries(plan.events).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { type, isOptional } = declare(event, properties, description);
    const method = names.methodName(event);
    methods.push(
      `${comment(description ?? event, "    ")}    ${method}: (properties${isOptional ? "?" : ""}: ${type}) => client.track(${JSON.stringify(event)}, properties),`,
    );
  }
  for (const type of ["identify", "group"] as const) {
    const rule = plan[type];
    if (!rule) continue;
    const { type: traits } = declare(
      type === "identify" ? "User Traits" : "Group Traits",
      rule.traits,
      rule.description,
    );
    methods.push(`    ${names.methodName(type)}: (id: string, traits?: ${traits}) => client.${type}(id, traits),`);
  }
  if (plan.page) {
    const { type } = declare("Page Properties", plan.page.properties, plan.page.description);
    methods.push(
      `    ${names.methodName("page")}: (name?: string, properties?: ${type}) => client.page(name, properties),`,
    );
  }
  return `${HEAD}\n${interfaces.join("\n\n")}\n${interfaces.length ? "\n" : ""}${TAIL_BEGINS}\n${methods.join("\n")}\n  };\n}\n`;
}

const HEAD = `// Made from a tracking plan by \`npm run codegen\`. Change the plan, not this file.

type Fields = Record<string, unknown>;

/** What sends: the browser script, Segment's libraries, or your own. */
export interface Client {
  track(event: string, properties?: object): unknown;
  identify(id: string, traits?: object): unknown;
  group(id: string, traits?: object): unknown;
  page(name?: string, properties?: object): unknown;
}
`;

const TAIL_BEGINS = `export function typedClient(client: Client) {
  return {`;

/** A type that every value of the schema has. What a type cannot say (patterns, bounds) is left to the plan. */
function typeOf(schema: unknown, root: JsonSchema, level: number): string {
  if (!isRecord(schema) || level > 16) return schema === false ? "never" : "unknown";
  if (Array.isArray(schema.enum)) return union(schema.enum.map(literal));
  if ("const" in schema) return literal(schema.const);
  if (typeof schema.$ref === "string") return typeOf(resolve(schema.$ref, root), root, level + 4);
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(alternatives))
    return union(
      alternatives.map((one) => typeOf({ ...without(schema), ...(isRecord(one) ? one : {}) }, root, level + 1)),
    );
  const types =
    schema.type === undefined
      ? isRecord(schema.properties)
        ? ["object"]
        : schema.items
          ? ["array"]
          : []
      : [schema.type].flat();
  if (types.length === 0) return "unknown";
  return union(types.map((type) => ofType(type, schema, root, level)));
}

function ofType(type: unknown, schema: Record<string, unknown>, root: JsonSchema, level: number): string {
  switch (type) {
    case "string":
    case "boolean":
    case "null":
      return type;
    case "number":
    case "integer":
      return "number";
    case "array":
      return `Array<${typeOf(schema.items ?? true, root, level + 1)}>`;
    case "object":
      return ofFields(schema, root, level);
    default:
      return "unknown";
  }
}

function ofFields(schema: Record<string, unknown>, root: JsonSchema, level: number): string {
  const fields = isRecord(schema.properties) ? Object.entries(schema.properties) : [];
  const isClosed = schema.additionalProperties === false;
  if (fields.length === 0) return isClosed ? "Record<string, never>" : "Fields";
  const required = new Set(Array.isArray(schema.required) ? schema.required : []);
  const indent = "  ".repeat(level + 1);
  const lines = fields.map(([name, field]) => {
    const about = isRecord(field) && typeof field.description === "string" ? comment(field.description, indent) : "";
    return `${about}${indent}${key(name)}${required.has(name) ? "" : "?"}: ${typeOf(field, root, level + 1)};`;
  });
  // Of a closed schema a misspelt property is an error; an open one takes anything beside.
  if (!isClosed) lines.push(`${indent}[other: string]: unknown;`);
  return `{\n${lines.join("\n")}\n${"  ".repeat(level)}}`;
}

function without({ anyOf: _, oneOf: __, ...rest }: Record<string, unknown>) {
  return rest;
}

function resolve(reference: string, root: JsonSchema): unknown {
  let target: unknown = root;
  for (const part of reference.slice(2).split("/").filter(Boolean))
    target = isRecord(target) ? target[part.replaceAll("~1", "/").replaceAll("~0", "~")] : undefined;
  return target ?? true;
}

const union = (types: string[]) => {
  const all = [...new Set(types)];
  return all.includes("unknown") ? "unknown" : all.join(" | ") || "never";
};

const literal = (value: unknown) => (typeof value === "object" && value !== null ? "unknown" : JSON.stringify(value));
const key = (name: string) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));
/** A plan comes from people: what would end the comment must not. */
const comment = (text: string | undefined, indent: string) =>
  text ? `${indent}/** ${text.replaceAll("*/", "*\\/").replace(/\s+/g, " ").trim()} */\n` : "";

/** Names for what customers call as they like: unique, and words that TypeScript takes. */
class Names {
  readonly #taken = new Set(["Client", "Fields"]);

  typeName(name: string): string {
    return this.#unique(this.#words(name).map(capital).join("") || "Event");
  }

  methodName(name: string): string {
    const [first = "event", ...rest] = this.#words(name);
    return this.#unique(first.toLowerCase() + rest.map(capital).join(""));
  }

  #words(name: string): string[] {
    const words = name
      .normalize("NFKD")
      .split(/[^A-Za-z0-9]+/)
      .filter(Boolean);
    return words[0] && /^\d/.test(words[0]) ? ["event", ...words] : words;
  }

  #unique(name: string): string {
    let unique = name;
    for (let n = 2; this.#taken.has(unique); n++) unique = `${name}${n}`;
    this.#taken.add(unique);
    return unique;
  }
}

const capital = (word: string) => word.slice(0, 1).toUpperCase() + word.slice(1);
