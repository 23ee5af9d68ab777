/**
 * The event envelope: what travels through every queue, what the lake stores and what a customer's expression reads.
 * snake_case throughout; `fromSegment` is the one place that accepts the camelCase of the Segment spec
 * (https://segment.com/docs/connections/spec/common/). What a customer put inside `properties` or `traits` is never renamed.
 */
import { z } from "zod";

/** Sizes are of UTF-8 JSON. They are Segment's published limits for one event, one request and one batch. */
export const LIMITS = {
  EVENT_BYTES: 32 * 1024,
  REQUEST_BYTES: 500 * 1024,
  BATCH_EVENTS: 2_500,
} as const;

export const EVENT_TYPES = ["page", "track", "identify", "group", "alias", "screen"] as const;

const id = z.string().min(1).max(256);
/** ISO 8601 in UTC with milliseconds, as `Date.prototype.toISOString` writes it. */
const isoTime = z.iso.datetime();
const record = z.record(z.string(), z.unknown());
const text = z.string().max(8_192);

/** What a person allowed. A purpose that is absent was not asked; the environment's `consent_default` decides. */
export const consent = z.object({ analytics: z.boolean().optional(), marketing: z.boolean().optional() });
export type Consent = z.infer<typeof consent>;

/** Identifiers that advertising and analytics vendors know this browser by, in each vendor's own format. */
export const vendorIds = z.record(z.string().max(64), z.string().max(512));
export type VendorIds = z.infer<typeof vendorIds>;

export const eventContext = z.looseObject({
  ip: z.string().max(64).optional(),
  user_agent: text.optional(),
  locale: z.string().max(64).optional(),
  timezone: z.string().max(64).optional(),
  page: z
    .looseObject({
      url: text.optional(),
      path: text.optional(),
      search: text.optional(),
      title: text.optional(),
      referrer: text.optional(),
    })
    .optional(),
  campaign: z.record(z.string(), text).optional(),
  consent: consent.optional(),
  vendor_ids: vendorIds.optional(),
  library: z.looseObject({ name: text.optional(), version: text.optional() }).optional(),
  traits: record.optional(),
  /** From `request.cf`; ISO 3166-1 alpha-2 country, WGS 84 degrees. */
  location: z
    .looseObject({
      country: z.string().optional(),
      region: z.string().optional(),
      city: z.string().optional(),
      postal_code: z.string().optional(),
      latitude: z.number().optional(),
      longitude: z.number().optional(),
      timezone: z.string().optional(),
    })
    .optional(),
  device: z.looseObject({ type: text.optional(), vendor: text.optional(), model: text.optional() }).optional(),
  browser: z.looseObject({ name: text.optional(), version: text.optional() }).optional(),
  os: z.looseObject({ name: text.optional(), version: text.optional() }).optional(),
  /** Set by VisitorShard. `number` counts this visitor's sessions from 1; `started_at` is ISO 8601. */
  session: z.object({ id: z.string(), number: z.int(), started_at: isoTime, is_new: z.boolean() }).optional(),
});
export type EventContext = z.infer<typeof eventContext>;

export const event = z.object({
  message_id: id,
  anonymous_id: id,
  user_id: id.optional(),
  group_id: id.optional(),
  previous_id: id.optional(),
  type: z.enum(EVENT_TYPES),
  /** The name a `track` was given; for every other type the type itself. */
  event: z.string().min(1).max(256),
  properties: record,
  traits: record.optional(),
  context: eventContext,
  /** Segment's per-event routing, e.g. `{ "All": false, "Meta": true }`. */
  integrations: record.optional(),
  timestamp: isoTime,
  sent_at: isoTime.optional(),
  received_at: isoTime,
});
export type Event = z.infer<typeof event>;
export type EventType = Event["type"];

/** Facts that the door adds to events which lack them. */
export interface EventDefaults {
  /** Set by the single-event routes, whose path names the type; it outranks what the body says. */
  type?: EventType;
  anonymous_id?: string | undefined;
  message_id(): string;
  received_at: string;
  sent_at?: string | undefined;
}

export type ParsedEvent = { ok: true; event: Event } | { ok: false; code: string; message: string };

/**
 * One event as a client sent it (Segment's camelCase or our snake_case) to a complete envelope.
 * Never throws: a bad event is refused with a public code and a sentence that names the field.
 */
export function parseEvent(raw: unknown, defaults: EventDefaults): ParsedEvent {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    return { ok: false, code: "invalid_event", message: "an event must be a JSON object" };
  }
  const result = event.safeParse(fromSegment(raw as Record<string, unknown>, defaults));
  if (!result.success) {
    const issue = result.error.issues[0]!;
    return { ok: false, code: "invalid_event", message: `${issue.path.join(".") || "event"}: ${issue.message}` };
  }
  return { ok: true, event: result.data };
}

type Raw = Record<string, unknown>;

function fromSegment(raw: Raw, defaults: EventDefaults): Raw {
  const type = defaults.type ?? raw.type;
  const userId = raw.user_id ?? raw.userId;
  const properties = raw.properties ?? {};
  return omitUndefined({
    message_id: raw.message_id ?? raw.messageId ?? defaults.message_id(),
    // Server SDKs identify by userId alone: the person then is their own visitor, so sessions and dedupe still work.
    anonymous_id: raw.anonymous_id ?? raw.anonymousId ?? defaults.anonymous_id ?? userId,
    user_id: userId ?? undefined,
    group_id: raw.group_id ?? raw.groupId,
    previous_id: raw.previous_id ?? raw.previousId,
    type,
    event: type === "track" ? raw.event : type,
    properties:
      isRecord(properties) && (type === "page" || type === "screen")
        ? named(properties, raw.name, raw.category)
        : properties,
    traits: raw.traits ?? undefined,
    context: contextFromSegment(raw.context ?? {}),
    integrations: raw.integrations ?? undefined,
    timestamp: time(raw.timestamp ?? raw.original_timestamp ?? raw.originalTimestamp ?? defaults.received_at),
    sent_at: time(raw.sent_at ?? raw.sentAt ?? defaults.sent_at),
    received_at: defaults.received_at,
  });
}

function contextFromSegment(context: unknown): unknown {
  if (!isRecord(context) || !("userAgent" in context || "userAgentData" in context || "groupId" in context))
    return context;
  const { userAgent, userAgentData, groupId, ...rest } = context;
  return omitUndefined({
    ...rest,
    user_agent: rest.user_agent ?? userAgent,
    user_agent_data: rest.user_agent_data ?? userAgentData,
    group_id: rest.group_id ?? groupId,
  });
}

/** `page("Docs", "Start")` carries its name and category beside the properties; we keep them inside. */
function named(properties: Raw, name: unknown, category: unknown): Raw {
  if (name == null && category == null) return properties;
  return omitUndefined({ ...properties, name: properties.name ?? name, category: properties.category ?? category });
}

/** ISO 8601 with any offset, or epoch milliseconds, to UTC; anything else is left for the schema to refuse. */
function time(value: unknown): unknown {
  if (typeof value !== "string" && typeof value !== "number") return value ?? undefined;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? value : date.toISOString();
}

function isRecord(value: unknown): value is Raw {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function omitUndefined<T extends Raw>(value: T): T {
  for (const key in value) if (value[key] === undefined) delete value[key];
  return value;
}
