import { describe, expect, it } from "vitest";
import { anEvent } from "../../test/an-event.ts";
import { trackingPlan } from "../org-data-layer/tracking-plan.ts";
import { checkEvent } from "./check-event.ts";

const properties = {
  type: "object",
  required: ["order_id"],
  properties: {
    order_id: { type: "string" },
    total: { type: "number" },
    products: { items: { properties: { price: { type: "number" } } } },
  },
};
const planWith = (given: object = {}, rule: object = {}) =>
  trackingPlan.parse({ events: { "Order Completed": { properties, ...rule } }, ...given });
const order = (held: Record<string, unknown>) => anEvent({ event: "Order Completed", properties: held });
const wrong = { order_id: "o1", total: "12", products: [{ price: 1 }, { price: "2", sku: "b" }] };

describe("a tracking plan", () => {
  it("says nothing where there is none, and nothing of an event that is as planned", () => {
    expect(checkEvent(order({}), trackingPlan.parse({}))).toBeUndefined();
    const event = order({ order_id: "o1", total: 1 });
    expect(checkEvent(event, planWith())).toEqual({ outcome: "kept", event, omitted: [], violations: [] });
  });

  it.each([
    ["warn", "kept"],
    ["block", "blocked"],
    ["quarantine", "quarantined"],
  ])("in mode %s: %s, and each violation told with what stands there", (mode, outcome) => {
    const event = order(wrong);
    expect(checkEvent(event, planWith({ mode }))).toEqual({
      outcome,
      event,
      omitted: [],
      violations: [
        { path: "properties.total", keyword: "type", value: "12" },
        { path: "properties.products.1.price", keyword: "type", value: "2" },
      ],
    });
  });

  it("is not asked in mode allow", () => {
    expect(checkEvent(order(wrong), planWith({}, { mode: "allow" }))?.violations).toEqual([]);
  });

  it("omits what is wrong and keeps the rest; what is missing cannot be omitted", () => {
    const judged = checkEvent(
      order({ total: "12", products: wrong.products }),
      planWith({}, { mode: "omit_property" }),
    );
    expect(judged?.event.properties).toEqual({ products: [{ price: 1 }, { sku: "b" }] });
    expect(judged?.omitted).toEqual(["properties.total", "properties.products.1.price"]);
    expect(judged?.violations.map((one) => one.keyword)).toEqual(["required", "type", "type"]);
  });

  it.each([
    ["warn", "kept", { order_id: "o1", colour: "red" }],
    ["omit_property", "kept", { order_id: "o1" }],
    ["block", "blocked", { order_id: "o1", colour: "red" }],
    ["quarantine", "quarantined", { order_id: "o1", colour: "red" }],
  ])("with unplanned properties in mode %s: %s", (unplanned_properties, outcome, left) => {
    const judged = checkEvent(order({ order_id: "o1", colour: "red" }), planWith({ unplanned_properties }));
    expect([judged?.outcome, judged?.event.properties]).toEqual([outcome, left]);
    expect(judged?.violations).toEqual([{ path: "properties.colour", keyword: "unplanned_property", value: "red" }]);
  });

  it.each([
    ["warn", "kept"],
    ["block", "blocked"],
    ["quarantine", "quarantined"],
  ])("with unplanned events in mode %s: %s", (unplanned_events, outcome) => {
    const judged = checkEvent(anEvent({ event: "Oder Completed" }), planWith({ unplanned_events }));
    expect(judged).toMatchObject({ outcome, violations: [{ path: "event", keyword: "unplanned_event" }] });
    expect(checkEvent(anEvent({ type: "page" }), planWith({ unplanned_events }))?.violations).toEqual([]);
  });

  it("holds traits of an identify to its rule, and every event to the common one", () => {
    const plan = planWith({
      identify: { traits: { required: ["email"] } },
      common: { context: { required: ["locale"] }, mode: "block" },
    });
    const judged = checkEvent(anEvent({ type: "identify", traits: { plan: "pro" } }), plan);
    expect(judged).toMatchObject({
      outcome: "blocked",
      violations: [
        { path: "traits.email", keyword: "required" },
        { path: "context.locale", keyword: "required" },
      ],
    });
  });

  it.each([
    [
      "a schema that is none",
      { events: { A: { properties: { type: "text" } } } },
      ["events", "A", "properties", "type"],
    ],
    ["a mode that is none", { mode: "ignore" }, ["mode"]],
    ["a rule with a typo", { events: { A: { propertys: {} } } }, ["events", "A"]],
  ])("is refused with %s", (_, given, path) => {
    expect(trackingPlan.safeParse(given).error?.issues[0]?.path).toEqual(path);
  });
});
