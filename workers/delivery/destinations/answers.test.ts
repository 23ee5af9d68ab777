/** What each vendor's documented answers mean for the events that were sent: by its codes and bodies, not by HTTP alone. */
import { describe, expect, it } from "vitest";
import type { Outcome, VendorResponse } from "../destination.ts";
import { destinations } from "./index.ts";

/** [what is said, status, body, what becomes of each event, headers] */
type Case = [
  said: string,
  status: number,
  body: unknown,
  outcomes: string | string[],
  headers?: Record<string, string>,
];

function answer(status: number, body: unknown, headers: Record<string, string> = {}): VendorResponse {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { status, headers, body: text, json: typeof body === "string" ? undefined : body };
}

function outcomes(name: string, response: VendorResponse, payloads: unknown[]): Outcome[] {
  const outcome = destinations[name]!.outcome(response, payloads);
  return Array.isArray(outcome) ? outcome : payloads.map(() => outcome);
}

const linkedinFault = "Index: 1, ERROR :: /user/userIds :: field is required but not found and has no default value";
const klaviyoError = (index: number) => ({
  id: "e1",
  status: 400,
  code: "invalid",
  title: "Invalid input.",
  detail: "Invalid phone number format",
  source: { pointer: `/data/attributes/events-bulk-create/data/${index}/attributes/profile` },
});

