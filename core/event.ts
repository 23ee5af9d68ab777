/**
 * The event envelope: what travels through every queue, what the lake stores and what a customer's expression reads.
 * snake_case throughout; `fromSegment` is the one place that accepts the camelCase of the Segment spec
 * (https://segment.com/docs/connections/spec/common/). What a customer put inside `properties` or `traits` is never renamed.
 */
import * as z from "zod";
import { PURPOSES } from "./consent.ts";
import { CONSENT_SIGNALS, readConsent, TCF_LENGTH } from "./consent-signals.ts";
import { isRecord } from "./values.ts";

/** Sizes are of UTF-8 JSON. They are Segment's published limits for one event, one request and one batch. */
export const LIMITS = {
  EVENT_BYTES: 32 * 1024,
  REQUEST_BYTES: 500 * 1024,
  BATCH_EVENTS: 2_500,
  /** Ours: whoever walks an event's values may do so by recursion. `{a: {b: 1}}` has two levels. */
  LEVELS: 32,
  KEYS: 2_000,
  VENDOR_IDS: 32,
} as const;

export const EVENT_TYPES = ["page", "track", "identify", "group", "alias", "screen"] as const;

const id = z.string().min(1).max(256);
/** ISO 8601 in UTC with milliseconds, as `Date.prototype.toISOString` writes it. */
const isoTime = z.iso.datetime();
const record = z.record(z.string(), z.unknown());
const TEXT_LENGTH = 8_192;
const text = z.string().max(TEXT_LENGTH);

const signal = z.enum(CONSENT_SIGNALS);
const googleConsent = z.enum(["granted", "denied"]);

/**
 * What a person allowed (`consent-signals.ts` reads it from every form it comes in). A purpose that is absent was not asked;
 * the environment's `consent_default` decides.
 */
export const consent = z.object({
  analytics: z.boolean().optional(),
  marketing: z.boolean().optional(),
  /** The TC string as it came. */
  tcf: z.string().max(TCF_LENGTH).optional(),
  /** Two answers that Google asks for beside those (Consent Mode v2). */
  ad_user_data: googleConsent.optional(),
  ad_personalization: googleConsent.optional(),
  /** Which signal decided for a purpose. Absent where the event said so itself, in our own form. */
  source: z.object({ analytics: signal.optional(), marketing: signal.optional() }).optional(),
  /** Signals that were there and could not be understood. */
  unreadable: z.array(z.string()).optional(),
});
export type Consent = z.infer<typeof consent>;

/** Identifiers that advertising and analytics vendors know this browser by, in each vendor's own format. */
export const vendorIds = z
  .record(z.string().max(64), z.string().max(512))
  .refine((ids) => Object.keys(ids).length <= LIMITS.VENDOR_IDS, `holds more than ${LIMITS.VENDOR_IDS} ids`);
export type VendorIds = z.infer<typeof vendorIds>;

/** From `request.cf`: ISO 3166-1 alpha-2 country, ISO 3166-2 region code without the country, WGS 84 degrees. */
export const location = z.looseObject({
  country: z.string().optional(),
  region: z.string().optional(),
  region_code: z.string().optional(),
  city: z.string().optional(),
  postal_code: z.string().optional(),
  latitude: z.number().optional(),
  longitude: z.number().optional(),
  timezone: z.string().optional(),
});

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
  location: location.optional(),
  device: z.looseObject({ type: text.optional(), vendor: text.optional(), model: text.optional() }).optional(),
  browser: z.looseObject({ name: text.optional(), version: text.optional() }).optional(),
  os: z.looseObject({ name: text.optional(), version: text.optional() }).optional(),
  /** Set by the processor's consent step, whatever the client wrote: what the event may be used for (core/consent.ts). */
  purposes: z
    .array(z.unknown())
    .max(PURPOSES.length)
    .pipe(z.array(z.enum(PURPOSES)))
    .optional(),
  /**
   * Set by VisitorShard. `number` counts this visitor's sessions from 1; `started_at` is ISO 8601; `entry_page` is the path, or the
   * address without its query, of the first page as it was known then.
   */
  session: z
    .object({
      id: z.string(),
      number: z.int(),
      started_at: isoTime,
      is_new: z.boolean(),
      entry_page: z.string().optional(),
    })
    .optional(),
  /**
   * Set by ProfileShard for people who said who they are: their id as far as the shard of that identifier knows, and why identifiers of the
   * event, or links between them, are not used (core/identity-rules.ts).
   */
  person: z.object({ id: z.string().optional(), refused: z.array(z.string()).optional() }).optional(),
});
export type EventContext = z.infer<typeof eventContext>;

