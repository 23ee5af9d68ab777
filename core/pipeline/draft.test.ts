import { describe, expect, it } from "vitest";
import { anEvent } from "../../test/an-event.ts";
import { Draft } from "./draft.ts";
import { path, read, segmentsOf, writablePath } from "./path.ts";

function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null) for (const held of Object.values(Object.freeze(value))) frozen(held);
  return value;
}

describe("a draft", () => {
  it("changes nothing of the original, and shares what it does not touch", () => {
    const original = frozen({ a: { b: { c: 1 }, d: { e: 2 } }, list: [{ x: 1 }, { x: 2 }] });
    const draft = new Draft<object>(original);
    draft.set(["a", "b", "c"], 5);
    draft.set(["list", "1", "x"], 9);
    draft.set(["new", "deep"], true);
    draft.remove(["list", "0"]);
    expect(draft.value).toEqual({ a: { b: { c: 5 }, d: { e: 2 } }, list: [{ x: 9 }], new: { deep: true } });
    expect((draft.value as typeof original).a.d).toBe(original.a.d);
  });

  it("leaves a value that was sealed as it was", () => {
    const draft = new Draft<{ a: number }>({ a: 1 });
    draft.set(["a"], 2);
    const held = draft.value;
    draft.seal();
    draft.set(["a"], 3);
    expect([held, draft.value]).toEqual([{ a: 2 }, { a: 3 }]);
  });

  it("puts an object where a text stood in the way, and says what it removed", () => {
    const draft = new Draft<object>({ a: "text" });
    draft.set(["a", "b"], 1);
    expect(draft.value).toEqual({ a: { b: 1 } });
    expect([draft.remove(["a", "b"]), draft.remove(["a", "b"]), draft.remove(["z", "y"])]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe("a path", () => {
  it.each(["", ".", "a..b", "a.", "__proto__.x", "a.constructor", "a.prototype.b", `${"x.".repeat(16)}x`])(
    "%j is none",
    (written) => {
      expect(path.safeParse(written).success).toBe(false);
    },
  );

  it.each([
    "message_id",
    "context.consent.marketing",
    "context.purposes",
    "anonymous_id",
    "properties",
    "context",
    "type",
  ])("%s of an event may not be written to", (written) => expect(writablePath.safeParse(written).success).toBe(false));

  it.each<[string, unknown]>([
    ["properties.products.0.sku", "s1"],
    ["properties.products.1.sku", undefined],
    ["properties.toString", undefined],
    ["properties.products.length", 1],
  ])("%s reads %j", (written, value) => {
    const event = anEvent({ properties: { products: [{ sku: "s1" }] } });
    expect(read(event, segmentsOf(written))).toBe(value);
  });
});
