import { expect, it, vi } from "vitest";
import { rateLimitHeaders, spend, tighter } from "./rate-limit.ts";

const limiterThat = (...answers: boolean[]) => {
  const limit = vi.fn(async () => ({ success: answers.shift() ?? true }));
  return { limit } satisfies RateLimit;
};
const MANY = { mostAMinute: 100, askAboutOneIn: 10 };
const FEW = { mostAMinute: 3, askAboutOneIn: 10 };
/** A whole minute of the clock begins. */
const NOON = Date.parse("2026-11-20T12:00:00Z");

it("asks about one request in ten of each key, and never about somebody who sends fewer", async () => {
  const limiter = limiterThat();
  for (let i = 0; i < 9; i++) await spend(limiter, "src_a", MANY, NOON);
  for (let i = 0; i < 9; i++) await spend(limiter, "src_b", MANY, NOON);
  expect(limiter.limit).not.toHaveBeenCalled();
  for (let i = 0; i < 11; i++) expect(await spend(limiter, "src_a", MANY, NOON)).toMatchObject({ allowed: true });
  expect(limiter.limit).toHaveBeenCalledTimes(2);
  expect(limiter.limit).toHaveBeenLastCalledWith({ key: "src_a" });
});

it("counts down, refuses beyond the limit without asking, and begins anew with the next minute", async () => {
  const limiter = limiterThat();
  expect(await spend(limiter, "src_a", FEW, NOON + 15_000)).toEqual({
    allowed: true,
    limit: 3,
    remaining: 2,
    reset_s: 45,
  });
  await spend(limiter, "src_a", FEW, NOON + 16_000);
  expect(await spend(limiter, "src_a", FEW, NOON + 17_000)).toMatchObject({ allowed: true, remaining: 0 });
  expect(await spend(limiter, "src_a", FEW, NOON + 18_000)).toMatchObject({
    allowed: false,
    remaining: 0,
    reset_s: 42,
  });
  expect(await spend(limiter, "src_a", FEW, NOON + 60_000)).toMatchObject({ allowed: true, remaining: 2, reset_s: 60 });
  expect(limiter.limit).not.toHaveBeenCalled();
});

it("refuses for a second what the binding refused, then asks about the very next request", async () => {
  const limiter = limiterThat(false, false, true);
  for (let i = 0; i < 9; i++) await spend(limiter, "src_a", MANY, NOON);
  expect(await spend(limiter, "src_a", MANY, NOON)).toMatchObject({ allowed: false });
  expect(await spend(limiter, "src_a", MANY, NOON + 999)).toMatchObject({ allowed: false });
  expect(await spend(limiter, "src_b", MANY, NOON + 999)).toMatchObject({ allowed: true });
  expect(limiter.limit).toHaveBeenCalledTimes(1);
  expect(await spend(limiter, "src_a", MANY, NOON + 1_000)).toMatchObject({ allowed: false });
  expect(await spend(limiter, "src_a", MANY, NOON + 2_000)).toMatchObject({ allowed: true });
  expect(limiter.limit).toHaveBeenCalledTimes(3);
});

it("tells the tighter of two limits, and a refusal before anything", () => {
  const wide = { allowed: true, limit: 100, remaining: 50, reset_s: 9 };
  const tight = { allowed: true, limit: 10, remaining: 5, reset_s: 9 };
  const refusal = { allowed: false, limit: 1_000, remaining: 0, reset_s: 30 };
  expect(tighter(wide, undefined)).toBe(wide);
  expect(tighter(wide, tight)).toBe(tight);
  expect(tighter(tight, wide)).toBe(tight);
  expect(tighter({ ...tight, remaining: 0 }, refusal)).toBe(refusal);
  expect(tighter(refusal, tight)).toBe(refusal);
  expect(rateLimitHeaders(refusal)).toEqual({
    "x-ratelimit-limit": "1000",
    "x-ratelimit-remaining": "0",
    "x-ratelimit-reset": "30",
    "retry-after": "10",
  });
  expect(rateLimitHeaders(wide)).not.toHaveProperty("retry-after");
});
