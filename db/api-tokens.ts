/** API keys of an organisation and personal tokens: made, rotated, revoked, and known again by their hash. A token is shown once. */
import { and, eq, isNull, or } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { ApiError } from "../core/api-error.ts";
import { sha256 } from "../core/hash.ts";
import { randomToken } from "../core/pkce.ts";
import type * as schema from "./schema.ts";
import { apiTokens } from "./schema.ts";

type Database = DrizzleD1Database<typeof schema>;
export type ApiToken = typeof apiTokens.$inferSelect;

const PREFIXES = { api_key: "mrk_", personal: "mrp_" };
const HOUR = "YYYY-MM-DDTHH".length;

/** Whose: an organisation's keys (`user_id` null), or one person's tokens, in all their organisations. */
export type Holder = { organisation_id: string; user_id: null } | { user_id: string };

const heldBy = (holder: Holder) =>
  holder.user_id === null
    ? and(eq(apiTokens.organisation_id, holder.organisation_id), isNull(apiTokens.user_id))
    : eq(apiTokens.user_id, holder.user_id);

export interface NewToken {
  organisation_id: string;
  user_id: string | null;
  name: string;
  scopes: string[];
  expires_at: string | null;
}

export async function makeApiToken(db: Database, given: NewToken) {
  const token = draw(given.user_id);
  const row = {
    id: `tok_${randomToken().slice(0, 16)}`,
    ...given,
    ...hashed(token),
    created_at: new Date().toISOString(),
  };
  const [made] = await db.insert(apiTokens).values(row).returning();
  return { ...shownToken(made!), token };
}

export async function listApiTokens(db: Database, holder: Holder) {
  return (await db.select().from(apiTokens).where(heldBy(holder)).orderBy(apiTokens.created_at)).map(shownToken);
}

/** A new token in its place; the old one opens for `graceS` seconds more. Throws `not_found`. */
export async function rotateApiToken(db: Database, holder: Holder, id: string, graceS: number) {
  const [old] = await db
    .select()
    .from(apiTokens)
    .where(and(heldBy(holder), eq(apiTokens.id, id)));
  if (!old) throw none(id);
  const token = draw(old.user_id);
  const old_token_expires_at = new Date(Date.now() + graceS * 1_000).toISOString();
  const [row] = await db
    .update(apiTokens)
    .set({ ...hashed(token), old_token_hash: old.token_hash, old_token_expires_at })
    // Another rotation may have come between.
    .where(and(eq(apiTokens.id, id), eq(apiTokens.token_hash, old.token_hash)))
    .returning();
  if (!row) throw new ApiError("conflict", `${id} has just been rotated`);
  return { ...shownToken(row), token };
}

/** Throws `not_found`. */
export async function revokeApiToken(db: Database, holder: Holder, id: string): Promise<void> {
  const gone = await db
    .delete(apiTokens)
    .where(and(heldBy(holder), eq(apiTokens.id, id)))
    .returning();
  if (gone.length === 0) throw none(id);
}

/** The row that a token opens, unless it has expired; notes the use, to the hour. */
export async function openApiToken(db: Database, token: string, now = new Date()): Promise<ApiToken | undefined> {
  const hash = sha256(token);
  const [row] = await db
    .select()
    .from(apiTokens)
    .where(or(eq(apiTokens.token_hash, hash), eq(apiTokens.old_token_hash, hash)));
  const at = now.toISOString();
  if (!row || (row.expires_at && row.expires_at <= at)) return undefined;
  if (row.token_hash !== hash && !(row.old_token_expires_at && row.old_token_expires_at > at)) return undefined;
  if (row.last_used_at?.slice(0, HOUR) !== at.slice(0, HOUR))
    await db.update(apiTokens).set({ last_used_at: at }).where(eq(apiTokens.id, row.id));
  return row;
}

export function shownToken({ token_hash: _, old_token_hash: __, ...shown }: ApiToken) {
  return shown;
}

const draw = (userId: string | null) => PREFIXES[userId === null ? "api_key" : "personal"] + randomToken();
const hashed = (token: string) => ({ token_hash: sha256(token), hint: token.slice(-4) });
const none = (id: string) => new ApiError("not_found", `There is no token ${id.slice(0, 64)}`);
