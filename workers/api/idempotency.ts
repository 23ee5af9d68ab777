/**
 * `Idempotency-Key` on POST: whoever is not sure that a request arrived sends it again, and gets the answer of the first. Kept for 24
 * hours per caller, path and key, sealed, since an answer may show a new key.
 */
import { and, eq, isNull, lt, or } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { MiddlewareHandler } from "hono";
import { ApiError } from "../../core/api-error.ts";
import { openCredentials, sealCredentials } from "../../core/credentials.ts";
import { sha256 } from "../../core/hash.ts";
import { idempotentAnswers as table } from "../../db/schema.ts";
import type { ApiEnv } from "../env.ts";

const KEPT_MS = 24 * 3_600_000;
/** So long a request may take; after that nobody is answering it any more. */
const ANSWERED_WITHIN_MS = 60_000;
const KEY = /^[\x21-\x7e]{1,255}$/;
const KEPT_HEADERS = ["content-type", "etag"];

interface KeptAnswer {
  body: string;
  headers: Record<string, string>;
}

/** Throws `invalid_request`, `idempotency_key_reused`, `request_in_progress`. An answer of ours that says `internal` is not kept. */
export const idempotent: MiddlewareHandler<{ Bindings: ApiEnv }> = async (c, next) => {
  const key = c.req.header("idempotency-key");
  if (key === undefined || c.req.method !== "POST" || !c.var.access) return next();
  if (!KEY.test(key)) throw new ApiError("invalid_request", "Idempotency-Key: 1 to 255 visible ASCII characters");
  const { pathname, search } = new URL(c.req.url);
  const { actor } = c.var.access;
  const id = sha256(JSON.stringify([actor.type, actor.id, pathname, search, key]));
  // Of a copy: who comes next copies the request too, which a body that was read does not allow.
  const request_hash = sha256(await c.req.raw.clone().text());
  const db = drizzle(c.env.DB);
  const at = (ms: number) => new Date(Date.now() - ms).toISOString();
  const abandoned = and(isNull(table.status), lt(table.created_at, at(ANSWERED_WITHIN_MS)));
  const [, claimed, [known]] = await db.batch([
    db.delete(table).where(or(lt(table.created_at, at(KEPT_MS)), and(eq(table.id, id), abandoned))),
    db
      .insert(table)
      .values({ id, request_hash, created_at: at(0) })
      .onConflictDoNothing()
      .returning({ id: table.id }),
    db.select().from(table).where(eq(table.id, id)),
  ]);
  if (claimed.length === 0 && known) {
    if (known.request_hash !== request_hash)
      throw new ApiError("idempotency_key_reused", "This Idempotency-Key came with another body before");
    if (known.status === null || known.sealed_answer === null)
      throw new ApiError("request_in_progress", "The first request with this Idempotency-Key is still being answered");
    const kept = (await openCredentials(c.env.CREDENTIALS_KEY, id, known.sealed_answer)) as KeptAnswer;
    const body = kept.body === "" ? null : kept.body;
    c.res = new Response(body, { status: known.status, headers: { ...kept.headers, "idempotent-replayed": "true" } });
    return;
  }
  await next();
  if (c.res.status >= 500) {
    await db.delete(table).where(eq(table.id, id));
    return;
  }
  const headers = Object.fromEntries(
    KEPT_HEADERS.flatMap((name) => (c.res.headers.get(name) ? [[name, c.res.headers.get(name)!]] : [])),
  );
  const answer: KeptAnswer = { body: await c.res.clone().text(), headers };
  const sealed_answer = await sealCredentials(c.env.CREDENTIALS_KEY, id, answer);
  await db.update(table).set({ status: c.res.status, sealed_answer }).where(eq(table.id, id));
};
