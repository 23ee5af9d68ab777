/**
 * Conditions in CEL (https://github.com/google/cel-spec), which always ends, but may take long about it: `l.map(x, l.map(y, …))`. So an
 * expression is checked when it is saved, and rewritten: inside the macros, and wherever values grow, it pays as it goes (`charge`).
 * Numbers of JSON are doubles here; `double * int` and its like, which CEL lacks, are defined so that `event.properties.price * 2` works.
 */
import {
  type ASTNode,
  TypeError as CelTypeError,
  Environment,
  EvaluationError,
  ParseError,
} from "@marcbachmann/cel-js";
import {
  Budget,
  type Compiled,
  type Evaluated,
  EXPRESSION_LIMITS,
  Exceeded,
  type ExpressionProblem,
  weigh,
} from "./budget.ts";
import { linearRegex, matches } from "./linear-regex.ts";

export interface CelExpression {
  /** Never throws. A key that is not there is a problem of its own: `is_missing`. */
  evaluate(scope: Record<string, unknown>): Evaluated<unknown> & { is_missing?: boolean };
}

/** What an expression may read beside what is given to it: nothing. */
export const CEL_VARIABLES = ["event", "source_id", "payload"] as const;

/** Those of a list that run an expression for each of its elements. */
const MACROS = new Set(["all", "exists", "exists_one", "map", "filter"]);
const MOST_NESTED_MACROS = 2;
const METHODS = new Set(
  `contains startsWith endsWith lowerAscii upperAscii trim indexOf lastIndexOf substring size orValue or hasValue value
  getFullYear getMonth getDate getDayOfMonth getDayOfWeek getDayOfYear getHours getMinutes getSeconds getMilliseconds`.split(
    /\s+/,
  ),
);
const OPTIONAL_METHODS = new Set(["orValue", "or", "hasValue", "value"]);
const FUNCTIONS = new Set("has size int double string bool timestamp duration type dyn re".split(" "));
/** Why a name of CEL's own is refused, and what to write instead. */
const INSTEAD: Record<string, string> = {
  matches: 'takes exponential time for some patterns: write re(text, "pattern")',
  join: "can make texts of any size",
  split: "can make lists of any size",
};

// One evaluation runs at a time, and to its end: nothing in CEL waits.
let budget = new Budget();

const environment = new Environment({
  unlistedVariablesAreDyn: false,
  homogeneousAggregateLiterals: false,
  enableOptionalTypes: true,
  limits: { maxAstNodes: 2_000, maxDepth: 64, maxListElements: 500, maxMapEntries: 50, maxCallArguments: 8 },
})
  .registerFunction("charge(dyn): dyn", (value: unknown) => charge(value))
  .registerFunction("re(string, string): bool", (text: string, pattern: string) => {
    const regex = linearRegex(pattern);
    if (typeof regex === "string") throw new Exceeded("too_large", regex);
    return matches(regex, text, budget);
  });
for (const name of CEL_VARIABLES) environment.registerVariable(name, name === "source_id" ? "string" : "dyn");
for (const [operator, apply] of Object.entries<(a: number, b: number) => number>({
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
})) {
  environment.registerOperator(`double ${operator} int`, (a: number, b: bigint) => apply(a, Number(b)));
  environment.registerOperator(`int ${operator} double`, (a: bigint, b: number) => apply(Number(a), b));
}

/** Pays for a value by its size, and refuses one that has grown too large. */
function charge<T>(value: T): T {
  if (typeof value === "string") {
    if (value.length > EXPRESSION_LIMITS.STRING)
      throw new Exceeded("too_large", `a text of more than ${EXPRESSION_LIMITS.STRING} characters`);
    budget.spend(1 + (value.length >> 8));
  } else if (Array.isArray(value)) {
    if (value.length > 5 * EXPRESSION_LIMITS.LIST)
      throw new Exceeded("too_large", `a list of more than ${5 * EXPRESSION_LIMITS.LIST} elements`);
    // What compares two lists, or looks for an element, goes through all of it.
    budget.spend(1 + (value.length >> 2));
  } else {
    budget.spend(1);
  }
  return value;
}

/** `is_condition`: the result must be able to be true or false. */
export function compileCel(source: string, { is_condition = false } = {}): Compiled<CelExpression> {
  if (source.length > EXPRESSION_LIMITS.SOURCE)
    return refused("too_large", 0, `longer than ${EXPRESSION_LIMITS.SOURCE} characters`);
  try {
    const parsed = environment.parse(source);
    const checked = parsed.check();
    if (!checked.valid) return refused("wrong_type", startOf(checked.error), summaryOf(checked.error));
    if (is_condition && checked.type !== "bool" && checked.type !== "dyn")
      return refused("wrong_type", 0, `a condition is true or false; this is of type ${checked.type}`);
    const run = environment.parse(rewrite(parsed.ast, 0));
    return { ok: true, expression: { evaluate: (scope) => evaluate(run, scope) } };
  } catch (error) {
    if (error instanceof Refusal) return refused("not_allowed", error.at, error.message);
    if (error instanceof ParseError)
      return refused(error.code.includes("limit") ? "too_large" : "syntax", startOf(error), summaryOf(error));
    return refused("syntax", 0, error instanceof Error ? error.message : String(error));
  }
}

