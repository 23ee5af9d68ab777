import type { ReleasedMessage } from "../core/queue-messages.ts";
import { sendInTime } from "../workers/send.ts";
import type { HeldEvents } from "./held-events.ts";

/** `sendBatch` takes a hundred. */
const SEND_MESSAGES = 100;

/**
 * Tells the processor which releases there are. `name` is the shard's. Throws where the queue does not take them: they stay unsent. What
 * is sent twice is claimed once. Returns rows written.
 */
export async function sendReleases(held: HeldEvents, queue: Queue, name: string, now: number): Promise<number> {
  const [environment_id = "", shard = ""] = name.split("/");
  const releases = held.unsent(now);
  let written = 0;
  for (let at = 0; at < releases.length; at += SEND_MESSAGES) {
    const part = releases.slice(at, at + SEND_MESSAGES);
    const messages = part.map((release) => {
      const message: ReleasedMessage = { v: 1, released: { environment_id, shard, release } };
      return { body: JSON.stringify(message), contentType: "text" as const };
    });
    await sendInTime(() => queue.sendBatch(messages));
    written += held.noteSent(part, now);
  }
  return written;
}
