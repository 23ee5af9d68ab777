import { expect, it } from "vitest";
import { coerce } from "./coerce.ts";
import type { TypeRule } from "./org-data-layer/types.ts";

it.each<[TypeRule["type"], unknown, unknown, string | undefined]>([
  ["string", "a", "a", undefined],
  ["string", 12.5, "12.5", "number_to_string"],
  ["string", true, "true", "boolean_to_string"],
  ["number", " 12.50 ", 12.5, "string_to_number"],
  ["number", 1, 1, undefined],
  ["integer", "7", 7, "string_to_integer"],
  ["boolean", "yes", true, "string_to_boolean"],
  ["boolean", 0, false, "number_to_boolean"],
  ["timestamp", 1795221793, "2026-11-21T00:43:13.000Z", "number_to_timestamp"],
  ["timestamp", "2026-11-20", "2026-11-20T00:00:00.000Z", "string_to_timestamp"],
  ["array", "a", ["a"], "string_to_array"],
  ["array", '["a","b"]', ["a", "b"], "string_to_array"],
  ["array", [1], [1], undefined],
  ["object", '{"a":1}', { a: 1 }, "string_to_object"],
])("as %s %j is %j", (type, value, expected, as) => {
  expect(coerce(value, type)).toEqual({ ok: true, value: expected, ...(as && { as }) });
});

it.each<[TypeRule["type"], unknown]>([
  ["string", {}],
  ["string", null],
  ["number", "1,50"],
  ["number", ""],
  ["integer", 1.5],
  ["boolean", "perhaps"],
  ["timestamp", "soon"],
  ["array", null],
  ["object", "{"],
  ["object", [1]],
  ["object", `{"a":${"[".repeat(30)}${"]".repeat(30)}}`],
])("as %s %j cannot be read", (type, value) => expect(coerce(value, type)).toEqual({ ok: false }));
