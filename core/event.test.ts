import { describe, expect, it } from "vitest";
import { type EventDefaults, LIMITS, parseEvent } from "./event.ts";

const DEFAULTS: EventDefaults = { message_id: () => "minted", received_at: "2026-11-20T10:00:01.000Z" };

/** The envelope of an event that must be taken. Whole, so that a field too many shows. */
function parsed(raw: unknown, defaults: Partial<EventDefaults> = {}) {
  const result = parseEvent(raw, { ...DEFAULTS, ...defaults });
  if (!result.ok) throw new Error(result.message);
  return JSON.parse(JSON.stringify(result.event));
}

function refusal(raw: unknown, defaults: Partial<EventDefaults> = {}) {
  const result = parseEvent(raw, { ...DEFAULTS, ...defaults });
  if (result.ok) throw new Error(`taken: ${JSON.stringify(result.event)}`);
  return result;
}

const track = { type: "track", event: "Signed Up", anonymous_id: "a1" };

describe("Segment's camelCase and our snake_case", () => {
  const common = {
    type: "track",
    event: "Order Completed",
    properties: { orderId: "o1", order_id: "o1", nested: { camelCase: 1, snake_case: 2 } },
    traits: { firstName: "Ada", first_name: "Ada" },
    integrations: { All: true, "Google Analytics": false },
    timestamp: "2026-11-20T12:00:00.000+02:00",
  };
  const camel = {
    ...common,
    messageId: "m1",
    anonymousId: "a1",
    userId: "u1",
    groupId: "g1",
    previousId: "p1",
    sentAt: "2026-11-20T10:00:00.500Z",
    context: { userAgent: "Mozilla/5.0", userAgentData: { mobile: false }, groupId: "g2", locale: "en-GB" },
  };
  const snake = {
    ...common,
    message_id: "m1",
    anonymous_id: "a1",
    user_id: "u1",
    group_id: "g1",
    previous_id: "p1",
    sent_at: "2026-11-20T10:00:00.500Z",
    context: { user_agent: "Mozilla/5.0", user_agent_data: { mobile: false }, group_id: "g2", locale: "en-GB" },
  };

  it("make the same envelope", () => {
    expect(parsed(camel)).toEqual(parsed(snake));
    expect(parsed(camel)).toEqual({
      ...snake,
      timestamp: "2026-11-20T10:00:00.000Z",
      received_at: "2026-11-20T10:00:01.000Z",
    });
  });

  it("never rename what a customer put into properties or traits", () => {
    expect(parsed(camel)).toMatchObject({ properties: common.properties, traits: common.traits });
  });

  it("let ours win where an event has both", () => {
    const both = { ...snake, messageId: "x", anonymousId: "x", userId: "x", sentAt: "2020-01-01T00:00:00.000Z" };
    expect(parsed({ ...both, context: { ...snake.context, userAgent: "x", groupId: "x" } })).toEqual(parsed(snake));
  });
});

