/** The other APIs that the door speaks (`dialects/`). */
import { LIMITS } from "../../../core/event.ts";
import { ask, GIVEN, type Hostile, KB, long, post, rows } from "./asking.ts";
import { BOOLEAN, LIST, NUMBER, OBJECT, TEXT, tooLong, type Wrong } from "./events.ts";

const view = { website_id: GIVEN.website, event_type: "pageview", page_url: "https://shop.example/" };
const tracked = (wrong: object) => () =>
  ask("POST", "/track", { origin: GIVEN.page }, JSON.stringify({ ...view, ...wrong }));
const TRACKED: [field: string, wrong: Wrong[]][] = [
  ["website_id", [NUMBER, LIST, OBJECT, ["empty", ""], ["no UUID", "x"], ["too long", long(400 * KB)]]],
  ["event_type", [NUMBER, LIST, ["unknown", "click"], ["a prototype's", "constructor"]]],
  ["visitor_id", [NUMBER, OBJECT, ["no UUID", "' OR 1=1"]]],
  ["session_id", [BOOLEAN, TEXT]],
  ["timestamp", [TEXT, LIST, ["negative", -1], ["NaN in text", "NaN"]]],
  [
    "page_url",
    [
      NUMBER,
      TEXT,
      ["a script", "javascript:alert(1)"],
      ["a file", "file:///etc/passwd"],
      ["too long", `https://x.example/${long(8_192)}`],
    ],
  ],
  ["referrer", [NUMBER, TEXT]],
  ["utm_source", [NUMBER, tooLong(100)]],
  ["utm_campaign", [LIST, tooLong(200)]],
  ["device_type", [NUMBER, ["unknown", "fridge"]]],
  ["browser", [OBJECT, tooLong(50)]],
  ["country", [NUMBER, ["three letters", "GBR"]]],
  ["revenue", [TEXT, BOOLEAN, LIST]],
  ["currency", [NUMBER, ["a sign", "€"]]],
  ["goal_name", [NUMBER, tooLong(100)]],
  ["order_id", [OBJECT, tooLong(200)]],
];
export const otherApis: Hostile[] = [
  ...TRACKED.flatMap(([field, wrong]) =>
    wrong.map(([what, value]) => ({
      what: `POST /track whose ${field} is ${what}`,
      request: tracked({ [field]: value }),
      status: 400,
      code: "invalid_request",
      says: new RegExp(`^${field}: .`),
    })),
  ),
  ...rows("POST /track", [
    [
      "of an unknown website",
      tracked({ website_id: "b3b7a5d0-3c0f-4a44-9d0c-2f6f5b0c7a12" }),
      401,
      "unknown_write_key",
    ],
    ["of a goal without a name", tracked({ event_type: "goal" }), 400, "invalid_request", /^goal_name: /],
    ["far in the future", tracked({ timestamp: 4e14 }), 400, "no_valid_events", /^timestamp: /],
    ["of nothing", () => ask("POST", "/track", {}, "{}"), 400, "invalid_request", /^website_id: /],
    ["of a list", () => ask("POST", "/track", {}, JSON.stringify([view])), 400, "invalid_request"],
    [
      "by way of dots in disguise",
      () => ask("POST", "/v1/%2e%2e/track", {}, "{}"),
      400,
      "invalid_request",
      /^website_id: /,
    ],
    ["that is too large", tracked({ x: long(LIMITS.REQUEST_BYTES) }), 413, "request_too_large"],
  ]),
  ...rows("POST /v1/events", [
    ["of nothing", () => post("/v1/events", {}), 400, "no_valid_events", /^event: /],
    ["of a list that is none", () => post("/v1/events", { events: {} }), 400, "invalid_request", /^events /],
    ["of null", () => post("/v1/events", { events: null }), 400, "invalid_request", /^events /],
    ["of zeros", () => post("/v1/events", { events: [0] }), 400, "no_valid_events"],
    ["of an empty list", () => post("/v1/events", { events: [] }), 400, "no_valid_events"],
    [
      "of 160,000 empty ones",
      () => post("/v1/events", { events: Array(160_000).fill({}) }),
      413,
      "request_too_large",
      /2500/,
    ],
    ["with a name that is an object", () => post("/v1/events", { event: {} }), 400, "no_valid_events", /^event: /],
    [
      "with attributes that are text",
      () => post("/v1/events", { event: "x", attributes: "x" }),
      400,
      "no_valid_events",
      /^properties: /,
    ],
    [
      "with a negative time",
      () => post("/v1/events", { event: "x", timestamp: -5 }),
      400,
      "no_valid_events",
      /^timestamp: /,
    ],
    [
      "with a time in microseconds",
      () => post("/v1/events", { event: "x", timestamp: 1.76e15 }),
      400,
      "no_valid_events",
      /^timestamp: /,
    ],
    ["without a key", () => ask("POST", "/v1/events", {}, '{"event":"x"}'), 401, "unknown_write_key"],
  ]),
  ...rows("POST /v1/users", [
    [
      "with traits that are a list",
      () => post("/v1/users", { user_id: "u1", traits: [] }),
      400,
      "no_valid_events",
      /^traits: /,
    ],
    ["with an id that is an object", () => post("/v1/users", { user_id: {} }), 400, "no_valid_events", /^user_id: /],
    ["of a list that is text", () => post("/v1/users", { users: "all" }), 400, "invalid_request", /^users /],
    ["without a key", () => ask("POST", "/v1/users", {}, "{}"), 401, "unknown_write_key"],
  ]),
  ...rows("POST /v1/devices", [
    ["of nothing", () => post("/v1/devices", {}), 400, "no_valid_events", /^device_id: /],
    [
      "of an unknown platform",
      () => post("/v1/devices", { device_id: "d", token: "t", platform: "fridge" }),
      400,
      "no_valid_events",
      /^platform: /,
    ],
    [
      "with a token that is a number",
      () => post("/v1/devices", { device_id: "d", token: 1, platform: "ios" }),
      400,
      "no_valid_events",
      /^token: /,
    ],
    [
      "with a token of 5,000 letters",
      () => post("/v1/devices", { device_id: "d", token: long(5_000), platform: "ios" }),
      400,
      "no_valid_events",
      /^token: /,
    ],
    [
      "of 160,000 empty ones",
      () => post("/v1/devices", { devices: Array(160_000).fill({}) }),
      413,
      "request_too_large",
      /2500/,
    ],
    [
      "of 2,500 empty ones",
      () => post("/v1/devices", { devices: Array(2_500).fill({}) }),
      400,
      "no_valid_events",
      /^device_id: /,
    ],
    ["without a key", () => ask("POST", "/v1/devices", {}, "{}"), 401, "unknown_write_key"],
  ]),
];
