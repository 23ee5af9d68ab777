import { describe, expect, it } from "vitest";
import { lookUp, parseTable, TABLE_BYTES } from "./lookup-table.ts";

const CSV = "sku,brand,margin\nhat-1,Ascot,0.4\nhat-2,,0.1\n";

describe("a table", () => {
  it.each<["csv" | "json", string]>([
    ["csv", CSV],
    ["csv", `\ufeff${CSV.replaceAll("\n", "\r\n")}`],
    ["json", '[{"sku":"hat-1","brand":"Ascot","margin":"0.4"},{"sku":"hat-2","brand":"","margin":"0.1"}]'],
  ])("of %s finds columns by key, without the empty ones", (format, body) => {
    const parsed = parseTable(body, format, "sku");
    if (!parsed.ok) throw new Error(parsed.message);
    const table = { name: "hats", version: 1, ...parsed.table };
    expect(lookUp(table, "hat-1")).toEqual({ brand: "Ascot", margin: "0.4" });
    expect(lookUp(table, "hat-1", ["margin"])).toEqual({ margin: "0.4" });
    expect(lookUp(table, "hat-2")).toEqual({ margin: "0.1" });
    expect([lookUp(table, "hat-3"), lookUp(table, "constructor"), lookUp(table, "__proto__")]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it.each<[string, "csv" | "json", string, RegExp]>([
    ["no key column", "csv", "a,b\n1,2\n", /no column sku; there are a, b/],
    ["a key that stands twice", "csv", "sku,b\n1,2\n1,3\n", /row 2: sku 1 stands twice/],
    ["a row without a key", "csv", "sku,b\n,2\n", /row 1 has no sku/],
    ["a line that is too short", "csv", "sku,b\n1\n", /columns?/i],
    ["no rows", "csv", "sku,b\n", /no rows/],
    ["what is not JSON", "json", "{", /JSON/],
    ["no list", "json", '{"sku": 1}', /not a list/],
    ["objects in cells", "json", '[{"sku":"1","b":{}}]', /row 1, b/],
    ["too many bytes", "csv", `sku,b\n1,${"x".repeat(TABLE_BYTES)}\n`, /at most 1000000/],
  ])("with %s is refused with its place", (_, format, body, message) => {
    expect(parseTable(body, format, "sku")).toEqual({ ok: false, message: expect.stringMatching(message) });
  });
});
