import type { Integration } from "../../core/environment.ts";
import type { Event } from "../../core/event.ts";
import { laneOf } from "../../core/lane.ts";
import { DELIVERY_ITEMS, type DeliveryItem, MESSAGE_BYTES } from "../../core/queue-messages.ts";
import { type DeliveryQueues, LANE_BINDINGS } from "../env.ts";
import { sendInTime } from "../send.ts";

interface Parcel {
  lane: number;
  head: string;
  items: string[];
  bytes: number;
  /** Who must try again if this parcel is not sent. */
  senders: Set<unknown>;
}

/** `sendBatch` takes 100 messages or 256 KB. */
const SEND_BYTES = 240 * 1024;
const SEND_MESSAGES = 100;

/** Collects one batch's mapped events and sends them: up to 40 for one integration in a message, each message under 60 KB. */
export class DeliveryOutbox {
  readonly #open = new Map<string, Parcel>();
  readonly #parcels: Parcel[] = [];

  /** `sender` is given back to `failed` of `send` where the event could not be queued. */
  add(
    sender: unknown,
    environmentId: string,
    integration: Integration,
    event: Event,
    payloadJson: string,
    versions?: string[],
  ): void {
    const { message_id, event: name, anonymous_id, user_id, received_at } = event;
    const { purposes = [] } = event.context;
    const about: Omit<DeliveryItem, "payload"> = {
      message_id,
      event: name,
      anonymous_id,
      ...(user_id !== undefined && { user_id }),
      received_at,
      purposes,
      ...(versions?.length && { versions }),
    };
    const item = `${JSON.stringify(about).slice(0, -1)},"payload":${payloadJson}}`;
    const bytes = Buffer.byteLength(item, "utf8") + 1;
    let parcel = this.#open.get(integration.id);
    if (!parcel || parcel.items.length >= DELIVERY_ITEMS || parcel.bytes + bytes > MESSAGE_BYTES) {
      parcel = startParcel(environmentId, integration);
      this.#open.set(integration.id, parcel);
      this.#parcels.push(parcel);
    }
    parcel.items.push(item);
    parcel.bytes += bytes;
    parcel.senders.add(sender);
  }

  /** Sends every lane's messages. `failed` is called for what a lane did not take; the others are not held up by it. */
  async send(env: DeliveryQueues, failed: (senders: Set<unknown>, error: unknown) => void): Promise<void> {
    await Promise.all(
      LANE_BINDINGS.map(async (binding, lane) => {
        for (const group of groups(this.#parcels.filter((parcel) => parcel.lane === lane))) {
          const messages = group.map((parcel) => ({
            body: `${parcel.head},"items":[${parcel.items.join(",")}]}`,
            contentType: "text" as const,
          }));
          try {
            await sendInTime(() => env[binding].sendBatch(messages));
          } catch (error) {
            for (const parcel of group) failed(parcel.senders, error);
          }
        }
      }),
    );
  }
}

function startParcel(environmentId: string, integration: Integration): Parcel {
  const head = JSON.stringify({
    v: 1,
    environment_id: environmentId,
    integration_id: integration.id,
    attempt: 1,
    first_queued_at: new Date().toISOString(),
  }).slice(0, -1);
  return { lane: laneOf(integration), head, items: [], bytes: head.length + 16, senders: new Set() };
}

function* groups(parcels: Parcel[]): Generator<Parcel[]> {
  let group: Parcel[] = [];
  let bytes = 0;
  for (const parcel of parcels) {
    if (group.length && (group.length >= SEND_MESSAGES || bytes + parcel.bytes > SEND_BYTES)) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(parcel);
    bytes += parcel.bytes;
  }
  if (group.length) yield group;
}
