import { expect, it } from "vitest";
import { troubleOf } from "./ask.ts";

const error = (code: string, message = "") => Object.assign(new Error(message), { code });

it.each([
  ["ERR_TLS_CERT_ALTNAME_INVALID", "wrong_name"],
  ["CERT_HAS_EXPIRED", "expired"],
  ["CERT_NOT_YET_VALID", "not_yet_valid"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "untrusted"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "untrusted"],
  ["CERT_REVOKED", "untrusted"],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "no_tls"],
  ["ERR_SSL_TLSV1_UNRECOGNIZED_NAME", "no_certificate"],
  ["ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE", "no_certificate"],
  ["ECONNREFUSED", "refused"],
  ["ENETUNREACH", "unreachable"],
  ["ECONNRESET", "cut"],
  ["HPE_INVALID_CONSTANT", "cut"],
  ["ETIMEDOUT", "timeout"],
  ["ABORT_ERR", "timeout"],
  ["EMFILE", "failed"],
])("knows what %s means", (code, trouble) => {
  expect(troubleOf(error(code))).toEqual({ trouble, code });
});

it("knows an alert by its number where the code says nothing", () => {
  const alert = (number: number) => error("EPROTO", `ssl3_read_bytes: SSL alert number ${number}\n`);
  expect(troubleOf(alert(40)).trouble).toBe("no_certificate");
  expect(troubleOf(alert(70)).trouble).toBe("no_tls");
});

it("names the first address's trouble where several were tried, and the name of what has no code", () => {
  const several = new AggregateError([error("ECONNREFUSED"), error("ENETUNREACH")]);
  expect(troubleOf(several)).toEqual({ trouble: "refused", code: "ECONNREFUSED" });
  expect(troubleOf(new TypeError("odd"))).toEqual({ trouble: "failed", code: "TypeError" });
});
