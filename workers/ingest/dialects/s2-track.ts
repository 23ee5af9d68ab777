/** `POST /track`: one page view, goal or purchase in a flat object, as small web trackers send it. */
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { sha256 } from "../../../core/hash.ts";
import { defined, unlessEmpty } from "../../../core/values.ts";
import { inMilliseconds } from "./epoch.ts";

const URL_LENGTH = 8_192;

/** What the server can find out by itself may be absent. Fields that are not named here are overlooked. */
const track = z
  .object({
    /** The public write key. */
    website_id: z.guid(),
    event_type: z.enum(["pageview", "goal", "purchase"]),
    visitor_id: z.guid().optional(),
    session_id: z.guid().optional(),
    /** Unix milliseconds; seconds are understood. */
    timestamp: z.number().min(0).optional(),
    page_url: z.url({ protocol: /^https?$/ }).max(URL_LENGTH),
    referrer: z.url().max(URL_LENGTH).optional(),
    utm_source: z.string().max(100).optional(),
    utm_medium: z.string().max(100).optional(),
    utm_campaign: z.string().max(200).optional(),
    utm_term: z.string().max(200).optional(),
    utm_content: z.string().max(200).optional(),
    device_type: z.enum(["mobile", "desktop", "tablet"]).optional(),
    browser: z.string().max(50).optional(),
    os: z.string().max(50).optional(),
    /** ISO 3166-1 alpha-2. */
    country: z
      .string()
      .regex(/^[a-z]{2}$/i, "a country has two letters")
      .toUpperCase()
      .optional(),
    revenue: z.number().optional(),
    /** ISO 4217. */
    currency: z
      .string()
      .regex(/^[a-z]{3}$/i, "a currency has three letters")
      .toUpperCase()
      .optional(),
    goal_name: z.string().max(100).optional(),
    order_id: z.string().max(200).optional(),
  })
  .refine((call) => call.event_type !== "goal" || call.goal_name !== undefined, {
    path: ["goal_name"],
    message: "a goal needs its name",
  });
type Track = z.infer<typeof track>;

export interface TrackedEvent {
  /** What the caller is told: `evt_…`. */
  id: string;
  write_key: string;
  batch: [object];
}

/**
 * One event in the envelope's field names. With a timestamp its id follows from the body (and from `sender`: what tells apart two
 * browsers whose bodies are alike, e.g. address and user agent), so that a retry is the same event. Throws `invalid_request`,
 * naming the field.
 */
export function fromTrack(body: Record<string, unknown>, sender = ""): TrackedEvent {
  const { success, data, error } = track.safeParse(withoutEmpty(body));
  if (!success) {
    const { path, message } = error.issues[0]!;
    throw new ApiError("invalid_request", `${path.join(".") || "body"}: ${message}`);
  }
  const id = `evt_${data.timestamp === undefined ? crypto.randomUUID().replaceAll("-", "") : digest(body, sender)}`;
  const event = {
    message_id: id,
    ...nameOf(data),
    properties: propertiesOf(data, id),
    context: contextOf(data),
    ...defined({ anonymous_id: data.visitor_id, timestamp: inMilliseconds(data.timestamp) }),
  };
  return { id, write_key: data.website_id, batch: [event] };
}

/** Trackers send what they do not know as `""` or null. */
function withoutEmpty(body: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(body).filter(([, held]) => held !== "" && held !== null));
}

/** Of the fields in a fixed order: a client that builds its object anew may write them in another. */
function digest(body: Record<string, unknown>, sender: string): string {
  const fields = Object.entries(body).sort(([a], [b]) => (a < b ? -1 : 1));
  return sha256(JSON.stringify([sender, fields])).slice(0, 32);
}

function nameOf({ event_type, goal_name }: Track): { type: "page" } | { type: "track"; event: string } {
  switch (event_type) {
    case "pageview":
      return { type: "page" };
    case "goal":
      return { type: "track", event: goal_name! };
    case "purchase":
      return { type: "track", event: "Order Completed" };
  }
}

/** A purchase that names no order is one by itself: vendors count orders, and take none without a name. */
function propertiesOf({ event_type, goal_name, revenue, currency, order_id }: Track, id: string): object {
  return defined({
    revenue,
    currency,
    order_id: order_id ?? (event_type === "purchase" ? id : undefined),
    goal_name: event_type === "goal" ? undefined : goal_name,
  });
}

function contextOf(call: Track): object {
  const { pathname, search } = new URL(call.page_url);
  const campaign = defined({
    source: call.utm_source,
    medium: call.utm_medium,
    name: call.utm_campaign,
    term: call.utm_term,
    content: call.utm_content,
  });
  return defined({
    page: defined({ url: call.page_url, path: pathname, search: search || undefined, referrer: call.referrer }),
    campaign: unlessEmpty(campaign),
    device: call.device_type && { type: call.device_type },
    browser: call.browser && { name: call.browser },
    os: call.os && { name: call.os },
    location: call.country && { country: call.country },
    client_session_id: call.session_id,
  });
}
