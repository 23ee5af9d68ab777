import { describe, expect, it } from "vitest";
import { anEvent } from "../../test/an-event.ts";
import { trackingPlan } from "../org-data-layer/tracking-plan.ts";
import { checkEvent } from "./check-event.ts";
import { mergeShape, proposePlan, shapesOf } from "./shape.ts";

const traffic = Array.from({ length: 40 }, (_, i) =>
  anEvent({
    event: "Order Completed",
    properties: {
      total: i % 2 ? 10 : 10.5,
      currency: i % 2 ? "EUR" : "USD",
      note: `order ${i}`,
      contact: "ada@example.com",
      ...(i % 3 === 0 && { coupon: null }),
      products: [
        { sku: "a", price: 1 },
        { sku: "b", price: 2.5 },
      ],
    },
  }),
);

describe("the shape of traffic", () => {
  it("adds up from its parts, in any order", () => {
    const shapeOf = (events: typeof traffic) => shapesOf(events)["track Order Completed"]!;
    const [a, b, c] = [shapeOf(traffic.slice(0, 7)), shapeOf(traffic.slice(7, 30)), shapeOf(traffic.slice(30))];
    const whole = shapeOf(traffic);
    expect(mergeShape(mergeShape(a, b), c)).toEqual(whole);
    expect(mergeShape(c, mergeShape(b, a))).toEqual(whole);
  });

  it("proposes a plan that is valid, and that the traffic passes", () => {
    const proposed = proposePlan(shapesOf(traffic));
    expect(proposed.events["Order Completed"]?.properties).toEqual({
      type: "object",
      required: ["total", "currency", "note", "contact", "products"],
      properties: {
        total: { type: "number" },
        currency: { type: "string", examples: ["EUR", "USD"] },
        note: { type: "string" },
        contact: { type: "string", $comment: "personal data: email" },
        coupon: { type: "null" },
        products: {
          type: "array",
          items: {
            type: "object",
            required: ["sku", "price"],
            properties: { sku: { type: "string", examples: ["a", "b"] }, price: { type: "number" } },
          },
        },
      },
    });
    const plan = trackingPlan.parse({ ...proposed, unplanned_properties: "block" });
    for (const event of traffic) expect(checkEvent(event, plan)?.violations).toEqual([]);
  });

  it("shows no value that is personal", () => {
    const shapes = JSON.stringify(
      shapesOf([anEvent({ traits: { first_name: "Ada", note: "card 4111111111111111", password: "hunter2" } })]),
    );
    expect(shapes).not.toMatch(/Ada|4111|hunter2/);
    expect(shapes).toMatch(/"pii":\{"name":1\}/);
  });
});
