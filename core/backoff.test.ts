import { expect, it } from "vitest";
import { backoffSeconds } from "./backoff.ts";

const least = (attempt: number, after = 0) => backoffSeconds(attempt, after, () => 0);
const most = (attempt: number, after = 0) => backoffSeconds(attempt, after, () => 0.999_999);

it.each([
  [1, 2],
  [2, 4],
  [3, 8],
  [5, 32],
  [11, 2_048],
  [12, 3_600],
  [1_000, 3_600],
  [100_000, 3_600],
])("after attempt %d waits between a second and %d of them", (attempt, longest) => {
  expect(least(attempt)).toBe(1);
  expect(most(attempt)).toBe(longest);
});

it("waits at least as long as the other side asks, and spreads those who were asked the same", () => {
  expect(least(1, 120)).toBe(121);
  expect(most(4, 120)).toBe(136);
});

it("never waits longer than a queue can hold a message back, and in whole seconds", () => {
  expect(most(20, 10 * 86_400)).toBe(86_400);
  expect(backoffSeconds(6, 0.25, () => 0.123)).toSatisfy(Number.isInteger);
});
