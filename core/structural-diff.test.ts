import { expect, it } from "vitest";
import { diffText, structuralDiff } from "./structural-diff.ts";

it.each<[unknown, unknown, string]>([
  [{ a: 1 }, { a: 1 }, ""],
  [{ a: 1, b: { c: [1] } }, { a: 2, b: { c: [1] } }, "~ a: 1 → 2"],
  [{ a: 1 }, { b: 1 }, "- a: 1\n+ b: 1"],
  [{ a: { b: 1 } }, { a: "text" }, '~ a: {"b":1} → "text"'],
  [{ l: [1, 2, 3] }, { l: [1, 9, 2, 3] }, "+ l.1: 9"],
  [{ l: [1, 2, 3] }, { l: [2, 3] }, "- l.0: 1"],
  [{ l: [{ a: 1 }, { b: 1 }] }, { l: [{ a: 2 }, { b: 1 }] }, "~ l.0.a: 1 → 2"],
  [{ l: [] }, { l: [1, 1] }, "+ l.0: 1\n+ l.1: 1"],
  [{ l: [1, 1] }, { l: [1] }, "- l.1: 1"],
  [{ a: undefined }, {}, ""],
  [null, { a: 1 }, '~ : null → {"a":1}'],
])("%j → %j", (before, after, text) => {
  expect(diffText(structuralDiff(before, after))).toBe(text);
});
