/** Identity Hub, and imports of whole files. */
import { SERVER_KEY, WRITE_KEY } from "../../../test/a-door.ts";
import { ask, basic, GIVEN, get, type Headers, KB, long, rows } from "./asking.ts";
import { now } from "./keys.ts";

const hub =
  (path: string, body: unknown, headers: Headers = {}) =>
  () =>
    ask(
      "POST",
      `/v1/hub/${path}`,
      { "x-write-key": GIVEN.linkedKey, origin: GIVEN.page, ...headers },
      JSON.stringify(body),
    );
const NOT_LISTED = [403, "origin_not_allowed"] as const;
export const identityHub = rows("Identity Hub's", [
  ["frame without a key", () => get("/v1/hub/frame"), 401, "unknown_write_key"],
  ["frame of a source that links nothing", () => get(`/v1/hub/frame?key=${WRITE_KEY}`), ...NOT_LISTED],
  [
    "frame on a foreign page",
    () => get(`/v1/hub/frame?key=${GIVEN.linkedKey}`, { referer: "https://evil.example/" }),
    ...NOT_LISTED,
  ],
  [
    "token for nobody's key",
    hub("token", { audience: "blog.example" }, { "x-write-key": "wk_nobody" }),
    401,
    "unknown_write_key",
  ],
  [
    "token for a foreign page",
    hub("token", { audience: "blog.example" }, { origin: "https://evil.example" }),
    ...NOT_LISTED,
  ],
  [
    "token for a page that came unencrypted",
    hub("token", { audience: "blog.example" }, { origin: "http://shop.example" }),
    ...NOT_LISTED,
  ],
  ["token for a page without an origin", hub("token", { audience: "blog.example" }, { origin: "null" }), ...NOT_LISTED],
  ["token for a foreign host", hub("token", { audience: "evil.example" }), 403, "wrong_audience"],
  ["token for a prototype", hub("token", { audience: "__proto__" }), 403, "wrong_audience"],
  ["token for no host", hub("token", {}), 400, "invalid_request", /^audience: /],
  ["token for a list of hosts", hub("token", { audience: ["blog.example"] }), 400, "invalid_request", /^audience: /],
  ["token for a host of 300 letters", hub("token", { audience: long(300) }), 400, "invalid_request", /^audience: /],
  [
    "token for a visitor who is no UUID",
    hub("token", { audience: "blog.example", anonymous_id: "x; Domain=evil" }),
    400,
    "invalid_request",
    /^anonymous_id: /,
  ],
  ["exchange of nothing", hub("exchange", {}), 400, "invalid_request", /^token: /],
  ["exchange of a number", hub("exchange", { token: 7 }), 400, "invalid_request", /^token: /],
  ["exchange of an empty token", hub("exchange", { token: "" }), 401, "invalid_token"],
  [
    "exchange of a forged token",
    hub("exchange", { token: "v1.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }),
    401,
    "invalid_token",
  ],
  ["exchange of a token of 400 KB", hub("exchange", { token: long(400 * KB) }), 401, "invalid_token"],
  ["redemption of a forged token", hub("redeem", { token: "v1.%%%.%%%" }), 401, "invalid_token"],
  ["redemption of a web token", hub("redeem", { token: "eyJhbGciOiJub25lIn0.e30." }), 401, "invalid_token"],
  ["redemption of a list", hub("redeem", { token: [] }), 400, "invalid_request", /^token: /],
  ["forgetting for a foreign page", hub("forget", {}, { origin: "https://evil.example" }), ...NOT_LISTED],
  [
    "forgetting by text that is no JSON",
    () => ask("POST", "/v1/hub/forget", { "x-write-key": GIVEN.linkedKey, origin: GIVEN.page }, "forget"),
    400,
    "invalid_json",
  ],
]);

const file =
  (query: string, body: BodyInit = "user_id,event\nu1,x\n", headers: Headers = {}) =>
  () =>
    ask("POST", `/v1/bulk/import${query}`, { ...basic(SERVER_KEY), origin: GIVEN.page, ...headers }, body);
const ofImport =
  (method: string, path: string, headers: Headers = basic(SERVER_KEY)) =>
  () =>
    ask(method, `/v1/bulk/import/${path}`, headers);
const NO_IMPORT = [404, "not_found", /no such import/] as const;
const anId = "0123456789abcdef".repeat(2);
export const bulkImports = rows("a bulk import", [
  ["without a key", file("?format=csv", "x", { authorization: "" }), 401, "unknown_write_key"],
  ["with a public key", file("?format=csv", "x", basic(WRITE_KEY)), 403, "server_key_needed", /server key/],
  ["with an app key alone", file("?format=csv", "x", basic(GIVEN.appKey)), 401, "wrong_secret_key"],
  [
    "with a signature",
    file("?format=csv", "x", {
      authorization: "",
      "x-app-key": GIVEN.appKey,
      "x-timestamp": now(),
      "x-signature": "00",
    }),
    401,
    "invalid_signature",
  ],
  ["of no format", file(""), 400, "invalid_request", /format/],
  ["of an unknown format", file("?format=xlsx"), 400, "invalid_request", /^format: /],
  ["of a prototype's format", file("?format=__proto__"), 400, "invalid_request", /^format: /],
  ["parted by a letter", file("?format=csv&delimiter=x"), 400, "invalid_request", /^delimiter: /],
  ["of an unknown type", file("?format=csv&type=tracks"), 400, "invalid_request", /^type: /],
  ["of an event without a name", file("?format=csv&event="), 400, "invalid_request", /^event: /],
  ["that may be a trial", file("?format=csv&dry_run=perhaps"), 400, "invalid_request", /^dry_run: /],
  ["whose mapping is no JSON", file("?format=csv&mapping={"), 400, "invalid_json", /mapping/],
  ["whose mapping is a list", file("?format=csv&mapping=[]"), 400, "invalid_request", /^mapping/],
  [
    "whose mapping leads into a prototype",
    file('?format=csv&mapping={"a":"__proto__.polluted"}'),
    400,
    "invalid_request",
    /^mapping\.a: /,
  ],
  [
    "whose mapping leads into a constructor",
    file('?format=csv&mapping={"a":"constructor"}'),
    400,
    "invalid_request",
    /^mapping\.a: /,
  ],
  ["whose mapping has 70 KB", file(`?format=csv&mapping=${long(70 * KB)}`), 400, "invalid_request", /^mapping: /],
  [
    "with an Idempotency-Key of 300 letters",
    file("?format=csv", "x", { "idempotency-key": long(300) }),
    400,
    "invalid_request",
    /Idempotency-Key/,
  ],
  ["of an empty file", file("?format=csv", ""), 400, "invalid_request", /file/],
  [
    "said to have 101 MB",
    file("?format=csv", "x", { "content-length": String(101 * KB * KB) }),
    413,
    "request_too_large",
    /100 MB/,
  ],
  ["that is read by a public key", ofImport("GET", anId, basic(WRITE_KEY)), 403, "server_key_needed"],
  ["that is read by nobody", ofImport("GET", anId, {}), 401, "unknown_write_key"],
  ["that there is not", ofImport("GET", anId), ...NO_IMPORT],
  ["by way of dots", ofImport("GET", "..%2f..%2fsecret"), ...NO_IMPORT],
  ["in capitals", ofImport("GET", anId.toUpperCase()), ...NO_IMPORT],
  ["with a name of 900 letters", ofImport("GET", long(900)), ...NO_IMPORT],
  ["whose rows there are not", ofImport("GET", `${anId}/rejected`), ...NO_IMPORT],
  ["that is cancelled and is not", ofImport("POST", `${anId}/cancel`), ...NO_IMPORT],
  ["that goes on and is not", ofImport("POST", `${anId}/resume`), ...NO_IMPORT],
]);
