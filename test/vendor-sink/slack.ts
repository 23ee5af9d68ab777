// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
import { isText } from "./checks.ts";
import { isObject, parseJson } from "./json.ts";
import { type Answer, refuseAll, type Vendor, type VendorCall } from "./vendor.ts";

const MAX_BLOCKS = 50;

export const slack: Vendor = {
  name: "slack",
  // Nothing tells a repetition.
  dedupWindowMs: 0,

  receive(call) {
    const verdict = { answer: { status: 200, body: "ok" }, events: [{ accepted: true }] };
    const refused = refusal(call);
    return refused ? refuseAll(verdict, refused) : verdict;
  },

  partial: (verdict, keeps) => (keeps() ? verdict : refuseAll(verdict, { status: 500, body: "rollup_error" })),

  fault(fault) {
    if (fault === "429") return { status: 429, headers: { "retry-after": "1" }, body: "rate_limited" };
    return fault === "500" ? { status: 500, body: "rollup_error" } : undefined;
  },
};

function refusal({ method, url, body: bytes }: VendorCall): Answer | undefined {
  if (method !== "POST" || !/^\/services\/T\w+\/B\w+\/\w+$/.test(url.pathname)) return { status: 404, body: "no_team" };
  if (url.pathname.endsWith("/EXPIRED")) return { status: 404, body: "no_service" };
  const body = parseJson(bytes.toString());
  if (!isObject(body)) return { status: 400, body: "invalid_payload" };
  const { text, blocks } = body;
  if (text === undefined && blocks === undefined) return { status: 400, body: "no_text" };
  if (text !== undefined && !isText(text)) return { status: 400, body: "no_text" };
  return Array.isArray(blocks) && blocks.length > MAX_BLOCKS ? { status: 400, body: "invalid_blocks" } : undefined;
}
