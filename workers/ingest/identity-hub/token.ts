/**
 * What carries a visitor's id from one of a customer's hosts to another: sealed (AES-GCM under the door's own key), for one
 * environment, one host, one browser and two minutes, and good once.
 */
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { sha256 } from "../../../core/hash.ts";
import { open, seal } from "../../../core/vault.ts";
import { type OnceOnly, onceOnly } from "../../../durable-objects/once-only.ts";

/** Long enough for the slowest page to load behind a link, too short to be of use in a history or a log. */
export const VALID_S = 120;
const CONTEXT = "identity-hub";

const identityToken = z.object({
  /** The visitor. */
  dfid: z.guid(),
  /** The host that the visitor comes from, and the one that may redeem. */
  from: z.string(),
  aud: z.string(),
  /** The environment's id. */
  env: z.string(),
  /** SHA-256 of the browser's User-Agent: a link that was passed on to somebody else seldom works there. */
  browser: z.string(),
  /** Seconds since 1970. */
  iat: z.int(),
  exp: z.int(),
  jti: z.string(),
});
export type IdentityToken = z.infer<typeof identityToken>;

interface TokenEnv {
  DOOR_KEY: string;
  ONCE_ONLY: DurableObjectNamespace<OnceOnly>;
}

/** A token as text that a URL may carry as it is. `now` in epoch milliseconds. */
export async function issue(
  env: TokenEnv,
  request: Request,
  about: Pick<IdentityToken, "dfid" | "from" | "aud" | "env">,
  now: number,
): Promise<string> {
  const iat = Math.floor(now / 1_000);
  const token: IdentityToken = {
    ...about,
    browser: browserOf(request),
    iat,
    exp: iat + VALID_S,
    jti: crypto.randomUUID(),
  };
  const sealed = await seal(env.DOOR_KEY, CONTEXT, token);
  return sealed.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * The token, which is used up now. Throws `invalid_token`, `token_expired`, `wrong_audience` or `token_used`; only the last of
 * them, and success, cost a call to a Durable Object.
 */
export async function redeem(
  env: TokenEnv,
  request: Request,
  text: unknown,
  expected: Pick<IdentityToken, "aud" | "env">,
  now: number,
): Promise<IdentityToken> {
  const token = await read(env, text);
  if (!token || token.env !== expected.env || token.browser !== browserOf(request)) {
    throw new ApiError("invalid_token", "This is no token of this environment, or it was given to another browser");
  }
  if (token.exp * 1_000 <= now) throw new ApiError("token_expired", `A token is good for ${VALID_S} seconds`);
  if (token.aud !== expected.aud) throw new ApiError("wrong_audience", "This token is for another host");
  const isFirst = await onceOnly(env.ONCE_ONLY, token.env, token.jti).claim(token.jti, token.exp * 1_000);
  if (!isFirst) throw new ApiError("token_used", "This token was used before");
  return token;
}

async function read(env: TokenEnv, text: unknown): Promise<IdentityToken | undefined> {
  if (typeof text !== "string" || text.length > 4_096) return undefined;
  try {
    return identityToken.parse(await open(env.DOOR_KEY, CONTEXT, text.replaceAll("-", "+").replaceAll("_", "/")));
  } catch {
    return undefined; // whatever is wrong with it, it is none of ours
  }
}

const browserOf = ({ headers }: Request) => sha256(headers.get("user-agent") ?? "").slice(0, 16);
