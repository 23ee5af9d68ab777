/**
 * What one evaluation of a customer's expression may use. Counted in units of about a microsecond on a small machine, by what is done and
 * never by a clock: `Date.now()` stands still while a Worker computes. The same expression over the same event always ends at the same place.
 */

export const EXPRESSION_LIMITS = {
  /** UTF-16 units of an expression's text. */
  SOURCE: 8_192,
  /** Of one evaluation. */
  UNITS: 50_000,
  /** Of any string that an expression makes or reads; an event as a whole is smaller. */
  STRING: 65_536,
  /** Of any list. */
  LIST: 1_000,
  /** Values in a result, counted as JSON would write them: an object that stands in it twice counts twice. */
  NODES: 20_000,
  LEVELS: 32,
  /** Of a regular expression: its text, its compiled program, and what it may be matched against. */
  PATTERN: 512,
  PROGRAM: 1_000,
  MATCHED: 2_048,
} as const;

export type ExpressionProblem =
  /** Refused when saved. `at` counts UTF-16 units from the expression's beginning. */
  | { code: "syntax" | "not_allowed" | "too_large" | "wrong_type"; at: number; message: string }
  /** Stopped, or failed, over one event. */
  | { code: "budget" | "too_large" | "failed"; message: string };

export type Compiled<T> = { ok: true; expression: T } | { ok: false; problem: ExpressionProblem & { at: number } };
export type Evaluated<T> = { ok: true; value: T } | { ok: false; problem: ExpressionProblem };

/** Thrown inside an evaluation to end it; the evaluators turn it into a problem. */
export class Exceeded extends Error {
  readonly code: "budget" | "too_large";

  constructor(code: "budget" | "too_large", message: string) {
    super(message);
    this.code = code;
  }
}

export class Budget {
  #left: number = EXPRESSION_LIMITS.UNITS;

  spend(units: number): void {
    this.#left -= units;
    if (this.#left < 0) throw new Exceeded("budget", `it took more than ${EXPRESSION_LIMITS.UNITS} units of work`);
  }

  get left(): number {
    return this.#left;
  }
}

/**
 * How many values JSON would write for this one, remembered by object so that what grows step by step is not counted from the beginning
 * each time. Throws `too_large`. A cycle cannot come about: neither language changes a value after making it.
 */
export function weigh(
  value: unknown,
  known: WeakMap<object, number>,
  levels: number = 4 * EXPRESSION_LIMITS.LEVELS,
): number {
  if (typeof value === "string") {
    if (value.length > EXPRESSION_LIMITS.STRING)
      throw new Exceeded("too_large", `a text of more than ${EXPRESSION_LIMITS.STRING} characters`);
    return 1;
  }
  if (typeof value !== "object" || value === null) return 1;
  const before = known.get(value);
  if (before !== undefined) return before;
  if (levels === 0) throw new Exceeded("too_large", "a value that nests too deep");
  const inside = Array.isArray(value) ? value : Object.values(value);
  let nodes = 1;
  for (const one of inside) {
    nodes += weigh(one, known, levels - 1);
    if (nodes > EXPRESSION_LIMITS.NODES)
      throw new Exceeded("too_large", `a result of more than ${EXPRESSION_LIMITS.NODES} values`);
  }
  known.set(value, nodes);
  return nodes;
}