/** Of a request with two events. */
const CASES: Record<string, Case[]> = {
  tiktok: [
    ["all is well", 200, { code: 0, message: "OK" }, "delivered"],
    [
      "one of them is wrong",
      200,
      { code: 20_001, data: { failed_events: [{ order_in_batch: 1, error_message: "no" }] } },
      ["delivered", "rejected"],
    ],
    ["some are wrong, it does not say which", 200, { code: 20_001, message: "Partial success" }, "batch_refused"],
    ["a parameter is wrong", 200, { code: 40_002, message: "Invalid value" }, "batch_refused"],
    ["too often", 200, { code: 40_100, message: "Requests made too frequently" }, "retry"],
    ["the token is wrong", 200, { code: 40_105, message: "Access token is incorrect" }, "unauthorised"],
    ["no permission", 200, { code: 40_001, message: "No permission" }, "unauthorised"],
    ["an error of its own", 200, { code: 50_000, message: "System error" }, "retry"],
    ["a proxy's page that says all is well", 200, "<html>", "retry"],
    ["a proxy's error", 502, "<html>", "retry"],
  ],
  pinterest: [
    [
      "all is well",
      200,
      { num_events_processed: 2, events: [{ status: "processed" }, { status: "processed" }] },
      "delivered",
    ],
    [
      "one of them is wrong",
      422,
      { events: [{ status: "processed" }, { status: "failed", error_message: "no" }] },
      ["delivered", "rejected"],
    ],
    ["the request is wrong", 400, { code: 1, message: "Invalid" }, "batch_refused"],
    ["the token is wrong", 401, { code: 2, message: "Authentication failed." }, "unauthorised"],
    ["no permission", 403, { code: 29, message: "Not allowed" }, "unauthorised"],
    ["too often", 429, { code: 8 }, "retry"],
    ["it is down", 503, "", "retry"],
  ],
  snapchat: [
    ["all is well", 200, { status: "OK" }, "delivered"],
    ["a test is well", 200, { status: "VALID" }, "delivered"],
    ["a test is wrong", 200, { status: "INVALID", reason: "no user data" }, "batch_refused"],
    ["an event is wrong", 400, { status: "INVALID", reason: "no user data" }, "batch_refused"],
    ["an error in a 200", 200, { status: "ERROR", reason: "Internal error" }, "retry"],
    ["the token is wrong", 401, { status: "ERROR" }, "unauthorised"],
    ["too often", 429, "", "retry"],
  ],
  linkedin: [
    ["all is well", 200, { elements: [{ status: 201 }, { status: 201 }] }, "delivered"],
    [
      "one of them is wrong",
      200,
      { elements: [{ status: 201 }, { status: 400, error: { message: "no" } }] },
      ["delivered", "rejected"],
    ],
    ["one of them may come again", 200, { elements: [{ status: 503 }, { status: 201 }] }, ["retry", "delivered"]],
    ["one of them spoils it for the other", 422, { status: 422, message: linkedinFault }, ["retry", "rejected"]],
    ["something is wrong, it does not say where", 400, { status: 400, message: "Syntax exception" }, "batch_refused"],
    ["the token has expired", 401, { status: 401, serviceErrorCode: 65_602 }, "unauthorised"],
    ["the version has ended", 426, { status: 426, code: "NONEXISTENT_VERSION" }, "unauthorised"],
    ["too often", 429, { status: 429 }, "retry"],
  ],
  "microsoft-uet": [
    ["all is well", 200, { eventsReceived: 2 }, "delivered"],
    [
      "one of them is wrong",
      200,
      { error: { details: [{ index: 1, propertyName: "eventTime", errorMessage: "no" }] } },
      ["delivered", "rejected"],
    ],
    [
      "the same with HTTP 400",
      400,
      { error: { details: [{ index: 0, errorMessage: "no" }] } },
      ["rejected", "delivered"],
    ],
    ["the request is wrong", 400, { error: { code: "BadRequest" } }, "batch_refused"],
    ["the token is wrong", 401, { error: { code: "Unauthorized" } }, "unauthorised"],
    ["too often", 429, "", "retry"],
  ],
  reddit: [
    ["all is well", 200, { data: { message: "Successfully processed 2 conversion events." } }, "delivered"],
    ["one of them is wrong", 400, { error: { code: 400, message: "event_at is too old" } }, "batch_refused"],
    ["the token is wrong", 401, { error: { code: 401 } }, "unauthorised"],
    ["no permission", 403, "", "unauthorised"],
    ["too often", 429, "", "retry"],
  ],
  x: [
    ["all is well", 200, { data: { conversions_processed: 2, debug_id: "d" } }, "delivered"],
    ["one of them is wrong", 400, { errors: [{ code: "INVALID_PARAMETER", message: "no" }] }, "batch_refused"],
    ["not authenticated", 401, { errors: [{ code: "UNAUTHORIZED_ACCESS" }] }, "unauthorised"],
    ["no access to the API", 403, { errors: [{ code: "UNAUTHORIZED_CLIENT_APPLICATION" }] }, "unauthorised"],
    ["too often", 429, "", "retry"],
    ["it is down", 503, "", "retry"],
  ],
  amplitude: [
    ["all is well", 200, { code: 200, events_ingested: 2 }, "delivered"],
    ["one of them is wrong", 400, { error: "no", events_with_invalid_fields: { time: [1] } }, ["retry", "rejected"]],
    [
      "one of them lacks something",
      400,
      { error: "no", events_with_missing_fields: { event_type: [0] } },
      ["rejected", "retry"],
    ],
    ["a device is silenced", 400, { error: "no", silenced_events: [0] }, ["rejected", "retry"]],
    ["the key is wrong", 400, { code: 400, error: "Invalid API key: •••" }, "unauthorised"],
    [
      "something is wrong, it does not say where",
      400,
      { code: 400, error: "Invalid JSON request body" },
      "batch_refused",
    ],
    ["too large", 413, { code: 413 }, "batch_refused"],
    ["too often", 429, { code: 429, error: "Too many requests", throttled_events: [0] }, "retry"],
    ["it is down", 503, "", "retry"],
  ],
  mixpanel: [
    ["all is well", 200, { code: 200, num_records_imported: 2, status: "OK" }, "delivered"],
    [
      "one of them is wrong",
      400,
      { failed_records: [{ index: 1, field: "time", message: "no" }] },
      ["delivered", "rejected"],
    ],
    ["something is wrong, it does not say where", 400, { code: 400, error: "bad" }, "batch_refused"],
    ["a profile is wrong", 200, { status: 0, error: "$distinct_id, missing or empty" }, "batch_refused"],
    ["the profiles are well", 200, { status: 1, error: null }, "delivered"],
    ["the token of the profiles is wrong", 200, { status: 0, error: "token, missing or empty" }, "unauthorised"],
    ["the token is wrong", 401, { code: 401 }, "unauthorised"],
    ["too large", 413, { code: 413 }, "batch_refused"],
    ["too often", 429, { code: 429 }, "retry"],
  ],
  klaviyo: [
    ["it will work through them", 202, "", "delivered"],
    ["one of them is wrong", 400, { errors: [klaviyoError(1)] }, ["retry", "rejected"]],
    ["something is wrong, it does not say where", 400, { errors: [{ title: "Invalid input." }] }, "batch_refused"],
    ["the key is wrong", 401, { errors: [{ code: "not_authenticated" }] }, "unauthorised"],
    ["the key may not", 403, { errors: [{ code: "permission_denied" }] }, "unauthorised"],
    ["too often", 429, "", "retry"],
  ],
  hubspot: [
    ["all is well", 204, "", "delivered"],
    [
      "one of the contacts is wrong",
      207,
      { errors: [{ message: "no", context: { ids: ["b"] } }] },
      ["delivered", "rejected"],
    ],
    ["a definition is missing", 400, { category: "VALIDATION_ERROR", message: "no such event" }, "batch_refused"],
    ["the token has expired", 401, { category: "EXPIRED_AUTHENTICATION" }, "unauthorised"],
    ["a scope is missing", 403, { category: "MISSING_SCOPES" }, "unauthorised"],
    ["too often within ten seconds", 429, { policyName: "TEN_SECONDLY_ROLLING" }, "retry"],
    ["locked", 423, "", "retry"],
    ["on its way to another data centre", 477, "", "retry"],
  ],
  braze: [
    ["all is well", 201, { message: "success", events_processed: 2 }, "delivered"],
    [
      "one of them is wrong",
      201,
      { message: "success", errors: [{ type: "'time' is not valid", input_array: "events", index: 1 }] },
      ["delivered", "rejected"],
    ],
    [
      "all of them are wrong",
      400,
      {
        message: "Valid data must be provided",
        errors: [0, 1].map((index) => ({ type: "no", input_array: "events", index })),
      },
      "rejected",
    ],
    ["the request is wrong", 400, { message: "no" }, "batch_refused"],
    ["the key is wrong", 401, { message: "Invalid API key" }, "unauthorised"],
    ["too often", 429, { message: "Rate limit" }, "retry"],
  ],
};