describe("what an event lacks", () => {
  it("is filled in by the door", () => {
    expect(parsed({ type: "track", event: "Signed Up" }, { anonymous_id: "cookie", sent_at: "2026-11-20" })).toEqual({
      message_id: "minted",
      anonymous_id: "cookie",
      type: "track",
      event: "Signed Up",
      properties: {},
      context: {},
      timestamp: "2026-11-20T10:00:01.000Z",
      sent_at: "2026-11-20T00:00:00.000Z",
      received_at: "2026-11-20T10:00:01.000Z",
    });
  });

  it("is nothing where the event says it: the visitor it names, the times it names", () => {
    const own = { ...track, sent_at: "2026-11-20T10:00:00.900Z", timestamp: "2026-11-20T10:00:00.100Z" };
    expect(parsed(own, { anonymous_id: "cookie", sent_at: "2026-11-20" })).toMatchObject({
      anonymous_id: "a1",
      sent_at: own.sent_at,
      timestamp: own.timestamp,
    });
  });

  it("is a visitor of their own, where a server knows a user alone", () => {
    expect(parsed({ type: "identify", userId: "u1" })).toMatchObject({ anonymous_id: "u1", user_id: "u1" });
    const known = parsed({ type: "identify", userId: "u1" }, { anonymous_id: "cookie" });
    expect(known).toMatchObject({ anonymous_id: "cookie", user_id: "u1" });
  });

  it("may be told as null", () => {
    const nothing = {
      ...track,
      message_id: null,
      messageId: null,
      user_id: null,
      userId: null,
      group_id: null,
      groupId: null,
      previous_id: null,
      properties: null,
      traits: null,
      integrations: null,
      timestamp: null,
      sent_at: null,
      context: { ip: null, locale: null, campaign: { source: null, name: "spring" }, page: { referrer: null } },
    };
    expect(parsed(nothing)).toEqual({
      ...track,
      message_id: "minted",
      properties: {},
      context: { campaign: { name: "spring" }, page: {} },
      timestamp: "2026-11-20T10:00:01.000Z",
      received_at: "2026-11-20T10:00:01.000Z",
    });
    expect(parsed({ ...track, context: null })).toMatchObject({ context: {} });
  });

  it("is not invented inside properties and traits, where null may mean something", () => {
    const given = { ...track, properties: { a: null }, traits: { b: null }, context: { traits: { c: null } } };
    expect(parsed(given)).toMatchObject({
      properties: { a: null },
      traits: { b: null },
      context: { traits: { c: null } },
    });
  });
});

describe("type and name", () => {
  it("come from the path of a single-event route, whatever the body says", () => {
    expect(parsed({ ...track, type: "page" }, { type: "track" })).toMatchObject({ type: "track", event: "Signed Up" });
    expect(parsed(track, { type: "identify" })).toMatchObject({ type: "identify", event: "identify" });
  });

  it.each(["page", "identify", "group", "alias", "screen"])("are the same for a %s", (type) => {
    expect(parsed({ type, anonymous_id: "a1", event: "Other" })).toMatchObject({ type, event: type });
  });

  it.each(["page", "screen"])("keeps the name and category of a %s inside its properties", (type) => {
    const view = { type, anonymous_id: "a1", name: "Home", category: "Docs" };
    expect(parsed(view).properties).toEqual({ name: "Home", category: "Docs" });
    expect(parsed({ ...view, properties: { name: "Own", path: "/" } }).properties).toEqual({
      name: "Own",
      category: "Docs",
      path: "/",
    });
    expect(parsed({ type, anonymous_id: "a1", properties: { path: "/" } }).properties).toEqual({ path: "/" });
  });

  it("leaves name and category of a track alone", () => {
    expect(parsed({ ...track, name: "x", category: "y" }).properties).toEqual({});
  });
});

describe("times", () => {
  it.each([
    ["with an offset", "2026-11-20T12:30:00+02:30"],
    ["with an offset without a colon", "2026-11-20T11:00:00.000+0100"],
    ["behind UTC", "2026-11-20T05:00:00-05:00"],
    ["in UTC without milliseconds", "2026-11-20T10:00:00Z"],
    ["without an offset, which is UTC", "2026-11-20T10:00:00"],
    ["with a space", "2026-11-20 10:00:00Z"],
    ["to the microsecond", "2026-11-20T10:00:00.000999Z"],
    ["as epoch milliseconds", Date.UTC(2026, 10, 20, 10)],
  ])("%s become UTC with milliseconds", (_, timestamp) => {
    expect(parsed({ ...track, timestamp, sentAt: timestamp })).toMatchObject({
      timestamp: "2026-11-20T10:00:00.000Z",
      sent_at: "2026-11-20T10:00:00.000Z",
    });
  });

  it("takes the original_timestamp that Segment's own servers send", () => {
    const at = "2026-11-20T09:00:00.000Z";
    expect(parsed({ ...track, originalTimestamp: at })).toMatchObject({ timestamp: at });
    expect(parsed({ ...track, original_timestamp: at })).toMatchObject({ timestamp: at });
  });

  it.each([
    "yesterday",
    "next week 5",
    "20 Nov 2026",
    "1763632800000",
    "2026-13-01T00:00:00Z",
    "2026-11-20T25:00:00Z",
    "",
    {},
    true,
    8.64e15 + 1,
    253_402_300_800_000,
  ])("refuses %j, and names the field", (timestamp) => {
    expect(refusal({ ...track, timestamp }).message).toMatch(/^timestamp: /);
    expect(refusal({ ...track, sent_at: timestamp }).message).toMatch(/^sent_at: /);
  });
});

