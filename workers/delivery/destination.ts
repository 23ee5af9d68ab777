/**
 * What a destination is: one file that describes a vendor's request as data. Consent, grouping, retry, limits and dead
 * letters live once, beside this file; hashing and normalising live in `core/`.
 */
import * as z from "zod";
import type { Purpose } from "../../core/consent.ts";
import type { Event } from "../../core/event.ts";
import type { Authentication } from "./authentication.ts";

/** A setting that is sealed at rest, never returned by the API and never logged: a string, or of any shape given. */
export const secret = <T extends z.ZodType = z.ZodString>(schema = z.string().min(1) as z.ZodType as T) =>
  schema.brand<"secret">().meta({ secret: true });

export function isSecret(schema: z.ZodType): boolean {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) return isSecret(schema.unwrap() as z.ZodType);
  return schema.meta()?.secret === true;
}

/** What `map` may see of the settings: everything but the secrets. */
export type Public<S> = { [K in keyof S as NonNullable<S[K]> extends z.$brand<"secret"> ? never : K]: S[K] };

export const SKIP_REASONS = ["event_not_mapped", "missing_field", "too_old", "in_the_future", "invalid_value"] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];
export interface Skip {
  skip: SkipReason;
  detail: string;
}
/** The event is not for this vendor: filtered, with a reason that the dashboard can list. */
export const skip = (reason: SkipReason, detail: string): Skip => ({ skip: reason, detail });

/** How far a visitor's clock may run ahead before we stop believing it. */
const CLOCK_SKEW_MS = 15 * 60_000;

/**
 * When the event happened, or the reason why the vendor would not take it as that old. A clock that runs a little ahead
 * is set back to the event's arrival: nothing happens after it was received, and vendors refuse what comes from the future.
 */
export function eventTime(event: Event, maxAgeHours: number): Date | Skip {
  const arrived = Date.parse(event.received_at);
  const age = arrived - Date.parse(event.timestamp);
  if (age > maxAgeHours * 3_600_000)
    return skip("too_old", `happened ${event.timestamp}, over ${maxAgeHours} h before it arrived`);
  if (age < -CLOCK_SKEW_MS) return skip("in_the_future", `happened ${event.timestamp}, after it arrived`);
  return new Date(arrived - Math.max(age, 0));
}

export interface VendorRequest {
  url: string;
  method: "POST" | "PUT" | "PATCH" | "GET";
  headers: Record<string, string>;
  /** Where `bytes` are sent, words for them: what a person sees in the live stream. */
  body: string;
  /** Sent instead of `body`: a file, or what is compressed. */
  bytes?: Uint8Array<ArrayBuffer>;
}

export interface VendorResponse {
  status: number;
  /** Lower-case names. */
  headers: Record<string, string>;
  /** At most the first 64 KB. */
  body: string;
  /** `body` parsed, where it is JSON. */
  json: unknown;
}

/** What became of one event. `reason` is in the vendor's own words where it gave any. */
export type Outcome =
  | { outcome: "delivered" }
  | { outcome: "retry"; reason: string; after_s?: number }
  /** The vendor can never accept this event. */
  | { outcome: "rejected"; reason: string }
  /** The vendor refused the whole request for one of its events: `make-calls.ts` bisects to find which. */
  | { outcome: "batch_refused"; reason: string }
  /** Credentials are missing, expired or revoked: the integration pauses, its events wait. */
  | { outcome: "unauthorised"; reason: string };

/** Facts of the moment that a request may need; passed in so that `request` stays testable as data. */
export interface RequestMoment {
  now: Date;
  /** Of the events, in the order of their payloads: a customer's own pipeline may have left them out of these. */
  message_ids?: string[];
  /** Where the destination's `authentication` gives one. */
  token?: string;
}

/** Requests that are made one after the other, each answered before the next: what it takes to create or widen a table. */
export type Mending = Generator<VendorRequest, "again" | Outcome | undefined, VendorResponse>;

/** One worked example: documentation for a reader, a test for `destinations.test.ts`. */
export interface Example<S> {
  title: string;
  /** Differences from the destination's `exampleSettings`. */
  settings?: Partial<S>;
  /** Differences from a plain valid event (`test/an-event.ts`). */
  in: Partial<Event>;
  /** The payload that `map` returns, whole; or the reason it skips. */
  out: unknown | Skip;
}

