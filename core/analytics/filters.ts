/** Filters over columns: each condition is tried once for every text of a dictionary, and then it is a look into a list. */
import { RE2JS } from "re2js";
import type { Condition, Filter } from "./query.ts";
import { type Dictionaries, PAGE, type SessionColumns } from "./session-columns.ts";

export interface Filtered {
  /** 1 for each session of the block that passes. A page or event: where the session has one (for `is_not`: has none) like that. */
  in(block: SessionColumns): Uint8Array;
}

/** Throws where an expression is none; `regexProblem` tells beforehand. */
export function filteredOf(filter: Filter, dictionaries: Dictionaries): Filtered {
  if ("and" in filter || "or" in filter) {
    const isAnd = "and" in filter;
    const parts = (isAnd ? filter.and : filter.or).map((part) => filteredOf(part, dictionaries));
    return {
      in(block) {
        const [all, ...others] = parts.map((part) => part.in(block));
        for (const other of others)
          for (let i = 0; i < block.count; i++) all![i] = isAnd ? all![i]! & other[i]! : all![i]! | other[i]!;
        return all!;
      },
    };
  }
  const { dimension } = filter;
  const isNegative = filter.operator === "is_not";
  const wanted = testOf(filter);
  const { values } =
    dimension === "page" || dimension === "event"
      ? dictionaries[dimension === "page" ? "pages" : "events"]
      : dictionaries.dimensions[dimension];
  const fits = Uint8Array.from(values, (text) => Number(wanted(text)));
  const negative = Number(isNegative);
  if (dimension === "page" || dimension === "event") {
    const isPage = dimension === "page";
    return {
      in({ count, firstStep, stepKind, stepName }) {
        const passes = new Uint8Array(count).fill(negative);
        for (let i = 0; i < count; i++)
          for (let step = firstStep[i]!; step < firstStep[i + 1]!; step++)
            if (fits[stepName[step]!] === 1 && (stepKind[step] === PAGE) === isPage) {
              passes[i] = 1 - negative;
              break;
            }
        return passes;
      },
    };
  }
  return {
    in({ count, dimensions }) {
      const codes = dimensions[dimension];
      const passes = new Uint8Array(count);
      for (let i = 0; i < count; i++) passes[i] = fits[codes[i]!]! ^ negative;
      return passes;
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
