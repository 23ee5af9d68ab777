import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { explain, type Journey, keyOfTouch, Paths, pathTo, type Question, Totals, UNATTRIBUTED } from "./attribute.ts";
import { removalEffects } from "./markov.ts";
import { type AttributionTouch, HALF_LIFE_MS, MODELS, weightsOf } from "./models.ts";
import { split } from "./split.ts";

const DAY_MS = 86_400_000;
const touch = (source: string, day: number, given: Partial<AttributionTouch> = {}): AttributionTouch => ({
  at: day * DAY_MS,
  channel: source.toUpperCase(),
  source,
  medium: "x",
  is_direct: source === "(direct)",
  ...given,
});
const question = (given: Partial<Question> = {}): Question => ({
  model: "linear",
  window_ms: 30 * DAY_MS,
  dimension: "source",
  ...given,
});

const someTouches = fc.array(
  fc
    .record({ source: fc.constantFrom("a", "b", "c", "(direct)"), day: fc.integer({ min: 0, max: 60 }) })
    .map((t) => touch(t.source, t.day)),
  { maxLength: 12 },
);
const someConversions = fc
  .array(
    fc.record({ day: fc.integer({ min: 0, max: 60 }), minor: fc.integer({ min: -5_000_000_000, max: 5_000_000_000 }) }),
    {
      maxLength: 5,
    },
  )
  .map((all) => all.map(({ day, minor }, i) => ({ id: `o${i}`, at: day * DAY_MS, minor })));
const aJourney: fc.Arbitrary<Journey> = fc.record({ touches: someTouches, conversions: someConversions });

describe("split", () => {
  it("adds up to the unit, and no part is a whole unit from its share", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -(10 ** 12), max: 10 ** 12 }),
        fc.array(fc.double({ min: 0, max: 1_000, noNaN: true }), { minLength: 1, maxLength: 30 }),
        (minor, weights) => {
          const parts = split(minor, weights);
          expect(parts.reduce((sum, part) => sum + part, 0)).toBe(minor);
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          parts.forEach((part, i) => {
            const share = total > 0 ? (weights[i]! / total) * minor : minor / weights.length;
            expect(Math.abs(part - share)).toBeLessThan(1.001);
          });
        },
      ),
    );
  });

  it.each([
    [100, [1, 1, 1], [34, 33, 33]],
    [-100, [1, 1, 1], [-34, -33, -33]],
    [1, [0, 0], [1, 0]],
    [7, [0.4, 0.2, 0.4], [3, 1, 3]],
    [0, [1, 2], [0, 0]],
    [5, [], []],
  ])("%i by %j is %j", (minor, weights, parts) => expect(split(minor, weights)).toEqual(parts));
});

describe("models", () => {
  const path = [touch("a", 0), touch("b", 7), touch("c", 14), touch("(direct)", 21)];
  it.each([
    ["first", [1, 0, 0, 0]],
    ["last", [0, 0, 0, 1]],
    ["last_non_direct", [0, 0, 1, 0]],
    ["linear", [0.25, 0.25, 0.25, 0.25]],
    ["time_decay", [1 / 15, 2 / 15, 4 / 15, 8 / 15]],
    ["position_based", [0.4, 0.1, 0.1, 0.4]],
  ] as const)("%s", (model, weights) => {
    for (const [i, weight] of weightsOf(model, path, 22 * DAY_MS).entries())
      expect(weight).toBeCloseTo(weights[i]!, 12);
    expect(HALF_LIFE_MS).toBe(7 * DAY_MS);
  });

  it("gives what came directly all, where there was nothing else", () => {
    expect(weightsOf("last_non_direct", [touch("(direct)", 1)], DAY_MS)).toEqual([1]);
  });

  it("shares between two ends that are all there is", () => {
    expect(weightsOf("position_based", path.slice(0, 2), 22 * DAY_MS)).toEqual([0.5, 0.5]);
  });
});

describe("data-driven", () => {
  it("finds the removal effects of a chain that can be worked out by hand", () => {
    // Of two who came by A, then B, one bought; one came by A and left; one came by B and bought.
    const effects = removalEffects([
      { keys: ["A", "B"], conversions: 1, losses: 1 },
      { keys: ["A"], conversions: 0, losses: 1 },
      { keys: ["B"], conversions: 1, losses: 0 },
    ]);
    // P(A) = 2/3 · P(B), P(B) = 2/3, P = 3/4 · 4/9 + 1/4 · 2/3 = 1/2. Without A 1/6, without B nothing.
    expect(effects.get("A")).toBeCloseTo(2 / 3, 12);
    expect(effects.get("B")).toBeCloseTo(1, 12);
  });

  it("comes to the same as following everybody through the chain, step by step", () => {
    const paths = fc.array(
      fc.record({
        keys: fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 5 }),
        conversions: fc.integer({ min: 0, max: 5 }),
        losses: fc.integer({ min: 0, max: 5 }),
      }),
      { minLength: 1, maxLength: 8 },
    );
    fc.assert(
      fc.property(paths, (all) => {
        const effects = removalEffects(all);
        const rate = followed(all);
        for (const [key, effect] of effects) expect(effect).toBeCloseTo(1 - followed(all, key) / rate, 6);
        expect(effects.size > 0).toBe(rate > 0);
      }),
      { numRuns: 60 },
    );
  });

  it("gives a channel that nobody needs nothing, and one that all go through all", () => {
    const paths = new Paths();
    const asked = question({ model: "data_driven" });
    const buys = { touches: [touch("a", 1)], conversions: [{ id: "o", at: 2 * DAY_MS, minor: 100 }] };
    for (let k = 0; k < 3; k++) paths.add(buys, asked);
    paths.add({ touches: [touch("b", 1)], conversions: [] }, asked);
    expect(paths.effects()).toEqual(
      new Map([
        ["a", 1],
        ["b", 0],
      ]),
    );
    const [credited] = explain({ ...buys, touches: [touch("b", 0), touch("a", 1)] }, asked, paths.effects());
    expect(credited!.path.map(({ minor }) => minor)).toEqual([0, 100]);
  });
});

