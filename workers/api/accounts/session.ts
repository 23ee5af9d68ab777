/** Who a session cookie belongs to. better-auth makes the cookie; reading it takes one signature and one row, so it is not loaded for that. */
import { and, eq, gt } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { Context } from "hono";
import { getSignedCookie } from "hono/cookie";
import { sessions, users } from "../../../db/accounts-schema.ts";
import type { ApiEnv } from "../../env.ts";

export const COOKIE_PREFIX = "millrace";
export const SESSION_S = 30 * 86_400;
/** Better-auth prefixes it where there is TLS. */
const NAMES = [`__Secure-${COOKIE_PREFIX}.session_token`, `${COOKIE_PREFIX}.session_token`];

export type User = typeof users.$inferSelect;

export async function userOfSession(c: Context<{ Bindings: ApiEnv }>): Promise<User | undefined> {
  if (!c.env.AUTH_SECRET) return undefined;
  for (const name of NAMES) {
    const token = await getSignedCookie(c, c.env.AUTH_SECRET, name);
    if (!token) continue;
    const [row] = await drizzle(c.env.DB)
      .select({ user: users })
      .from(sessions)
      .innerJoin(users, eq(users.id, sessions.userId))
      .where(and(eq(sessions.token, token), gt(sessions.expiresAt, new Date())));
    if (row) return row.user;
  }
  return undefined;
}
