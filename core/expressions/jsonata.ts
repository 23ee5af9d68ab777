/**
 * Reshaping in JSONata (https://docs.jsonata.org), which is a whole language: it recurses, allocates and repeats. What cannot be bounded
 * is refused when an expression is saved; the rest pays for each step and each value of its evaluation, and ends when the budget does.
 * What is not the same every time (`$now`, `$random`) is refused too: an event that is worked on twice must come out the same.
 */
import jsonata from "jsonata";
import {
  Budget,
  type Compiled,
  type Evaluated,
  EXPRESSION_LIMITS,
  Exceeded,
  type ExpressionProblem,
  weigh,
} from "./budget.ts";
import { linearRegex, regexEngine } from "./linear-regex.ts";

export interface JsonataExpression {
  /** The result as plain JSON; undefined where there is none. Never throws, never rejects. */
  evaluate(input: unknown): Promise<Evaluated<unknown>>;
}

const REFUSED: Record<string, string> = {
  eval: "would run what was never checked",
  now: "is another each time",
  millis: "is another each time",
  random: "is another each time",
  shuffle: "is another each time",
  parseInteger: "cannot be bounded: use $number",
};

/** A step of an evaluation takes about so many microseconds. */
const STEP_UNITS = 10;
const ENTRY = Symbol.for("jsonata.__evaluate_entry") as unknown as string;
const EXIT = Symbol.for("jsonata.__evaluate_exit") as unknown as string;
/** Under this name an evaluation's own account is bound; no expression may name it. */
const ACCOUNT = "__account";

interface Account {
  budget: Budget;
  weights: WeakMap<object, number>;
}

export function compileJsonata(source: string): Compiled<JsonataExpression> {
  const { SOURCE } = EXPRESSION_LIMITS;
  if (source.length > SOURCE) return refused("too_large", 0, `longer than ${SOURCE} characters`);
  // Read anew at each evaluation: the engine that it then finds pays from that evaluation's budget.
  const options: jsonata.JsonataOptions = { stack: 100, sequence: EXPRESSION_LIMITS.LIST };
  let expression: jsonata.Expression;
  try {
    expression = jsonata(source, options);
  } catch (error) {
    const { position, message } = error as jsonata.JsonataError;
    return refused("syntax", Math.max(0, (position ?? 1) - 1), message);
  }
  const problem = problemIn(expression.ast());
  if (problem) return { ok: false, problem };
  guard(expression);
  return { ok: true, expression: { evaluate: (input) => evaluate(expression, options, input) } };
}

async function evaluate(
  expression: jsonata.Expression,
  options: jsonata.JsonataOptions,
  input: unknown,
): Promise<Evaluated<unknown>> {
  const account: Account = { budget: new Budget(), weights: new WeakMap() };
  try {
    options.RegexEngine = regexEngine(account.budget);
    const result = await expression.evaluate(input, { [ACCOUNT]: account });
    weigh(result, account.weights);
    const json = JSON.stringify(result);
    return { ok: true, value: json === undefined ? undefined : JSON.parse(json) };
  } catch (error) {
    return { ok: false, problem: problemOf(error) };
  }
}

function problemOf(error: unknown): ExpressionProblem {
  if (error instanceof Exceeded) return { code: error.code, message: error.message };
  const { code, message } = error as jsonata.JsonataError;
  // D1011 and D2014, D2015: the stack and the sequences have limits of their own.
  if (code === "D1011") return { code: "budget", message: "it calls itself without end" };
  if (code === "D2014" || code === "D2015")
    return { code: "too_large", message: `a list of more than ${EXPRESSION_LIMITS.LIST} elements` };
  return { code: "failed", message: `${message ?? String(error)}`.split("\n")[0]! };
}

/** Lets an evaluation pay for each of its steps, and replaces what allocates before anybody could look. */
function guard(expression: jsonata.Expression): void {
  const accountOf = (environment: jsonata.Environment) => environment.lookup(ACCOUNT) as Account;
  expression.assign(ENTRY, (_expr: unknown, _input: unknown, environment: jsonata.Environment) => {
    accountOf(environment).budget.spend(STEP_UNITS);
  });
  expression.assign(
    EXIT,
    ({ type }: { type: string }, _input: unknown, environment: jsonata.Environment, result: unknown) => {
      // A function holds all that it can see. Told by where it was made: what it looks like anybody could imitate.
      if ((type === "lambda" || type === "partial") && result) accountOf(environment).weights.set(result as object, 1);
      // What a function is given was a result before: so it is paid for here.
      if (typeof result === "string") {
        const { budget, weights } = accountOf(environment);
        weigh(result, weights);
        budget.spend(result.length >> 5);
      } else if (typeof result === "object" && result !== null) {
        const { budget, weights } = accountOf(environment);
        budget.spend(weigh(result, weights) >> 2);
      }
    },
  );
  expression.registerFunction(
    "pad",
    (text: string | undefined, width: number, char = " ") => {
      if (text === undefined) return undefined;
      if (Math.abs(width) > EXPRESSION_LIMITS.STRING) throw new Exceeded("too_large", `$pad to ${width} characters`);
      return width < 0 ? text.padStart(-width, char) : text.padEnd(width, char);
    },
    "<s-ns?:s>",
  );
  expression.registerFunction(
    "distinct",
    function (values: unknown) {
      if (!Array.isArray(values) || values.length <= 1) return values;
      // JSONata compares each with each: by what JSON says of them it takes one walk.
      const { budget, weights } = accountOf(this.environment);
      budget.spend(weigh(values, weights));
      const seen = new Set<string>();
      return values.filter((value) => {
        const json = JSON.stringify(value) ?? "";
        return !seen.has(json) && seen.add(json);
      });
    },
    "<x:x>",
  );
  // A picture becomes a regular expression of JavaScript's, which `[Y][Y][Y]…` makes exponential.
  expression.registerFunction(
    "toMillis",
    (text: string | undefined) => {
      const at = text === undefined ? Number.NaN : Date.parse(text);
      return Number.isNaN(at) ? undefined : at;
    },
    "<s-:n>",
  );
}

/** The first thing in the expression that is refused. */
function problemIn(node: unknown): (ExpressionProblem & { at: number }) | undefined {
  const waiting: unknown[] = [node];
  const seen = new Set<unknown>();
  while (waiting.length) {
    const one = waiting.pop();
    if (typeof one !== "object" || one === null || one instanceof RegExp || seen.has(one)) continue;
    seen.add(one);
    const { type, value, position = 1 } = one as { type?: string; value?: unknown; position?: number };
    // Their positions are those of a token's end.
    const at = Math.max(0, position - 1 - (typeof value === "string" ? value.length : 0));
    if (type === "variable" && typeof value === "string") {
      if (Object.hasOwn(REFUSED, value)) return { code: "not_allowed", at, message: `$${value} ${REFUSED[value]}` };
      if (value.startsWith("__")) return { code: "not_allowed", at, message: `$${value} is not for expressions` };
    }
    if (type === "regex") {
      const regex = linearRegex(value as RegExp);
      if (typeof regex === "string") return { code: "not_allowed", at, message: regex };
    }
    waiting.push(...Object.values(one));
  }
  return undefined;
}

const refused = (code: (ExpressionProblem & { at: number })["code"], at: number, message: string) =>
  ({ ok: false, problem: { code, at, message } }) as { ok: false; problem: ExpressionProblem & { at: number } };
