/** Delivery messages of events that do not come from the processor: letters that are retried, and replays. */
import type { Event } from "../core/event.ts";
import { DELIVERY_ITEMS, type DeliveryItem, type DeliveryMessage, MESSAGE_BYTES } from "../core/queue-messages.ts";
import { type DeliveryQueues, LANE_BINDINGS } from "./env.ts";
import { sendInTime } from "./send.ts";

/** What delivery needs to know of an event beside its payload. */
export function deliveryItem(event: Event, payload: unknown): DeliveryItem {
  const { message_id, event: name, anonymous_id, user_id, received_at, context } = event;
  return {
    message_id,
    event: name,
    anonymous_id,
    ...(user_id !== undefined && { user_id }),
    received_at,
    purposes: context.purposes ?? [],
    payload,
  };
}

/** Items as messages for one integration, in their order: up to 40 in one, each message under 60 KB. */
export function messagesOf(
  head: Omit<DeliveryMessage, "v" | "attempt" | "items">,
  items: DeliveryItem[],
): DeliveryMessage[] {
  const messages: DeliveryMessage[] = [];
  const size = (value: unknown) => Buffer.byteLength(JSON.stringify(value), "utf8") + 1;
  const headBytes = size(head) + 64;
  let bytes = 0;
  for (const item of items) {
    const more = size(item);
    const open = messages.at(-1);
    if (open && open.items.length < DELIVERY_ITEMS && bytes + more <= MESSAGE_BYTES) {
      open.items.push(item);
      bytes += more;
    } else {
      messages.push({ v: 1, attempt: 1, ...head, items: [item] });
      bytes = headBytes + more;
    }
  }
  return messages;
}

/** Throws where the lane does not take one; those before it were taken. */
export async function sendMessages(env: DeliveryQueues, lane: number, messages: DeliveryMessage[]): Promise<void> {
  const queue = env[LANE_BINDINGS[lane]!];
  for (const message of messages) {
    await sendInTime(() => queue.send(JSON.stringify(message), { contentType: "text" }));
  }
}
