import { ApiError } from "../../core/api-error.ts";
import { type EventType, LIMITS, parseEvent } from "../../core/event.ts";
import { isRecord } from "../../core/values.ts";
import type { BrowserIdentity } from "./identity-cookies.ts";

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

/** The good events of a request as JSON, and for each bad one its place and reason. Throws `request_too_large`, `invalid_request`. */
export function acceptEvents(
  body: Record<string, unknown>,
  given: { now: number; type: EventType | undefined; who: BrowserIdentity | undefined; cookieWins: boolean },
): { accepted: AcceptedEvent[]; rejected: Rejected[] } {
  const raw = given.type ? [body] : body.batch;
  if (!Array.isArray(raw)) throw new ApiError("invalid_request", "batch must be an array of events");
  if (raw.length > LIMITS.BATCH_EVENTS) {
    throw new ApiError(
      "request_too_large",
      `A batch may have ${LIMITS.BATCH_EVENTS} events, this one has ${raw.length}`,
    );
  }
  const defaults = {
    received_at: new Date(given.now).toISOString(),
    message_id: () => crypto.randomUUID(),
    ...(given.type && { type: given.type }),
    ...(given.who && { anonymous_id: given.who.anonymous_id }),
    sent_at: body.sent_at ?? body.sentAt,
  };
  const accepted: AcceptedEvent[] = [];
  const rejected: Rejected[] = [];
  raw.forEach((one, index) => {
    const parsed = parseEvent(given.type ? one : withBatchDefaults(one, body), defaults);
    if (!parsed.ok) {
      rejected.push({ index, code: parsed.code, message: parsed.message });
      return;
    }
    if (given.who && given.cookieWins) parsed.event.anonymous_id = given.who.anonymous_id;
    const json = JSON.stringify(parsed.event);
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
