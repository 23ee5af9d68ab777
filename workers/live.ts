/** Publishing to the live stream, at the cost of one question every few seconds while nobody watches. */
import type { LiveItem } from "../core/live.ts";
import type { LiveFeed } from "../durable-objects/live-feed.ts";

const ASK_AGAIN_MS = 3_000;
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
    const watching = await feeds.getByName(environmentId).publish(items());
    if (watching === 0) nobodyUntil.set(environmentId, now + ASK_AGAIN_MS);
  } catch (error) {
    console.warn(JSON.stringify({ level: "warn", at: "live", environment_id: environmentId, message: String(error) }));
  }
}
