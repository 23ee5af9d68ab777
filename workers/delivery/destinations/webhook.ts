// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
import * as z from "zod";
import { EVENT_TYPES, type Event } from "../../../core/event.ts";
import { hmacSha256, sha256 } from "../../../core/hash.ts";
import { customerUrl } from "../customer-url.ts";
import { defineDestination, httpOutcome, type Outcome, secret } from "../destination.ts";
import { webhookExamples } from "./webhook.examples.ts";

const SECRET = /^whsec_[A-Za-z0-9+/]+={0,2}$/;
/** Ours: what a receiver verifies must not be what a customer typed. */
const OUR_HEADERS = /^(webhook-.*|content-type|content-length|host|connection|transfer-encoding)$/i;

const settings = z.object({
  url: customerUrl(),
  /** `whsec_` and 24 to 64 bytes of base64. While one replaces another give both, with a space between. */
  secret: secret(
    z
      .string()
      .refine(
        (list) => secretsIn(list).every((one) => SECRET.test(one) && isLongEnough(keyOf(one))),
        "must be whsec_ and 24 to 64 bytes of base64; several are separated by a space",
      ),
  ),
  /** Sent with every request. Sealed, because receivers want tokens in them. */
  headers: secret(
    z.record(
      z
        .string()
        .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, "is not a header name")
        .refine((name) => !OUR_HEADERS.test(name), "is set by us"),
      z.string().regex(/^[\t\x20-\x7e]*$/, "may hold visible ASCII only"),
    ),
  ).optional(),
});
export type WebhookSettings = z.infer<typeof settings>;

export interface WebhookPayload {
  type: Event["type"];
  /** When it happened, ISO 8601. */
  timestamp: string;
  /** The event as every other part of this system sees it. */
  data: Event;
  /** Sent instead of all this, where a customer's pipeline shapes the body. Any JSON. */
  body?: unknown;
}

/** `data.message_id` names the request, whatever its body is. */
const payload = z.compile(
  z.looseObject({
    type: z.enum(EVENT_TYPES),
    timestamp: z.string(),
    data: z.looseObject({ message_id: z.string().min(1) }),
  }),
) as unknown as z.ZodType<WebhookPayload>;

export const webhook = defineDestination<WebhookSettings, WebhookPayload>({
  name: "webhook",
  title: "Webhook",
  purpose: "functional",
  settings,
  exampleSettings: {
    url: "https://hooks.example.com/millrace",
    secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    headers: { authorization: "Bearer example-receiver-token" },
  },
  // The specification asks for 15 to 30 s, and for retries over several days.
  // A receiver that is asked too fast answers 429; it is not for us to guess what it can bear.
  limits: { eventsPerRequest: 1, requestsPerSecond: 1_000, giveUpAfterHours: 76, timeoutMs: 20_000 },

  payload,
  map: (event) => ({ type: event.type, timestamp: event.timestamp, data: event }),

  // A pipeline may have made any other body of it: then only the engine knows which event it is.
  request([payload], { url, secret, headers }, { now, message_ids = [] }) {
    const id = webhookId(message_ids[0] ?? payload!.data.message_id);
    const timestamp = Math.floor(now.getTime() / 1_000);
    const body = JSON.stringify(payload!.body ?? payload);
    const signatures = secretsIn(secret).map((one) => `v1,${hmacSha256(keyOf(one), `${id}.${timestamp}.${body}`)}`);
    return {
      url,
      method: "POST",
      headers: {
        ...headers,
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": String(timestamp),
        "webhook-signature": signatures.join(" "),
      },
      body,
    };
  },

  outcome(response): Outcome {
    const { status, headers } = response;
    if (status === 410) return { outcome: "rejected", reason: "HTTP 410 Gone: the receiver wants no more webhooks" };
    if (status >= 300 && status < 400) {
      const where = headers.location ? ` to ${headers.location.slice(0, 200)}` : "";
      return { outcome: "rejected", reason: `HTTP ${status}: redirects${where} are not followed, change the address` };
    }
    return httpOutcome(response);
  },

  examples: webhookExamples,
});

/**
 * The same at every attempt, so that a receiver can tell a repetition. A period in it would let one signature stand for
 * another id and timestamp, and a header holds no other letters: such a message_id is told by its hash.
 */
function webhookId(messageId: string): string {
  return /^[\w~:@/+=-]+$/.test(messageId) ? messageId : `msg_${sha256(messageId)}`;
}

function secretsIn(list: string): string[] {
  return list.trim().split(/\s+/);
}

function keyOf(secret: string): Uint8Array {
  return Buffer.from(secret.slice("whsec_".length), "base64");
}

function isLongEnough({ length }: Uint8Array): boolean {
  return length >= 24 && length <= 64;
}