const envelope = z.object({
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
export const TOO_COMPLEX = `nests deeper than ${LIMITS.LEVELS} levels or has more than ${LIMITS.KEYS} keys`;
/** Looked at first: zod makes an issue of every wrong place in a list, and 200,000 of them overflow its stack. */
const simple = z.custom<object>(
  (value) => typeof value !== "object" || value === null || keysWithin(value) <= LIMITS.KEYS,
  TOO_COMPLEX,
);

/**
 * Compiled while the Worker starts, when it may still generate code: checked like that an event costs less than half. Where code may not
 * be generated, and for an event that does not pass, zod's own parser does the work.
 */
export const event = z.compile(simple.pipe(envelope));
export type Event = z.infer<typeof event>;
export type EventType = Event["type"];

/** Facts that the door adds to events which lack them. */
export interface EventDefaults {
  /** Set by the single-event routes, whose path names the type; it outranks what the body says. */
  type?: EventType;
  anonymous_id?: string | undefined;
  message_id(): string;
  received_at: string;
  /** As the client wrote it. */
  sent_at?: unknown;
}

export type ParsedEvent = { ok: true; event: Event } | { ok: false; code: string; message: string };

/**
 * One event as a client sent it (Segment's camelCase or our snake_case) to a complete envelope.
 * Never throws: a bad event is refused with a public code and a sentence that names the field.
 */
export function parseEvent(raw: unknown, defaults: EventDefaults): ParsedEvent {
  if (!isRecord(raw)) return { ok: false, code: "invalid_event", message: "an event must be a JSON object" };
  const result = event.safeParse(fromSegment(raw, defaults));
  if (!result.success) {
    const issue = result.error.issues[0]!;
    // A path is made of the client's own keys, which may be of any length, and wrong in each of 2,500 events.
    const field = issue.path.join(".").slice(0, FIELD_LENGTH) || "event";
    return { ok: false, code: "invalid_event", message: `${field}: ${issue.message}` };
  }
  return { ok: true, event: result.data };
}

const FIELD_LENGTH = 128;

type Raw = Record<string, unknown>;

/** What is not there is undefined, which neither the schema nor JSON minds. */
function fromSegment(raw: Raw, defaults: EventDefaults): Raw {
  const type = defaults.type ?? raw.type;
  const userId = idOf(raw.user_id ?? raw.userId);
  const properties = raw.properties ?? {};
  return {
    message_id: idOf(raw.message_id ?? raw.messageId) ?? defaults.message_id(),
    // Server SDKs identify by userId alone: the person then is their own visitor, so sessions and dedupe still work.
    anonymous_id: idOf(raw.anonymous_id ?? raw.anonymousId) ?? defaults.anonymous_id ?? userId,
    user_id: userId,
    group_id: idOf(raw.group_id ?? raw.groupId),
    previous_id: idOf(raw.previous_id ?? raw.previousId),
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
  };
}

/** Segment's PHP and Ruby libraries send a database key as the number that it is, RudderStack's script an id that it lacks as "". */
function idOf(value: unknown): unknown {
  if (value === "" || value === null) return undefined;
  return Number.isSafeInteger(value) ? String(value) : value;
}

/** What is null in a context was left empty by whoever filled it in. Only its traits are the customer's own. */
function contextFromSegment(context: unknown): unknown {
  if (!isRecord(context)) return context;
  let fields = context;
  if ("userAgent" in context || "userAgentData" in context || "groupId" in context) {
    const { userAgent, userAgentData, groupId, ...rest } = context;
    fields = {
      ...rest,
      user_agent: rest.user_agent ?? userAgent,
      user_agent_data: rest.user_agent_data ?? userAgentData,
      group_id: rest.group_id ?? groupId,
    };
  }
  for (const [key, value] of Object.entries(fields)) {
    const filled = isRecord(value) && key !== "traits" ? withoutNull(value) : value;
    const kept = key === "page" && isRecord(filled) ? shortened(filled) : filled;
    if (kept !== value) fields = { ...fields, [key]: kept };
  }
  if ("consent" in fields) fields = { ...fields, consent: readConsent(fields.consent) };
  return withoutNull(fields);
}

/** A page's address may be longer than anybody reads; the event is not lost for it. The same object where nothing is too long. */
function shortened(page: Raw): Raw {
  const isLong = (held: unknown) => typeof held === "string" && held.length > TEXT_LENGTH;
  if (!Object.values(page).some(isLong)) return page;
  return Object.fromEntries(
    Object.entries(page).map(([key, held]) => [key, isLong(held) ? (held as string).slice(0, TEXT_LENGTH) : held]),
  );
}

/** `page("Docs", "Start")` carries its name and category beside the properties; we keep them inside. */
function named(properties: Raw, name: unknown, category: unknown): Raw {
  return {
    ...properties,
    ...withoutNull({ name: properties.name ?? name, category: properties.category ?? category }),
  };
}

const ISO_8601 = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/i;

/** With any offset and more digits of a second than clocks have. Anything longer is no time, and not worth reading to its end. */
const TIME_LENGTH = 64;

/** What a calendar of ours may hold. A wrong clock is corrected later; a time beyond these is none. Epoch milliseconds. */
const LATEST = Date.UTC(2100, 0, 1);

/** ISO 8601 with any offset (without one: UTC), or epoch milliseconds, to UTC; anything else is left for the schema to refuse. */
function time(value: unknown): unknown {
  if (typeof value === "string" && value.length > TIME_LENGTH) return value.slice(0, TIME_LENGTH);
  // Given any other text, Date guesses: "next week 5" would be the 1st of May 2001.
  if (typeof value !== "number" && !(typeof value === "string" && ISO_8601.test(value))) return value ?? undefined;
  const date = new Date(value);
  const at = date.getTime();
  if (Number.isNaN(at) || (typeof value === "string" && !isDayOfMonth(value))) return value;
  return at >= 0 && at < LATEST ? date.toISOString() : `${value} lies outside 1970 to 2099`;
}

/** Date takes the 30th of February for the 2nd of March. `value` begins with a date. */
function isDayOfMonth(value: string): boolean {
  const day = Number(value.slice(8, 10));
  return day < 29 || new Date(value.slice(0, 10)).getUTCDate() === day;
}

/** How many keys and places in arrays there are in a value, counted until they are too many; Infinity where it nests too deep. */
export function keysWithin(value: object, levels: number = LIMITS.LEVELS): number {
  if (levels === 0) return Number.POSITIVE_INFINITY;
  const inside = Array.isArray(value) ? value : Object.values(value);
  let keys = inside.length;
  if (keys > LIMITS.KEYS) return keys;
  for (const inner of inside) {
    if (typeof inner === "object" && inner !== null) keys += keysWithin(inner, levels - 1);
    if (keys > LIMITS.KEYS) break;
  }
  return keys;
}

/** The same object where there is nothing to leave out. */
function withoutNull(value: Raw): Raw {
  const isEmpty = (held: unknown) => held === null || held === undefined;
  if (!Object.values(value).some(isEmpty)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, held]) => !isEmpty(held)));
}
