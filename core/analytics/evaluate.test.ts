import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { evaluate } from "./evaluate.ts";
import { merge } from "./merge.ts";
import { query } from "./query.ts";
import { scanOf } from "./scan.ts";
import { type AnalysedSession, columnsOf, Dictionaries } from "./session-columns.ts";
import type { Step, StepKind } from "./session-facts.ts";

const FROM = Date.parse("2026-11-01T00:00:00Z");
const HOUR = 3_600_000;

const step = fc.record({
  after: fc.integer({ min: 0, max: 5 * HOUR }),
  kind: fc.constantFrom<StepKind>("page", "event", "order", "refund"),
  name: fc.constantFrom("/", "/a", "Signed Up"),
  value: fc.integer({ min: 0, max: 1_000_000 }),
});
const session = fc
  .record({
    visitor: fc.integer({ min: 0, max: 8 }),
    number: fc.integer({ min: 1, max: 3 }),
    start: fc.integer({ min: -10 * HOUR, max: 60 * HOUR }),
    country: fc.constantFrom("BE", "NP", undefined),
    source: fc.constantFrom("google", "bing"),
    engaged_s: fc.nat(100),
    is_bounce: fc.boolean(),
    steps: fc.array(step, { maxLength: 6 }),
  })
  .map(({ visitor, start, country, source, steps, ...rest }): AnalysedSession => {
    const all = steps.map(({ after, kind, name, value }): Step => {
      const isMoney = kind === "order" || kind === "refund";
      return { at: FROM + start + after, kind, name, ...(isMoney && { value }) };
    });
    return {
      ...rest,
      anonymous_id: `a${visitor}`,
      start: FROM + start,
      end: Math.max(FROM + start, ...all.map(({ at }) => at)),
      events: all.length,
      views: all.filter(({ kind }) => kind === "page").length,
      seen: country ? { country } : {},
      traffic: { source },
      steps: all.sort((a, b) => a.at - b.at),
    };
  });

const asked = query.parse({
  from: "2026-11-01",
  to: "2026-11-02",
  cards: [
    { name: "total", metrics: ["visitors", "sessions", "events", "page_views", "revenue", "refunded", "bounce_rate"] },
    { name: "by country", metrics: ["visitors", "new_visitors", "engaged_s", "net_revenue"], dimensions: ["country"] },
    { name: "by page", metrics: ["visitors", "sessions", "page_views"], dimensions: ["page"] },
    { name: "by day", metrics: ["visitors", "orders", "revenue"], dimensions: ["country"], interval: "day" },
    { name: "by hour", metrics: ["events"], dimensions: ["hour"] },
    {
      name: "goal",
      metrics: ["conversions", "conversion_rate"],
      goal: { event: "Signed Up" },
      filter: {
        or: [
          { dimension: "country", operator: "is", values: ["BE"] },
          { dimension: "page", operator: "is", values: ["/a"] },
        ],
      },
    },
  ],
});
const range = { from: FROM, to: FROM + 48 * HOUR };

/** What the answers are, by lists and sets: nothing of it is the engine's. */
function reference(sessions: AnalysedSession[]) {
  const isIn = (at: number) => at >= range.from && at < range.to;
  const begun = sessions.filter(({ start }) => isIn(start));
  const done = sessions.flatMap((session) =>
    session.steps.filter(({ at }) => isIn(at)).map((step) => ({ session, step })),
  );
  const distinct = (of: AnalysedSession[]) => new Set(of.map(({ anonymous_id }) => anonymous_id)).size;
  const sum = (of: typeof done, kind: StepKind) =>
    of.filter(({ step }) => step.kind === kind).reduce((total, { step }) => total + (step.value ?? 0), 0);
  const count = (of: typeof done, kind: StepKind) => of.filter(({ step }) => step.kind === kind).length;
  const share = (of: number, among: number) => (among ? of / among : null);
  const countryOf = ({ seen }: AnalysedSession) => seen?.country ?? "";
  const dayOf = (at: number) => Math.floor((at - range.from) / (24 * HOUR));
  const keyed = <T>(keys: string[], row: (key: string) => T) =>
    new Map([...new Set(keys)].map((key) => [key, row(key)]));

  const isWanted = (session: AnalysedSession) =>
    countryOf(session) === "BE" || session.steps.some(({ kind, name }) => kind === "page" && name === "/a");
  const wanted = begun.filter(isWanted);
  const converted = done.filter(
    ({ session, step }) => isWanted(session) && step.kind !== "page" && step.name === "Signed Up",
  );
  return {
    total: {
      visitors: distinct(begun),
      sessions: begun.length,
      events: done.length,
      page_views: count(done, "page"),
      revenue: sum(done, "order"),
      refunded: sum(done, "refund"),
      bounce_rate: share(begun.filter(({ is_bounce }) => is_bounce).length, begun.length),
    },
    countries: keyed([...begun.map(countryOf), ...done.map(({ session }) => countryOf(session))], (country) => {
      const theirs = begun.filter((session) => countryOf(session) === country);
      const steps = done.filter(({ session }) => countryOf(session) === country);
      return {
        visitors: distinct(theirs),
        new_visitors: distinct(theirs.filter(({ number }) => number === 1)),
        engaged_s: theirs.reduce((total, { engaged_s }) => total + engaged_s, 0),
        net_revenue: sum(steps, "order") - sum(steps, "refund"),
      };
    }),
    pages: keyed(
      done.filter(({ step }) => step.kind === "page").map(({ step }) => step.name),
      (page) => {
        const views = done.filter(({ step }) => step.kind === "page" && step.name === page);
        const theirs = [...new Set(views.map(({ session }) => session))];
        return { visitors: distinct(theirs), sessions: theirs.length, page_views: views.length };
      },
    ),
    days: keyed(
      [
        ...begun.map((one) => `${dayOf(one.start)} ${countryOf(one)}`),
        ...done.map(({ session, step }) => `${dayOf(step.at)} ${countryOf(session)}`),
      ],
      (key) => {
        const steps = done.filter(({ session, step }) => `${dayOf(step.at)} ${countryOf(session)}` === key);
        return {
          visitors: distinct(begun.filter((one) => `${dayOf(one.start)} ${countryOf(one)}` === key)),
          orders: count(steps, "order"),
          revenue: sum(steps, "order"),
        };
      },
    ),
    goal: {
      conversions: converted.length,
      sessions: new Set(converted.map(({ session }) => session)).size,
      rate: share(new Set(converted.map(({ session }) => session)).size, wanted.length),
    },
  };
}

