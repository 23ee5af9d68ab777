/** How often somebody may try: counted in D1 before the password is looked at, so that many tries at once count as many. */
import { ApiError } from "../../../core/api-error.ts";
import { sha256 } from "../../../core/hash.ts";

export const WINDOW_MS = 15 * 60_000;

/** Counts one more try under a key and answers how many there were before it within the quarter of an hour. */
export async function countAttempt(
  db: D1Database,
  key: string,
  now = Date.now(),
): Promise<{ before: number; since: number }> {
  const row = await db
    .prepare(
      `INSERT INTO sign_in_attempts (key, attempts, since) VALUES (?1, 1, ?2)
       ON CONFLICT (key) DO UPDATE SET
         attempts = CASE WHEN since <= ?3 THEN 1 ELSE attempts + 1 END,
         since = CASE WHEN since <= ?3 THEN ?2 ELSE since END
       RETURNING attempts, since`,
    )
    .bind(sha256(key), now, now - WINDOW_MS)
    .first<{ attempts: number; since: number }>();
  return { before: row!.attempts - 1, since: row!.since };
}

export async function forgetAttempts(db: D1Database, keys: string[]): Promise<void> {
  const hashes = JSON.stringify(keys.map(sha256));
  await db.prepare("DELETE FROM sign_in_attempts WHERE key IN (SELECT value FROM json_each(?))").bind(hashes).run();
}

/** Throws `too_many_requests` with `retry-after`. */
export function refuseMoreThan(most: number, { before, since }: { before: number; since: number }): void {
  if (before < most) return;
  const wait = Math.max(1, Math.ceil((since + WINDOW_MS - Date.now()) / 1_000));
  throw new ApiError("too_many_requests", "Too many attempts: try again later", {
    headers: { "retry-after": String(wait) },
  });
}
