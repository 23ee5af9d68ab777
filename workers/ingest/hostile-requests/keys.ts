/** Keys, secrets and signatures that open nothing. */
import { KEYS, WRITE_KEY } from "../../../test/a-door.ts";
import { sign } from "../signature.ts";
import { ask, basic, GIVEN, get, type Headers, type Hostile, HUGE_HEADER, KB, long, rows, track } from "./asking.ts";

const ANYBODY = { "x-write-key": "" };
export const one = (headers: Headers, body: object = {}) =>
  ask("POST", "/v1/track", { origin: GIVEN.page, ...headers }, JSON.stringify({ ...track, ...body }));

export const writeKeys = rows("a write key", [
  ["that is missing", () => one({}), 401, "unknown_write_key", /write_key/],
  ["that is unknown", () => one({ "x-write-key": "wk_nobody" }), 401, "unknown_write_key"],
  ["that was revoked", () => one({ "x-write-key": KEYS.REVOKED_KEY }), 401, "unknown_write_key"],
  ["of a source that is gone", () => one({ "x-write-key": KEYS.ORPHAN_KEY }), 401, "unknown_write_key"],
  ["that is empty, though the body has one", () => one(ANYBODY, { write_key: WRITE_KEY }), 401, "unknown_write_key"],
  ["that stands twice", () => one({ "x-write-key": `${WRITE_KEY}, ${WRITE_KEY}` }), 401, "unknown_write_key"],
  ["of 100 KB", () => one({ "x-write-key": long(HUGE_HEADER) }), 401, "unknown_write_key"],
  ["of 100 KB as user name", () => one(basic(long(HUGE_HEADER))), 401, "unknown_write_key"],
  ["of 400 KB in the body", () => one({}, { write_key: long(400 * KB) }), 401, "unknown_write_key"],
  ["that is no base64", () => one({ authorization: "Basic %%%" }), 401, "unknown_write_key"],
  [
    "that is no base64 of 100 KB",
    () => one({ authorization: `Basic ${"=".repeat(HUGE_HEADER)}` }),
    401,
    "unknown_write_key",
  ],
  ["of another scheme", () => one({ authorization: `Bearer ${WRITE_KEY}` }), 401, "unknown_write_key"],
  ["by Basic without anything", () => one({ authorization: "Basic " }), 401, "unknown_write_key"],
  ["that is an object", () => one({}, { write_key: { $ne: null } }), 401, "unknown_write_key"],
  ["that is a list", () => one({}, { write_key: [WRITE_KEY] }), 401, "unknown_write_key"],
  ["that is true", () => one({}, { writeKey: true }), 401, "unknown_write_key"],
  ["called like a prototype", () => one({}, { write_key: "__proto__" }), 401, "unknown_write_key"],
  ["called like a method", () => one({ "x-write-key": "constructor" }), 401, "unknown_write_key"],
  [
    "that climbs to another document",
    () => one({ "x-write-key": "../environment/env_hostile" }),
    401,
    "unknown_write_key",
  ],
  ["that asks a database", () => one({ "x-write-key": "' OR 1=1 --" }), 401, "unknown_write_key"],
  ["that is a known one's beginning", () => one({ "x-write-key": WRITE_KEY.slice(0, -1) }), 401, "unknown_write_key"],
]);

export const now = (seconds = 0) => String(Math.floor(Date.now() / 1_000) + seconds);
let signedBodies = 0;
const aSignedBody = () => JSON.stringify({ batch: [{ ...track, message_id: `hostile-${signedBodies++}` }] });

/** Signed well, unless it says otherwise. */
function signed({ at = now(), secret = GIVEN.secret as string, body = aSignedBody(), headers = {} as Headers } = {}) {
  const signature = sign(secret, at, new TextEncoder().encode(body));
  const given = { "x-app-key": GIVEN.appKey, "x-timestamp": at, "x-signature": signature };
  return ask("POST", "/v1/batch", { ...given, ...headers }, body);
}
export const changed = (request: Request, change: (headers: globalThis.Headers) => void) => {
  const headers = new Headers(request.headers);
  change(headers);
  return new Request(request, { headers });
};
const REUSED = aSignedBody();
const REUSED_AT = now();

