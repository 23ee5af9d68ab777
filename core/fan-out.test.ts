import { describe, expect, it } from "vitest";
import { anEvent } from "../test/an-event.ts";
import { event as envelope } from "./event.ts";
import { fanOut, MOST_CHILDREN } from "./fan-out.ts";
import { fanOutRule } from "./org-data-layer/fan-out.ts";

const order = anEvent({
  message_id: "order-1",
  event: "Order Completed",
  properties: {
    order_id: "o1",
    currency: "EUR",
    revenue: 50,
    total: 62,
    products: [
      { product_id: "p1", brand: "Acme", price: 10, quantity: 2 },
      { product_id: "p2", brand: "Bolt", price: 20 },
      { product_id: "p3", brand: "Acme", price: 10 },
    ],
  },
  context: { session: { id: "s.1", number: 1, started_at: "2026-11-20T10:00:00.000Z", is_new: false } },
});
const rule = (given: object = {}) =>
  fanOutRule.parse({
    name: "lines",
    events: ["order completed"],
    each: "properties.products",
    event: "Line Ordered",
    ...given,
  });

describe("an order", () => {
  it("becomes one event for each line, with the order's facts and without its sums", () => {
    const { children, parentGoesOn, detail } = fanOut(order, [rule()]);
    expect(children.map(({ event }) => event.properties)).toEqual([
      { order_id: "o1", currency: "EUR", product_id: "p1", brand: "Acme", price: 10, quantity: 2, value: 20 },
      { order_id: "o1", currency: "EUR", product_id: "p2", brand: "Bolt", price: 20, value: 20 },
      { order_id: "o1", currency: "EUR", product_id: "p3", brand: "Acme", price: 10, value: 10 },
    ]);
    expect(children[1]!.event).toMatchObject({
      event: "Line Ordered",
      anonymous_id: order.anonymous_id,
      timestamp: order.timestamp,
      context: {
        ...order.context,
        parent: { message_id: "order-1", event: "Order Completed", rule: "lines", index: 1, of: 3 },
      },
    });
    expect(parentGoesOn).toBe(true);
    expect(detail).toBe("lines: 3 events");
    for (const { event } of children) expect(envelope.safeParse(event).success).toBe(true);
  });

  it("becomes one event for each brand, with that brand's products", () => {
    const { children } = fanOut(order, [rule({ by: "brand", keep: ["order_id"], parent: "stays" })]);
    expect(children.map(({ event }) => event.properties)).toEqual([
      {
        order_id: "o1",
        brand: "Acme",
        products: [expect.objectContaining({ product_id: "p1" }), expect.objectContaining({ product_id: "p3" })],
        value: 30,
      },
      { order_id: "o1", brand: "Bolt", products: [expect.objectContaining({ product_id: "p2" })], value: 20 },
    ]);
  });

  it("becomes the same events whenever it is done again, and others by another rule or of another order", () => {
    const ids = (one = order, given = {}) => fanOut(one, [rule(given)]).children.map(({ event }) => event.message_id);
    expect(ids()).toEqual(ids());
    const all = [
      ...ids(),
      ...ids(order, { by: "brand" }),
      ...ids(order, { name: "other" }),
      ...ids({ ...order, message_id: "order-2" }),
    ];
    expect(new Set(all).size).toBe(all.length);
    expect(all.every((id) => id.length === 35)).toBe(true);
  });

  it("of many lines becomes as many events as the rule lets, and says so", () => {
    const products = Array.from({ length: 300 }, (_, i) => ({ product_id: `p${i}` }));
    const large = { ...order, properties: { products } };
    expect(fanOut(large, [rule({ most: 5 })])).toMatchObject({
      children: { length: 5 },
      detail: "lines: 5 events of 300",
    });
    const both = fanOut(large, [rule({ most: 150 }), rule({ name: "again", most: 150 })]);
    expect(both.children).toHaveLength(MOST_CHILDREN);
  });

  it("goes to whom the rule names, unless the order itself leaves them out", () => {
    const shy = { ...order, integrations: { All: true, meta: false } };
    const [child] = fanOut(shy, [rule({ to: ["int_retail", "Meta"] })]).children;
    expect(child!.event.integrations).toEqual({ All: false, int_retail: true });
  });
});

describe("nothing is made", () => {
  it.each<[string, object, object]>([
    ["of another event", { event: "Product Viewed" }, {}],
    ["of a page of that name", { type: "page", event: "Order Completed" }, {}],
    ["where the list is none", { properties: { products: "p1" } }, {}],
    ["of items that are no objects", { properties: { products: ["p1", null, 3] } }, {}],
    ["of items without the field to group by", { properties: { products: [{ id: 1 }] } }, { by: "retailer" }],
  ])("%s, and the parent goes on", (_, event, given) => {
    expect(fanOut({ ...order, ...event } as typeof order, [rule({ parent: "stays", ...given })])).toMatchObject({
      children: [],
      parentGoesOn: true,
    });
  });
});

it("takes the place of its parent where the rule says so", () => {
  expect(fanOut(order, [rule({ parent: "stays" })]).parentGoesOn).toBe(false);
});

it("states no value where an item has no price", () => {
  const [child] = fanOut({ ...order, properties: { products: [{ id: "p1" }] } }, [rule()]).children;
  expect(child!.event.properties).toEqual({ id: "p1" });
});