function answersOf(shards: AnalysedSession[][]) {
  const { time_zone, week_start, cards } = asked;
  const scan = { range, time_zone, week_start, cards };
  const parts = shards.map((sessions) => {
    const dictionaries = new Dictionaries();
    const blocks = [sessions.slice(0, 3), sessions.slice(3)].map((part) => columnsOf(part, dictionaries));
    return evaluate(blocks, dictionaries, scanOf(scan));
  });
  return cards.map((card, c) =>
    merge(
      card,
      parts.map((part) => part[c]!),
    ),
  );
}

describe("a query over columns", () => {
  it("counts what lists and sets count, whatever the sessions and however many shards", () => {
    fc.assert(
      fc.property(fc.array(session, { maxLength: 30 }), fc.integer({ min: 1, max: 3 }), (sessions, count) => {
        const shards = Array.from({ length: count }, (_, s) =>
          sessions.filter(({ anonymous_id }) => Number(anonymous_id.slice(1)) % count === s),
        );
        const [total, countries, pages, days, hours, goal] = answersOf(shards);
        const truth = reference(sessions);
        const rowsOf = (
          answer: typeof total,
          key = (row: { dimensions: Record<string, string>; bucket?: number }) => Object.values(row.dimensions)[0]!,
        ) => new Map(answer!.rows.map((row) => [key(row), row.metrics]));
        const isNothing = truth.total.sessions + truth.total.events === 0;
        expect(total!.rows.map(({ metrics }) => metrics)).toEqual(isNothing ? [] : [truth.total]);
        expect(rowsOf(countries)).toEqual(truth.countries);
        expect(rowsOf(pages)).toEqual(truth.pages);
        expect(rowsOf(days, ({ bucket, dimensions }) => `${bucket} ${dimensions.country}`)).toEqual(truth.days);
        expect(hours!.rows.reduce((sum, { metrics }) => sum + metrics.events!, 0)).toBe(truth.total.events);
        if (goal!.rows[0]) {
          expect(goal!.rows[0].metrics.conversions).toBe(truth.goal.conversions);
          expect(goal!.rows[0].metrics.conversion_rate).toBe(truth.goal.rate);
        }
        expect([total, countries, pages, days, hours, goal].every((answer) => answer!.is_exact)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("puts what lies behind 10,000 rows into one, and says that it is no longer exact", () => {
    const sessions = Array.from({ length: 10_050 }, (_, i): AnalysedSession => {
      const at = FROM + i;
      const steps: Step[] = [{ at, kind: "page", name: `/${i}` }];
      return {
        anonymous_id: `a${i}`,
        number: 1,
        start: at,
        end: at,
        events: 1,
        views: 1,
        engaged_s: 0,
        is_bounce: true,
        steps,
      };
    });
    const pages = answersOf([sessions])[2]!;
    expect(pages).toMatchObject({ row_count: 10_050, is_exact: false, other: { row_count: 50, page_views: 50 } });
    expect(pages.rows).toHaveLength(100);
  });
});
