import { expect, it } from "vitest";
import { failureSpike } from "./failure-spike.ts";

const NOW = 100_000 * 60_000;
/** So many tries and failures in each minute from `from` to `to` minutes ago. */
const span = (from: number, to: number, tries: number, failed: number) =>
  Array.from({ length: from - to }, (_, i) => ({ minute: 100_000 - to - i, tries, failed }));

it.each<[string, ReturnType<typeof span>, number | null]>([
  ["nothing happened", [], null],
  ["all is well", span(60, 0, 10, 0), null],
  ["a few fail, as ever", span(60, 0, 100, 10), null],
  ["half of them fail, as ever", span(60, 0, 10, 5), null],
  ["half of them fail, and a tenth did before", [...span(60, 15, 10, 1), ...span(15, 0, 10, 5)], 0.5],
  ["half of them fail, and a quarter did before", [...span(60, 15, 12, 3), ...span(15, 0, 10, 5)], null],
  ["all fail of an integration that is new", span(3, 0, 10, 10), 1],
  ["one of one fails", span(1, 0, 1, 1), null],
  ["it is over for a quarter of an hour", [...span(60, 15, 10, 10), ...span(15, 0, 10, 0)], null],
])("where %s: a share of %s", (_, minutes, share) => {
  expect(failureSpike(minutes, NOW)?.failed_share ?? null).toBe(share);
});
