import { expect, it } from "vitest";
import { compileCel } from "./cel.ts";
import { compileJsonata } from "./jsonata.ts";

/** What a hostile event may hold: as much as the door lets in. */
const event = {
  event: "x",
  properties: {
    list: Array.from({ length: 900 }, (_, i) => i),
    same: Array.from({ length: 900 }, () => "a"),
    text: "a".repeat(28_000),
    short: "a".repeat(2_000),
    digits: "1".repeat(2_000),
    objects: Array.from({ length: 300 }, (_, i) => ({ a: i, b: { c: [i] } })),
  },
};
const l = "event.properties.list";
const t = "event.properties.text";
const many = (n: number, what: string, by: string) => Array.from({ length: n }, () => what).join(by);

type Language = "cel" | "jsonata";
type Stage = "saving" | "running";
const hostile: [Language, Stage, string, string][] = [
  // CEL
  ["cel", "saving", "a catastrophic pattern", `${t}.matches("^(a+)+$")`],
  ["cel", "saving", "a pattern that is made on the way", `re("aaa", ${t})`],
  ["cel", "saving", "a pattern that unrolls", 're("aaa", "((a{100}){100}){100}")'],
  ["cel", "saving", "a pattern that unrolls less", 're("aaa", "((a?){30}){30}a{900}")'],
  ["cel", "saving", "look-around", 're("aaa", "(?=a)a")'],
  ["cel", "saving", "a back-reference", 're("aaa", "(a)\\\\1")'],
  ["cel", "saving", "a pattern as long as a book", `re("a", "${"a?".repeat(2_000)}")`],
  ["cel", "saving", "three loops within each other", `${l}.map(x, ${l}.map(y, ${l}.map(z, x + y + z)))`],
  ["cel", "saving", "joining by a large text", `${t}.split("").join(${t})`],
  ["cel", "saving", "splitting", `size(${t}.split(""))`],
  ["cel", "saving", "nesting without end", `${"(".repeat(500)}1${")".repeat(500)}`],
  ["cel", "saving", "lists in lists in lists", `${"[".repeat(300)}1${"]".repeat(300)}`],
  ["cel", "saving", "a chain without end", many(3_000, "1", " + ")],
  ["cel", "saving", "a list of ten thousand", `[${many(10_000, "1", ",")}]`],
  ["cel", "saving", "what is not there", "process.env"],
  ["cel", "saving", "globals", "globalThis.fetch"],
  ["cel", "saving", "a function of ours", "charge(1)"],
  ["cel", "saving", "binding", "cel.bind(x, 1, x)"],
  ["cel", "saving", "bytes", `bytes(${t})`],
  ["cel", "saving", "no text at all", ""],
  ["cel", "running", "a loop in a loop", `${l}.all(x, ${l}.all(y, x + y >= 0))`],
  ["cel", "running", "each in each", `${l}.filter(x, x in ${l})`],
  ["cel", "running", "comparing all with all", `${l}.map(x, ${l} == ${l})`],
  [
    "cel",
    "running",
    "deep comparisons",
    `${l}.map(x, event.properties.objects.map(y, event.properties.objects == event.properties.objects))`,
  ],
  ["cel", "running", "a text that doubles", `event.properties.same.map(x, ${many(20, t, " + ")})`],
  ["cel", "running", "a text of megabytes", many(50, t, " + ")],
  ["cel", "running", "a list of many lists", many(50, l, " + ")],
  ["cel", "running", "searching a large text again and again", `${l}.map(x, ${t}.contains("ab"))`],
  ["cel", "running", "searching for a large text", `${l}.map(x, ${t}.contains(${t}))`],
  ["cel", "running", "upper case again and again", `${l}.map(x, ${t}.upperAscii())`],
  ["cel", "running", "a pattern on a large text", `re(${t}, "a*b")`],
  ["cel", "running", "a pattern again and again", `${l}.map(x, re(event.properties.short, "(x+x+)+y|(.*)(.*)(.*)z"))`],
  ["cel", "running", "large results", `${l}.map(x, event.properties.objects)`],
  ["cel", "running", "the constructor", "event.constructor.constructor"],
  ["cel", "running", "the prototype", "event.__proto__.polluted"],
  ["cel", "running", "the prototype by index", 'event["__proto__"]'],
  ["cel", "running", "a text's methods", `${t}.constructor`],
  ["cel", "running", "a list's methods", `${l}.push`],
  ["cel", "running", "dividing by zero", "1 / 0 == 1"],
  ["cel", "running", "numbers without end", "9223372036854775807 + 1"],
  // JSONata
  ["jsonata", "saving", "eval", '$eval("1")'],
  ["jsonata", "saving", "eval by another name", '($e := $eval; $e("1"))'],
  ["jsonata", "saving", "eval handed on", '$map(["1"], $eval)'],
  ["jsonata", "saving", "the clock", "$now()"],
  ["jsonata", "saving", "chance", "$random()"],
  ["jsonata", "saving", "our account", "$__account.budget"],
  ["jsonata", "saving", "look-around", "$match(event, /(?=a)a/)"],
  ["jsonata", "saving", "a back-reference", "$match(event, /(a)\\1/)"],
  ["jsonata", "saving", "a pattern that unrolls", "$match(event, /((a{100}){100}){100}/)"],
  ["jsonata", "saving", "a text without end", `"${"a".repeat(10_000)}"`],
  ["jsonata", "saving", "what is not JSONata", "function( {"],
  ["jsonata", "running", "recursion without end", "($f := function($n) { 1 + $f($n + 1) }; $f(0))"],
  ["jsonata", "running", "tail recursion without end", "($f := function($n) { $f($n + 1) }; $f(0))"],
  ["jsonata", "running", "two that call each other", "($f := function() { $g() }; $g := function() { $f() }; $f())"],
  ["jsonata", "running", "the Y combinator", "($y := function($f) { $f($f) }; $y($y))"],
  ["jsonata", "running", "a thousand million numbers", "[1..1000000000]"],
  ["jsonata", "running", "nine million numbers", "$count([1..9000000])"],
  [
    "jsonata",
    "running",
    "a range again and again",
    "$map([1..900], function($i) { $map([1..900], function($j) { $i * $j }) })",
  ],
  ["jsonata", "running", "a catastrophic pattern", "$match(properties.text, /^(a+)+$/)"],
  ["jsonata", "running", "a quadratic pattern", "$replace(properties.short, /.*b|a/, 'x')"],
  [
    "jsonata",
    "running",
    "a pattern again and again",
    "$map([1..900], function($i) { $contains(properties.short, /(x+x+)+y|(.*)(.*)z/) })",
  ],
  [
    "jsonata",
    "running",
    "a text that doubles",
    '($f := function($s, $n) { $n = 0 ? $s : $f($s & $s, $n - 1) }; $f("aaaa", 60))',
  ],
  [
    "jsonata",
    "running",
    "an object that doubles",
    '($f := function($x, $n) { $n = 0 ? $x : $f({"a": $x, "b": $x}, $n - 1) }; $f({}, 60))',
  ],
  [
    "jsonata",
    "running",
    "a list that doubles",
    "($f := function($x, $n) { $n = 0 ? $x : $f($append($x, $x), $n - 1) }; $f([1], 60))",
  ],
  [
    "jsonata",
    "running",
    "lists in lists that double",
    "($f := function($x, $n) { $n = 0 ? $x : $f([[$x], [$x]], $n - 1) }; $f([1], 60))",
  ],
  ["jsonata", "running", "doubled by reduce", '$reduce([1..60], function($a, $i) { {"a": $a, "b": $a} }, {})'],
  ["jsonata", "running", "padding", '$pad("a", 1000000000)'],
  ["jsonata", "running", "padding to the left", '$pad("a", -1000000000, "xy")'],
  [
    "jsonata",
    "running",
    "joining large texts",
    "$join($map([1..900], function($i) { $$.properties.text }), $$.properties.text)",
  ],
  ["jsonata", "running", "replacing by large texts", '$replace(properties.text, "a", properties.text)'],
  ["jsonata", "running", "replacing a pattern by large texts", "$replace(properties.short, /a/, properties.text)"],
  ["jsonata", "running", "distinct of distinct", "$map([1..900], function($i) { $distinct($$.properties.objects) })"],
  [
    "jsonata",
    "running",
    "sorting again and again",
    "$map([1..900], function($i) { $sort($$.properties.list, function($a, $b) { $a < $b }) })",
  ],
  [
    "jsonata",
    "running",
    "comparing all with all",
    "$map([1..900], function($i) { $$.properties.objects = $$.properties.objects })",
  ],
  ["jsonata", "running", "everything below everything", "**.**.**.**"],
  ["jsonata", "running", "a product of lists", "properties.list.($$.properties.list.($$.properties.list))"],
  ["jsonata", "running", "strings of everything", "$map([1..900], function($i) { $string($$, true) })"],
  [
    "jsonata",
    "running",
    "encoding again and again",
    "$map([1..900], function($i) { $base64encode($$.properties.text) })",
  ],
  ["jsonata", "running", "what throws", '$error("mine")'],
  ["jsonata", "running", "calling what is no function", "properties.text()"],
];

