/** JWTs by which we say who we are, signed with a key of the customer's (RS256, jose). */

import { createHash } from "node:crypto";
import { exportJWK, exportSPKI, importJWK, importPKCS8, SignJWT } from "jose";
import { type Authentication, readGoogleAccountKey } from "./authentication.ts";

export const GOOGLE_TOKEN_URL = "https://oauth2.googleapis.com/token";
const LIFE_S = 3_600;

/** https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests. Throws where the key is none. */
export async function googleAssertion(
  { key, scope }: Extract<Authentication, { scheme: "google_service_account" }>,
  now: number,
): Promise<string> {
  const { client_email, private_key, private_key_id } = readGoogleAccountKey(key);
  const issued = Math.floor(now / 1_000);
  return new SignJWT({ scope })
    .setProtectedHeader({ alg: "RS256", typ: "JWT", ...(private_key_id && { kid: private_key_id }) })
    .setIssuer(client_email)
    .setAudience(GOOGLE_TOKEN_URL)
    .setIssuedAt(issued)
    .setExpirationTime(issued + LIFE_S)
    .sign(await importPKCS8(private_key, "RS256"));
}

/**
 * https://docs.snowflake.com/en/developer-guide/sql-api/authenticating#using-key-pair-authentication: account and user in capitals, the
 * account without its region and with dashes for dots; the public key is named by its SHA-256. Throws where the key is none.
 */
export async function snowflakeToken(
  { account, user, private_key }: Extract<Authentication, { scheme: "snowflake_key_pair" }>,
  now: number,
): Promise<{ token: string; expires_at: number }> {
  const key = await importPKCS8(private_key, "RS256", { extractable: true });
  const subject = `${accountName(account)}.${user.toUpperCase()}`;
  const issued = Math.floor(now / 1_000);
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: "RS256", typ: "JWT" })
    .setIssuer(`${subject}.${await fingerprint(key)}`)
    .setSubject(subject)
    .setIssuedAt(issued)
    .setExpirationTime(issued + LIFE_S)
    .sign(key);
  return { token, expires_at: (issued + LIFE_S) * 1_000 };
}

/** `xy12345.eu-central-1` is a locator with its region, which the token leaves out; `org-name` has none. */
function accountName(account: string): string {
  return account.split(".")[0]!.toUpperCase();
}

/** `SHA256:` and the digest of the public key as DER, base64: what DESCRIBE USER shows as RSA_PUBLIC_KEY_FP. */
async function fingerprint(privateKey: CryptoKey): Promise<string> {
  const { kty, n, e } = await exportJWK(privateKey);
  const publicKey = await importJWK({ kty: kty!, n: n!, e: e! }, "RS256", { extractable: true });
  const der = Buffer.from((await exportSPKI(publicKey as CryptoKey)).replace(/-----[^-]+-----|\s/g, ""), "base64");
  return `SHA256:${createHash("sha256").update(der).digest("base64")}`;
}
