import { describe, expect, it } from "vitest";
import { ApiError } from "../../../core/api-error.ts";
import { parseEvent } from "../../../core/event.ts";
import { fromTrack } from "./s2-track.ts";

const WEBSITE = "0b5b9b5e-4c1f-4d6a-8f57-1f2e3d4c5b6a";
const VISITOR = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
const SESSION = "9f8c7a5e-1b2c-4d3e-8f6a-5b4c3d2e1f0a";
const NOW = "2026-11-20T10:00:00.000Z";
const least = { website_id: WEBSITE, event_type: "pageview", page_url: "https://shop.example/hats?color=red" };

/** What of a body arrives in the queue. */
function eventOf(body: Record<string, unknown>) {
  const parsed = parseEvent(fromTrack({ ...least, ...body }).batch[0], {
    received_at: NOW,
    anonymous_id: "from-the-cookie",
    message_id: () => "never",
  });
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.event;
}

const refusal = (body: Record<string, unknown>): unknown => {
  try {
    return fromTrack(body);
  } catch (error) {
    return error;
  }
};

describe("what a tracker sends", () => {
  it("as a page view becomes a page, with all that it says in the envelope's places", () => {
    const event = eventOf({
      visitor_id: VISITOR,
      session_id: SESSION,
      timestamp: 1_795_168_700_500,
      referrer: "https://www.google.com/",
      utm_source: "news",
      utm_medium: "email",
      utm_campaign: "autumn",
      utm_term: "hats",
      utm_content: "top",
      device_type: "mobile",
      browser: "Safari",
      os: "iOS",
      country: "de",
    });
    expect(event).toMatchObject({
      type: "page",
      event: "page",
      anonymous_id: VISITOR,
      timestamp: "2026-11-20T09:58:20.500Z",
      properties: {},
      context: {
        page: {
          url: least.page_url,
          path: "/hats",
          search: "?color=red",
          referrer: "https://www.google.com/",
        },
        campaign: { source: "news", medium: "email", name: "autumn", term: "hats", content: "top" },
        device: { type: "mobile" },
        browser: { name: "Safari" },
        os: { name: "iOS" },
        location: { country: "DE" },
        client_session_id: SESSION,
      },
    });
  });

  it("as little as can be says nothing that the server knows better", () => {
    expect(eventOf({})).toEqual({
      message_id: expect.stringMatching(/^evt_[0-9a-f]{32}$/),
      anonymous_id: "from-the-cookie",
      type: "page",
      event: "page",
      properties: {},
      context: { page: { url: least.page_url, path: "/hats", search: "?color=red" } },
      timestamp: NOW,
      received_at: NOW,
    });
  });

  it.each<[string, object, object]>([
    ["a goal", { event_type: "goal", goal_name: "Newsletter" }, { event: "Newsletter", properties: {} }],
    [
      "a purchase",
      { event_type: "purchase", revenue: 49.5, currency: "eur", order_id: "o-7" },
      { event: "Order Completed", properties: { revenue: 49.5, currency: "EUR", order_id: "o-7" } },
    ],
    [
      "a purchase of a goal",
      { event_type: "purchase", revenue: 0, goal_name: "Upsell" },
      {
        event: "Order Completed",
        properties: { revenue: 0, goal_name: "Upsell", order_id: expect.stringMatching(/^evt_/) },
      },
    ],
  ])("as %s becomes a track", (_, body, expected) => {
    const event = eventOf({ ...body });
    expect(event).toMatchObject({ type: "track", ...expected });
    expect(event.properties).toEqual((expected as { properties: object }).properties);
  });

  it("in empty strings and nulls was not sent", () => {
    const empty = Object.fromEntries(
      "visitor_id session_id timestamp referrer utm_source device_type country revenue goal_name"
        .split(" ")
        .flatMap((field, i) => [[field, i % 2 ? null : ""]]),
    );
    const { message_id: _, ...event } = eventOf(empty);
    const { message_id: __, ...expected } = eventOf({});
    expect(event).toEqual(expected);
  });

  it("in fields that nobody knows is overlooked", () => {
    expect(JSON.stringify(fromTrack({ ...least, screen: "wide", __proto__: 1 }))).not.toContain("wide");
  });

  it.each([
    ["seconds", 1_795_168_700, "2026-11-20T09:58:20.000Z"],
    ["seconds with a fraction", 1_795_168_700.25, "2026-11-20T09:58:20.250Z"],
    ["milliseconds", 1_795_168_700_000, "2026-11-20T09:58:20.000Z"],
  ])("as its time is understood in %s", (_, timestamp, expected) => {
    expect(eventOf({ timestamp }).timestamp).toBe(expected);
  });

  it("may name a visitor by a UUID of no known version", () => {
    const visitor_id = "11111111-1111-1111-1111-111111111111";
    expect(eventOf({ visitor_id }).anonymous_id).toBe(visitor_id);
  });

  it("names the source by its public key", () => {
    expect(fromTrack(least).write_key).toBe(WEBSITE);
  });
});

