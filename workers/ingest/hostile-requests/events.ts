/** The envelope with a wrong value at every field, events that are too much, and batches of them. */
import { LIMITS } from "../../../core/event.ts";
import { SERVER_KEY } from "../../../test/a-door.ts";
import { batchOf, DEEP, type Hostile, KB, long, nested, post, rows, send, track, trackWith } from "./asking.ts";

export type Wrong = [what: string, value: unknown];
export const NUMBER: Wrong = ["a number", 7];
const FRACTION: Wrong = ["a fraction", 1.5];
export const BOOLEAN: Wrong = ["a boolean", true];
export const LIST: Wrong = ["a list", ["x"]];
export const OBJECT: Wrong = ["an object", { $ne: null }];
const EMPTY: Wrong = ["empty text", ""];
export const TEXT: Wrong = ["text", "x"];
const NULL: Wrong = ["null", null];
export const tooLong = (most: number): Wrong => ["too long", long(most + 1)];

const ID = [FRACTION, BOOLEAN, LIST, OBJECT, tooLong(256)];
const NO_OBJECT = [NUMBER, BOOLEAN, LIST, EMPTY, TEXT];
const NO_TEXT = [NUMBER, BOOLEAN, LIST, OBJECT];
const NO_TIME: Wrong[] = [
  BOOLEAN,
  LIST,
  OBJECT,
  EMPTY,
  TEXT,
  ["negative", -1],
  ["far in the future", 253_402_300_800_000],
  ["beyond what a date can hold", 1e300],
  ["a year before 1970", "1969-12-31T23:59:59Z"],
  ["the year 9999", "9999-12-31T23:59:59Z"],
  ["the year 0", "0000-01-01T00:00:00Z"],
  ["the 30th of February", "2026-02-30T00:00:00Z"],
  ["the 13th month", "2026-13-01T00:00:00Z"],
  ["the 25th hour", "2026-01-01T25:00:00Z"],
  ["words that Date understands", "next week 5"],
  ["NaN in text", "NaN"],
  ["300 KB of digits", `2026-01-01T00:00:00.${"0".repeat(300 * KB)}Z`],
];

const FIELDS: [field: string, wrong: Wrong[]][] = [
  ["message_id", ID],
  ["messageId", ID],
  ["anonymous_id", ID],
  ["user_id", ID],
  ["group_id", ID],
  ["previous_id", ID],
  ["type", [NUMBER, BOOLEAN, LIST, OBJECT, EMPTY, NULL, ["unknown", "tracks"], ["a prototype's", "constructor"]]],
  ["event", [NUMBER, BOOLEAN, LIST, OBJECT, EMPTY, NULL, tooLong(256)]],
  ["properties", NO_OBJECT],
  ["traits", NO_OBJECT],
  ["integrations", NO_OBJECT],
  ["context", NO_OBJECT],
  ["timestamp", NO_TIME],
  ["sent_at", NO_TIME],
  ["context.ip", [...NO_TEXT, tooLong(64)]],
  ["context.user_agent", [...NO_TEXT, tooLong(8_192)]],
  ["context.locale", [...NO_TEXT, tooLong(64)]],
  ["context.timezone", [...NO_TEXT, tooLong(64)]],
  ["context.page", NO_OBJECT],
  ["context.page.url", NO_TEXT],
  ["context.page.path", NO_TEXT],
  ["context.page.search", NO_TEXT],
  ["context.page.title", NO_TEXT],
  ["context.page.referrer", NO_TEXT],
  ["context.campaign", NO_OBJECT],
  ["context.campaign.source", [...NO_TEXT, tooLong(8_192)]],
  ["context.vendor_ids", NO_OBJECT],
  ["context.vendor_ids.fbp", [...NO_TEXT, tooLong(512)]],
  ["context.library", NO_OBJECT],
  ["context.library.name", [...NO_TEXT, tooLong(8_192)]],
  ["context.traits", NO_OBJECT],
  ["context.location", NO_OBJECT],
  ["context.location.country", NO_TEXT],
  ["context.location.latitude", [BOOLEAN, LIST, OBJECT, EMPTY, ["a number as text", "1.5"]]],
  ["context.device", NO_OBJECT],
  ["context.device.type", NO_TEXT],
  ["context.browser", NO_OBJECT],
  ["context.browser.version", NO_TEXT],
  ["context.os", NO_OBJECT],
  ["context.os.name", NO_TEXT],
  ["context.purposes", [NUMBER, OBJECT, EMPTY, ["a purpose that is none", ["selling"]]]],
  ["context.session", NO_OBJECT],
  ["context.session.number", [FRACTION, TEXT, LIST]],
  ["context.session.started_at", [NUMBER, TEXT, OBJECT]],
];

