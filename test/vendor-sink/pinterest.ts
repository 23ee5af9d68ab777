// https://developers.pinterest.com/docs/api/v5/events-create; the schema is that of github.com/pinterest/api-description.
import { bearer, isHash, isListOf, isText, names, strangeKey } from "./checks.ts";
import { CURRENCIES } from "./currency.ts";
import { isObject, type JsonObject, parseJson } from "./json.ts";
import { type Answer, refuseAll, type Vendor, type VendorCall } from "./vendor.ts";

const MAX_EVENTS = 1_000;
const DEDUP_WINDOW_HOURS = 24;

const EVENT_NAMES = names(
  `add_payment_info add_to_cart add_to_wishlist app_install app_open checkout custom initiate_checkout lead page_visit search
  signup start_trial subscribe view_category view_content watch_video`,
);
const EVENT = names(
  `event_name action_source event_time event_id event_source_url opt_out partner_name user_data custom_data app_info
  device_info language wifi`,
);
const HASHED = names("em ph ge db ln fn ct st zp country external_id hashed_maids");
const USER = names("client_ip_address client_user_agent click_id partner_id");
const CUSTOM = names(
  `currency value content_ids content_name content_category content_brand contents num_items order_id search_string
  opt_out_type np predicted_ltv`,
);
const CONTENT = names("id item_price quantity item_name item_category item_brand");

export const pinterest: Vendor = {
  name: "pinterest",
  dedupWindowMs: DEDUP_WINDOW_HOURS * 3_600_000,

  receive(call) {
    const body = parseJson(call.body.toString());
    const data = isObject(body) && Array.isArray(body.data) ? body.data : [];
    const wrong = data.map((event) => (isObject(event) ? wrongEvent(event) : "The event is not an object."));
    const events = data.map((event, i) => ({ ...identify(event), accepted: wrong[i] === undefined }));
    const refused = refusal(call, data);
    return refused ? refuseAll({ answer: refused, events }, refused) : { answer: answer(wrong), events };
  },

  partial(verdict, keeps) {
    const events = verdict.events.map((event) => ({ ...event, accepted: event.accepted && keeps() }));
    return { events, answer: answer(events.map(({ accepted }) => (accepted ? undefined : "Could not be processed."))) };
  },

  fault(fault) {
    if (fault === "429")
      return { status: 429, headers: { "retry-after": "1" }, body: error(8, "You have exceeded your rate limit.") };
    return fault === "500" ? { status: 500, body: error(0, "Unexpected error") } : undefined;
  },
};

const error = (code: number, message: string) => ({ code, message });

function answer(wrong: (string | undefined)[]): Answer {
  const events = wrong.map((error_message) =>
    error_message === undefined
      ? { status: "processed", error_message: null, warning_message: null }
      : { status: "failed", error_message, warning_message: null },
  );
  const processed = wrong.filter((one) => one === undefined).length;
  return {
    status: processed === wrong.length ? 200 : 422,
    body: { num_events_received: wrong.length, num_events_processed: processed, events },
  };
}

function identify(event: unknown) {
  if (!isObject(event) || !isText(event.event_id)) return {};
  return { message_id: event.event_id, dedup_key: `${event.event_name} ${event.event_id}` };
}

function refusal({ method, url, headers }: VendorCall, data: unknown[]): Answer | undefined {
  if (method !== "POST" || !/^\/v5\/ad_accounts\/\d+\/events$/.test(url.pathname))
    return { status: 404, body: error(404, "Not found") };
  const token = bearer(headers);
  if (!token || token === "EXPIRED") return { status: 401, body: error(2, "Authentication failed.") };
  if (data.length < 1 || data.length > MAX_EVENTS)
    return { status: 400, body: error(1, `data must have 1 to ${MAX_EVENTS} events.`) };
  return undefined;
}

function wrongEvent(event: JsonObject): string | undefined {
  const strange = strangeKey(event, EVENT);
  if (strange) return `${strange} is not a known field.`;
  if (!EVENT_NAMES.has(String(event.event_name))) return "event_name is not supported.";
  if (!/^(app_android|app_ios|web|offline)$/.test(String(event.action_source)))
    return "action_source is not supported.";
  if (!Number.isInteger(event.event_time) || Number(event.event_time) > 1e11) return "event_time must be in seconds.";
  if (!isText(event.event_id)) return "event_id is required.";
  if (event.language !== undefined && !/^[a-z]{2}$/.test(String(event.language))) return "language must be ISO-639-1.";
  return wrongUser(event.user_data) ?? wrongCustom(event.custom_data);
}

function wrongUser(user: unknown): string | undefined {
  if (!isObject(user)) return "user_data is required.";
  for (const [key, value] of Object.entries(user)) {
    if (HASHED.has(key) && !isListOf(value, isHash)) return `${key} must be a list of SHA-256 hashes.`;
    if (!HASHED.has(key) && !(USER.has(key) && isText(value))) return `${key} is not a known field.`;
  }
  const hasPerson = [user.em, user.hashed_maids].some((ids) => Array.isArray(ids) && ids.length > 0);
  if (hasPerson || (isText(user.client_ip_address) && isText(user.client_user_agent))) return undefined;
  return "user_data needs em, hashed_maids, or client_ip_address and client_user_agent.";
}

function wrongCustom(custom: unknown): string | undefined {
  if (custom === undefined) return undefined;
  if (!isObject(custom)) return "custom_data must be an object.";
  const strange = strangeKey(custom, CUSTOM);
  if (strange) return `${strange} is not a known field.`;
  const { value, currency, contents, content_ids, num_items, opt_out_type } = custom;
  if (value !== undefined && !(isText(value) && Number.isFinite(Number(value)))) return "value must be a string.";
  if (currency !== undefined && !CURRENCIES.has(String(currency))) return "currency must be ISO-4217.";
  if (content_ids !== undefined && !isListOf(content_ids, isText)) return "content_ids must be strings.";
  if (num_items !== undefined && !Number.isInteger(num_items)) return "num_items must be an integer.";
  if (opt_out_type !== undefined && opt_out_type !== "LDP") return "opt_out_type must be LDP.";
  const isContent = (content: unknown) =>
    isObject(content) &&
    !strangeKey(content, CONTENT) &&
    (content.item_price === undefined || isText(content.item_price)) &&
    (content.quantity === undefined || Number.isInteger(content.quantity));
  return contents === undefined || isListOf(contents, isContent) ? undefined : "contents is not valid.";
}
