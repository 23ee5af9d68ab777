/** What the queues carry. Each shape is versioned by `v`; a consumer dead-letters what it cannot read. */
import * as z from "zod";
import { PURPOSES } from "./consent.ts";
import { type Event, location, vendorIds } from "./event.ts";

/** Queues take 128 KB a message and bill by 64 KB: we stay under one billing unit. UTF-8 bytes. */
export const MESSAGE_BYTES = 60 * 1024;
/** At most this many events for one integration in one delivery message. */
export const DELIVERY_ITEMS = 40;
export const LANES = 4;

/** What the door saw of a request; merged into every event's context by the processor. Absent for what a client hid. */
export const requestFacts = z.object({
  ip: z.string().optional(),
  user_agent: z.string().optional(),
  client_hints: z.record(z.string(), z.string()).optional(),
  language: z.string().optional(),
  ...location.shape,
  /** The network, and who runs it. */
  asn: z.number().optional(),
  as_organization: z.string().optional(),
  /** What kind of bot Cloudflare verified the sender to be. */
  verified_bot_category: z.string().optional(),
  /** Asked for ahead of a visit that may never come. */
  prefetch: z.boolean().optional(),
  /** Global Privacy Control and Do Not Track, where the source honours them. */
  gpc: z.boolean().optional(),
  dnt: z.boolean().optional(),
});
export type RequestFacts = z.infer<typeof requestFacts>;

/** Queue `raw-events`: the accepted events of one HTTP request (or a 60 KB part of it). JSON text. */
export const rawMessage = z.object({
  v: z.literal(1),
  environment_id: z.string(),
  source_id: z.string(),
  received_at: z.iso.datetime(),
  request: requestFacts,
  vendor_ids: vendorIds,
  /** Who the visitor was without cookies, when they have just got one: the shard hands the session over. */
  previous_id: z.string().optional(),
  /** Checked one by one by the processor's first step, so that one bad event does not cost the others. */
  events: z.array(z.unknown()),
});
export type RawMessage = Omit<z.infer<typeof rawMessage>, "events"> & { events: Event[] };

export const deliveryItem = z.object({
  message_id: z.string(),
  event: z.string(),
  anonymous_id: z.string(),
  user_id: z.string().optional(),
  received_at: z.iso.datetime(),
  /** What the event may be used for; judged again before it is sent. */
  purposes: z.array(z.enum(PURPOSES)),
  /** In the destination's own shape, as its `map` returned it. */
  payload: z.unknown(),
  /** The pipelines and versions that it came through (`pip_meta@7`), so that what the vendor says of it can be told by version. */
  versions: z.array(z.string()).optional(),
});
export type DeliveryItem = z.infer<typeof deliveryItem>;

/** Queues `delivery-0` … `delivery-3`: up to 40 mapped events for one integration. JSON. */
export const deliveryMessage = z.object({
  v: z.literal(1),
  environment_id: z.string(),
  integration_id: z.string(),
  /** 1 at first. Ours, not the queue's: waiting for a closed circuit must not use it up. */
  attempt: z.int().min(1),
  first_queued_at: z.iso.datetime(),
  /** Was counted as received before: it came back without having used up an attempt. */
  counted: z.literal(true).optional(),
  /** These events were refused for their credentials, so often and since then. */
  refused: z.object({ since: z.iso.datetime(), times: z.int() }).optional(),
  /** Of a replay: its id and the number of this message in it. Delivered once, however often it was queued. */
  replay: z.object({ id: z.string(), chunk: z.string() }).optional(),
  items: z.array(deliveryItem).min(1),
});
export type DeliveryMessage = z.infer<typeof deliveryMessage>;
