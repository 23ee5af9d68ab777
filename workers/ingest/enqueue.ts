/** Making accepted events durable: the queue, else R2, else an honest 503. Never inside `waitUntil`. */
import { ApiError } from "../../core/api-error.ts";
import { MESSAGE_BYTES, type RawMessage } from "../../core/queue-messages.ts";
import type { IngestEnv } from "../env.ts";
import { sendInTime } from "../send.ts";
import type { AcceptedEvent } from "./accept-events.ts";

type Door = Omit<RawMessage, "events">;

/** One queue message for the request, or one for each 60 KB of it. Resolves when all of it is durable; throws `overloaded`. */
export async function enqueue(env: IngestEnv, events: AcceptedEvent[], door: Door): Promise<void> {
  await Promise.all(messages(events, door).map((message) => sendOrSpill(env, message, door.received_at)));
}

/** Joined by hand: the events are JSON already, and stringifying them again would cost as much as validating them. */
export function messages(events: AcceptedEvent[], door: Door): string[] {
  const head = JSON.stringify(door).slice(0, -1);
  const room = MESSAGE_BYTES - Buffer.byteLength(head, "utf8") - 16;
  const bodies: string[] = [];
  let part: string[] = [];
  let bytes = 0;
  for (const event of events) {
    if (part.length && bytes + event.bytes + 1 > room) {
      bodies.push(`${head},"events":[${part.join(",")}]}`);
      part = [];
      bytes = 0;
    }
    part.push(event.json);
    bytes += event.bytes + 1;
  }
  bodies.push(`${head},"events":[${part.join(",")}]}`);
  return bodies;
}

async function sendOrSpill(env: IngestEnv, message: string, receivedAt: string): Promise<void> {
  try {
    await sendInTime(() => env.RAW_EVENTS.send(message, { contentType: "text" }));
  } catch (error) {
    console.error(JSON.stringify({ level: "error", at: "ingest.enqueue", message: String(error) }));
    try {
      await env.LAKE.put(`spill/${receivedAt.slice(0, 16)}/${crypto.randomUUID()}.json`, message);
    } catch {
      throw new ApiError("overloaded", "Not all of it could be stored; send it again", {
        headers: { "retry-after": "5" },
      });
    }
  }
}

/** Failures in a row from which we conclude that the queue is down: the rest waits for the next minute. */
const QUEUE_IS_DOWN = 3;

/**
 * Cron: what was spilled goes to the queue, oldest first; what cannot be sent stays, and holds up nothing behind it. A message
 * that was queued before is a duplicate there. Returns how many were sent.
 */
export async function drainSpill(env: Pick<IngestEnv, "LAKE" | "RAW_EVENTS">, most = 500): Promise<number> {
  const { objects } = await env.LAKE.list({ prefix: "spill/", limit: most });
  let sent = 0;
  let failures = 0;
  for (const { key } of objects) {
    try {
      const message = await (await env.LAKE.get(key))?.text();
      if (message) await sendInTime(() => env.RAW_EVENTS.send(message, { contentType: "text" }));
      await env.LAKE.delete(key);
      sent++;
      failures = 0;
    } catch (error) {
      console.error(JSON.stringify({ level: "error", at: "ingest.drain_spill", key, message: String(error) }));
      if (++failures === QUEUE_IS_DOWN) break;
    }
  }
  return sent;
}
