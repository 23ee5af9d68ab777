import type { Event, EventContext } from "../core/event.ts";

/** An event as it leaves the browser. JSON drops what is undefined; the server adds the rest. */
export type SentEvent = Pick<Event, "message_id" | "anonymous_id" | "type" | "timestamp"> &
  OrUndefined<Partial<Pick<Event, "user_id" | "group_id" | "event" | "properties" | "traits">>> & {
    context: OrUndefined<EventContext>;
  };
type OrUndefined<T> = { [Field in keyof T]: T[Field] | undefined };

/** Browsers allow keepalive requests and beacons 64 KiB together, as long as they are in flight. */
const BODY_BYTES = 60 * 1024;

/** Settled means that sending the same again would change nothing: it arrived, or the server will never take it. */
export type Outcome = "settled" | { retryAfterMs: number };

export interface Transport {
  /** Whether these events fit into one request. */
  fits(batch: SentEvent[]): boolean;
  /** Never rejects. */
  post(batch: SentEvent[]): Promise<Outcome>;
  /** Hands a request to the browser, which sends it after the page has gone; false if it does not take it. */
  beacon(batch: SentEvent[]): boolean;
}

/**
 * A body that is a string travels as `text/plain`: a simple request, with no preflight before it
 * (https://fetch.spec.whatwg.org/#cors-safelisted-request-header).
 */
export function createTransport(host: string, writeKey: string): Transport {
  const url = `${host}/v1/batch`;
  const encode = (batch: SentEvent[]) =>
    JSON.stringify({ write_key: writeKey, sent_at: new Date().toISOString(), batch });
  const small = (body: string) => new Blob([body]).size <= BODY_BYTES;

  return {
    fits: (batch) => small(encode(batch)),

    async post(batch) {
      try {
        const body = encode(batch);
        const response = await fetch(url, { method: "POST", body, keepalive: small(body), credentials: "include" });
        await response.text(); // until it is read, the browser counts the request as one in flight
        if (response.status < 500 && response.status !== 429) return "settled";
        return { retryAfterMs: Number(response.headers.get("retry-after")) * 1_000 || 0 };
      } catch {
        return { retryAfterMs: 0 };
      }
    },

    beacon(batch) {
      try {
        return navigator.sendBeacon(url, encode(batch));
      } catch {
        return false;
      }
    },
  };
}