const PAYLOADS: Record<string, unknown[]> = {
  hubspot: [
    { kind: "contact", input: { id: "a" } },
    { kind: "contact", input: { id: "b" } },
  ],
  braze: [
    { list: "events", entry: {} },
    { list: "events", entry: {} },
  ],
};
const payloadsOf = (name: string) => PAYLOADS[name] ?? [{ device_id: "d1" }, { device_id: "d2" }];

describe.each(Object.entries(CASES))("%s", (name, cases) => {
  it.each(cases)("says that %s (HTTP %i)", (_, status, body, expected, headers) => {
    const payloads = payloadsOf(name);
    const found = outcomes(name, answer(status, body, headers), payloads).map(({ outcome }) => outcome);
    expect(found).toEqual(typeof expected === "string" ? payloads.map(() => expected) : expected);
  });

  it("refuses one event alone for good, where it would try several by halves", () => {
    for (const [, status, body, expected] of cases) {
      if (expected !== "batch_refused") continue;
      expect(outcomes(name, answer(status, body), payloadsOf(name).slice(0, 1))).toMatchObject([
        { outcome: "rejected" },
      ]);
    }
  });
});

describe("slack", () => {
  it.each([
    [200, "ok", "delivered"],
    [400, "invalid_payload", "rejected"],
    [400, "no_text", "rejected"],
    [403, "invalid_token", "unauthorised"],
    [403, "action_prohibited", "unauthorised"],
    [404, "no_service", "unauthorised"],
    [404, "channel_not_found", "unauthorised"],
    [410, "channel_is_archived", "unauthorised"],
    [429, "rate_limited", "retry"],
    [500, "rollup_error", "retry"],
  ])("HTTP %i %s: %s", (status, body, outcome) => {
    expect(outcomes("slack", answer(status, body), [{ text: "hi" }])).toMatchObject([{ outcome }]);
  });
});

describe("how long to wait", () => {
  const waits = (name: string, response: VendorResponse) =>
    outcomes(name, response, payloadsOf(name)).map((one) => ("after_s" in one ? one.after_s : undefined));
  const date = "Fri, 20 Nov 2026 10:00:00 GMT";

  it("is until the end of the window that X and Braze name, by the clock of their answer", () => {
    const x = answer(429, "", { date, "x-rate-limit-reset": String(Date.parse(date) / 1_000 + 90) });
    const braze = answer(429, "", { date, "x-ratelimit-reset": String(Date.parse(date) / 1_000 - 5) });
    expect(waits("x", x)).toEqual([90, 90]);
    expect(waits("braze", braze)).toEqual([1, 1]);
    expect(waits("x", answer(429, ""))).toEqual([undefined, undefined]);
  });

  it("is half a minute for whom Amplitude throttles, longer for whose day is used up, and a moment for the others", () => {
    const throttled = { error: "Too many requests", throttled_events: [0] };
    expect(waits("amplitude", answer(429, throttled))).toEqual([30, 1]);
    const used = { ...throttled, exceeded_daily_quota_devices: { d1: 500_200 } };
    expect(waits("amplitude", answer(429, used))).toEqual([3_600, 1]);
  });

  it("is an hour where HubSpot's day is used up", () => {
    expect(waits("hubspot", answer(429, { policyName: "DAILY" }))).toEqual([3_600, 3_600]);
    expect(waits("hubspot", answer(429, { policyName: "TEN_SECONDLY_ROLLING" }))).toEqual([10, 10]);
  });

  it("is none for events that were refused only with another", () => {
    expect(waits("linkedin", answer(422, { message: linkedinFault }))).toEqual([0, undefined]);
    expect(waits("klaviyo", answer(400, { errors: [klaviyoError(0)] }))).toEqual([undefined, 0]);
  });
});
