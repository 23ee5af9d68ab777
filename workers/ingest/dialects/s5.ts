/**
 * `POST /v1/events`, `/v1/users` and `/v1/devices`: how the servers of customer engagement platforms are called. One object, or many in
 * a list named like the path. Each becomes a batch of events, one for each object and in the same order; what is wrong with one of them
 * is for `accept-events.ts` to say, and keeps the others from nothing.
 */
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { LIMITS } from "../../../core/event.ts";
import { defined, isRecord } from "../../../core/values.ts";
import { inMilliseconds } from "./epoch.ts";

type Raw = Record<string, unknown>;

export interface Batch {
  batch: unknown[];
  /** Why an object is refused, by its place, where the event that it would become could not say so: there the batch holds null. */
  reasons: Map<number, string>;
  write_key?: unknown;
  writeKey?: unknown;
  sent_at?: unknown;
  sentAt?: unknown;
}

/** `{ event | event_name, user_id | anonymous_id, properties | attributes, timestamp, message_id, context }`. Throws `invalid_request`, `request_too_large`. */
export function fromEvents(body: Raw): Batch {
  return batchOf(body, "events", (item) => ({
    ...common(item),
    type: "track",
    event: item.event ?? item.event_name ?? item.eventName,
    properties: item.properties ?? item.attributes,
  }));
}

/** `{ user_id, anonymous_id, traits | attributes, email, phone, timestamp, message_id, context }`. Throws `invalid_request`, `request_too_large`. */
export function fromUsers(body: Raw): Batch {
  return batchOf(body, "users", (item) => {
    const traits = item.traits ?? item.attributes ?? {};
    const contact = { email: item.email ?? undefined, phone: item.phone ?? undefined };
    return {
      ...common(item),
      type: "identify",
      traits: isRecord(traits) ? { ...defined(contact), ...traits } : traits,
    };
  });
}

const short = z.string().min(1).max(512);
/** Tokens of browsers are whole subscriptions, written as JSON. */
const device = z.looseObject({
  device_id: short,
  token: z.string().min(1).max(4_096),
  platform: z.enum(["ios", "android", "web"]),
  app_version: short.optional(),
  name: short.optional(),
  model: short.optional(),
  manufacturer: short.optional(),
  os_version: short.optional(),
});

/** By which an `identify` can be told from others that it is about a device: in `properties.name`. */
export const DEVICE_REGISTERED = "Device Registered";

/**
 * `{ user_id | anonymous_id, device_id, token, platform: ios | android | web, app_version, name, model, manufacturer, os_version }`:
 * an identify with Segment's `context.device`, where a campaign finds the token. Throws `invalid_request`, `request_too_large`.
 */
export function fromDevices(body: Raw): Batch {
  return batchOf(body, "devices", (item) => {
    const { success, data, error } = device.safeParse(withoutNull(item));
    if (!success) return `${error.issues[0]!.path.join(".")}: ${error.issues[0]!.message}`;
    const { context, ...rest } = common(item);
    const { device_id: id, token, platform: type, name, model, manufacturer, app_version, os_version } = data;
    return {
      ...rest,
      type: "identify",
      properties: { name: DEVICE_REGISTERED, platform: type },
      context: {
        ...(isRecord(context) && context),
        device: defined({ id, token, type, name, model, manufacturer, vendor: manufacturer }),
        ...(app_version && { app: { version: app_version } }),
        ...(os_version && { os: { version: os_version } }),
      },
    };
  });
}

/** What `convert` gives for each object: an event, or the sentence why there is none. */
function batchOf(body: Raw, list: string, convert: (item: Raw) => Raw | string): Batch {
  const items = list in body ? body[list] : [body];
  if (!Array.isArray(items)) throw new ApiError("invalid_request", `${list} must be an array of objects`);
  // Before anything is made of them: 160,000 empty ones, each refused by its place, cost seconds.
  if (items.length > LIMITS.BATCH_EVENTS) {
    const message = `${list} may have ${LIMITS.BATCH_EVENTS} objects, this one has ${items.length}`;
    throw new ApiError("request_too_large", message);
  }
  const reasons = new Map<number, string>();
  const batch = items.map((item: unknown, index) => {
    if (!isRecord(item)) return item;
    const event = convert(item);
    if (typeof event !== "string") return event;
    reasons.set(index, event);
    return null;
  });
  const { write_key, writeKey, sent_at, sentAt } = body;
  return { batch, reasons, ...defined({ write_key, writeKey, sent_at, sentAt }) };
}

/** What every call may say, in either spelling; parseEvent reads both. */
function common(item: Raw): Raw {
  return defined({
    message_id: item.message_id ?? item.messageId ?? undefined,
    user_id: item.user_id ?? item.userId ?? undefined,
    anonymous_id: item.anonymous_id ?? item.anonymousId ?? undefined,
    timestamp: inMilliseconds(item.timestamp ?? undefined),
    context: item.context ?? undefined,
    integrations: item.integrations ?? undefined,
  });
}

function withoutNull(item: Raw): Raw {
  return Object.fromEntries(Object.entries(item).filter(([, held]) => held !== null));
}
