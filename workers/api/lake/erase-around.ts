/** What else in R2 holds events of a person: dead letters, and what the queue did not take yet. */
import { listAll } from "../../../durable-objects/lake-manifest.ts";
import type { BuriedLetters } from "../../dead-letters.ts";
import type { Erased } from "./erase.ts";

/** Takes a person's letters out of R2 and out of the index. May be repeated. How many there were. */
export async function eraseDeadLetters(
  env: { LAKE: R2Bucket; DB: D1Database },
  environmentId: string,
  person: Erased,
): Promise<number> {
  let erased = 0;
  for (const { key } of await listAll(env.LAKE, `dead/env=${environmentId}/`)) {
    const stored = await (await env.LAKE.get(key))?.json<BuriedLetters>();
    const theirs = stored?.letters.filter(({ payload }) => isTheirs(payload, person)) ?? [];
    if (!stored || theirs.length === 0) continue;
    // The index first: repeated after a failure, the letters are still there to be found by.
    await env.DB.prepare("DELETE FROM dead_letters WHERE id IN (SELECT value FROM json_each(?))")
      .bind(JSON.stringify(theirs.map(({ id }) => id)))
      .run();
    const letters = stored.letters.filter((letter) => !theirs.includes(letter));
    if (letters.length === 0) await env.LAKE.delete(key);
    else await env.LAKE.put(key, JSON.stringify({ ...stored, letters }));
    erased += theirs.length;
  }
  return erased;
}

/** Takes a person's events out of requests that wait in `spill/`; a request whose events are all theirs goes whole. */
export async function eraseSpilled(lake: R2Bucket, environmentId: string, person: Erased): Promise<number> {
  let erased = 0;
  for (const { key } of await listAll(lake, "spill/")) {
    const object = await lake.get(key);
    const body = await object?.json<{ environment_id?: string; events?: unknown[] }>();
    if (!object || body?.environment_id !== environmentId || !body.events) continue;
    const events = body.events.filter((event) => !isTheirs(event, person));
    const gone = body.events.length - events.length;
    if (gone === 0) continue;
    if (events.length === 0) await lake.delete(key);
    // Drained meanwhile: its events are the shards', which take nothing of a person who was forgotten.
    else await lake.put(key, JSON.stringify({ ...body, events }), { onlyIf: { etagMatches: object.etag } });
    erased += gone;
  }
  return erased;
}

/** An event, a delivery's item, or a whole queue message, as JSON or as its text. */
function isTheirs(payload: unknown, person: Erased): boolean {
  if (typeof payload === "string") {
    try {
      return isTheirs(JSON.parse(payload), person);
    } catch {
      return false;
    }
  }
  if (typeof payload !== "object" || payload === null) return false;
  const { anonymous_id, user_id, events, items } = payload as Record<string, unknown>;
  return (
    person.anonymous_ids.includes(anonymous_id as string) ||
    person.user_ids.includes(user_id as string) ||
    [events, items].some((list) => Array.isArray(list) && list.some((one) => isTheirs(one, person)))
  );
}
