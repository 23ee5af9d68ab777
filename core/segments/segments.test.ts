import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anEvent } from "../../test/an-event.ts";
import { belongs } from "../../test/segment-by-all-events.ts";
import type { Comparison } from "../comparison.ts";
import type { Event } from "../event.ts";
import { identityRules } from "../identity-rules.ts";
import { Profile } from "../profile.ts";
import { profileEventOf } from "../profile-event.ts";
import { compileSegment, type Judged, percentOf } from "./compile.ts";
import { type Condition, countersOf, readDefinition } from "./definition.ts";

const RULES = identityRules.parse({});
const NOW = Date.parse("2026-11-20T10:00:00.000Z");
const DAY = 86_400_000;

function judged(events: Event[], definitions: Condition[], person_id = "per_1"): Judged {
  const profile = new Profile();
  const counters = countersOf(definitions);
  for (const event of events) profile.add(profileEventOf(event, "src", RULES, counters)!);
  return { person_id, profile };
}

function compiled(definition: Condition, segments: Record<string, Condition> = {}) {
  const made = compileSegment(definition, { computed_traits: [], segment: (id) => segments[id] });
  if (!made.ok) throw new Error(made.reason);
  return made.segment;
}

const scalar = fc.constantFrom<string | number>("a", "b", "ab", 1, 2, 3);
const small = fc.integer({ min: 0, max: 5 });
const numeric: fc.Arbitrary<Comparison> = fc.record({
  is: fc.constantFrom("at_least" as const, "at_most" as const, "more_than" as const, "less_than" as const),
  to: small,
});
const comparisons: fc.Arbitrary<Comparison> = fc.oneof(
  numeric,
  fc.record({ is: fc.constantFrom("equal" as const, "not_equal" as const), to: scalar }),
  fc.record({ is: fc.constant("one_of" as const), to: fc.array(scalar, { minLength: 1, maxLength: 3 }) }),
  fc.record({ is: fc.constantFrom("contains" as const, "starts_with" as const), to: fc.constantFrom("a", "b") }),
  fc.constant<Comparison>({ is: "matches", to: "^a.?$" }),
  fc.constantFrom<Comparison>({ is: "set" }, { is: "not_set" }),
);
const times = fc.oneof(numeric, fc.record({ is: fc.constantFrom("equal" as const, "not_equal" as const), to: small }));
const window = fc.option(fc.constantFrom(1, 7, 30, 90, 200), { nil: undefined });
const where = fc.option(
  fc.array(fc.record({ property: fc.constantFrom("p", "q"), value: comparisons }), { minLength: 1, maxLength: 2 }),
  { nil: undefined },
);
const names = fc.constantFrom("Order Completed", "Viewed");
const leaf: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({ trait: fc.constantFrom("t", "u"), value: comparisons }),
  fc.record({ event: names, within_days: window, where, times }),
  fc.record({
    aggregate: fc.constantFrom(...(["sum", "min", "max", "first", "last", "unique", "most_frequent"] as const)),
    of: names,
    property: fc.constantFrom("p", "q"),
    within_days: window,
    where,
    value: comparisons,
  }),
  fc.record({ aggregate: fc.constant("days_since" as const), of: names, value: numeric }),
  fc.record({
    touch: fc.constantFrom("first" as const, "last" as const),
    field: fc.constantFrom("source" as const, "medium" as const),
    value: comparisons,
  }),
  fc.record({ consent: fc.constantFrom("analytics" as const, "marketing" as const), granted: fc.boolean() }),
  fc.record({ seen_within_days: fc.constantFrom(1, 7, 40) }),
);
const { condition } = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc.constant<Condition>({ segment: "other" }),
    fc.record({ all: fc.array(tie("condition"), { minLength: 1, maxLength: 3 }) }),
    fc.record({ any: fc.array(tie("condition"), { minLength: 1, maxLength: 3 }) }),
    fc.record({ not: tie("condition") }),
  ),
}));

let made = 0;
const someEvent: fc.Arbitrary<Event> = fc
  .record({
    // Days, hours and minutes before NOW, so that windows close in the middle of what is asked.
    ago: fc.integer({ min: 0, max: 120 * 24 * 60 }),
    kind: fc.constantFrom("Order Completed", "Viewed", "identify", "page"),
    values: fc.record({ p: scalar, q: scalar }, { requiredKeys: [] }),
    consent: fc.option(fc.record({ analytics: fc.boolean(), marketing: fc.boolean() }, { requiredKeys: [] }), {
      nil: undefined,
    }),
    campaign: fc.option(fc.record({ source: fc.constantFrom("a", "b"), medium: fc.constantFrom("a", "ab") }), {
      nil: undefined,
    }),
  })
  .map(({ ago, kind, values: { p, q }, consent, campaign }) => {
    const timestamp = new Date(NOW - ago * 60_000).toISOString();
    return anEvent({
      message_id: `m-${String(++made).padStart(9, "0")}`,
      user_id: "u-1",
      timestamp,
      received_at: timestamp,
      ...(kind === "identify"
        ? {
            type: "identify",
            event: "identify",
            traits: { ...(p !== undefined && { t: p }), ...(q !== undefined && { u: q }) },
          }
        : kind === "page"
          ? { type: "page", event: "page" }
          : {
              type: "track",
              event: kind,
              properties: { ...(p !== undefined && { p }), ...(q !== undefined && { q }) },
            }),
      context: { ...(consent && { consent }), ...(campaign && { campaign }) },
    });
  });

