import { expect, it, vi } from "vitest";
import { mayGoOn } from "./rate-limit.ts";

const limiterThat = (...answers: boolean[]) => {
  const limit = vi.fn(async () => ({ success: answers.shift() ?? true }));
  return { limit } satisfies RateLimit;
};

it("asks about the first request of a source and then about every tenth", async () => {
  const limiter = limiterThat();
  for (let i = 0; i < 21; i++) expect(await mayGoOn(limiter, "src_a", 1_000)).toBe(true);
  expect(limiter.limit).toHaveBeenCalledTimes(3);
  await mayGoOn(limiter, "src_b", 1_000);
  expect(limiter.limit).toHaveBeenLastCalledWith({ key: "src_b" });
});

it("refuses for a second without asking, then asks again", async () => {
  const limiter = limiterThat(false, true);
  expect(await mayGoOn(limiter, "src_a", 1_000)).toBe(false);
  expect(await mayGoOn(limiter, "src_a", 1_999)).toBe(false);
  expect(await mayGoOn(limiter, "src_b", 1_999)).toBe(true);
  expect(await mayGoOn(limiter, "src_a", 2_000)).toBe(true);
  expect(limiter.limit).toHaveBeenCalledTimes(3);
});
