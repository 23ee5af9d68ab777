/** Publishing to the live stream, at the cost of one question every few seconds while nobody watches. */
import type { LiveItem } from "../core/live.ts";
import type { LiveFeed } from "../durable-objects/live-feed.ts";

const ASK_AGAIN_MS = 3_000;
/** The pipeline waits for the stream no longer: it goes on without. */
const MOST_WAIT_MS = 1_000;
/** More would be more than a call of an object may carry (32 MB); a person reads a sample in any case. */
const MOST_ITEMS = 300;
const nobodyUntil = new Map<string, number>();

/** Best effort: a live stream that fails never fails the pipeline. `items` is built only where somebody may watch. */
export async function publishLive(
  feeds: DurableObjectNamespace<LiveFeed>,
  environmentId: string,
  items: () => LiveItem[],
): Promise<void> {
  const now = Date.now();
  if ((nobodyUntil.get(environmentId) ?? 0) > now) return;
  try {
    const all = items();
    const shown = all.slice(0, MOST_ITEMS);
    if (shown.length < all.length) shown.push({ kind: "sampled", left_out: all.length - shown.length });
    const watching = await inTime(feeds.getByName(environmentId).publish(shown));
    if (watching === 0) nobodyUntil.set(environmentId, now + ASK_AGAIN_MS);
  } catch (error) {
    console.warn(JSON.stringify({ level: "warn", at: "live", environment_id: environmentId, message: String(error) }));
  }
}

async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${MOST_WAIT_MS} ms`)), MOST_WAIT_MS);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