function holding(field: string, value: unknown): object {
  const [first, second, third] = field.split(".");
  if (!second) return { ...track, [first!]: value };
  if (!third) return { ...track, context: { [second]: value } };
  const session = { id: "s", number: 1, started_at: "2026-01-01T00:00:00Z", is_new: true };
  return { ...track, context: { [second]: { ...(second === "session" && session), [third]: value } } };
}

const inSnakeCase = (field: string) => field.replace("messageId", "message_id");

export const envelope: Hostile[] = FIELDS.flatMap(([field, wrong]) =>
  wrong.map(([what, value]) => ({
    what: `an event whose ${field} is ${what}`,
    request: () => post("/v1/batch", { batch: [holding(field, value)] }),
    status: 400,
    code: "no_valid_events",
    says: new RegExp(`^${inSnakeCase(field).replaceAll(".", "\\.")}(\\.\\w+)*: .`),
  })),
);

const keys = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`key${i}`, "x"]));
const COMPLEX = /nests deeper than 32 levels or has more than 2000 keys/;

export const events = rows("an event", [
  ["that is null", () => post("/v1/batch", { batch: [null] }), 400, "no_valid_events", /JSON object/],
  ["that is text", () => post("/v1/batch", { batch: ["track"] }), 400, "no_valid_events", /JSON object/],
  ["that is a number", () => post("/v1/batch", { batch: [0] }), 400, "no_valid_events", /JSON object/],
  ["that is a list", () => post("/v1/batch", { batch: [[track]] }), 400, "no_valid_events", /JSON object/],
  ["that is empty", () => post("/v1/batch", { batch: [{}] }), 400, "no_valid_events", /^type: /],
  [
    "that names nobody, of a server",
    () => post("/v1/track", { event: "x" }, { "x-write-key": SERVER_KEY }),
    400,
    "no_valid_events",
    /^anonymous_id: /,
  ],
  [
    "with 33 vendor ids",
    () => post("/v1/track", { ...track, context: { vendor_ids: keys(33) } }),
    400,
    "no_valid_events",
    /^context\.vendor_ids: .*32/,
  ],
  [
    "with a vendor of 65 letters",
    () => post("/v1/track", { ...track, context: { vendor_ids: { [long(65)]: "x" } } }),
    400,
    "no_valid_events",
    /^context\.vendor_ids\.x/,
  ],
  [
    "with a campaign's field of 400 KB",
    () => post("/v1/track", { ...track, context: { campaign: { [long(400 * KB)]: 1 } } }),
    400,
    "no_valid_events",
    /^context\.campaign\.x/,
  ],
  [
    "with 2,001 properties",
    () => post("/v1/track", { ...track, properties: keys(2_001) }),
    400,
    "no_valid_events",
    COMPLEX,
  ],
  [
    "with 40,000 wrong campaign fields",
    () => post("/v1/track", { ...track, context: { campaign: { ...Array(40_000).fill(1) } } }),
    400,
    "no_valid_events",
    COMPLEX,
  ],
  [
    "with 200,000 purposes that are none",
    () => post("/v1/track", { ...track, context: { purposes: Array(200_000).fill(0) } }),
    400,
    "no_valid_events",
    COMPLEX,
  ],
  [
    "with 200,000 contexts",
    () => post("/v1/track", { ...track, context: Array(200_000).fill(0) }),
    400,
    "no_valid_events",
    COMPLEX,
  ],
  [
    "of over 32 KB",
    () => post("/v1/track", { ...track, properties: { long: long(LIMITS.EVENT_BYTES) } }),
    400,
    "no_valid_events",
    /32 KB/,
  ],
  [
    "of over 32 KB in two bytes a letter",
    () => post("/v1/track", { ...track, properties: { long: "ż".repeat(LIMITS.EVENT_BYTES / 2) } }),
    400,
    "no_valid_events",
    /32 KB/,
  ],
  [
    `that nests ${DEEP} lists deep`,
    () => send(batchOf(trackWith(`"properties":{"a":${nested(DEEP)}}`))),
    400,
    "no_valid_events",
    COMPLEX,
  ],
  [
    `that nests ${DEEP} objects deep`,
    () => send(batchOf(trackWith(`"properties":${nested(DEEP, '{"a":', "}", "1")}`))),
    400,
    "no_valid_events",
    COMPLEX,
  ],
  [
    `whose context nests ${DEEP} deep`,
    () => send(batchOf(trackWith(`"context":${nested(DEEP, '{"page":', "}", "1")}`))),
    400,
    "no_valid_events",
    COMPLEX,
  ],
  [
    "whose traits nest 200,000 deep",
    () => send(batchOf(trackWith(`"traits":{"a":${nested(200_000)}}`))),
    400,
    "no_valid_events",
    COMPLEX,
  ],
]);

