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
      throw new ApiError("overloaded", "Nothing was taken; send it again", { headers: { "retry-after": "5" } });
    }
  }
}

/** Cron: what was spilled goes to the queue, oldest first. A message that may already have been queued is a duplicate there. */
export async function drainSpill(env: Pick<IngestEnv, "LAKE" | "RAW_EVENTS">, most = 500): Promise<number> {
  const { objects } = await env.LAKE.list({ prefix: "spill/", limit: most });
  for (const { key } of objects) {
    const message = await env.LAKE.get(key);
    if (message) {
      const body = await message.text();
      await sendInTime(() => env.RAW_EVENTS.send(body, { contentType: "text" }));
    }
    await env.LAKE.delete(key);
  }
  return objects.length;
}
