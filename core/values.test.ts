import { describe, expect, it } from "vitest";
import { defined, number, pick, scalar, text, unlessEmpty } from "./values.ts";

describe("values", () => {
  it.each([
    ["  hat ", "hat"],
    [94107, "94107"],
    ["", undefined],
    ["   ", undefined],
    [Number.NaN, undefined],
    [true, undefined],
    [null, undefined],
    [{}, undefined],
  ])("reads %j as the text %j", (value, read) => expect(text(value)).toBe(read));

  it.each([
    [1.5, 1.5],
    [" 10 ", 10],
    ["-3.25", -3.25],
    ["1,50", undefined],
    ["$5", undefined],
    ["1e3", undefined],
    ["", undefined],
    [Number.POSITIVE_INFINITY, undefined],
    [true, undefined],
    [[], undefined],
  ])("reads %j as the number %j", (value, read) => expect(number(value)).toBe(read));

  it.each([
    [false, "false"],
    [0, 0],
    ["10", "10"],
    [Number.NaN, undefined],
    [["a"], undefined],
    [{ a: 1 }, undefined],
  ])("reads %j as the scalar %j", (value, read) => expect(scalar(value)).toBe(read));

  it("picks the first name that says something", () => {
    expect(pick({ a: "", b: null, c: " yes " }, "a", "b", "c")).toBe("yes");
    expect(pick({}, "a")).toBeUndefined();
  });

  it("leaves out what is undefined, and objects that are empty", () => {
    expect(Object.keys(defined({ a: 1, b: undefined, c: null }))).toEqual(["a", "c"]);
    expect([unlessEmpty({}), unlessEmpty([]), unlessEmpty([0])]).toEqual([undefined, undefined, [0]]);
  });
});
