import { describe, expect, it } from "vitest";
import { parseEvent } from "../../../core/event.ts";
import { DEVICE_REGISTERED, fromDevices, fromEvents, fromUsers } from "./s5.ts";

const NOW = "2026-11-20T10:00:00.000Z";

/** What the door makes of a batch: events, and for each refused object the message. */
function accepted({ batch, reasons }: ReturnType<typeof fromEvents>) {
  return batch.map((one, index) => {
    const parsed = parseEvent(one, { received_at: NOW, message_id: () => "minted" });
    return parsed.ok ? parsed.event : (reasons.get(index) ?? parsed.message);
  });
}

describe("/v1/events", () => {
  const full = {
    event: "Order Completed",
    user_id: "u1",
    properties: { revenue: 5 },
    timestamp: "2026-11-20T09:00:00+01:00",
    message_id: "m1",
    context: { ip: "192.0.2.1" },
  };
  const expected = {
    type: "track",
    event: "Order Completed",
    user_id: "u1",
    anonymous_id: "u1",
    properties: { revenue: 5 },
    timestamp: "2026-11-20T08:00:00.000Z",
    message_id: "m1",
    context: { ip: "192.0.2.1" },
  };

  it("takes many", () => {
    expect(
      accepted(fromEvents({ events: [full, { event_name: "Seen", anonymous_id: "a1", attributes: { a: 1 } }] })),
    ).toMatchObject([
      expected,
      { type: "track", event: "Seen", anonymous_id: "a1", properties: { a: 1 }, message_id: "minted", timestamp: NOW },
    ]);
  });

  it("takes one, with the key beside its fields", () => {
    const batch = fromEvents({ ...full, write_key: "wk", sent_at: NOW });
    expect(batch).toMatchObject({ write_key: "wk", sent_at: NOW });
    expect(accepted(batch)).toMatchObject([expected]);
    expect(JSON.stringify(batch.batch)).not.toContain("wk");
  });

  it.each([
    ["seconds", 1_795_168_700],
    ["milliseconds", 1_795_168_700_000],
  ])("takes a time in %s", (_, timestamp) => {
    const events = accepted(fromEvents({ event: "x", user_id: 7, timestamp }));
    expect(events).toMatchObject([{ user_id: "7", timestamp: "2026-11-20T09:58:20.000Z" }]);
  });

  it.each<[RegExp, unknown]>([
    [/^event: /, { user_id: "u1" }],
    [/^anonymous_id: /, { event: "x" }],
    [/^properties: /, { event: "x", user_id: "u1", properties: "none" }],
    [/^timestamp: /, { event: "x", user_id: "u1", timestamp: "yesterday" }],
    [/^an event must be/, null],
    [/^an event must be/, "x"],
    [/^an event must be/, [full]],
  ])("refuses what is wrong by name, %s, and keeps the others at their places", (message, wrong) => {
    expect(accepted(fromEvents({ events: [full, wrong, full] }))).toMatchObject([
      expected,
      expect.stringMatching(message),
      expected,
    ]);
  });
});

describe("/v1/users", () => {
  it("takes many, with what identifies a person beside their traits or among them", () => {
    const users = [
      { user_id: "u1", traits: { name: "Jane" }, email: "jane@example.com", phone: "+49301234567" },
      { user_id: "u2", attributes: { email: "own@example.com" }, email: "other@example.com", phone: null },
      { user_id: "u3", anonymous_id: "a3" },
    ];
    expect(accepted(fromUsers({ users }))).toMatchObject([
      {
        type: "identify",
        user_id: "u1",
        traits: { name: "Jane", email: "jane@example.com", phone: "+49301234567" },
      },
      { type: "identify", user_id: "u2", traits: { email: "own@example.com" } },
      { type: "identify", user_id: "u3", anonymous_id: "a3", traits: {} },
    ]);
  });

  it("takes one", () => {
    expect(accepted(fromUsers({ user_id: "u1", traits: { plan: "pro" } }))).toMatchObject([
      { traits: { plan: "pro" } },
    ]);
  });

  it.each<[RegExp, object]>([
    [/^anonymous_id: /, { traits: {} }],
    [/^traits: /, { user_id: "u1", traits: ["a"] }],
    [/^traits: /, { user_id: "u1", traits: "x", email: "jane@example.com" }],
  ])("refuses what is wrong by name, %s", (message, wrong) => {
    expect(accepted(fromUsers({ users: [wrong] }))).toEqual([expect.stringMatching(message)]);
  });
});

describe("/v1/devices", () => {
  const phone = { user_id: "u1", device_id: "d1", token: "t0k3n", platform: "ios" };

  it("takes many, as identify events that carry the device", () => {
    const devices = [
      {
        ...phone,
        app_version: "1.2.3",
        name: "Jane's phone",
        model: "iPhone17,1",
        manufacturer: "Apple",
        os_version: "26.1",
        context: { locale: "de-DE", device: { type: "told otherwise" } },
      },
      { anonymous_id: "a1", device_id: "d2", token: "t2", platform: "web", model: null },
    ];
    expect(accepted(fromDevices({ devices }))).toMatchObject([
      {
        type: "identify",
        user_id: "u1",
        properties: { name: DEVICE_REGISTERED, platform: "ios" },
        context: {
          locale: "de-DE",
          device: { id: "d1", token: "t0k3n", type: "ios", name: "Jane's phone", model: "iPhone17,1", vendor: "Apple" },
          app: { version: "1.2.3" },
          os: { version: "26.1" },
        },
      },
      { type: "identify", anonymous_id: "a1", context: { device: { id: "d2", token: "t2", type: "web" } } },
    ]);
  });

  it("takes one", () => {
    expect(accepted(fromDevices(phone))).toMatchObject([{ user_id: "u1" }]);
  });

  it("says nothing about the person's traits, and nothing of the token where analytics would read it", () => {
    const [event] = accepted(fromDevices(phone));
    expect((event as { traits?: unknown }).traits).toBeUndefined();
    expect(JSON.stringify((event as { properties: object }).properties)).not.toContain("t0k3n");
  });

  it.each<[RegExp, object]>([
    [/^device_id: /, { ...phone, device_id: undefined }],
    [/^token: /, { ...phone, token: "" }],
    [/^token: /, { ...phone, token: null }],
    [/^platform: /, { ...phone, platform: "fridge" }],
    [/^app_version: /, { ...phone, app_version: 1 }],
    [/^anonymous_id: /, { ...phone, user_id: null }],
  ])("refuses what is wrong by name, %s, and keeps the others", (message, wrong) => {
    const [first, second] = accepted(fromDevices({ devices: [wrong, phone] }));
    expect(first).toMatch(message);
    expect(second).toMatchObject({ user_id: "u1" });
  });
});

it.each([
  ["events", fromEvents],
  ["users", fromUsers],
  ["devices", fromDevices],
] as const)("refuses %s that are no list", (name, from) => {
  for (const list of [{}, "x", null, 7]) {
    expect(() => from({ [name]: list })).toThrow(`${name} must be an array of objects`);
  }
});
