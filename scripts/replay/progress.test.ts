import { expect, it } from "vitest";
import { barLine, plainLine } from "./progress.ts";

const HALFWAY = { share: 0.5, lines: 5_142, sent: 1_600, per_second: 1_126, seconds_left: 83.2 };

it("says how far it is, how fast, and how long it will take", () => {
  expect(plainLine(HALFWAY)).toBe(" 50%  5,142 lines  1,600 sent  1,126/s  1:24 left");
  expect(barLine(HALFWAY)).toBe(`████████████░░░░░░░░░░░░ ${plainLine(HALFWAY)}`);
});

it.each([
  [undefined, /\/s$/],
  [0.4, /0:01 left$/],
  [3_661, /1:01:01 left$/],
])("writes %s seconds left as a clock", (seconds_left, end) => {
  expect(plainLine({ ...HALFWAY, seconds_left })).toMatch(end);
});

it("is full only at the end", () => {
  expect(plainLine({ ...HALFWAY, share: 0.999 })).toMatch(/^ 99%/);
  expect(plainLine({ ...HALFWAY, share: 1 })).toMatch(/^100%/);
});
