/**
 * Signed requests: `x-app-key`, `x-timestamp` (Unix seconds) and `x-signature`, which is the lower-case hex HMAC-SHA256 of
 * `{timestamp}.{body}` under the secret key. Over the body's bytes as they are sent, compressed or not. Good for five minutes, once.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { ApiError } from "../../core/api-error.ts";
import type { WriteKey } from "../../core/environment.ts";
import { open } from "../../core/vault.ts";
import { onceOnly } from "../../durable-objects/once-only.ts";
import type { IngestEnv } from "../env.ts";

export interface Signed {
  timestamp: string;
  signature: string;
}

/** How far a signature's time may lie from ours, either way. */
const WINDOW_MS = 5 * 60_000;
const MOST_SECRETS = 1_000;

/** Opened secrets, by the sealed text. Opening one costs more than checking a signature. */
const secrets = new Map<string, string>();

export function signedBy(headers: Headers): Signed | undefined {
  const timestamp = headers.get("x-timestamp");
  const signature = headers.get("x-signature");
  return timestamp === null || signature === null ? undefined : { timestamp, signature };
}

/** The signature of a body. `timestamp` in Unix seconds. Lower-case hex. */
export function sign(secret: string, timestamp: string, body: Uint8Array): string {
  return createHmac("sha256", secret).update(`${timestamp}.`).update(body).digest("hex");
}

/**
 * Throws `invalid_signature`, `stale_signature` or `replayed_request`. Answers how to take the claim on this signature back, so
 * that a request which failed on our side may be sent again as it is.
 */
export async function checkSignature(
  env: Pick<IngestEnv, "DOOR_KEY" | "ONCE_ONLY">,
  key: WriteKey,
  keyHash: string,
  { timestamp, signature }: Signed,
  body: Uint8Array | undefined,
): Promise<() => Promise<void>> {
  if (!body) throw new ApiError("invalid_signature", "This call takes the secret key as password, not a signature");
  if (!/^\d{10}$/.test(timestamp)) throw new ApiError("invalid_signature", "x-timestamp must be in Unix seconds");
  const signedAt = Number(timestamp) * 1_000;
  if (Math.abs(Date.now() - signedAt) > WINDOW_MS) {
    throw new ApiError("stale_signature", "x-timestamp is more than five minutes from our time");
  }
  // A key that was made before there were signatures.
  if (!key.sealed_secret) throw new ApiError("invalid_signature", "This app key takes its secret key as password only");
  const expected = Buffer.from(sign(await secretOf(env, key, keyHash), timestamp, body));
  const given = Buffer.from(signature);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new ApiError("invalid_signature", "x-signature is not the HMAC-SHA256 of {x-timestamp}.{body} in hex");
  }
  const once = onceOnly(env.ONCE_ONLY, key.environment_id, signature);
  const validUntil = signedAt + WINDOW_MS;
  if (!(await once.claim(signature, validUntil))) {
    throw new ApiError("replayed_request", "This signed request came before; sign every request anew");
  }
  return () => once.release(signature, validUntil);
}

async function secretOf(env: Pick<IngestEnv, "DOOR_KEY">, { sealed_secret = "" }: WriteKey, keyHash: string) {
  const known = secrets.get(sealed_secret);
  if (known) return known;
  const secret = (await open(env.DOOR_KEY, keyHash, sealed_secret)) as string;
  if (secrets.size >= MOST_SECRETS) secrets.clear();
  secrets.set(sealed_secret, secret);
  return secret;
}
