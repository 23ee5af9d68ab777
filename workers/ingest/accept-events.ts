import { keptAddress } from "../../core/address.ts";
import { ApiError } from "../../core/api-error.ts";
import { consentOf } from "../../core/consent-signals.ts";
import type { Source } from "../../core/environment.ts";
import {
  type Consent,
  type Event,
  type EventType,
  keysWithin,
  LIMITS,
  parseEvent,
  TOO_COMPLEX,
} from "../../core/event.ts";
import { isRecord } from "../../core/values.ts";
import type { Visitor } from "./visitor.ts";

export interface Rejected {
  /** Position in the request's batch. */
  index: number;
  code: string;
  message: string;
}

export interface AcceptedEvent {
  json: string;
  /** UTF-8 length of `json`. */
  bytes: number;
}

export interface Given {
  /** Our clock, epoch milliseconds. */
  now: number;
  /** The path's own, for calls of one event. */
  type: EventType | undefined;
  visitor: Visitor | undefined;
  /** What holds for events that say nothing themselves. */
  consent: Consent | undefined;
  ip_policy: Source["ip_policy"];
  /** Today's, where the policy hashes. */
  salt: Uint8Array | undefined;
}

/** The good events of a request as JSON, and for each bad one its place and reason. Throws `request_too_large`, `invalid_request`. */
export function acceptEvents(
  body: Record<string, unknown>,
  given: Given,
): { accepted: AcceptedEvent[]; rejected: Rejected[] } {
  const { type, visitor } = given;
  const raw = type ? [body] : body.batch;
  if (!Array.isArray(raw)) throw new ApiError("invalid_request", "batch must be an array of events");
  if (raw.length > LIMITS.BATCH_EVENTS) {
    throw new ApiError(
      "request_too_large",
      `A batch may have ${LIMITS.BATCH_EVENTS} events, this one has ${raw.length}`,
    );
  }
  if (!type) limitShared(body, given.consent, raw.length);
  const defaults = {
    received_at: new Date(given.now).toISOString(),
    message_id: () => crypto.randomUUID(),
    ...(type && { type }),
    ...(visitor && { anonymous_id: visitor.anonymous_id }),
    sent_at: body.sent_at ?? body.sentAt,
  };
  const accepted: AcceptedEvent[] = [];
  const rejected: Rejected[] = [];
  const seen = raw.length > 1 ? new Set<string>() : undefined;
  raw.forEach((one, index) => {
    const parsed = parseEvent(type ? one : withBatchDefaults(one, body), defaults);
    if (!parsed.ok) {
      rejected.push({ index, code: parsed.code, message: parsed.message });
      return;
    }
    const { message_id } = parsed.event;
    if (seen?.has(message_id)) {
      rejected.push({ index, code: "duplicate_in_batch", message: "message_id: another event of this batch has it" });
      return;
    }
    seen?.add(message_id);
    const json = JSON.stringify(withinPolicy(parsed.event, given));
    const bytes = Buffer.byteLength(json, "utf8");
    if (bytes > LIMITS.EVENT_BYTES) {
      const message = `an event may have ${LIMITS.EVENT_BYTES / 1024} KB, this one has ${Math.ceil(bytes / 1024)}`;
      rejected.push({ index, code: "event_too_large", message });
      return;
    }
    accepted.push({ json, bytes });
  });
  return { accepted, rejected };
}

/** The event with the visitor that we know better, and without what the source's rules forbid to keep. */
function withinPolicy(event: Event, { visitor, consent, ip_policy, salt }: Given): Event {
  if (visitor?.idAt) event.anonymous_id = visitor.idAt(Date.parse(event.timestamp));
  if (consent) event.context.consent = consentOf(event.context.consent, consent);
  if (visitor?.cookieless) {
    // What would tell this person from others for longer than a day.
    const { ip: _, vendor_ids: __, click_ids: ___, ...context } = event.context;
    return { ...event, context: { ...context, cookieless: true } };
  }
  const { ip, ...context } = event.context;
  if (ip === undefined || ip_policy === "full") return event;
  const kept = keptAddress(ip, ip_policy, salt);
  return { ...event, context: kept === undefined ? context : { ...context, ip: kept } };
}

/** Ours. Without it a request of 500 KB could become 80 MB of events, which is more than an isolate holds. */
const SHARED_BYTES = 4 * LIMITS.REQUEST_BYTES;
/** Looking at a key costs as much as copying so many bytes. */
const KEY_BYTES = 16;

/** What is said once for all events of a batch is looked at, and written, once for each. Throws `invalid_request`, `request_too_large`. */
function limitShared({ context, integrations }: Record<string, unknown>, consent: Consent | undefined, events: number) {
  let bytes = 0;
  for (const [name, shared] of Object.entries({ context, integrations, consent })) {
    if (shared === undefined || shared === null) continue;
    const keys = typeof shared === "object" ? keysWithin(shared) : 0;
    if (keys > LIMITS.KEYS) throw new ApiError("invalid_request", `${name}: ${TOO_COMPLEX}`);
    bytes += Buffer.byteLength(JSON.stringify(shared), "utf8") + keys * KEY_BYTES;
  }
  if (bytes * events > SHARED_BYTES) {
    const message = `What this batch says for all of its ${events} events is too much for so many: send fewer at once`;
    throw new ApiError("request_too_large", message);
  }
}

/** Segment's batch call may say `context` and `integrations` once for all of its events. */
function withBatchDefaults(event: unknown, { context, integrations }: Record<string, unknown>): unknown {
  if ((!context && !integrations) || !isRecord(event)) return event;
  const { context: own } = event;
  return {
    ...event,
    context: isRecord(context) && isRecord(own) ? { ...context, ...own } : (own ?? context),
    integrations: event.integrations ?? integrations,
  };
}
