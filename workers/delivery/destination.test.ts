import { describe, expect, it } from "vitest";
import * as z from "zod";
import { anEvent } from "../../test/an-event.ts";
import { eventTime, httpOutcome, isSkip, retryAfterSeconds, secret, skip, splitSecrets } from "./destination.ts";

describe("the time of an event", () => {
  const at = (timestamp: string) => eventTime(anEvent({ timestamp, received_at: "2026-11-20T10:00:00.000Z" }), 72);

  it.each([
    ["when it happened", "2026-11-20T09:00:00.000Z", "2026-11-20T09:00:00.000Z"],
    ["when it happened, just not too old", "2026-11-17T10:00:00.000Z", "2026-11-17T10:00:00.000Z"],
    ["its arrival, for a clock that runs a little ahead", "2026-11-20T10:15:00.000Z", "2026-11-20T10:00:00.000Z"],
  ])("is %s", (_, timestamp, expected) => {
    expect(at(timestamp)).toEqual(new Date(expected));
  });

  it.each([
    ["too_old", "2026-11-17T09:59:59.999Z"],
    ["in_the_future", "2026-11-20T10:15:00.001Z"],
  ])("is none where it is %s", (reason, timestamp) => {
    expect(at(timestamp)).toMatchObject({ skip: reason });
  });
});

describe("HTTP's own outcome", () => {
  const outcome = (status: number, body = "", headers = {}) => httpOutcome({ status, body, headers, json: undefined });

  it.each([
    [200, "delivered"],
    [204, "delivered"],
    [302, "rejected"],
    [400, "rejected"],
    [401, "unauthorised"],
    [403, "unauthorised"],
    [404, "rejected"],
    [408, "retry"],
    [410, "rejected"],
    [413, "rejected"],
    [425, "retry"],
    [429, "retry"],
    [500, "retry"],
    [503, "retry"],
  ])("of %i is %s", (status, expected) => {
    expect(outcome(status).outcome).toBe(expected);
  });

  it("gives the vendor's words, at most 200 characters of them", () => {
    expect(outcome(400, "x".repeat(500))).toEqual({ outcome: "rejected", reason: `HTTP 400: ${"x".repeat(200)}` });
    expect(outcome(500)).toEqual({ outcome: "retry", reason: "HTTP 500" });
  });

  it("honours Retry-After wherever there is a retry", () => {
    expect(outcome(503, "", { "retry-after": "120" })).toMatchObject({ outcome: "retry", after_s: 120 });
    expect(outcome(400, "", { "retry-after": "120" })).not.toHaveProperty("after_s");
  });
});

describe("Retry-After", () => {
  const now = Date.parse("2026-11-20T10:00:00.500Z");

  it.each<[string | undefined, number | undefined]>([
    ["120", 120],
    [" 0 ", 0],
    ["Fri, 20 Nov 2026 10:01:00 GMT", 60],
    ["Fri, 20 Nov 2026 09:00:00 GMT", 0],
    ["soon", undefined],
    ["", undefined],
    [undefined, undefined],
  ])("of %o is %o seconds", (header, seconds) => {
    expect(retryAfterSeconds(header, now)).toBe(seconds);
  });
});

describe("settings", () => {
  const settings = z.object({
    id: z.string(),
    token: secret(),
    spare: secret().optional(),
    headers: secret(z.record(z.string(), z.string())).default({ a: "b" }),
    region: z.enum(["eu", "us"]).default("eu"),
  });

  it("are split into what may be published and what must be sealed, with their defaults", () => {
    expect(splitSecrets(settings, { id: "1", token: "t", spare: "s" })).toEqual({
      open: { id: "1", region: "eu" },
      secrets: { token: "t", spare: "s", headers: { a: "b" } },
    });
  });

  it("that do not validate are not split at all", () => {
    expect(() => splitSecrets(settings, { id: "1", token: "" })).toThrow();
  });
});

it.each([
  [skip("too_old", "last year"), true],
  [{ skip: "too_old" }, false],
  [{ id: "a payload" }, false],
  [null, false],
  ["skip", false],
])("tells a skip from a payload: %o", (result, expected) => {
  expect(isSkip(result)).toBe(expected);
});
