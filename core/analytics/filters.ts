/** Filters over columns: each condition is tried once for every text of a dictionary, and then it is a look into a list. */
import { RE2JS } from "re2js";
import type { Condition, Filter } from "./query.ts";
import { type Dictionaries, PAGE, type SessionColumns } from "./session-columns.ts";

export interface Passes {
  /** Whether session i of the block passes. A page or event: whether the session has one (for `is_not`: has none) like that. */
  in(block: SessionColumns): (i: number) => boolean;
}

/** Throws where an expression is none; `regexProblem` tells beforehand. */
export function passesOf(filter: Filter, dictionaries: Dictionaries): Passes {
  if ("and" in filter || "or" in filter) {
    const isAnd = "and" in filter;
    const parts = (isAnd ? filter.and : filter.or).map((part) => passesOf(part, dictionaries));
    return {
      in(block) {
        const inBlock = parts.map((part) => part.in(block));
        return isAnd ? (i) => inBlock.every((part) => part(i)) : (i) => inBlock.some((part) => part(i));
      },
    };
  }
  const { dimension } = filter;
  const isNegative = filter.operator === "is_not";
  const wanted = testOf(filter);
  if (dimension === "page" || dimension === "event") {
    const fits = dictionaries[dimension === "page" ? "pages" : "events"].values.map(wanted);
    return {
      in:
        ({ firstStep, stepKind, stepName }) =>
        (i) => {
          for (let step = firstStep[i]!; step < firstStep[i + 1]!; step++)
            if ((stepKind[step] === PAGE) === (dimension === "page") && fits[stepName[step]!]) return !isNegative;
          return isNegative;
        },
    };
  }
  const fits = Uint8Array.from(dictionaries.dimensions[dimension].values, (text) =>
    Number(wanted(text) !== isNegative),
  );
  return {
    in(block) {
      const codes = block.dimensions[dimension];
      return (i) => fits[codes[i]!] === 1;
    },
  };
}

function testOf({ operator, values }: Condition): (text: string) => boolean {
  if (operator === "contains") {
    const parts = values.map((part) => part.toLowerCase());
    return (text) => parts.some((part) => text.toLowerCase().includes(part));
  }
  if (operator === "matches") {
    const expressions = values.map((expression) => RE2JS.compile(expression));
    return (text) => expressions.some((expression) => expression.matcher(text).find());
  }
  const all = new Set(values);
  return (text) => all.has(text);
}

/** What is wrong with the filter's expressions, if anything is. */
export function regexProblem(filter: Filter): string | undefined {
  if ("and" in filter || "or" in filter)
    return ("and" in filter ? filter.and : filter.or).map(regexProblem).find((problem) => problem !== undefined);
  if (filter.operator !== "matches") return undefined;
  for (const expression of filter.values) {
    try {
      RE2JS.compile(expression);
    } catch (error) {
      return `${JSON.stringify(expression)} is no RE2 expression: ${error instanceof Error ? error.message : error}`;
    }
  }
  return undefined;
}
