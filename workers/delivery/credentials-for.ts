/**
 * The credentials that a destination asked for as data (authentication.ts): a token from this isolate's memory, from the
 * integration's gate, or signed here; or a signature on the request itself.
 */
import { AwsV4Signer } from "aws4fetch";
import type { VendorEnv } from "../env.ts";
import type { Authentication } from "./authentication.ts";
import type { Outcome, VendorRequest } from "./destination.ts";
import { snowflakeToken } from "./signed-tokens.ts";
import type { Target } from "./target.ts";
import { type CallResult, masker } from "./vendor-call.ts";

/** A token is not used for its last minute: a request takes time, and clocks differ. */
export const SKEW_MS = 60_000;
const MOST_TOKENS = 1_000;

interface Known {
  token: string;
  expires_at: number;
  /** Whom it is for: other settings are other credentials. */
  of: string;
}

/** By integration. */
const known = new Map<string, Known>();

/** For tests. */
export const forgetTokens = () => known.clear();

export type TokenAnswer =
  | { ok: true; token: string; expires_at: number }
  /** `unauthorised`: a person must act. */
  | { ok: false; outcome: "unauthorised" | "retry"; reason: string };

type Failure = Extract<Outcome, { outcome: "unauthorised" | "retry" }>;

/** Nothing where the destination needs no token. `refused`: the one that is known was not taken. Never throws. */
export async function authenticated(
  target: Target,
  env: VendorEnv,
  { refused = false } = {},
): Promise<{ token?: string } | Failure> {
  const { integration, destination, settings } = target;
  const authentication = destination.authentication?.(settings);
  if (!authentication || authentication.scheme === "aws_sigv4") return {};
  const of = JSON.stringify(authentication);
  const before = known.get(integration.id);
  const now = Date.now();
  const isGood = before && before.of === of && now < before.expires_at - SKEW_MS;
  if (isGood && !refused) return { token: hidden(before.token, target) };
  const answer = await ask(authentication, integration.id, env, refused ? before?.token : undefined);
  if (!answer.ok) return { outcome: answer.outcome, reason: target.mask(answer.reason) };
  if (known.size >= MOST_TOKENS) known.clear();
  known.set(integration.id, { token: answer.token, expires_at: answer.expires_at, of });
  return { token: hidden(answer.token, target) };
}

async function ask(
  authentication: Exclude<Authentication, { scheme: "aws_sigv4" }>,
  integrationId: string,
  env: VendorEnv,
  refused: string | undefined,
): Promise<TokenAnswer> {
  try {
    if (authentication.scheme === "snowflake_key_pair") {
      try {
        return { ok: true, ...(await snowflakeToken(authentication, Date.now())) };
      } catch {
        // The cause is left out on purpose: it could quote the key.
        return { ok: false, outcome: "unauthorised", reason: "the private key cannot be read" };
      }
    }
    return await env.INTEGRATION_GATE.getByName(integrationId).token(authentication, integrationId, refused);
  } catch (error) {
    return { ok: false, outcome: "retry", reason: `no token: ${error}` };
  }
}

/** Whether another token may help: the vendor refused this one, and it could be replaced. */
export function isTokenRefused(result: CallResult, { destination, settings }: Target): boolean {
  if (!result.answered || result.response.status !== 401) return false;
  const scheme = destination.authentication?.(settings)?.scheme;
  return scheme !== undefined && scheme !== "aws_sigv4";
}

/** The request as it goes out: signed, where that is how the vendor knows us. */
export async function sign(
  request: VendorRequest,
  { destination, settings }: Pick<Target, "destination" | "settings">,
  now: Date,
): Promise<VendorRequest> {
  const authentication = destination.authentication?.(settings);
  if (authentication?.scheme !== "aws_sigv4") return request;
  const { access_key_id, secret_access_key, region, service } = authentication;
  const body = request.bytes ?? request.body;
  const signer = new AwsV4Signer({
    url: request.url,
    method: request.method,
    body,
    // Covered by the signature, so that what arrives is what was signed.
    headers: { ...request.headers, "x-amz-content-sha256": await sha256Of(body) },
    accessKeyId: access_key_id,
    secretAccessKey: secret_access_key,
    region,
    service,
    datetime: now.toISOString().replace(/[:-]|\.\d{3}/g, ""),
  });
  const { url, headers } = await signer.sign();
  return { ...request, url: url.href, headers: Object.fromEntries(headers) };
}

async function sha256Of(body: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  return Buffer.from(await crypto.subtle.digest("SHA-256", bytes)).toString("hex");
}

/** From now on, what this target shows to people is without the token. */
function hidden(token: string, target: Target): string {
  if (target.token !== token) {
    const { mask } = target;
    const blank = masker([token]);
    target.token = token;
    target.mask = (text) => blank(mask(text));
  }
  return token;
}