function evaluate(
  run: (scope: Record<string, unknown>) => unknown,
  scope: Record<string, unknown>,
): ReturnType<CelExpression["evaluate"]> {
  budget = new Budget();
  try {
    const value = plain(run(scope));
    if (typeof value === "object") weigh(value, new WeakMap());
    return { ok: true, value };
  } catch (error) {
    const cause = error instanceof Exceeded ? error : error instanceof Error ? error.cause : undefined;
    if (cause instanceof Exceeded) return { ok: false, problem: { code: cause.code, message: cause.message } };
    const is_missing = error instanceof EvaluationError && error.code === "no_such_key";
    return { ok: false, problem: { code: "failed", message: summaryOf(error) }, is_missing };
  }
}

/** CEL's integers are bigints, its times dates: as JSON has them. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object" && value !== null) {
    if (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null)
      return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, plain(held)]));
    return String(value);
  }
  return value;
}

class Refusal extends Error {
  readonly at: number;

  constructor(node: ASTNode, message: string) {
    super(message);
    this.at = node.start;
  }
}

const refused = (code: (ExpressionProblem & { at: number })["code"], at: number, message: string) =>
  ({ ok: false, problem: { code, at, message } }) as { ok: false; problem: ExpressionProblem & { at: number } };

function startOf(error: unknown): number {
  return error instanceof ParseError || error instanceof CelTypeError ? (error.range?.start ?? 0) : 0;
}

function summaryOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]!;
}

/** Which operands are paid for inside a macro; literals are small. */
const PAID = new Set(["id", ".", ".?", "[]", "[?]", "rcall", "call", "list", "map", "+"]);

/** The same expression as text, with what it must pay for. `depth`: how many macros it stands in. Throws Refusal. */
function rewrite(node: ASTNode, depth: number): string {
  const { op } = node;
  const inner = (child: ASTNode) => rewrite(child, depth);
  const paid = (child: ASTNode) => (depth > 0 && PAID.has(child.op) ? `charge(${inner(child)})` : inner(child));
  switch (op) {
    case "value":
      return node.input.slice(node.start, node.end);
    case "id":
      return node.args;
    case ".":
    case ".?":
      return `${inner(node.args[0])}${op}${node.args[1]}`;
    case "[]":
    case "[?]":
      return `${inner(node.args[0])}${op === "[]" ? "[" : "[?"}${inner(node.args[1])}]`;
    case "list":
      return `[${node.args.map(inner).join(", ")}]`;
    case "map":
      return `{${node.args.map(([key, value]) => `${inner(key)}: ${inner(value)}`).join(", ")}}`;
    case "?:":
      return `(${inner(node.args[0])} ? ${inner(node.args[1])} : ${inner(node.args[2])})`;
    case "!_":
    case "-_":
      return `(${op[0]}${inner(node.args)})`;
    case "||":
    case "&&":
      return `(${inner(node.args[0])} ${op} ${inner(node.args[1])})`;
    case "+":
      return `charge(${paid(node.args[0])} + ${paid(node.args[1])})`;
    case "call":
      return rewriteCall(node, depth);
    case "rcall":
      return rewriteMethod(node, depth);
    default:
      return `(${paid(node.args[0])} ${op} ${paid(node.args[1])})`;
  }
}

function rewriteCall(node: Extract<ASTNode, { op: "call" }>, depth: number): string {
  const [name, args] = node.args;
  if (!FUNCTIONS.has(name)) throw new Refusal(node, `there is no ${name}()`);
  if (name === "re") {
    const [, pattern] = args;
    if (pattern?.op !== "value" || typeof pattern.args !== "string")
      throw new Refusal(node, "the pattern of re() must be written out, so that it can be checked");
    const regex = linearRegex(pattern.args);
    if (typeof regex === "string") throw new Refusal(pattern, regex);
  }
  // `has` wants the path itself.
  const inside = name === "has" ? 0 : depth;
  return `${name}(${args.map((arg) => rewrite(arg, inside)).join(", ")})`;
}

function rewriteMethod(node: Extract<ASTNode, { op: "rcall" }>, depth: number): string {
  const [name, receiver, args] = node.args;
  if (MACROS.has(name)) {
    if (depth >= MOST_NESTED_MACROS)
      throw new Refusal(node, `${name}() stands in ${depth} others: at most ${MOST_NESTED_MACROS} may nest`);
    const [variable, ...bodies] = args;
    const body = bodies.map((one) => `charge(${rewrite(one, depth + 1)})`);
    return `charge(${rewrite(receiver, depth)}).${name}(${[variable ? rewrite(variable, 0) : "", ...body].join(", ")})`;
  }
  if (!METHODS.has(name)) throw new Refusal(node, `.${name}() ${INSTEAD[name] ?? "is not there"}`);
  const of =
    depth > 0 && !OPTIONAL_METHODS.has(name) ? `charge(${rewrite(receiver, depth)})` : rewrite(receiver, depth);
  return `${of}.${name}(${args.map((arg) => (depth > 0 && PAID.has(arg.op) ? `charge(${rewrite(arg, depth)})` : rewrite(arg, depth))).join(", ")})`;
}
