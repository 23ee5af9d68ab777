import { describe, expect, it } from "vitest";
import { anEvent } from "../test/an-event.ts";
import { currencyOf, eventTable, hasSingleProduct, orderIdOf, piecesOf, productsOf, worthOf } from "./commerce.ts";

const track = (event: string, properties: Record<string, unknown>) => anEvent({ event, properties });

describe("productsOf", () => {
  it("reads products[], by product_id, sku or id, numbers also from strings", () => {
    const products = [
      { product_id: "p1", sku: "s1", name: "Bowler", price: "19.50", quantity: 2, lining: "silk", sizes: ["L"] },
      { sku: "s2", price: "1,50" },
      { id: 3, position: "4" },
    ];
    expect(productsOf(track("Order Completed", { products, product_id: "not this" }))).toEqual([
      { id: "p1", name: "Bowler", price: 19.5, quantity: 2, custom: { lining: "silk" } },
      { id: "s2", custom: {} },
      { id: "3", position: 4, custom: {} },
    ]);
  });

  it("skips what is no product", () => {
    expect(productsOf(track("Cart Viewed", { products: [null, "p1", {}, { price: 5 }] }))).toEqual([]);
    expect(productsOf(track("Cart Viewed", { products: "p1" }))).toEqual([]);
  });

  it("reads the one product in the properties, and leaves the event's own properties alone", () => {
    const event = track("Product Added", { cart_id: "c1", product_id: "p1", name: "Bowler", brand: "Millinery" });
    expect(productsOf(event)).toEqual([{ id: "p1", name: "Bowler", brand: "Millinery", custom: {} }]);
  });

  it.each([
    ["Product Viewed", { name: "Bowler" }, true],
    ["Button Clicked", { product_id: "p1" }, true],
    ["Button Clicked", { name: "Bowler" }, false],
    ["Product List Viewed", { name: "Hats" }, false],
    ["Order Completed", { products: [], sku: "s1" }, false],
  ])("%s with %j is about a single product: %s", (event, properties, is) => {
    expect(hasSingleProduct(track(event, properties))).toBe(is);
  });

  it("never takes a page's name for a product's", () => {
    expect(productsOf(anEvent({ type: "page", properties: { name: "Hats", sku: "s1" } }))).toEqual([]);
  });
});

it("counts the pieces of all products, one of each that does not say", () => {
  const products = [{ product_id: "p1", quantity: 3 }, { product_id: "p2" }];
  expect(piecesOf(productsOf(track("Order Completed", { products })))).toBe(4);
});

describe("worthOf", () => {
  const products = [
    { product_id: "p1", price: 0.1, quantity: 3 },
    { product_id: "p2", price: "10" },
  ];
  it.each([
    ["Order Completed", { value: 1, revenue: 2, subtotal: 3, total: 4, products }, 1],
    ["Order Completed", { revenue: "2.50", subtotal: 3, total: 4, products }, 2.5],
    ["Order Completed", { subtotal: 3, total: 4, tax: 1, products }, 3],
    ["Order Completed", { total: 60.15, tax: 4.95, shipping: 5.1, products }, 50.1],
    ["Order Completed", { total: 4 }, 4],
    ["Order Completed", { revenue: 0 }, 0],
    ["Order Completed", { products }, 10.3],
    ["order completed", { products }, 10.3],
    ["Product Added", { product_id: "p1", price: 19.5, quantity: 2 }, 39],
    ["Product Viewed", { product_id: "p1", price: 19.5 }, 19.5],
    ["Product Viewed", { product_id: "p1" }, undefined],
    ["Product List Viewed", { products }, undefined],
    ["Quiz finished", { products }, undefined],
    ["Quiz finished", { value: 7 }, 7],
    ["Order Completed", { revenue: "two" }, undefined],
  ])("%s with %j is worth %j", (event, properties, worth) => expect(worthOf(track(event, properties))).toBe(worth));
});

it.each([
  [{ currency: "eur" }, "EUR"],
  [{ products: [{ currency: "usd" }, { currency: "EUR" }] }, "USD"],
  [{ currency: "GBP", products: [{ currency: "usd" }] }, "GBP"],
  [{ currency: "€" }, undefined],
  [{}, undefined],
])("currencyOf(%j) is %j", (properties, currency) => {
  expect(currencyOf(track("Order Completed", properties))).toBe(currency);
});

it.each([
  [{ order_id: "o1", transaction_id: "t1" }, "o1"],
  [{ transaction_id: 7 }, "7"],
  [{ checkout_id: "c1" }, undefined],
])("orderIdOf(%j) is %j", (properties, id) => expect(orderIdOf(track("Order Completed", properties))).toBe(id));

it("finds an event's row however it is capitalised, and only for a track", () => {
  const row = eventTable({ "Order Completed": 1, page: 2 });
  expect(row(anEvent({ event: " ORDER completed " }))).toBe(1);
  expect(row(anEvent({ event: "constructor" }))).toBeUndefined();
  expect(row(anEvent({ type: "page" }))).toBeUndefined();
});