describe("the id of the event", () => {
  const timed = { ...least, timestamp: 1_795_168_700_500, visitor_id: VISITOR };

  it("is what the caller is told", () => {
    const { id, batch } = fromTrack(timed);
    expect(batch[0]).toMatchObject({ message_id: id });
  });

  it("stays the same when the body is sent again, in whatever order", () => {
    const again = Object.fromEntries(Object.entries(timed).reverse());
    expect(fromTrack(again).id).toBe(fromTrack(timed).id);
  });

  it.each([
    ["time", { timestamp: 1_795_168_700_501 }],
    ["page", { page_url: "https://shop.example/" }],
    ["visitor", { visitor_id: SESSION }],
  ])("is another one for another %s", (_, other) => {
    expect(fromTrack({ ...timed, ...other }).id).not.toBe(fromTrack(timed).id);
  });

  it("is another one for another sender of the same body", () => {
    expect(fromTrack(timed, "192.0.2.1 Safari").id).not.toBe(fromTrack(timed, "192.0.2.2 Safari").id);
  });

  it("is new each time where the body has no time, since two like views are then two", () => {
    expect(fromTrack(least).id).not.toBe(fromTrack(least).id);
  });
});

it.each<[string, Record<string, unknown>]>([
  ["website_id", { website_id: "wk_1" }],
  ["website_id", { website_id: null }],
  ["event_type", { event_type: "click" }],
  ["visitor_id", { visitor_id: "me" }],
  ["session_id", { session_id: 7 }],
  ["timestamp", { timestamp: "2026-11-20" }],
  ["timestamp", { timestamp: -1 }],
  ["page_url", { page_url: "" }],
  ["page_url", { page_url: "/hats" }],
  ["page_url", { page_url: "javascript:alert(1)" }],
  ["page_url", { page_url: `https://shop.example/${"x".repeat(8_192)}` }],
  ["referrer", { referrer: "google" }],
  ["utm_source", { utm_source: "x".repeat(101) }],
  ["utm_medium", { utm_medium: "x".repeat(101) }],
  ["utm_campaign", { utm_campaign: "x".repeat(201) }],
  ["device_type", { device_type: "fridge" }],
  ["browser", { browser: "x".repeat(51) }],
  ["os", { os: "x".repeat(51) }],
  ["country", { country: "DEU" }],
  ["revenue", { revenue: "49" }],
  ["currency", { currency: "euro" }],
  ["goal_name", { goal_name: "x".repeat(101) }],
  ["goal_name", { event_type: "goal" }],
])("refuses a wrong %s by name: %j", (field, body) => {
  const error = refusal({ ...least, ...body });
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ code: "invalid_request", message: expect.stringMatching(new RegExp(`^${field}: `)) });
});
