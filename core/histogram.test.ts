import { expect, it } from "vitest";
import { addDuration, addHistogram, type Histogram, percentile } from "./histogram.ts";

it.each([0.5, 0.95, 0.99])("knows the percentile %d to within a fifth", (share) => {
  const histogram: Histogram = {};
  for (let ms = 1; ms <= 10_000; ms++) addDuration(histogram, ms);
  expect(percentile(histogram, share)! / (share * 10_000)).toBeGreaterThan(0.8);
  expect(percentile(histogram, share)! / (share * 10_000)).toBeLessThan(1.2);
  expect(Object.keys(histogram).length).toBeLessThan(30);
});

it("adds up what was counted in different hours", () => {
  const [one, other, both]: Histogram[] = [{}, {}, {}];
  for (const [ms, into] of [
    [5, one],
    [50, one],
    [500, other],
    [50, other],
  ] as const) {
    addDuration(into!, ms);
    addDuration(both!, ms);
  }
  addHistogram(one!, other!);
  expect(one).toEqual(both);
});

it("has no percentile of nothing, and bears durations of any size", () => {
  expect(percentile({}, 0.5)).toBeNull();
  const histogram: Histogram = {};
  for (const ms of [-5, 0, 1e15]) addDuration(histogram, ms);
  expect(percentile(histogram, 0.5)).toBeLessThanOrEqual(1);
  expect(percentile(histogram, 1)).toBeGreaterThan(29 * 86_400_000);
});
