// https://business-api.tiktok.com/portal/docs?id=1771100865818625
import { isAmount, isHash, isListOf, isNumber, isOneOrListOf, isText, isUrl, names, strangeKey } from "./checks.ts";
import { CURRENCIES } from "./currency.ts";
import { isObject, type JsonObject, parseJson } from "./json.ts";
import { type Answer, refuseAll, type Vendor, type VendorCall } from "./vendor.ts";

const MAX_EVENTS = 1_000;
const DEDUP_WINDOW_HOURS = 48;
const DAYS = { web: 7, app: 7, offline: 28, crm: 28 };

const ENVELOPE = names("event_source event_source_id partner_name test_event_code data");
const EVENT = names("event event_time event_id user properties page app ad lead limited_data_use");
const HASHED = names("email phone external_id first_name last_name zip_code idfa gaid");
const PLAIN = names("city state country ttclid ttp ip user_agent locale idfv att_status");
const CONTENT = names("content_id content_type content_category content_name price quantity brand");

export const tiktok: Vendor = {
  name: "tiktok",
  dedupWindowMs: DEDUP_WINDOW_HOURS * 3_600_000,

  receive(call) {
    const body = parseJson(call.body.toString());
    const data = isObject(body) && Array.isArray(body.data) ? body.data : [];
    const verdict = { answer: answer(0, "OK"), events: data.map(sentEvent) };
    const refused = refusal(call, body);
    return refused ? refuseAll(verdict, refused) : verdict;
  },

  partial(verdict, keeps) {
    if (verdict.events.every(({ accepted }) => !accepted)) return verdict;
    const events = verdict.events.map((event) => ({ ...event, accepted: keeps() }));
    const failed_events = events.flatMap(({ accepted }, i) =>
      accepted ? [] : [{ order_in_batch: i, error_message: "Invalid value for user." }],
    );
    return failed_events.length ? { events, answer: answer(20_001, "Partial success", { failed_events }) } : verdict;
  },

  fault(fault) {
    if (fault === "429") return answer(40_100, "Requests made too frequently.");
    return fault === "500" ? { status: 500, body: "Internal Server Error" } : answer(50_000, "System error");
  },
};

function answer(code: number, message: string, data: object = {}): Answer {
  return { status: 200, body: { code, message, request_id: "202611201000020101", data } };
}

function sentEvent(event: unknown) {
  if (!isObject(event) || !isText(event.event_id)) return { accepted: true };
  return { message_id: event.event_id, dedup_key: `${event.event} ${event.event_id}`, accepted: true };
}

function refusal({ url, method, headers, now }: VendorCall, body: unknown): Answer | undefined {
  if (method !== "POST" || url.pathname !== "/open_api/v1.3/event/track/")
    return { status: 404, body: "404 page not found" };
  const token = headers["access-token"];
  if (!token) return answer(40_104, "Access token is empty.");
  if (token === "EXPIRED") return answer(40_105, "Access token is incorrect or has been revoked.");
  const wrong = isObject(body) ? wrongBody(body, now) : "The body is not JSON.";
  return wrong === undefined ? undefined : answer(40_002, wrong);
}

function wrongBody(body: JsonObject, now: number): string | undefined {
  const strange = strangeKey(body, ENVELOPE);
  if (strange) return `${strange}: Unknown field.`;
  const days = DAYS[body.event_source as keyof typeof DAYS];
  if (!days) return "event_source: Must be one of web, app, offline, crm.";
  if (!isText(body.event_source_id)) return "event_source_id: Missing data for required field.";
  if (!Array.isArray(body.data) || body.data.length < 1 || body.data.length > MAX_EVENTS)
    return `data: Length must be between 1 and ${MAX_EVENTS}.`;
  for (const [i, event] of body.data.entries()) {
    const wrong = isObject(event) ? wrongEvent(event, days, now) : "Must be an object.";
    if (wrong) return `data.${i}.${wrong}`;
  }
  return undefined;
}

function wrongEvent(event: JsonObject, days: number, now: number): string | undefined {
  const strange = strangeKey(event, EVENT);
  if (strange) return `${strange}: Unknown field.`;
  if (!isText(event.event)) return "event: Missing data for required field.";
  if (!Number.isInteger(event.event_time)) return "event_time: Not a valid integer.";
  const age = now / 1_000 - Number(event.event_time);
  if (age > days * 86_400 || age < -60) return "event_time: Out of range.";
  if (event.limited_data_use !== undefined && typeof event.limited_data_use !== "boolean")
    return "limited_data_use: Not a valid boolean.";
  if (event.page !== undefined && !(isObject(event.page) && isUrl(event.page.url))) return "page.url: Not a valid URL.";
  return wrongUser(event.user) ?? wrongProperties(event);
}

function wrongUser(user: unknown): string | undefined {
  if (!isObject(user)) return "user: Missing data for required field.";
  for (const [key, value] of Object.entries(user)) {
    if (HASHED.has(key) && !isOneOrListOf(value, isHash)) return `user.${key}: Must be hashed with SHA-256.`;
    if (!HASHED.has(key) && !(PLAIN.has(key) && isText(value))) return `user.${key}: Not a valid field.`;
  }
  return undefined;
}

function wrongProperties({ event, properties }: JsonObject): string | undefined {
  if (properties === undefined)
    return event === "Purchase" ? "properties: value and currency are required." : undefined;
  if (!isObject(properties)) return "properties: Must be an object.";
  const { value, currency, contents, content_type, num_items } = properties;
  if (value !== undefined && !isAmount(value)) return "properties.value: Not a valid number.";
  if (value !== undefined && currency === undefined) return "properties.currency: Required with value.";
  if (currency !== undefined && !CURRENCIES.has(String(currency))) return "properties.currency: Not a currency.";
  if (content_type !== undefined && !/^product(_group)?$/.test(String(content_type)))
    return "properties.content_type: Must be product or product_group.";
  if (num_items !== undefined && !Number.isInteger(num_items)) return "properties.num_items: Not a valid integer.";
  const isContent = (content: unknown) =>
    isObject(content) &&
    !strangeKey(content, CONTENT) &&
    (content.price === undefined || isNumber(content.price)) &&
    (content.quantity === undefined || Number.isInteger(content.quantity));
  return contents === undefined || isListOf(contents, isContent) ? undefined : "properties.contents: Not valid.";
}
