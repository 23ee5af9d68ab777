import fc from "fast-check";
import { expect, it } from "vitest";
import { addToSession, placeInSession, type Session, type Visit } from "../session.ts";

const MINUTE = 60_000;
interface Report {
  at: number;
  order_id?: string;
  value?: number;
  kind?: "order" | "refund";
}

function stepsAfter(reports: Report[]) {
  let sessions: Session[] = [];
  let number = 0;
  for (const { at, kind = "order", ...facts } of reports) {
    const visit: Visit = { kind: "action", step: { kind, name: "Order Completed", ...facts } };
    const place = placeInSession(sessions, number, at, 30 * MINUTE);
    number = Math.max(number, place.number);
    sessions = addToSession(sessions, place, at, visit).sessions;
  }
  return sessions.flatMap(({ steps = [] }) => steps).sort((a, b) => a.at - b.at);
}

it("counts an order once that the browser and the webhook tell of, also in another session", () => {
  expect(
    stepsAfter([
      { at: 0, order_id: "o1", value: 500 },
      { at: MINUTE, order_id: "o1", value: 500 },
    ]),
  ).toHaveLength(1);
  const later = stepsAfter([
    { at: 0, order_id: "o1", value: 500 },
    { at: 90 * MINUTE, order_id: "o1", value: 500 },
  ]);
  expect(later).toMatchObject([{ at: 0, value: 500 }]);
});

it("takes the worth from the report that has one", () => {
  const reports = [
    { at: 0, order_id: "o1" },
    { at: MINUTE, order_id: "o1", value: 500 },
  ];
  expect(stepsAfter(reports)).toMatchObject([{ value: 500 }]);
  expect(stepsAfter(reports.toReversed())).toMatchObject([{ value: 500 }]);
});

it("leaves orders without an id, other orders and refunds of the same order alone", () => {
  expect(
    stepsAfter([
      { at: 0, value: 1 },
      { at: 1, value: 1 },
    ]),
  ).toHaveLength(2);
  const refund = { at: 2, order_id: "o1", value: 1, kind: "refund" as const };
  expect(stepsAfter([{ at: 0, order_id: "o1", value: 1 }, { at: 1, order_id: "o2" }, refund, refund])).toHaveLength(4);
});

it("remembers the same orders in whatever order they are told", () => {
  const report = fc.record({
    at: fc.integer({ min: 0, max: 20 * MINUTE }),
    order_id: fc.constantFrom("o1", "o2"),
    value: fc.integer({ min: 1, max: 9 }),
  });
  fc.assert(
    fc.property(fc.array(report, { maxLength: 8 }), (reports) => {
      expect(stepsAfter(reports.toReversed())).toEqual(stepsAfter(reports));
      expect(stepsAfter(reports)).toHaveLength(new Set(reports.map(({ order_id }) => order_id)).size);
    }),
  );
});
