import { Environment } from "@marcbachmann/cel-js";
import fc from "fast-check";
import { expect, it } from "vitest";
import { compileCel } from "./cel.ts";

/** What an expression is rewritten to must say the same, or fail where it fails. */
const plain = new Environment({
  unlistedVariablesAreDyn: false,
  homogeneousAggregateLiterals: false,
  enableOptionalTypes: true,
}).registerVariable("event", "dyn");
const event = { a: 1, b: 2.5, t: "text", f: true, n: null, l: [1, 2, 3, 4], o: { a: 7, l: ["x", "y"] }, e: [] };

const operator = (...names: string[]) => fc.constantFrom(...names);
const { expression } = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(
      "event.a",
      "event.b",
      "event.t",
      "event.f",
      "event.n",
      "event.l",
      "event.o.a",
      'event.o["l"]',
      "event.e",
      "event.missing",
      "x",
      "1",
      "2.0",
      "-3",
      "1e3",
      '"it\'s \\"quoted\\" \\n"',
      "r'raw\\n'",
      "true",
      "null",
      "0x1F",
      "event.?q.orValue(5)",
    ),
    fc
      .tuple(
        tie("expression"),
        operator("+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "in"),
        tie("expression"),
      )
      .map(([a, o, b]) => `(${a} ${o} ${b})`),
    fc
      .tuple(
        tie("expression"),
        operator("+", "*", "-", "&&", "=="),
        tie("expression"),
        operator("+", "||", "<"),
        tie("expression"),
      )
      .map((parts) => parts.join(" ")),
    fc.tuple(tie("expression"), tie("expression"), tie("expression")).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
    fc
      .tuple(operator("all", "exists", "exists_one", "map", "filter"), tie("expression"), tie("expression"))
      .map(([macro, list, body]) => `(${list}).${macro}(x, ${body})`),
    fc.array(tie("expression"), { maxLength: 3 }).map((all) => `[${all.join(", ")}]`),
    tie("expression").map((value) => `{"k": ${value}}.k`),
    tie("expression").map((value) => `!(${value})`),
    tie("expression").map((value) => `-(${value})`),
    tie("expression").map((value) => `size(${value})`),
    tie("expression").map((value) => `string(${value})`),
    tie("expression").map((value) => `(${value}).startsWith("t")`),
    fc.constantFrom("has(event.a)", "has(event.o.q)", "has(event.o.a)"),
  ),
}));

function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify({ value }, (_, held) => (typeof held === "bigint" ? Number(held) : held)));
}

it("says the same as the expression that was written", () => {
  let compared = 0;
  fc.assert(
    fc.property(expression, (source) => {
      let before: { valid: boolean; value?: unknown; failed?: boolean };
      try {
        const parsed = plain.parse(source);
        before = { valid: parsed.check().valid };
        try {
          before.value = parsed({ event });
        } catch {
          before.failed = true;
        }
      } catch {
        return;
      }
      const compiled = compileCel(source);
      // Ours knows more operators (double * int), and refuses what nests too deep.
      if (!compiled.ok || !before.valid || before.failed) return;
      const after = compiled.expression.evaluate({ event, source_id: "s", payload: {} });
      expect(after.ok && asJson(after.value)).toEqual(asJson(before.value));
      compared++;
    }),
    { numRuns: 3_000, seed: 20_261_125 },
  );
  expect(compared).toBeGreaterThan(300);
});
