import { describe, expect, it } from "vitest";
import { anEvent } from "../test/an-event.ts";
import { standardise } from "./org-data-layer/standardise.ts";
import { standardiseNames } from "./standardise-names.ts";

const run = (given: Parameters<typeof anEvent>[0], rules: unknown) => {
  const changed: string[] = [];
  const event = standardiseNames(anEvent(given), standardise.parse(rules), changed);
  return { event, changed };
};

describe("names", () => {
  it.each<[string, unknown, unknown, unknown]>([
    [
      "are renamed, in lists too",
      { prodId: 1, items: [{ prodId: 2 }] },
      { properties: { prodId: "product_id" } },
      { product_id: 1, items: [{ product_id: 2 }] },
    ],
    [
      "become snake_case",
      { productID: 1, "Page Title": 2, utm_source: 3, A: { bC: 4 } },
      { case: "snake_case" },
      { product_id: 1, page_title: 2, utm_source: 3, a: { b_c: 4 } },
    ],
    [
      "become camelCase",
      { product_id: 1, "Page Title": 2, HTMLText: 3 },
      { case: "camel_case" },
      { productId: 1, pageTitle: 2, htmlText: 3 },
    ],
    [
      "stay where the name is taken",
      { prodId: 1, product_id: 2 },
      { properties: { prodId: "product_id" } },
      { prodId: 1, product_id: 2 },
    ],
    ["stay where nothing of them is a letter or digit", { "--": 1 }, { case: "snake_case" }, { "--": 1 }],
    ["keep their order", { aB: 1, c: 2, dE: 3 }, { case: "snake_case" }, { a_b: 1, c: 2, d_e: 3 }],
  ])("%s", (_, properties, rules, expected) => {
    const { event } = run({ properties: properties as Record<string, unknown> }, rules);
    expect(event.properties).toEqual(expected);
    expect(Object.keys(event.properties)).toEqual(Object.keys(expected as object));
  });

  it.each<[string, unknown, string]>([
    ["checkout COMPLETED ", { events: { "Checkout Completed": "Order Completed" } }, "Order Completed"],
    ["order_completed", { event_case: "title_case" }, "Order Completed"],
    ["Order Completed", { event_case: "snake_case" }, "order_completed"],
    ["Something Else", { events: { "Checkout Completed": "Order Completed" } }, "Something Else"],
  ])("of the event %j, by %j: %j", (event, rules, expected) =>
    expect(run({ event }, rules).event.event).toBe(expected),
  );

  it("that are paths tell what changed", () => {
    expect(run({ traits: { a: { fName: "Ada" } } }, { traits: { fName: "first_name" } })).toMatchObject({
      event: { traits: { a: { first_name: "Ada" } } },
      changed: ["traits.a.first_name"],
    });
  });

  it("such as __proto__ stay data", () => {
    const properties = JSON.parse('{"__proto__":{"isAdmin":true},"aB":1}');
    const { event } = run({ properties }, { case: "snake_case" });
    expect(JSON.stringify(event.properties)).toBe('{"proto":{"is_admin":true},"a_b":1}');
    expect(({} as Record<string, unknown>).is_admin).toBeUndefined();
  });

  it("cost nothing where there is nothing to rename, also in a deep event", () => {
    const event = anEvent({ properties: JSON.parse(`${'{"a":'.repeat(30)}1${"}".repeat(30)}`) });
    const started = performance.now();
    expect(standardiseNames(event, standardise.parse({ case: "snake_case" }), [])).toBe(event);
    expect(performance.now() - started).toBeLessThan(50);
  });
});
