import { expect, it } from "vitest";
import { anEvent } from "../../test/an-event.ts";
import type { Event } from "../event.ts";
import { journeyOf } from "./from-events.ts";

const session = (id: string) => ({ id, number: 1, started_at: "2026-11-20T10:00:00.000Z", is_new: true });
const visit = (id: string, timestamp: string, source: string): Event =>
  anEvent({
    type: "page",
    timestamp,
    context: { session: session(id), traffic: { source, medium: "cpc", channel: "Paid Search", by: "utm" } },
  });
const order = (event: string, timestamp: string, properties: object, context: Event["context"] = {}): Event =>
  anEvent({ event, timestamp, properties: { currency: "EUR", ...properties }, context });
const DAY = ["2026-11-20T10:00:00.000Z", "2026-11-21T10:00:00.000Z", "2026-11-22T10:00:00.000Z"] as const;

it("makes a touch of each session, by its earliest event that says where from, in whatever order they come", () => {
  const events = [visit("s1", DAY[1], "google"), visit("s1", DAY[0], "newsletter"), visit("s2", DAY[2], "bing")];
  for (const some of [events, events.toReversed()]) {
    expect(journeyOf(some, "EUR").touches).toMatchObject([
      { session_id: "s1", source: "newsletter", at: Date.parse(DAY[0]) },
      { session_id: "s2", source: "bing", channel: "Paid Search", is_direct: false },
    ]);
  }
});

it("puts what is given back to the time of the purchase, by the order or the payment, also where that comes later", () => {
  const events = [
    order("Order Refunded", DAY[2], { order_id: "pi_1", revenue: 5, kind: "dispute" }),
    order("Order Completed", DAY[2], { order_id: "pi_1", revenue: 5, kind: "dispute_won" }),
    order("Order Completed", DAY[0], { order_id: "in_1", payment_id: "pi_1", revenue: 19.99 }),
  ];
  const at = Date.parse(DAY[0]);
  expect(journeyOf(events, "EUR").conversions).toMatchObject([
    { minor: -500, at },
    { minor: 500, at, kind: "dispute_won" },
    { minor: 1_999, at },
  ]);
});

it("counts another currency at the day's rate, and says how many it could not count; tests of a provider are nothing", () => {
  const money = { currency: "EUR", from: "USD", rate: 0.9, amounts: { revenue: 9 } };
  const events = [
    order("Order Completed", DAY[0], { revenue: 10, currency: "USD" }, { money }),
    order("Order Completed", DAY[0], { revenue: 10, currency: "USD" }),
    order("Order Completed", DAY[0], { revenue: 10, test: true }),
    order("Product Added", DAY[0], { revenue: 10 }),
  ];
  expect(journeyOf(events, "EUR")).toMatchObject({ conversions: [{ minor: 900 }], uncounted: 1 });
});