describe("ids", () => {
  it("may be the numbers of a customer's database", () => {
    const numbers = { type: "track", event: "x", messageId: 1, userId: 42, anonymousId: 7, groupId: 3, previousId: 4 };
    expect(parsed(numbers)).toMatchObject({
      message_id: "1",
      user_id: "42",
      anonymous_id: "7",
      group_id: "3",
      previous_id: "4",
    });
    expect(parsed({ type: "track", event: "x", userId: 0 })).toMatchObject({ user_id: "0", anonymous_id: "0" });
  });

  it.each([1.5, 2 ** 53, Number.POSITIVE_INFINITY])("are never %d, which another id could be read as", (userId) => {
    expect(refusal({ ...track, userId }).message).toMatch(/^user_id: /);
  });
});

it("takes an id that is empty for one that is not there, as RudderStack's script sends it", () => {
  const empty = { messageId: "", userId: "", groupId: "", previous_id: null, anonymousId: "" };
  const event = parsed({ ...track, ...empty }, { anonymous_id: "a1" });
  expect(event).toMatchObject({ message_id: "minted", anonymous_id: "a1" });
  for (const id of ["user_id", "group_id", "previous_id"]) expect(event).not.toHaveProperty(id);
});

it("shortens what a page's address has too much of, and keeps the event", () => {
  const page = { url: `https://shop.example/?${"x".repeat(9_000)}`, title: "Shop", path: "/" };
  const { context } = parsed({ ...track, context: { page } });
  expect(context.page).toEqual({ ...page, url: page.url.slice(0, 8_192) });
});

describe("refusals name the field", () => {
  it.each<[string, unknown, RegExp]>([
    ["a string", "track", /^an event must be a JSON object$/],
    ["null", null, /^an event must be a JSON object$/],
    ["an array", [track], /^an event must be a JSON object$/],
    ["no type", { event: "x", anonymous_id: "a1" }, /^type: /],
    ["an unknown type", { ...track, type: "tracks" }, /^type: /],
    ["a type of Object.prototype", { ...track, type: "constructor" }, /^type: /],
    ["a track without a name", { type: "track", anonymous_id: "a1" }, /^event: /],
    ["an empty name", { ...track, event: "" }, /^event: /],
    ["a name of 257 letters", { ...track, event: "x".repeat(257) }, /^event: /],
    ["a name that is no text", { ...track, event: { name: "x" } }, /^event: /],
    ["nobody", { type: "track", event: "x" }, /^anonymous_id: /],
    ["an empty anonymous_id", { ...track, anonymous_id: "" }, /^anonymous_id: /],
    [
      "an anonymous_id of 257 letters",
      { ...track, anonymousId: "x".repeat(257), anonymous_id: null },
      /^anonymous_id: /,
    ],
    ["a user_id that is an object", { ...track, user_id: {} }, /^user_id: /],
    ["a group_id that is a list", { ...track, groupId: [] }, /^group_id: /],
    ["a previous_id that is a boolean", { ...track, previousId: true }, /^previous_id: /],
    ["properties that are a list", { ...track, properties: [1] }, /^properties: /],
    ["properties that are text", { type: "page", anonymous_id: "a1", name: "x", properties: "x" }, /^properties: /],
    ["traits that are text", { ...track, traits: "x" }, /^traits: /],
    ["integrations that are a list", { ...track, integrations: ["Meta"] }, /^integrations: /],
    ["a context that is text", { ...track, context: "x" }, /^context: /],
    ["a context that is a list", { ...track, context: [] }, /^context: /],
    ["a page that is text", { ...track, context: { page: "/" } }, /^context\.page: /],
    ["a campaign of numbers", { ...track, context: { campaign: { source: 1 } } }, /^context\.campaign\.source: /],
    [
      "a vendor id of 513 letters",
      { ...track, context: { vendor_ids: { fbp: "x".repeat(513) } } },
      /^context\.vendor_ids\.fbp: /,
    ],
    [
      "a latitude that is text",
      { ...track, context: { location: { latitude: "1" } } },
      /^context\.location\.latitude: /,
    ],
  ])("%s", (_, raw, message) => {
    expect(refusal(raw)).toMatchObject({ ok: false, code: "invalid_event", message: expect.stringMatching(message) });
  });

  it("of a visitor's vendor ids there are at most 32: a shard remembers them all", () => {
    const ids = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`id${i}`, "x"]));
    expect(parsed({ ...track, context: { vendor_ids: ids(LIMITS.VENDOR_IDS) } })).toBeDefined();
    expect(refusal({ ...track, context: { vendor_ids: ids(LIMITS.VENDOR_IDS + 1) } }).message).toMatch(
      /^context\.vendor_ids: /,
    );
  });
});

