import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fieldPath, without } from "./field-path.ts";

const event = {
  message_id: "m1",
  properties: {
    order_id: "o1",
    cost: 7,
    products: [
      { id: "p1", cost: 3, tags: ["a", "b"] },
      { id: "p2", cost: 4 },
    ],
  },
  context: { ip: "192.0.2.1", a: { ssn: 1, b: { ssn: 2, c: [{ ssn: 3 }] } } },
};

describe("a path", () => {
  it.each<[string, string[]]>([
    ["context.ip", ["context.ip"]],
    ["properties.products.*.cost", ["properties.products.0.cost", "properties.products.1.cost"]],
    ["properties.products.1", ["properties.products.1"]],
    ["properties.*", ["properties.order_id", "properties.cost", "properties.products"]],
    ["properties.**.cost", ["properties.cost", "properties.products.0.cost", "properties.products.1.cost"]],
    ["context.**.ssn", ["context.a.ssn", "context.a.b.ssn", "context.a.b.c.0.ssn"]],
    ["properties.products.0.tags.*", ["properties.products.0.tags.0", "properties.products.0.tags.1"]],
    ["properties.nothing", []],
    ["properties.order_id.further", []],
    ["properties.products.*.none.*", []],
  ])("%s takes %j", (path, expected) => {
    const gone: string[] = [];
    const left = without(event, path.split("."), gone);
    expect(gone.sort()).toEqual(expected.sort());
    if (expected.length === 0) expect(left).toBe(event);
  });

  it("leaves everything else, and the event itself, as it was", () => {
    const before = structuredClone(event);
    expect(without(event, ["properties", "products", "*", "cost"], [])).toEqual({
      ...before,
      properties: { ...before.properties, products: [{ id: "p1", tags: ["a", "b"] }, { id: "p2" }] },
    });
    expect(without(event, ["properties", "products", "0"], []).properties.products).toEqual([{ id: "p2", cost: 4 }]);
    expect(event).toEqual(before);
  });

  it("finds a name at any depth of any event", () => {
    const json = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(json, fc.jsonValue(), (properties, secret) => {
        const hidden = { properties: { ...properties, x: { secret, list: [{ secret }] } } };
        const left = without(hidden, ["properties", "**", "secret"], []);
        expect(JSON.stringify(left)).not.toContain('"secret":');
      }),
    );
  });

  it.each([
    "",
    "message_id",
    "timestamp",
    "*.ip",
    "properties",
    "context",
    "properties..a",
    "properties.**.a.**.b",
    `properties${".a".repeat(12)}`,
  ])("%s is refused", (path) => {
    expect(fieldPath.safeParse(path).success).toBe(false);
  });
});
