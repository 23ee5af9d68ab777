/** How a value that is held of somebody is compared with what a segment's author wrote. */
import * as z from "zod";
import { linearRegex } from "./expressions/linear-regex.ts";
import { number } from "./values.ts";

const scalar = z.union([z.string().max(1_024), z.number(), z.boolean()]);
const text = z.string().min(1).max(1_024);

/** In RE2's syntax: linear in the text, whatever it is. */
const pattern = text.superRefine((written, context) => {
  const regex = linearRegex(written);
  if (typeof regex === "string") context.addIssue(`no usable regular expression: ${regex}`);
});

export const comparison = z.discriminatedUnion("is", [
  z.strictObject({ is: z.literal("equal"), to: scalar }),
  /** Also where there is no value at all. */
  z.strictObject({ is: z.literal("not_equal"), to: scalar }),
  z.strictObject({ is: z.literal("one_of"), to: z.array(scalar).min(1).max(1_000) }),
  z.strictObject({ is: z.literal("contains"), to: text }),
  z.strictObject({ is: z.literal("starts_with"), to: text }),
  z.strictObject({ is: z.literal("matches"), to: pattern }),
  z.strictObject({ is: z.literal("at_least"), to: z.number() }),
  z.strictObject({ is: z.literal("at_most"), to: z.number() }),
  z.strictObject({ is: z.literal("more_than"), to: z.number() }),
  z.strictObject({ is: z.literal("less_than"), to: z.number() }),
  z.strictObject({ is: z.literal("set") }),
  z.strictObject({ is: z.literal("not_set") }),
]);
export type Comparison = z.infer<typeof comparison>;

type Test = (value: unknown) => boolean;

/** Texts are compared as they are; numbers also where they were sent as text. Of a list, any of its values will do. */
export function compileComparison(written: Comparison): Test {
  switch (written.is) {
    case "equal":
      return anyOf(equalTo(written.to));
    case "not_equal": {
      const isEqual = anyOf(equalTo(written.to));
      return (value) => !isEqual(value);
    }
    case "one_of": {
      const texts = new Set(written.to.map(String));
      const tests = written.to.filter((one) => typeof one === "number").map(equalTo);
      return anyOf((value) => (isScalar(value) && texts.has(String(value))) || tests.some((test) => test(value)));
    }
    case "contains":
      return anyOf((value) => isScalar(value) && String(value).includes(written.to));
    case "starts_with":
      return anyOf((value) => isScalar(value) && String(value).startsWith(written.to));
    case "matches": {
      const found = linearRegex(written.to);
      if (typeof found === "string") throw new Error(found);
      return anyOf((value) => isScalar(value) && found.regex.matcher(String(value)).find());
    }
    case "at_least":
      return numeric((value) => value >= written.to);
    case "at_most":
      return numeric((value) => value <= written.to);
    case "more_than":
      return numeric((value) => value > written.to);
    case "less_than":
      return numeric((value) => value < written.to);
    case "set":
      return isSet;
    case "not_set":
      return (value) => !isSet(value);
  }
}

const isSet: Test = (value) => value !== undefined && value !== null;

const isScalar: Test = (value) => typeof value === "string" || typeof value === "number" || typeof value === "boolean";

function equalTo(wanted: string | number | boolean): Test {
  if (typeof wanted === "number") return (value) => number(value) === wanted;
  const asText = String(wanted);
  return (value) => isScalar(value) && String(value) === asText;
}

const anyOf =
  (test: Test): Test =>
  (value) =>
    Array.isArray(value) ? value.some(test) : test(value);

const numeric = (test: (value: number) => boolean): Test =>
  anyOf((value) => {
    const found = number(value);
    return found !== undefined && test(found);
  });