describe("nesting", () => {
  const nested = (levels: number) => JSON.parse(`${'{"a":'.repeat(levels - 1)}{}${"}".repeat(levels - 1)}`);
  const listed = (levels: number) => JSON.parse("[".repeat(levels) + "]".repeat(levels));

  it("may be 32 levels deep, and no more", () => {
    expect(parsed({ ...track, properties: nested(LIMITS.LEVELS - 1) })).toBeDefined();
    expect(refusal({ ...track, properties: nested(LIMITS.LEVELS) }).message).toBe(
      "event: nests deeper than 32 levels or has more than 2000 keys",
    );
  });

  it.each(["properties", "traits", "context", "integrations"])("is measured in %s", (field) => {
    expect(refusal({ ...track, [field]: { a: listed(LIMITS.LEVELS) } }).code).toBe("invalid_event");
  });

  it("of 200,000 levels overflows no stack", () => {
    expect(refusal({ ...track, properties: { a: listed(200_000) } }).code).toBe("invalid_event");
    expect(refusal({ ...track, properties: nested(50_000) }).code).toBe("invalid_event");
  });
});

describe("keys that JavaScript treats as its own", () => {
  it.each(["__proto__", "constructor", "prototype", "toString", "hasOwnProperty"])("%s breaks nothing", (key) => {
    const hostile = `{"${key}":{"polluted":true,"type":"page","user_agent":"x"}}`;
    const text = `{"type":"track","event":"x","anonymous_id":"a1","${key}":{"user_id":"evil"},
      "properties":${hostile},"traits":${hostile},"integrations":${hostile},
      "context":{"${key}":{"user_agent":"evil"},"page":${hostile},"traits":${hostile},"campaign":{"source":"s"}}}`;
    const event = parsed(JSON.parse(text));
    expect(event).toMatchObject({ type: "track", event: "x", anonymous_id: "a1" });
    expect(event.user_id).toBeUndefined();
    expect(event.context.user_agent).toBeUndefined();
    for (const part of [event, event.properties, event.traits, event.context, event.context.page]) {
      expect(Object.getPrototypeOf(part)).toBe(Object.prototype);
    }
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it("a property may be called constructor", () => {
    expect(parsed({ ...track, properties: { constructor: "McLaren" } }).properties).toEqual({ constructor: "McLaren" });
  });
});

it("drops what is no part of an envelope", () => {
  expect(parsed({ ...track, writeKey: "secret", foo: 1 })).not.toHaveProperty("foo");
  expect(parsed({ ...track, writeKey: "secret" })).not.toHaveProperty("writeKey");
});

it("keeps what a customer adds to a context", () => {
  const context = { screen: { width: 390 }, click_ids: { gclid: "x" }, app: { build: "1" } };
  expect(parsed({ ...track, context }).context).toEqual(context);
});
