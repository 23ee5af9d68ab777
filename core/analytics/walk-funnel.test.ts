import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Funnel, funnel, mergeFunnel } from "./funnel.ts";
import { type AnalysedSession, columnsOf, Dictionaries } from "./session-columns.ts";
import type { Step } from "./session-facts.ts";
import { walkFunnel } from "./walk-funnel.ts";

const range = { from: 1_000_000, to: 2_000_000 };
const NAMES = ["a", "b", "c", "d"];

interface Doing {
  visitor: number;
  session: number;
  at: number;
  name: string;
}

/** Sessions of a visitor: their steps, of which no two are at the same time. */
function sessionsOf(doings: Doing[]): AnalysedSession[] {
  const sessions = Map.groupBy(doings, ({ visitor, session }) => `${visitor} ${session}`);
  return [...sessions.values()].map((all) => {
    const steps = all
      .map(({ at, name }): Step => ({ at, kind: name === "a" ? "page" : "event", name }))
      .sort((a, b) => a.at - b.at);
    const [first] = all;
    return {
      anonymous_id: `v${first!.visitor}`,
      number: first!.session,
      start: steps[0]!.at,
      end: steps.at(-1)!.at,
      events: steps.length,
      views: 0,
      engaged_s: 0,
      is_bounce: false,
      seen: { country: `C${first!.session % 2}` },
      steps,
    };
  });
}

function answerOf(sessions: AnalysedSession[], asked: Funnel) {
  const dictionaries = new Dictionaries();
  const blocks = [sessions.slice(0, 2), sessions.slice(2)].map((part) => columnsOf(part, dictionaries));
  return walkFunnel(blocks, dictionaries, asked, range);
}

/** How far somebody came who did this, by trying every beginning and every way on. */
function furthest(done: { at: number; name: string }[], { steps, order, within_s }: Funnel): number {
  const fits = (i: number, k: number) => done[i]!.name === (steps[k]!.page ?? steps[k]!.event);
  const isInTime = (i: number, first: number) => done[i]!.at - done[first]!.at <= within_s * 1_000;
  let depth = 0;
  const goOn = (first: number, last: number, k: number): void => {
    depth = Math.max(depth, k);
    if (k === steps.length) return;
    const until = order === "strict" ? Math.min(last + 2, done.length) : done.length;
    for (let i = last + 1; i < until; i++) if (fits(i, k) && isInTime(i, first)) goOn(first, i, k + 1);
  };
  for (let first = 0; first < done.length; first++) {
    if (order !== "any") {
      if (fits(first, 0)) goOn(first, first, 1);
      continue;
    }
    const window = done.map((_, i) => i).filter((i) => i >= first && isInTime(i, first));
    depth = Math.max(depth, steps.filter((_, k) => window.some((i) => fits(i, k))).length);
  }
  return depth;
}

const doing = fc.record({
  visitor: fc.integer({ min: 0, max: 2 }),
  session: fc.integer({ min: 1, max: 3 }),
  at: fc.integer({ min: 990, max: 1_100 }).map((second) => second * 1_000),
  name: fc.constantFrom(...NAMES),
});
const aFunnel = fc
  .record({
    names: fc.array(fc.constantFrom(...NAMES), { minLength: 2, maxLength: 4 }),
    order: fc.constantFrom("in_order", "strict", "any"),
    by: fc.constantFrom("visitor", "session"),
    within_s: fc.integer({ min: 1, max: 100 }),
  })
  .map(({ names, ...rest }) =>
    funnel.parse({ ...rest, steps: names.map((name) => (name === "a" ? { page: name } : { event: name })) }),
  );

describe("a funnel", () => {
  it("counts what trying every way counts", () => {
    const doings = fc.uniqueArray(doing, { maxLength: 12, selector: ({ visitor, at }) => `${visitor} ${at}` });
    fc.assert(
      fc.property(doings, aFunnel, (all, asked) => {
        const unitOf = ({ visitor, session }: Doing) =>
          asked.by === "visitor" ? `${visitor}` : `${visitor} ${session}`;
        const within = all.filter(({ at }) => at >= range.from && at < range.to).sort((a, b) => a.at - b.at);
        const depths = [...Map.groupBy(within, unitOf).values()].map((done) => furthest(done, asked));
        const expected = asked.steps.map((_, k) => depths.filter((depth) => depth > k).length);
        expect(mergeFunnel(asked.steps.length, [answerOf(sessionsOf(all), asked)]).total).toEqual(expected);
      }),
      { numRuns: 1_000 },
    );
  });

  it("counts each by where the furthest attempt began", () => {
    const at = (second: number) => range.from + second * 1_000;
    const sessions = sessionsOf([
      { visitor: 1, session: 1, at: at(0), name: "a" },
      { visitor: 1, session: 2, at: at(50), name: "a" },
      { visitor: 1, session: 3, at: at(60), name: "b" },
    ]);
    const asked = { steps: [{ page: "a" }, { event: "b" }], within_s: 30, breakdown: "country" };
    expect(answerOf(sessions, funnel.parse(asked)).groups).toEqual([{ name: "C0", reached: [1, 1] }]);
    const all = answerOf(sessions, funnel.parse({ ...asked, within_s: 100 }));
    expect(all.groups).toEqual([{ name: "C0", reached: [1, 1] }]);
  });

  it("takes 20 steps and no more, and each is an event or a page", () => {
    const steps = Array.from({ length: 20 }, (_, i) => ({ event: `e${i}` }));
    expect(funnel.safeParse({ steps }).success).toBe(true);
    expect(funnel.safeParse({ steps: [...steps, { event: "x" }] }).success).toBe(false);
    expect(funnel.safeParse({ steps: [{ event: "a", page: "/" }, { event: "b" }] }).success).toBe(false);
  });
});
