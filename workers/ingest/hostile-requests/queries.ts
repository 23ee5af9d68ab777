/** What comes in an address: pixels, and the keys of beacons and configurations. */
import { LIMITS } from "../../../core/event.ts";
import { KEYS, WRITE_KEY } from "../../../test/a-door.ts";
import { ask, base64, GIVEN, get, KB, long, rows, track } from "./asking.ts";
import { NOWHERE } from "./paths.ts";

const pixel =
  (data: string, call = "track") =>
  () =>
    get(`/v1/pixel/${call}?data=${data}`);
const withKey = (value: object) => base64(JSON.stringify({ write_key: WRITE_KEY, ...value }));
export const queries = [
  ...rows("a pixel", [
    ["without data", () => get("/v1/pixel/track"), 400, "invalid_request", /data/],
    ["with empty data", pixel(""), 400, "invalid_request", /data/],
    ["with 20,000 parameters", () => get(`/v1/pixel/track?${"data&".repeat(20_000)}`), 400, "invalid_request", /data/],
    ["with data that is no base64", pixel("%%%"), 400, "invalid_encoding", /base64/],
    ["with data that is JSON", pixel(encodeURIComponent(JSON.stringify(track))), 400, "invalid_encoding"],
    ["with 100 KB that are no base64", pixel("*".repeat(100 * KB)), 400, "invalid_encoding"],
    ["with data that is no UTF-8", pixel(base64("\xff\xfe")), 400, "invalid_encoding"],
    ["with data that is no JSON", pixel(base64("{")), 400, "invalid_json"],
    ["with a list", pixel(base64("[1]")), 400, "invalid_request"],
    ["with __proto__", pixel(base64('{"__proto__":{"polluted":1}}')), 400, "invalid_request", /__proto__/],
    ["without a key", pixel(base64("{}")), 401, "unknown_write_key"],
    [
      "with a revoked key",
      pixel(base64(JSON.stringify({ ...track, write_key: KEYS.REVOKED_KEY }))),
      401,
      "unknown_write_key",
    ],
    [
      "with a key in its address only",
      () => get(`/v1/pixel/track?write_key=${WRITE_KEY}&data=${base64("{}")}`),
      401,
      "unknown_write_key",
    ],
    ["with an event that has no name", pixel(withKey({})), 400, "no_valid_events", /^event: /],
    ["with a batch of nothing", pixel(withKey({ batch: [] }), "batch"), 400, "no_valid_events"],
    ["with a batch that is none", pixel(withKey({}), "b"), 400, "invalid_request", /^batch /],
    ["with a call that is none", pixel(withKey({}), "tracks"), 404, "not_found"],
  ]),
  ...rows("a beacon", [
    [
      "without a key",
      () => ask("POST", "/beacon/v1/batch", { origin: GIVEN.page }, JSON.stringify({ batch: [track] })),
      401,
      "unknown_write_key",
    ],
    [
      "with an unknown key",
      () => ask("POST", "/beacon/v1/batch?writeKey=wk_nobody", {}, JSON.stringify({ batch: [track] })),
      401,
      "unknown_write_key",
    ],
    [
      "whose body overrules its key with a wrong one",
      () => ask("POST", `/beacon/v1/batch?writeKey=${WRITE_KEY}`, {}, JSON.stringify({ write_key: 1, batch: [track] })),
      401,
      "unknown_write_key",
    ],
    [
      "with a key of 100 KB",
      () => ask("POST", `/beacon/v1/batch?writeKey=${long(100 * KB)}`, {}, "{}"),
      401,
      "unknown_write_key",
    ],
    [
      "with one event",
      () => ask("POST", `/beacon/v1/batch?writeKey=${WRITE_KEY}`, {}, JSON.stringify(track)),
      400,
      "invalid_request",
      /^batch /,
    ],
    [
      "that is too large",
      () => ask("POST", `/beacon/v1/batch?writeKey=${WRITE_KEY}`, {}, long(LIMITS.REQUEST_BYTES + 1)),
      413,
      "request_too_large",
    ],
  ]),
  ...rows("a configuration", [
    ["without a key", () => get("/sourceConfig"), 401, "unknown_write_key"],
    ["with an unknown key", () => get("/sourceConfig/?writeKey=wk_nobody"), 401, "unknown_write_key"],
    ["with an empty key", () => get("/sourceConfig?writeKey="), 401, "unknown_write_key"],
    ["with a key in a list", () => get(`/sourceConfig?writeKey[]=${WRITE_KEY}`), 401, "unknown_write_key"],
    ["of a key that was revoked", () => get(`/v1/projects/${KEYS.REVOKED_KEY}/settings`), 401, "unknown_write_key"],
    ["of a key called like a prototype", () => get("/v1/projects/__proto__/settings"), 401, "unknown_write_key"],
    ["of a key with a NUL", () => get("/v1/projects/%00/settings"), 401, "unknown_write_key"],
    ["of no key", () => get("/v1/projects//settings"), ...NOWHERE],
    ["of a key with a slash", () => get(`/v1/projects/a/${WRITE_KEY}/settings`), ...NOWHERE],
    ["of an app key without its secret", () => get(`/v1/projects/${GIVEN.appKey}/settings`), 401, "wrong_secret_key"],
  ]),
];