it("has at least fifty of them", () => expect(hostile.length).toBeGreaterThan(50));

it.each(hostile)("%s, when %s: %s is refused or stopped, soon", async (language, stage, _, source) => {
  const began = performance.now();
  const compiled = language === "cel" ? compileCel(source) : compileJsonata(source);
  const outcome = compiled.ok
    ? await compiled.expression.evaluate(language === "cel" ? { event, source_id: "s", payload: {} } : (event as never))
    : compiled;
  const took = performance.now() - began;
  expect({ refused: !outcome.ok, when: compiled.ok ? "running" : "saving" }).toEqual({ refused: true, when: stage });
  if (!outcome.ok) expect(outcome.problem.message).toMatch(/\S/);
  // Other tests share the machine, so the first reading may be of them.
  if (took > 100) {
    const again = performance.now();
    const second = language === "cel" ? compileCel(source) : compileJsonata(source);
    if (second.ok) await second.expression.evaluate(event as never);
    expect(performance.now() - again).toBeLessThan(100);
  }
});

it.each([
  ["the constructor", "constructor"],
  ["the constructor of a text", "properties.text.constructor"],
  ["the prototype", "__proto__"],
  ["the prototype by lookup", '$lookup($, "__proto__")'],
  ["a way to Function", 'properties.constructor.constructor("return 1")()'],
  ["a list's methods", "properties.list.push"],
])("JSONata finds nothing at %s", async (_, source) => {
  const compiled = compileJsonata(source);
  if (!compiled.ok) throw new Error(compiled.problem.message);
  const outcome = await compiled.expression.evaluate(event);
  expect(outcome.ok ? outcome.value : undefined).toBeUndefined();
});

it("no expression changes what it reads, or anything's prototype", async () => {
  const given = { a: { b: [1, 2] } };
  for (const source of [
    '{"__proto__": {"polluted": 1}}',
    "$ ~> |a|{'b': 1}|",
    '$merge([$, {"__proto__": {"polluted": 1}}])',
  ]) {
    const compiled = compileJsonata(source);
    if (compiled.ok) await compiled.expression.evaluate(given);
  }
  expect(given).toEqual({ a: { b: [1, 2] } });
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});
