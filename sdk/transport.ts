import { heardOfReset, tellsOfReset } from "./anonymous-id.ts";
import type { currentContext } from "./context.ts";

/**
 * An event as it leaves the browser: as core/event.ts has it, without what the server adds. Written out here, so that the package's
 * types need no schema library; a test sends it through the door's own check. JSON drops what is undefined.
 */
export interface SentEvent {
  message_id: string;
  anonymous_id: string | undefined;
  user_id: string | undefined;
  type: "page" | "track" | "identify" | "group" | "alias";
  /** Of a `track`. */
  event?: string;
  group_id?: string;
  previous_id?: string | undefined;
  properties?: Record<string, unknown>;
  traits?: Record<string, unknown>;
  context: ReturnType<typeof currentContext> & Record<string, unknown>;
  /** ISO 8601. */
  timestamp: string;
}

/** Browsers allow keepalive requests and beacons 64 KiB together, as long as they are in flight. */
const BODY_BYTES = 60 * 1024;

/** Settled means that sending the same again would change nothing: it arrived, or the server will never take it. */
export type Outcome = "settled" | { retryAfterMs: number };

/** A batch is of one visitor: either all of its events have the same anonymous_id, or none has any. */
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
export function createTransport(url: string, writeKey: string): Transport {
  const visitorOf = (batch: SentEvent[]) => batch[0]!.anonymous_id;
  const encode = (batch: SentEvent[]) =>
    JSON.stringify({
      write_key: writeKey,
      sent_at: new Date().toISOString(),
      reset: tellsOfReset(visitorOf(batch)) || undefined,
      batch,
    });
  const small = (body: string) => new Blob([body]).size <= BODY_BYTES;
  /** Who may not have cookies gets none, whatever the server is set to. A reset goes with them: the server is to take its own back. */
  const withCookies = (batch: SentEvent[]) => !!visitorOf(batch) || tellsOfReset();

  async function post(batch: SentEvent[]): Promise<Outcome> {
    try {
      const visitor = visitorOf(batch);
      const reset = tellsOfReset(visitor);
      const body = encode(batch);
      const response = await fetch(url, {
        method: "POST",
        body,
        keepalive: small(body),
        credentials: withCookies(batch) ? "include" : "omit",
      });
      await response.text(); // until it is read, the browser counts the request as one in flight
      if (reset && response.ok) heardOfReset(visitor);
      if (response.status < 500 && response.status !== 429) return "settled";
      return { retryAfterMs: Number(response.headers.get("retry-after")) * 1_000 || 0 };
    } catch {
      return { retryAfterMs: 0 };
    }
  }

  return {
    fits: (batch) => small(encode(batch)),

    post,

    beacon(batch) {
      try {
        // A beacon always has cookies with it.
        return withCookies(batch) ? navigator.sendBeacon(url, encode(batch)) : !!post(batch);
      } catch {
        return false;
      }
    },
  };
}
