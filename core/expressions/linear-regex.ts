/**
 * Regular expressions in time linear to the text (RE2's algorithm, https://github.com/google/re2/wiki/WhyRE2): JavaScript's own takes
 * minutes for `^(a+)+$` over thirty characters. No look-around and no back-references, which is what makes it linear.
 */
import { RE2JS } from "re2js";
import { type Budget, EXPRESSION_LIMITS, Exceeded } from "./budget.ts";

export interface LinearRegex {
  regex: RE2JS;
  program: number;
}

const MOST_COMPILED = 500;
const compiled = new Map<string, LinearRegex | string>();

/** The compiled pattern, or why there is none. `pattern` is in RE2's syntax, or a RegExp of JavaScript's. */
export function linearRegex(pattern: string | RegExp): LinearRegex | string {
  const key = String(pattern);
  let found = compiled.get(key);
  if (found === undefined) {
    found = compile(pattern);
    if (compiled.size >= MOST_COMPILED) compiled.clear();
    compiled.set(key, found);
  }
  return found;
}

function compile(pattern: string | RegExp): LinearRegex | string {
  const text = typeof pattern === "string" ? pattern : pattern.source;
  const { PATTERN, PROGRAM } = EXPRESSION_LIMITS;
  if (text.length > PATTERN) return `a regular expression of more than ${PATTERN} characters`;
  try {
    const regex = RE2JS.compile(typeof pattern === "string" ? pattern : withFlags(pattern));
    const program = regex.programSize();
    return program > PROGRAM ? "a regular expression that repeats too much" : { regex, program };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** RE2 takes flags inside the pattern; `g` and `y` are for the caller, and its text is always Unicode. */
function withFlags({ source, flags }: RegExp): string {
  const own = flags.replace(/[^ims]/g, "");
  return (own && `(?${own})`) + RE2JS.translateRegExp(source);
}

/** Pays for matching so much text. Throws where there is too much of it, or no budget is left. */
function pay({ program }: LinearRegex, characters: number, budget: Budget): void {
  if (characters > EXPRESSION_LIMITS.MATCHED) {
    const most = EXPRESSION_LIMITS.MATCHED;
    throw new Exceeded(
      "too_large",
      `a text of more than ${most} characters cannot be matched against a regular expression`,
    );
  }
  budget.spend(1 + Math.ceil((characters * (30 + program)) / 60));
}

export function matches(regex: LinearRegex, text: string, budget: Budget): boolean {
  pay(regex, text.length, budget);
  return regex.regex.matcher(text).find();
}

/** What JSONata asks of a RegExp, for one evaluation. */
export function regexEngine(budget: Budget): RegExpConstructor {
  class Engine {
    lastIndex = 0;
    readonly #linear: LinearRegex;

    constructor(pattern: RegExp) {
      const found = linearRegex(pattern);
      // Refused when the expression was saved; a new version of the library may think otherwise.
      if (typeof found === "string") throw new Exceeded("too_large", found);
      this.#linear = found;
    }

    exec(text: string): (Array<string | undefined> & { index: number }) | null {
      pay(this.#linear, text.length - Math.min(this.lastIndex, text.length), budget);
      const matcher = this.#linear.regex.matcher(text);
      if (this.lastIndex > text.length || !matcher.find(this.lastIndex)) return null;
      const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, i) => matcher.group(i) ?? undefined);
      this.lastIndex = matcher.end();
      return Object.assign(groups, { index: matcher.start() });
    }

    test(text: string): boolean {
      return this.exec(text) !== null;
    }
  }
  return Engine as unknown as RegExpConstructor;
}
