/**
 * Hashes and tokens of personal data under an organisation's own key, derived from one secret of the Worker (PII_KEY). Of the same value
 * they are always the same, so that whoever has one can count and join, and nobody without the key can try values.
 */
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from "node:crypto";

const TOKEN_PREFIX = "tok_";
const IV_BYTES = 16;

export class PiiKeys {
  readonly #hashKey: Uint8Array;
  readonly #ivKey: Uint8Array;
  readonly #cipherKey: Uint8Array;

  /** `secret` is 32 bytes as base64. */
  constructor(secret: string, organisationId: string) {
    const bytes = Buffer.from(secret, "base64");
    if (bytes.length < 32) throw new Error("PII_KEY must be 32 bytes as base64");
    const key = (use: string) => hmac(bytes, `millrace pii ${use} ${organisationId}`);
    this.#hashKey = key("hash");
    this.#ivKey = key("iv");
    this.#cipherKey = key("cipher");
  }

  /** Lower-case hex. */
  hash(value: string): string {
    return Buffer.from(hmac(this.#hashKey, value)).toString("hex");
  }

  /**
   * AES-256-CTR under an initialisation vector that is the value's own HMAC: it makes the token deterministic, and is checked when the
   * token is opened. This is the construction of SIV (https://www.rfc-editor.org/rfc/rfc5297) with HMAC-SHA256 in the place of CMAC.
   */
  seal(value: string): string {
    const iv = hmac(this.#ivKey, value).subarray(0, IV_BYTES);
    const cipher = createCipheriv("aes-256-ctr", this.#cipherKey, iv);
    const sealed = Buffer.concat([iv, cipher.update(value, "utf8"), cipher.final()]);
    return TOKEN_PREFIX + sealed.toString("base64url");
  }

  /** Undefined where it is no token, or was not made under this key. */
  open(token: string): string | undefined {
    if (!isToken(token)) return undefined;
    const bytes = Buffer.from(token.slice(TOKEN_PREFIX.length), "base64url");
    if (bytes.length < IV_BYTES) return undefined;
    const iv = bytes.subarray(0, IV_BYTES);
    const cipher = createDecipheriv("aes-256-ctr", this.#cipherKey, iv);
    const value = Buffer.concat([cipher.update(bytes.subarray(IV_BYTES)), cipher.final()]).toString("utf8");
    return timingSafeEqual(hmac(this.#ivKey, value).subarray(0, IV_BYTES), iv) ? value : undefined;
  }
}

export const isToken = (text: string) => /^tok_[\w-]{22,}$/.test(text);

const hmac = (key: Uint8Array, text: string): Uint8Array => createHmac("sha256", key).update(text).digest();

const cache = new Map<string, PiiKeys>();
const MOST_CACHED = 100;

/** The organisation's keys; undefined where the Worker has no secret. */
export function piiKeysOf(secret: string | undefined, organisationId: string): PiiKeys | undefined {
  if (!secret) return undefined;
  const name = `${organisationId} ${secret}`;
  let keys = cache.get(name);
  if (!keys) {
    keys = new PiiKeys(secret, organisationId);
    if (cache.size >= MOST_CACHED) cache.clear();
    cache.set(name, keys);
  }
  return keys;
}
