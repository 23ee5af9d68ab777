import { validate } from "@cfworker/json-schema";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileSchema, type JsonSchema, schemaFault } from "./json-schema.ts";

const order: JsonSchema = {
  type: "object",
  required: ["order_id", "total"],
  properties: {
    order_id: { type: "string", minLength: 1, pattern: "^o[0-9]+$" },
    total: { type: "number", minimum: 0 },
    currency: { enum: ["EUR", "USD"] },
    products: { type: "array", items: { $ref: "#/$defs/product" }, minItems: 1 },
  },
  additionalProperties: false,
  $defs: {
    product: {
      type: "object",
      required: ["sku"],
      properties: { sku: { type: "string" }, parts: { items: { $ref: "#/$defs/product" } } },
    },
  },
};

describe("a compiled schema", () => {
  it.each<[string, unknown, string[]]>([
    ["what fits", { order_id: "o1", total: 1, products: [{ sku: "a", parts: [{ sku: "b" }] }] }, []],
    ["what is missing", { total: 1 }, ["order_id required"]],
    ["a wrong type", { order_id: "o1", total: "1" }, ["total type"]],
    ["a place in a list", { order_id: "o1", total: 1, products: [{ sku: "a" }, { sku: 2 }] }, ["products.1.sku type"]],
    [
      "a tree",
      { order_id: "o1", total: 1, products: [{ sku: "a", parts: [{}] }] },
      ["products.0.parts.0.sku required"],
    ],
    ["what is not planned", { order_id: "o1", total: 1, note: "x" }, ["note additionalProperties"]],
    [
      "everything that is wrong",
      { order_id: "x", total: -1, currency: "XXX" },
      ["order_id pattern", "total minimum", "currency enum"],
    ],
  ])("tells of %s", (_, value, found) => {
    const compiled = compileSchema(order);
    expect(compiled.violations(value).map(({ path, keyword }) => `${path} ${keyword}`)).toEqual(found);
    expect(compiled.isValid(value)).toBe(found.length === 0);
  });

  it.each<[string, JsonSchema, unknown, boolean]>([
    ["0.3 is a multiple of 0.1", { multipleOf: 0.1 }, 0.3, true],
    ["length counts characters", { maxLength: 1 }, "😀", true],
    ["a keyword for text says nothing of numbers", { minLength: 5 }, 1, true],
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    ["if, then", { if: { properties: { a: { const: 1 } } }, then: { required: ["b"] } }, { a: 1 }, false],
    ["else", { if: { required: ["a"] }, else: { required: ["b"] } }, {}, false],
    ["one of two that both hold", { oneOf: [{ type: "number" }, { minimum: 1 }] }, 2, false],
    ["items after the prefix", { prefixItems: [{ type: "string" }], items: { type: "number" } }, ["a", "b"], false],
    ["not", { not: { type: "string" } }, "a", false],
    ["an object is const whatever the order of its keys", { const: { a: 1, b: 2 } }, { b: 2, a: 1 }, true],
    ["dates that are in no calendar", { format: "date" }, "2026-02-30", false],
  ])("%s", (_, schema, value, isValid) => expect(compileSchema(schema).isValid(value)).toBe(isValid));
});

describe("a schema is refused", () => {
  it.each<[string, unknown, RegExp, string[]]>([
    ["that refers to itself", { $ref: "#" }, /itself/, ["$ref", "$ref"]],
    [
      "that refers to itself in a circle",
      { $ref: "#/$defs/a", $defs: { a: { allOf: [{ $ref: "#/$defs/b" }] }, b: { $ref: "#/$defs/a" } } },
      /itself/,
      ["$ref", "allOf", "0", "$ref", "$ref"],
    ],
    ["that reaches out", { $ref: "https://schemas.example/a" }, /within/, ["$ref"]],
    ["that leads nowhere", { properties: { a: { $ref: "#/$defs/b" } } }, /there is no/, ["properties", "a", "$ref"]],
    [
      "with a keyword nobody checks",
      { properties: { a: { requird: ["b"] } } },
      /requird is not supported/,
      ["properties", "a", "requird"],
    ],
    ["with a pattern that looks back", { pattern: "(a)\\1" }, /linear/, ["pattern"]],
    ["with a type that is none", { type: "text" }, /a type is one of/, ["type"]],
    ["that is a text", "string", /object/, []],
  ])("%s", (_, schema, message, path) => {
    const fault = schemaFault(schema);
    expect(fault?.message).toMatch(message);
    expect(fault?.path).toEqual(path);
  });

  it("that doubles with every reference", () => {
    const $defs = Object.fromEntries(
      Array.from({ length: 14 }, (_, i) => [
        `d${i}`,
        { allOf: [{ $ref: `#/$defs/d${i + 1}` }, { $ref: `#/$defs/d${i + 1}` }] },
      ]),
    );
    expect(schemaFault({ $ref: "#/$defs/d0", $defs: { ...$defs, d14: { type: "string" } } })?.message).toMatch(
      /more than/,
    );
  });
});

it("judges as another implementation does", () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  const schema = fc.letrec((tie) => ({
    schema: fc.oneof(
      { maxDepth: 3 },
      fc.record({ type: fc.constantFrom("string", "number", "integer", "object", "array", "null", "boolean") }),
      fc.record({ enum: fc.array(fc.jsonValue({ maxDepth: 1 }), { minLength: 1, maxLength: 3 }) }),
      fc.record({ minimum: fc.integer(), exclusiveMaximum: fc.integer() }, { requiredKeys: [] }),
      fc.record({ minLength: fc.nat(4), maxLength: fc.nat(4) }, { requiredKeys: [] }),
      fc.record({ minItems: fc.nat(3), uniqueItems: fc.boolean() }, { requiredKeys: [] }),
      fc.record(
        {
          properties: fc.dictionary(fc.constantFrom("a", "b"), tie("schema")),
          required: fc.subarray(["a", "b"]),
          additionalProperties: tie("schema"),
        },
        { requiredKeys: [] },
      ),
      fc.record(
        { prefixItems: fc.array(tie("schema"), { minLength: 1, maxLength: 2 }), items: tie("schema") },
        { requiredKeys: [] },
      ),
      fc.record({ anyOf: fc.array(tie("schema"), { minLength: 1, maxLength: 3 }) }),
      fc.record({ oneOf: fc.array(tie("schema"), { minLength: 1, maxLength: 3 }) }),
      fc.record({ not: tie("schema") }),
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      fc.record({ if: tie("schema"), then: tie("schema"), else: tie("schema") }),
    ),
  })).schema;
  const near = fc.oneof(value, fc.record({ a: value, b: value }, { requiredKeys: [] }), fc.array(value));
  fc.assert(
    fc.property(schema, near, (one, held) => {
      const expected = validate(held as never, one as never, "2020-12").valid;
      expect(compileSchema(one as JsonSchema).isValid(held)).toBe(expected);
    }),
    { numRuns: 1_500 },
  );
});
