import { describe, expect, it } from "vitest";
import { type Mapping, mapperOf, mapping } from "./column-mapping.ts";

const map = (row: object, given?: Mapping, defaults: Parameters<typeof mapperOf>[1] = { type: "track" }) =>
  mapperOf(given, defaults)(Object.entries(row));

describe("without a mapping, a column", () => {
  it.each<[string, object, object]>([
    ["is the field of its name", { user_id: "u1", timestamp: "2020" }, { user_id: "u1", timestamp: "2020" }],
    ["is Segment's field", { userId: "u1", messageId: "m" }, { userId: "u1", messageId: "m" }],
    ["is the path it names", { "context.page.url": "/a" }, { context: { page: { url: "/a" } } }],
    ["else is a property", { sku: "a", "weird.name": "b" }, { properties: { sku: "a", "weird.name": "b" } }],
    ["is no value where it is empty", { user_id: "", sku: "" }, {}],
    [
      "joins what an object brings",
      { properties: { a: 1 }, b: 2, "properties.c": 3 },
      { properties: { a: 1, b: 2, c: 3 } },
    ],
    ["joins it in any order", { "properties.c": 3, properties: { a: 1, c: 0 } }, { properties: { a: 1, c: 3 } }],
  ])("%s", (_, row, event) => {
    expect(map(row)).toEqual({ ok: true, event: { type: "track", ...event } });
  });

  it.each(["identify", "group"])("is a trait of an %s, which the row may say itself", (type) => {
    expect(map({ email: "a@b.example", type })).toMatchObject({ event: { type, traits: { email: "a@b.example" } } });
    expect(map({ email: "a@b.example" }, undefined, { type: "identify" })).toMatchObject({
      event: { type: "identify", traits: { email: "a@b.example" } },
    });
  });
});

it("names the events that have no name of their own, and only tracks", () => {
  const defaults = { type: "track", event: "Bought" } as const;
  expect(map({}, undefined, defaults)).toMatchObject({ event: { event: "Bought" } });
  expect(map({ event: "Sold" }, undefined, defaults)).toMatchObject({ event: { event: "Sold" } });
  expect(map({ type: "page" }, undefined, defaults)).toEqual({ ok: true, event: { type: "page" } });
});

it("puts a column where the mapping says, and leaves out what it says null of", () => {
  const given = { mail: "traits.email", bought_at: "timestamp", user_id: "properties.old_id", note: null };
  expect(map({ mail: "a@b.example", bought_at: "2020-01-01", user_id: "u1", note: "x", sku: "s" }, given)).toEqual({
    ok: true,
    event: {
      type: "track",
      traits: { email: "a@b.example" },
      timestamp: "2020-01-01",
      properties: { old_id: "u1", sku: "s" },
    },
  });
});

describe("a typed column", () => {
  it.each<[string, unknown, unknown]>([
    ["number", " 12.50 ", 12.5],
    ["number", "-1e3", -1000],
    ["number", ".5", 0.5],
    ["number", 7, 7],
    ["number", "12,5", undefined],
    ["number", "0x10", undefined],
    ["number", "1e999", undefined],
    ["number", "NaN", undefined],
    ["number", true, undefined],
    ["boolean", "TRUE", true],
    ["boolean", "0", false],
    ["boolean", "no", false],
    ["boolean", "maybe", undefined],
    ["boolean", false, false],
    ["string", 7, "7"],
    ["string", {}, undefined],
    ["json", '[{"sku":"a"}]', [{ sku: "a" }]],
    ["json", "[", undefined],
    ["json", '{"__proto__":{"a":1}}', undefined],
    ["json", '{"\\u005f_proto__":{"a":1}}', undefined],
  ])("that is a %s takes %j as %j", (type, value, taken) => {
    expect(map({ x: value }, { x: `properties.x:${type}` })).toEqual(
      taken === undefined
        ? { ok: false, code: "invalid_value", message: `x: not a ${type}` }
        : { ok: true, event: { type: "track", properties: { x: taken } } },
    );
  });

  it("that is null has no value", () => {
    expect(map({ x: null }, { x: "properties.x:number" })).toEqual({ ok: true, event: { type: "track" } });
  });
});

it.each<[string, object]>([
  ["has a value in a column without a name", { "": "x" }],
  ["leads into text", { traits: "x", "traits.a": "y" }],
  ["brings text where a path led before", { "traits.a": "y", traits: "x" }],
  ["has properties that are no object", { properties: "x", sku: "s" }],
  ["would change the prototype", JSON.parse('{"__proto__":{"user_id":"admin"}}')],
])("refuses a row that %s", (_, row) => {
  expect(map(row)).toMatchObject({ ok: false, code: "invalid_column" });
});

it("never changes what every object has", () => {
  map(JSON.parse('{"properties.constructor":"x","constructor":"y","traits.toString":"z"}'));
  expect([{}.constructor, {}.toString]).toEqual([Object, Object.prototype.toString]);
});

describe("a mapping", () => {
  it.each(["user_id", "properties.a", "traits.a.b.c", "timestamp:number", "properties.a:json"])(
    "may lead to %s",
    (path) => {
      expect(mapping.safeParse({ x: path }).success).toBe(true);
    },
  );

  it.each([
    "",
    "nobody",
    "user_id.x",
    "properties.",
    "properties..a",
    "traits.__proto__.a",
    "received_at",
    "x:number",
    `traits${".a".repeat(9)}`,
  ])("may not lead to %j", (path) => {
    expect(mapping.safeParse({ x: path }).success).toBe(false);
  });
});