// biome-ignore lint/suspicious/noExplicitAny: a destination of unknown settings and payloads, as the registry holds it.
export interface Destination<S extends object = any, P = any> {
  name: string;
  title: string;
  /** The consent it needs. */
  purpose: Purpose;
  settings: z.ZodObject & z.ZodType<S>;
  /** A full, valid set of settings, for examples and forms. */
  exampleSettings: Record<string, unknown>;
  limits: {
    eventsPerRequest: number;
    bytesPerRequest?: number;
    requestsPerSecond: number;
    /** From the moment the event was first queued. */
    giveUpAfterHours: number;
    timeoutMs: number;
    /** The events of two queue messages never share a request: so a repetition brings exactly the same ones together again. */
    keepsMessages?: true;
  };
  /** Of an advertising vendor: the identifiers by which it can recognise the person of this payload, e.g. `em`, `fbp`. */
  identifiersIn?(payload: P): string[];
  /** How the vendor knows us, where that takes more than a setting that is sent along. */
  authentication?(settings: S): Authentication | undefined;
  /**
   * What `map` returns, as the vendor's reference has it: checked before anything is queued, also what a customer's pipeline made of it.
   * Absent: nothing is checked. Make it with `z.compile` where it is more than a few fields.
   */
  payload?: z.ZodType<P>;
  /** The vendor's name for what a payload reports, for people and for docs/event-map.md. Absent: no name, e.g. for a copy of the event. */
  eventName?(payload: P): string | undefined;
  /** Events with different keys never share a request (GA4: one client_id a request). */
  groupBy?(payload: P): string;
  /** Pure: no fetch, no clock, no logging. Event times are judged against `event.received_at`. */
  map(event: Event, settings: Public<S>): P | Skip;
  request(payloads: P[], settings: S, moment: RequestMoment): VendorRequest | Promise<VendorRequest>;
  /**
   * What is missing at the vendor's before the request can succeed, as the requests that provide it: `again` then makes the first request
   * once more, an outcome is that of all payloads, and undefined leaves the judgement to `outcome`. Pure, as `request` is.
   */
  mend?(response: VendorResponse, payloads: P[], settings: S, moment: RequestMoment): Mending;
  /** One outcome for all of the payloads, or one for each, in order. */
  outcome(response: VendorResponse, payloads: P[]): Outcome | Outcome[];
  examples: Example<S>[];
}

/** Keeps each destination's own settings and payload types while it is written; the registry forgets them. */
export function defineDestination<S extends object, P>(destination: Destination<S, P>): Destination<S, P> {
  return destination;
}

export function isSkip(result: unknown): result is Skip {
  return typeof result === "object" && result !== null && "skip" in result && "detail" in result;
}

/** The outcome that HTTP itself gives, for vendors that document nothing more particular. */
export function httpOutcome({ status, headers, body }: VendorResponse): Outcome {
  if (status >= 200 && status < 300) return { outcome: "delivered" };
  const reason = `HTTP ${status}${body ? `: ${body.slice(0, 200)}` : ""}`;
  if (status === 401 || status === 403) return { outcome: "unauthorised", reason };
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    const after = retryAfterSeconds(headers["retry-after"]);
    return after === undefined ? { outcome: "retry", reason } : { outcome: "retry", reason, after_s: after };
  }
  return { outcome: "rejected", reason };
}

/** RFC 9110 §10.2.3: delay seconds or an HTTP date. Undefined where absent or unreadable. */
export function retryAfterSeconds(header: string | undefined, now = Date.now()): number | undefined {
  if (!header) return undefined;
  if (/^\d+$/.test(header.trim())) return Number(header);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - now) / 1_000));
}

/** Splits validated settings into what may be published and what must be sealed. */
export function splitSecrets(settings: z.ZodObject, values: Record<string, unknown>) {
  const open: Record<string, unknown> = {};
  const secrets: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(settings.parse(values))) {
    (isSecret(settings.shape[key]) ? secrets : open)[key] = value;
  }
  return { open, secrets };
}
