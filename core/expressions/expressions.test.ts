import { describe, expect, it } from "vitest";
import { anEvent } from "../../test/an-event.ts";
import { compileCel } from "./cel.ts";
import { celCondition } from "./compiled.ts";
import { compileJsonata } from "./jsonata.ts";

const event = anEvent({
  event: "Order Completed",
  properties: { value: 120, list: [1, 2, { a: 1 }], name: "Blue hat", none: null, price: 19.5 },
});

function cel(source: string, scope: Record<string, unknown> = { event, source_id: "src_1" }) {
  const compiled = compileCel(source);
  if (!compiled.ok) throw new Error(`${compiled.problem.at}: ${compiled.problem.message}`);
  return compiled.expression.evaluate(scope);
}

async function jsonata(source: string, input: unknown = event) {
  const compiled = compileJsonata(source);
  if (!compiled.ok) throw new Error(`${compiled.problem.at}: ${compiled.problem.message}`);
  return compiled.expression.evaluate(input);
}

describe("CEL", () => {
  it.each<[string, unknown]>([
    ['event.type == "track" && event.properties.value > 100', true],
    ["event.properties.value * 2", 240],
    ["2 + event.properties.price", 21.5],
    ["-event.properties.value + 1", -119],
    ['re(event.properties.name, "(?i)^blue")', true],
    ['event.properties.name.contains("hat")', true],
    ["event.properties.list.exists(x, x == 2)", true],
    ["event.properties.list.filter(x, x == 1 || x == 2).map(x, x * 10)", [10, 20]],
    ["has(event.properties.missing)", false],
    ["event.properties.list.exists(x, has(event.properties.missing))", false],
    ['event.properties.?missing.orValue("none")', "none"],
    ["event.properties.none == null", true],
    ['event.properties.value > 100 ? "large" : "small"', "large"],
    ['{"a": [1, event.properties.value]}', { a: [1, 120] }],
    ['"a" + "b" + event.properties.name', "abBlue hat"],
    ['source_id in ["src_1", "src_2"]', true],
    ["event.properties.list[2].a", 1],
    ["timestamp(event.timestamp).getFullYear() == 2026", true],
    ["(1 + 2) * 3 - 4 % 3", 8],
    ["!(event.properties.value < 100)", true],
  ])("%s is %j", (source, value) => {
    expect(cel(source)).toEqual({ ok: true, value });
  });

  it("says of a key that is not there that it is missing", () => {
    expect(cel("event.properties.nothing > 1")).toMatchObject({ ok: false, is_missing: true });
    expect(cel('event.properties.value + "x"')).toMatchObject({ ok: false, is_missing: false });
  });

  it("compiles the same text once", () => {
    expect(celCondition("event.type == 'page'")).toBe(celCondition("event.type == 'page'"));
  });
});

describe("JSONata", () => {
  it.each<[string, unknown]>([
    ['{"name": event, "value": properties.value}', { name: "Order Completed", value: 120 }],
    ["properties.list[a=1]", { a: 1 }],
    ["$match(properties.name, /h(.)t/i).groups", ["a"]],
    ['$replace(properties.name, /[aeiou]/, "_")', "Bl__ h_t"],
    ["$split(properties.name, /\\s/)", ["Blue", "hat"]],
    ['$pad("a", -3, "#") & $pad("b", 2)', "##ab "],
    ["$distinct([1, 2, 1, {'a': 1}, {'a': 1}])", [1, 2, { a: 1 }]],
    ["$sum([1..10])", 55],
    ["$toMillis('2026-11-20T10:00:00.000Z')", 1795168800000],
    ["properties.missing", undefined],
    ["($f := function($n) { $n <= 1 ? 1 : $n * $f($n - 1) }; $f(10))", 3628800],
  ])("%s is %j", async (source, value) => {
    expect(await jsonata(source)).toEqual({ ok: true, value });
  });

  it("keeps evaluations that run side by side apart", async () => {
    const compiled = compileJsonata("$sum([1..n])");
    if (!compiled.ok) throw new Error("does not compile");
    const sums = await Promise.all([10, 2_000, 20].map((n) => compiled.expression.evaluate({ n })));
    expect(sums).toEqual([
      { ok: true, value: 55 },
      { ok: false, problem: { code: "too_large", message: expect.any(String) } },
      { ok: true, value: 210 },
    ]);
  });
});

describe("the place of a mistake", () => {
  it.each<[typeof compileCel | typeof compileJsonata, string, number, string]>([
    [compileCel, "event.type == ", 14, "syntax"],
    [compileCel, "1 == 1 && nobody.x == 1", 10, "wrong_type"],
    [compileCel, 'true && event.event.matches("a")', 8, "not_allowed"],
    [compileJsonata, "properties.(name", 15, "syntax"],
    [compileJsonata, "1 + $eval('1')", 4, "not_allowed"],
  ])("%o %s: at %i", (compile, source, at, code) => {
    expect(compile(source)).toMatchObject({ ok: false, problem: { code, at } });
  });

  it("a condition that is no condition", () => {
    expect(compileCel("1 + 1", { is_condition: true })).toMatchObject({ ok: false, problem: { code: "wrong_type" } });
  });
});
