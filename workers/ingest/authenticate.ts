/**
 * What a request's key opens. Public keys stand in web pages and may be limited to the source's pages; server keys are secrets,
 * alone (as Segment's libraries send them) or as an app key with a secret key, which stands as password or signs the request.
 */
import { timingSafeEqual } from "node:crypto";
import { ApiError } from "../../core/api-error.ts";
import type { Environment, Source, WriteKey } from "../../core/environment.ts";
import { sha256 } from "../../core/hash.ts";
import { readEnvironment, readWriteKey } from "../config.ts";
import type { IngestEnv } from "../env.ts";
import { isAllowedAddress } from "./allowed-address.ts";
import { isAllowedOrigin } from "./allowed-origin.ts";
import { checkSignature, type Signed, signedBy } from "./signature.ts";

export interface Opened {
  key: WriteKey;
  environment: Environment;
  source: Source;
  /** Of a signed request: makes its signature good for another try, where it could not be answered well. */
  release?: () => Promise<void>;
}

type Bindings = Pick<IngestEnv, "CONFIG" | "DOOR_KEY" | "ONCE_ONLY">;

/**
 * `bytes`: the body as it was sent; without it a signature cannot be checked, and is refused. Throws `unknown_write_key`,
 * `wrong_secret_key`, `invalid_signature`, `stale_signature`, `replayed_request`, `origin_not_allowed`, `address_not_allowed`.
 */
export async function authenticate(
  request: Request,
  body: Record<string, unknown>,
  env: Bindings,
  bytes?: Uint8Array,
): Promise<Opened> {
  const given = credentialsOf(request, body);
  const key = given && (await readWriteKey(env.CONFIG, hashOf(given.key)));
  if (!key || key.revoked || hasExpired(key)) throw unknownKey(request, given !== undefined);
  const environment = await readEnvironment(env.CONFIG, key.environment_id);
  const source = environment?.sources.find((s) => s.id === key.source_id);
  if (!environment || !source) throw new ApiError("unknown_write_key", "The source of this write key no longer exists");
  if (key.kind === "public") {
    if (!isAllowedOrigin(source, request)) {
      throw new ApiError("origin_not_allowed", "This source takes events from other pages only");
    }
    return { key, environment, source };
  }
  if (!isAllowedAddress(source, request)) {
    throw new ApiError("address_not_allowed", "This source takes events from other addresses only");
  }
  if (!key.secret_hash) return { key, environment, source };
  if (given.signed) {
    const release = await checkSignature(env, key, hashOf(given.key), given.signed, bytes);
    return { key, environment, source, release };
  }
  if (!given.secret || !isSame(sha256(given.secret), key.secret_hash)) {
    throw new ApiError(
      "wrong_secret_key",
      "This app key needs its secret key, as password or to sign the request with",
    );
  }
  return { key, environment, source };
}

/** Of keys that came before: the same few thousand come with every request. */
const hashes = new Map<string, string>();
const MOST_HASHES = 5_000;
const LONGEST_KEY = 200;

function hashOf(key: string): string {
  const known = hashes.get(key);
  if (known) return known;
  const hash = sha256(key);
  if (hashes.size >= MOST_HASHES) hashes.clear();
  if (key.length <= LONGEST_KEY) hashes.set(key, hash);
  return hash;
}

interface Credentials {
  key: string;
  secret?: string | undefined;
  signed?: Signed | undefined;
}

/** Segment's SDKs send the key as the user name of Basic authentication; browsers put it into the body. */
function credentialsOf(request: Request, body: Record<string, unknown>): Credentials | undefined {
  const { headers } = request;
  const authorization = headers.get("authorization");
  if (authorization && /^basic /i.test(authorization)) {
    try {
      const [key = "", ...secret] = atob(authorization.slice(6).trim()).split(":");
      return { key, secret: secret.join(":") };
    } catch {
      return undefined;
    }
  }
  const appKey = headers.get("x-app-key");
  if (appKey) return { key: appKey, signed: signedBy(headers) };
  const key = headers.get("x-write-key") ?? body.write_key ?? body.writeKey;
  return typeof key === "string" ? { key } : undefined;
}

function unknownKey({ headers }: Request, isGiven: boolean): ApiError {
  const message = isGiven
    ? "This write key is not known here"
    : "Send the write key by Basic authentication, in x-write-key or as write_key in the body";
  // A browser that is told of Basic authentication asks the visitor of the page for a name and a password.
  const isBrowser = headers.has("origin") || headers.has("sec-fetch-mode");
  // Never says whether a key once existed.
  return new ApiError("unknown_write_key", message, {
    headers: isBrowser ? {} : { "www-authenticate": 'Basic realm="write key"' },
  });
}

const hasExpired = ({ expires_at }: WriteKey) => expires_at !== undefined && Date.parse(expires_at) <= Date.now();

/** Of two SHA-256 in hex, in a time that says nothing. */
const isSame = (a: string, b: string) => timingSafeEqual(Buffer.from(a), Buffer.from(b));