export const batches = rows("a batch", [
  ["that is absent", () => post("/v1/batch", track), 400, "invalid_request", /^batch /],
  ["that is null", () => post("/v1/batch", { batch: null }), 400, "invalid_request", /^batch /],
  ["that is text", () => post("/v1/batch", { batch: JSON.stringify([track]) }), 400, "invalid_request", /^batch /],
  [
    "that is an object with a length",
    () => post("/v1/batch", { batch: { 0: track, length: 1 } }),
    400,
    "invalid_request",
    /^batch /,
  ],
  ["that is empty", () => post("/v1/batch", { batch: [] }), 400, "no_valid_events", /no event/],
  [
    "of 2,501 events",
    () => post("/v1/batch", { batch: Array(2_501).fill(track) }),
    413,
    "request_too_large",
    /2500 events/,
  ],
  [
    "of 160,000 zeros",
    () => post("/v1/import", { batch: Array(160_000).fill(0) }),
    413,
    "request_too_large",
    /2500 events/,
  ],
  [
    "of 2,500 events that are all wrong",
    () => post("/v1/b", { batch: Array(2_500).fill({ ...track, type: "tracks" }) }),
    400,
    "no_valid_events",
    /^type: /,
  ],
  [`that nests ${DEEP} deep`, () => send(`{"batch":${nested(DEEP)}}`), 400, "no_valid_events", /JSON object/],
  [
    "whose context is text",
    () => post("/v1/batch", { context: "x", batch: [track] }),
    400,
    "no_valid_events",
    /^context: /,
  ],
  [
    "whose integrations are a number",
    () => post("/v1/batch", { integrations: 7, batch: [track] }),
    400,
    "no_valid_events",
    /^integrations: /,
  ],
  [
    "whose context has 2,001 keys",
    () => post("/v1/batch", { context: keys(2_001), batch: [track] }),
    400,
    "invalid_request",
    COMPLEX,
  ],
  [
    `whose context nests ${DEEP} deep`,
    () => send(`{"context":${nested(DEEP, '{"a":', "}", "1")},"batch":[{}]}`),
    400,
    "invalid_request",
    COMPLEX,
  ],
  [
    "whose context would be written 2,500 times",
    () => post("/v1/batch", { context: keys(1_500), batch: Array(2_500).fill(track) }),
    413,
    "request_too_large",
    /2500 events/,
  ],
  [
    "whose context has one field of 40 KB, wrong 2,500 times",
    () => post("/v1/batch", { context: { campaign: { [long(40 * KB)]: 1 } }, batch: Array(2_500).fill(track) }),
    413,
    "request_too_large",
  ],
  [
    "whose consent would be written 2,500 times",
    () => post("/v1/batch", { batch: Array(2_500).fill(track) }, { "x-consent": `tcf="C${long(8_000)}"` }),
    413,
    "request_too_large",
  ],
  [
    "whose sent_at has 300 KB",
    () =>
      post("/v1/batch", { sent_at: `2026-01-01T00:00:00.${"0".repeat(300 * KB)}Z`, batch: Array(2_400).fill(track) }),
    400,
    "no_valid_events",
    /^sent_at: /,
  ],
]);