describe("the engine decides as plain loops over all events do", () => {
  it("for 1,000 random definitions and people, as time passes, parts are merged and unmerged, and a part is deleted", () => {
    fc.assert(
      fc.property(
        condition,
        leaf,
        fc.array(fc.array(someEvent, { minLength: 1, maxLength: 8 }), { minLength: 2, maxLength: 3 }),
        fc.array(fc.integer({ min: 0, max: 100 * 24 * 60 }), { minLength: 3, maxLength: 3 }),
        (definition, other, parts, laters) => {
          const segments = { other };
          const segment = compiled(definition, segments);
          const kept = parts.map((events) => JSON.stringify(judged(events.toReversed(), [definition, other]).profile));
          // One by one, as after an unmerge; all together, as after a merge; all but the first, as after a deletion.
          const people = [...parts.keys()].map((i) => [i]);
          people.push([...parts.keys()], [...parts.keys()].slice(1));
          for (const who of people) {
            const events = who.flatMap((i) => parts[i]!);
            const profile = new Profile();
            for (const i of who) profile.join(Profile.fromJSON(JSON.parse(kept[i]!)));
            const person = { person_id: "per_1", profile };
            let [now, flips] = [NOW, 0];
            for (const later of laters) {
              const expected = belongs(definition, events, segments, now);
              expect(segment.includes(person, now)).toBe(expected);
              const next = segment.nextChangeAt(person, now);
              expect(next).toBeGreaterThan(now);
              // Until then nothing changes, however late in the time.
              const until = Math.min(next - 1, now + 200 * DAY);
              expect(belongs(definition, events, segments, until)).toBe(expected);
              flips += Number(next < Number.POSITIVE_INFINITY);
              now += later * 60_000;
            }
            expect(flips).toBeLessThanOrEqual(laters.length);
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe("a window", () => {
  it("of days that somebody was seen in closes to the millisecond", () => {
    const event = anEvent({ user_id: "u-1", timestamp: new Date(NOW).toISOString() });
    const person = judged([event], []);
    const segment = compiled({ not: { seen_within_days: 7 } });
    const closes = person.profile.lastSeen + 7 * DAY;
    expect(segment.nextChangeAt(person, NOW)).toBe(closes);
    expect([closes - 1, closes].map((now) => segment.includes(person, now))).toEqual([false, true]);
    expect(segment.nextChangeAt(person, closes)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("a bucket", () => {
  it("is the same for ever, and divides people without gap or overlap", () => {
    const shares = [0, 10, 55].map((from_percent, i) =>
      compiled({ bucket: "test-1", from_percent, to_percent: [10, 55, 100][i]! }),
    );
    const counts = [0, 0, 0];
    for (let k = 0; k < 20_000; k++) {
      const person = { person_id: `per_${k}`, profile: new Profile() };
      const inside = shares.map((one) => one.includes(person, NOW));
      expect(inside.filter(Boolean)).toHaveLength(1);
      counts[inside.indexOf(true)]!++;
    }
    expect(counts.map((count) => Math.round(count / 200))).toEqual([10, 45, 45]);
    expect(percentOf("per_1", "test-1")).toBe(percentOf("per_1", "test-1"));
  });
});

describe("an explanation", () => {
  it("tells of every condition where it stands, what was found and whether it holds", () => {
    const person = judged([anEvent({ type: "identify", user_id: "u-1", traits: { plan: "pro" } })], []);
    const definition = {
      all: [{ trait: "plan", value: { is: "equal", to: "pro" } }, { not: { trait: "vip", value: { is: "set" } } }],
    };
    expect(compiled(definition as Condition).explain(person, NOW)).toEqual({
      includes: true,
      conditions: [
        { place: "all.0", condition: definition.all[0], holds: true, found: "pro" },
        { place: "all.1.not", condition: { trait: "vip", value: { is: "set" } }, holds: false },
      ],
    });
  });
});

describe("refuses", () => {
  const wide = { trait: "t", value: { is: "set" } };
  let deep: unknown = wide;
  for (let k = 0; k < 5_000; k++) deep = { not: deep };
  it.each<[string, unknown, string, RegExp]>([
    ["1,000 conditions", { all: Array(1_000).fill(wide) }, "all.100", /at most 100 conditions/],
    ["groups 5,000 deep", deep, `${Array(10).fill("not").join(".")}`, /at most 10 deep/],
    ["an empty group", { any: [] }, "any", /at least one/],
    ["an unknown condition", { all: [{ zodiac: "leo" }] }, "all.0", /names one of/],
    ["a look-behind", { trait: "t", value: { is: "matches", to: "(?<=a)b" } }, "value.to", /regular expression/],
    [
      "a window of a year and a half",
      { event: "x", within_days: 500, times: { is: "at_least", to: 1 } },
      "within_days",
      /366/,
    ],
    [
      "a sum of no property",
      { aggregate: "sum", of: "x", value: { is: "at_least", to: 1 } },
      "(the whole)",
      /needs one/,
    ],
    ["a number of times that is a pattern", { event: "x", times: { is: "contains", to: "1" } }, "times", /a number/],
    ["a misspelt key", { trait: "t", valeu: 1, value: { is: "set" } }, "(the whole)", /valeu/],
    ["a list", [], "(the whole)", /an object/],
  ])("%s, and names the place", (_, given, place, reason) => {
    const read = readDefinition(given);
    expect(read.ok ? [] : read.wrong).toEqual([{ place, reason: expect.stringMatching(reason) }]);
  });

  it("segments that name each other in a circle, and one that does not exist", () => {
    const segments: Record<string, Condition> = { one: { not: { segment: "two" } }, two: { segment: "one" } };
    const surroundings = { computed_traits: [], segment: (id: string) => segments[id] };
    expect(compileSegment({ segment: "one" }, surroundings)).toEqual({
      ok: false,
      reason: "segments name each other in a circle: one → two → one",
    });
    expect(compileSegment({ segment: "none" }, surroundings)).toEqual({
      ok: false,
      reason: "there is no segment none",
    });
  });
});