export const signatures: Hostile[] = [
  ...rows("a signature", [
    ["of another secret", () => signed({ secret: "as_another" }), 401, "invalid_signature", /x-signature/],
    ["of no secret", () => signed({ secret: "" }), 401, "invalid_signature"],
    ["of another body", () => new Request(signed(), { body: aSignedBody() }), 401, "invalid_signature"],
    ["of another time", () => signed({ headers: { "x-timestamp": now(7) } }), 401, "invalid_signature"],
    [
      "in capitals",
      () => changed(signed(), (h) => h.set("x-signature", h.get("x-signature")!.toUpperCase())),
      401,
      "invalid_signature",
    ],
    [
      "cut short",
      () => changed(signed(), (h) => h.set("x-signature", h.get("x-signature")!.slice(0, 32))),
      401,
      "invalid_signature",
    ],
    [
      "that stands twice",
      () => changed(signed(), (h) => h.append("x-signature", h.get("x-signature")!)),
      401,
      "invalid_signature",
    ],
    ["that is empty", () => signed({ headers: { "x-signature": "" } }), 401, "invalid_signature"],
    ["of 100 KB", () => signed({ headers: { "x-signature": long(HUGE_HEADER) } }), 401, "invalid_signature"],
    ["that is missing", () => changed(signed(), (h) => h.delete("x-signature")), 401, "wrong_secret_key"],
    ["without its time", () => changed(signed(), (h) => h.delete("x-timestamp")), 401, "wrong_secret_key"],
    ["six minutes old", () => signed({ at: now(-360) }), 401, "stale_signature", /five minutes/],
    ["of in six minutes", () => signed({ at: now(360) }), 401, "stale_signature", /five minutes/],
    ["of the year 2286", () => signed({ at: "9999999999" }), 401, "stale_signature"],
    ["of 1970", () => signed({ at: "0000000000" }), 401, "stale_signature"],
    ["of a negative time", () => signed({ at: "-000000001" }), 401, "invalid_signature", /x-timestamp/],
    ["of a time in milliseconds", () => signed({ at: String(Date.now()) }), 401, "invalid_signature", /x-timestamp/],
    ["of a time with a fraction", () => signed({ at: `${now()}.0` }), 401, "invalid_signature", /x-timestamp/],
    ["of NaN", () => signed({ at: "NaN" }), 401, "invalid_signature", /x-timestamp/],
    ["of a time of 100 KB", () => signed({ at: "1".repeat(HUGE_HEADER) }), 401, "invalid_signature", /x-timestamp/],
    [
      "of a key without one",
      () => signed({ headers: { "x-app-key": GIVEN.unsealedKey } }),
      401,
      "invalid_signature",
      /password/,
    ],
    ["of a key that is none", () => signed({ headers: { "x-app-key": "ak_nobody" } }), 401, "unknown_write_key"],
    ["of a key of 100 KB", () => signed({ headers: { "x-app-key": long(HUGE_HEADER) } }), 401, "unknown_write_key"],
    [
      "where nothing can be signed",
      () => get("/v1/pixel/t?data=e30", { "x-app-key": GIVEN.appKey, "x-timestamp": now(), "x-signature": "00" }),
      401,
      "invalid_signature",
      /password/,
    ],
  ]),
  ...rows("a secret key", [
    ["that is missing", () => one(basic(GIVEN.appKey)), 401, "wrong_secret_key", /secret key/],
    ["that is wrong", () => one(basic(GIVEN.appKey, "as_another")), 401, "wrong_secret_key"],
    ["in other letters", () => one(basic(GIVEN.appKey, GIVEN.secret.toUpperCase())), 401, "wrong_secret_key"],
    ["with more behind it", () => one(basic(GIVEN.appKey, `${GIVEN.secret}:`)), 401, "wrong_secret_key"],
    ["of 50 KB", () => one(basic(GIVEN.appKey, long(HUGE_HEADER / 2))), 401, "wrong_secret_key"],
    ["that is its own hash", () => one(basic(GIVEN.appKey, long(64))), 401, "wrong_secret_key"],
  ]),
  ...rows("a signed request", [
    ["that comes again", () => signed({ body: REUSED, at: REUSED_AT }), 409, "replayed_request", /came before/],
    [
      "that comes again at another address",
      () => changed(signed({ body: REUSED, at: REUSED_AT }), (h) => h.set("cf-connecting-ip", "192.0.2.77")),
      409,
      "replayed_request",
    ],
    [
      "that comes again with more in its head",
      () => changed(signed({ body: REUSED, at: REUSED_AT }), (h) => h.set("x-nonce", "2")),
      409,
      "replayed_request",
    ],
    [
      "that comes again on another path",
      () => new Request(`${GIVEN.host}/v1/import`, signed({ body: REUSED, at: REUSED_AT })),
      409,
      "replayed_request",
    ],
  ]).map((row): Hostile => ({ ...row, again: true })),
];
