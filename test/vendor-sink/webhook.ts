// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
import { Webhook } from "standardwebhooks";
import { isObject, parseJson } from "./json.ts";
import { refuseAll, type SentEvent, type Vendor, type VendorCall } from "./vendor.ts";

/** The specification recommends 20 kB and sets no limit; this is what the receiver bears. */
export const MAX_BODY_BYTES = 20 * 1024 * 1024;

/** How deep a message id is looked for: `{"batch": [{"message_id": …}]}` is three. */
const MESSAGE_ID_DEPTH = 3;

/** A customer's own receiver. `secrets` are by integration, `whsec_…`; without one the signature is not checked. */
export function webhook(secrets: Record<string, string>): Vendor {
  return {
    name: "webhook",
    // The specification leaves it to the receiver for how long it remembers ids; ours never forgets.
    dedupWindowMs: Number.POSITIVE_INFINITY,

    receive(call) {
      if (call.bodyBytes > MAX_BODY_BYTES)
        return { answer: { status: 413, body: { error: `The body is over ${MAX_BODY_BYTES} bytes.` } }, events: [] };
      const body = parseJson(call.body.toString());
      const verdict = { answer: { status: 200, body: { received: true } }, events: sentEvents(body) };
      const signature = checkSignature(call, secrets[call.integration]);
      if (signature !== "verified" && signature !== "unchecked")
        return { ...refuseAll(verdict, { status: 401, body: { error: signature } }), signature };
      if (body === undefined) return { answer: { status: 400, body: { error: "Not JSON." } }, events: [], signature };
      return { ...verdict, signature };
    },

    // A receiver takes a request or does not: half the requests meet a broken gateway.
    partial: (verdict, keeps) =>
      keeps() ? verdict : refuseAll(verdict, { status: 502, body: { error: "Bad gateway." } }),

    fault(fault) {
      if (fault === "429")
        return { status: 429, headers: { "retry-after": "1" }, body: { error: "Too many requests." } };
      return { status: fault === "500" ? 500 : 200, body: { error: "Something went wrong here." } };
    },
  };
}

/** `verified`, `unchecked` without a secret, or the library's reason against it. */
function checkSignature(call: VendorCall, secret: string | undefined): string {
  if (secret === undefined) return "unchecked";
  try {
    new Webhook(secret).verify(call.body, call.headers, { jsonParse: false });
    return "verified";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** One envelope, `{type, timestamp, data}`, or several in an array or in `batch` or `data`. */
function sentEvents(body: unknown): SentEvent[] {
  if (body === undefined) return [];
  const several = [body, isObject(body) ? body.batch : undefined, isObject(body) ? body.data : undefined];
  const count = several.find(Array.isArray)?.length ?? 1;
  const ids = messageIds(body, MESSAGE_ID_DEPTH);
  return Array.from({ length: Math.max(count, ids.length) }, (_, index) => ({
    message_id: ids[index],
    dedup_key: ids[index],
    accepted: true,
  }));
}

/** An object that has its own id is one event: what a customer put inside is not looked at. */
function messageIds(value: unknown, depth: number): string[] {
  if (depth === 0 || typeof value !== "object" || value === null) return [];
  if (isObject(value) && typeof value.message_id === "string") return [value.message_id];
  return Object.values(value).flatMap((inner) => messageIds(inner, depth - 1));
}