describe.each(MODELS)("%s", (model) => {
  it("credits all money and no more, whoever the people are divided among", () => {
    fc.assert(
      fc.property(fc.array(aJourney, { maxLength: 6 }), fc.integer({ min: 1, max: 4 }), (journeys, shards) => {
        const asked = question({ model });
        const keyOf = keyOfTouch(asked.dimension);
        const learned = new Paths();
        const parts = Array.from({ length: shards }, () => ({ paths: new Paths(), totals: new Totals() }));
        for (const [i, one] of journeys.entries()) parts[i % shards]!.paths.add(one, asked);
        for (const { paths } of parts) learned.join(paths);
        const effects = learned.effects();
        for (const [i, one] of journeys.entries()) parts[i % shards]!.totals.add(explain(one, asked, effects), keyOf);
        const joined = new Totals();
        for (const { totals } of parts) joined.join(totals);
        const whole = new Totals();
        for (const one of journeys) whole.add(explain(one, asked, effects), keyOf);
        const money = (totals: Totals) => new Map([...totals.byKey].map(([key, { minor }]) => [key, minor]));
        expect(money(joined)).toEqual(money(whole));
        const all = journeys.flatMap(({ conversions }) => conversions).reduce((sum, { minor }) => sum + minor, 0);
        expect([...whole.byKey.values()].reduce((sum, { minor }) => sum + minor, 0)).toBe(all);
      }),
      { numRuns: 60 },
    );
  });

  it("asks not in which order touches came", () => {
    fc.assert(
      fc.property(aJourney, (journey) => {
        const turned = { ...journey, touches: journey.touches.toReversed() };
        expect(explain(turned, question({ model }))).toEqual(explain(journey, question({ model })));
      }),
      { numRuns: 60 },
    );
  });
});

it("counts only touches within the window, and none after the purchase", () => {
  const touches = [touch("a", 1), touch("b", 20), touch("c", 32)];
  expect(pathTo(touches, 31 * DAY_MS, 30 * DAY_MS).map(({ source }) => source)).toEqual(["a", "b"]);
  expect(pathTo(touches, 31 * DAY_MS, 29 * DAY_MS).map(({ source }) => source)).toEqual(["b"]);
  const totals = new Totals();
  const conversions = [{ id: "o", at: 0, minor: 500 }];
  totals.add(explain({ touches, conversions }, question()), keyOfTouch("source"));
  expect(totals.byKey).toEqual(new Map([[UNATTRIBUTED, { minor: 500, assisted: 1, conversions: 1 }]]));
});

it("takes a refund from those who had the purchase", () => {
  const touches = [touch("a", 1), touch("b", 2), touch("c", 3)];
  const at = 4 * DAY_MS;
  const conversions = [
    { id: "o", at, minor: 1_000 },
    { id: "r", at, minor: -1_000 },
  ];
  const totals = new Totals();
  totals.add(explain({ touches, conversions }, question()), keyOfTouch("channel"));
  for (const { minor, assisted } of totals.byKey.values()) expect([minor, assisted]).toEqual([0, 1]);
});

/** The share of people who buy, by moving everybody a step at a time. */
function followed(paths: { keys: string[]; conversions: number; losses: number }[], removed?: string): number {
  const moves = new Map<string, Map<string, number>>();
  const go = (from: string, to: string, times: number) => {
    if (!moves.has(from)) moves.set(from, new Map());
    moves.get(from)!.set(to, (moves.get(from)!.get(to) ?? 0) + times);
  };
  for (const { keys, conversions, losses } of paths) {
    const way = ["start", ...keys];
    for (const [i, to] of keys.entries()) go(way[i]!, to, conversions + losses);
    go(way.at(-1)!, "bought", conversions);
    go(way.at(-1)!, "lost", losses);
  }
  let people = new Map([["start", 1]]);
  let bought = 0;
  for (let step = 0; step < 3_000; step++) {
    const next = new Map<string, number>();
    for (const [at, share] of people) {
      const out = [...(moves.get(at) ?? [])];
      const all = out.reduce((sum, [, times]) => sum + times, 0);
      for (const [to, times] of out) {
        const moved = all ? (share * times) / all : 0;
        if (to === "bought") bought += moved;
        else if (to !== "lost" && to !== removed) next.set(to, (next.get(to) ?? 0) + moved);
      }
    }
    people = next;
  }
  return bought;
}
