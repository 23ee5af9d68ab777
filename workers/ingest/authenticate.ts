import { ApiError } from "../../core/api-error.ts";
import type { WriteKey } from "../../core/environment.ts";
import { sha256 } from "../../core/hash.ts";
import { readWriteKey } from "../config.ts";

/** What the request's write key opens. Throws `unknown_write_key`; never says whether a key once existed. */
export async function authenticate(
  request: Request,
  body: Record<string, unknown>,
  kv: KVNamespace,
): Promise<WriteKey> {
  const key = keyOf(request, body);
  const known = key ? await readWriteKey(kv, sha256(key)) : null;
  if (known && !known.revoked) return known;
  const message = key
    ? "This write key is not known here"
    : "Send the write key by Basic authentication, in x-write-key or as write_key in the body";
  throw new ApiError("unknown_write_key", message, { headers: { "www-authenticate": 'Basic realm="write key"' } });
}

/** Segment's SDKs send the key as the user name of Basic authentication; browsers put it into the body. */
function keyOf(request: Request, body: Record<string, unknown>): string | undefined {
  const authorization = request.headers.get("authorization");
  if (authorization && /^basic /i.test(authorization)) {
    try {
      return atob(authorization.slice(6).trim()).split(":")[0];
    } catch {
      return undefined;
    }
  }
  const key = request.headers.get("x-write-key") ?? body.write_key ?? body.writeKey;
  return typeof key === "string" ? key : undefined;
}
