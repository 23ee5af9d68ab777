// https://developers.snap.com/api/marketing-api/Conversions-API/UsingTheAPI and /Parameters
import { isAmount, isHash, isListOf, isOneOrListOf, isText, isUrl, names, strangeKey } from "./checks.ts";
import { CURRENCIES } from "./currency.ts";
import { isObject, type JsonObject, parseJson } from "./json.ts";
import { type Answer, refuseAll, type Vendor, type VendorCall } from "./vendor.ts";

const MAX_EVENTS = 2_000;
const DEDUP_WINDOW_HOURS = 48;
const MOST_DAYS = 37;

const EVENT_NAMES = names(
  `PURCHASE SAVE START_CHECKOUT ADD_CART VIEW_CONTENT ADD_BILLING SIGN_UP SEARCH PAGE_VIEW SUBSCRIBE AD_CLICK AD_VIEW
  COMPLETE_TUTORIAL INVITE LOGIN SHARE RESERVE ACHIEVEMENT_UNLOCKED ADD_TO_WISHLIST SPENT_CREDITS RATE START_TRIAL LIST_VIEW
  LEVEL_COMPLETE APP_INSTALL APP_OPEN CUSTOM_EVENT_1 CUSTOM_EVENT_2 CUSTOM_EVENT_3 CUSTOM_EVENT_4 CUSTOM_EVENT_5`,
);
const EVENT = names(
  `event_name event_time event_id action_source event_source_url user_data custom_data app_data integration
  data_processing_options data_processing_options_country data_processing_options_state`,
);
const HASHED = names("em ph fn ln ge ct st zp country db external_id");
const PLAIN = names("client_ip_address client_user_agent sc_click_id sc_cookie1 madid idfv subscription_id lead_id");
const CONTENT = names("id quantity item_price brand delivery_category");

export const snapchat: Vendor = {
  name: "snapchat",
  dedupWindowMs: DEDUP_WINDOW_HOURS * 3_600_000,

  receive(call) {
    const body = parseJson(call.body.toString());
    const data = isObject(body) && Array.isArray(body.data) ? body.data : [];
    const isTest = call.url.pathname.endsWith("/validate");
    const verdict = {
      answer: {
        status: 200,
        body: isTest ? { status: "VALID" } : { status: "OK", reason: "All records successfully processed" },
      },
      // What is only validated is not counted, so it is nobody's repetition.
      events: data.map((event) => ({ ...(isTest ? {} : identify(event)), accepted: true })),
    };
    const refused = refusal(call, data);
    return refused ? refuseAll(verdict, refused) : verdict;
  },

  // Snap speaks of a request as a whole.
  partial: (verdict, keeps) => (keeps() ? verdict : refuseAll(verdict, invalid("Some records could not be processed"))),

  fault(fault) {
    if (fault === "429") return { status: 429, body: { status: "ERROR", reason: "Rate limit exceeded" } };
    return { status: fault === "500" ? 500 : 200, body: { status: "ERROR", reason: "Internal error" } };
  },
};

const invalid = (reason: string): Answer => ({ status: 400, body: { status: "INVALID", reason } });

function identify(event: unknown) {
  if (!isObject(event) || !isText(event.event_id)) return {};
  return { message_id: event.event_id, dedup_key: `${event.event_name} ${event.event_id}` };
}

function refusal({ method, url, now }: VendorCall, data: unknown[]): Answer | undefined {
  if (method !== "POST" || !/^\/v3\/[\w-]+\/events(\/validate)?$/.test(url.pathname))
    return { status: 404, body: "Not Found" };
  const token = url.searchParams.get("access_token");
  if (!token || token === "EXPIRED") return { status: 401, body: { status: "ERROR", reason: "Unauthorized" } };
  if (data.length < 1 || data.length > MAX_EVENTS) return invalid(`data must have 1 to ${MAX_EVENTS} events`);
  for (const [i, event] of data.entries()) {
    const wrong = isObject(event) ? wrongEvent(event, now) : "is not an object";
    if (wrong) return invalid(`data[${i}] ${wrong}`);
  }
  return undefined;
}

function wrongEvent(event: JsonObject, now: number): string | undefined {
  const strange = strangeKey(event, EVENT);
  if (strange) return `has an unknown field ${strange}`;
  if (!EVENT_NAMES.has(String(event.event_name))) return "has an unknown event_name";
  const age = now / 1_000 - Number(event.event_time);
  if (!Number.isInteger(event.event_time) || age > MOST_DAYS * 86_400 || age < -60)
    return "has an event_time out of range";
  if (!/^(WEB|MOBILE_APP|OFFLINE)$/.test(String(event.action_source))) return "has an unknown action_source";
  if (event.action_source === "WEB" && !isUrl(event.event_source_url)) return "needs event_source_url";
  const options = event.data_processing_options;
  if (options !== undefined && !isListOf(options, (one) => one === "LMU")) return "has unknown data_processing_options";
  return wrongUser(event.user_data) ?? wrongCustom(event.event_name, event.custom_data ?? {});
}

function wrongUser(user: unknown): string | undefined {
  if (!isObject(user)) return "needs user_data";
  for (const [key, value] of Object.entries(user)) {
    if (HASHED.has(key) && !isOneOrListOf(value, isHash)) return `has an unhashed ${key}`;
    if (!HASHED.has(key) && !(PLAIN.has(key) && isText(value))) return `has an unknown ${key}`;
  }
  const has = (key: string) => [user[key]].flat().some(isText);
  if (has("em") || has("ph") || has("madid") || (has("client_ip_address") && has("client_user_agent")))
    return undefined;
  return "has insufficient user_data";
}

function wrongCustom(name: unknown, custom: unknown): string | undefined {
  if (!isObject(custom)) return "has custom_data that is no object";
  const { value, currency, contents, content_ids, content_category } = custom;
  if (name === "PURCHASE" && (value === undefined || currency === undefined))
    return "PURCHASE needs value and currency";
  if (value !== undefined && !isAmount(value)) return "has a value that is no number";
  if (currency !== undefined && !CURRENCIES.has(String(currency))) return "has an unknown currency";
  if (content_ids !== undefined && !isListOf(content_ids, isText)) return "has content_ids that are no strings";
  if (content_category !== undefined && !isListOf(content_category, isText))
    return "has a content_category that is no list";
  const isContent = (content: unknown) =>
    isObject(content) && !strangeKey(content, CONTENT) && isText(content.id) && isAmount(content.quantity);
  return contents === undefined || isListOf(contents, isContent) ? undefined : "has invalid contents";
}
