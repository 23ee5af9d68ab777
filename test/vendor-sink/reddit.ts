// https://ads-api.reddit.com/docs/v3/operations/Post%20Conversion%20Events
import { bearer, isHash, isListOf, isNumber, isText, isUrl, names, strangeKey } from "./checks.ts";
import { CURRENCIES } from "./currency.ts";
import { isObject, type JsonObject, parseJson } from "./json.ts";
import { type Answer, refuseAll, type Vendor, type VendorCall } from "./vendor.ts";

const MAX_EVENTS = 1_000;
const MOST_DAYS = 7;
const MOST_MINUTES_AHEAD = 5;

const EVENT = names("event_at action_source event_source_url click_id type user metadata");
const TYPES = names("PAGE_VISIT VIEW_CONTENT SEARCH ADD_TO_CART ADD_TO_WISHLIST PURCHASE LEAD SIGN_UP CUSTOM");
const USER = names(
  "email external_id phone_number ip_address user_agent uuid idfa aaid screen_dimensions data_processing_options",
);
const METADATA = names("conversion_id currency value item_count products");
const PRODUCT = names("id name category item_price quantity");

export const reddit: Vendor = {
  name: "reddit",
  // By conversion_id and type against the pixel; for how long is not documented, so as long as an event is taken.
  dedupWindowMs: MOST_DAYS * 86_400_000,

  receive(call) {
    const body = parseJson(call.body.toString());
    const data = isObject(body) && isObject(body.data) ? body.data : {};
    const events = Array.isArray(data.events) ? data.events : [];
    const verdict = {
      answer: {
        status: 200,
        body: { data: { message: `Successfully processed ${events.length} conversion events.` } },
      },
      events: events.map(sentEvent),
    };
    const refused = refusal(call, data, events);
    return refused ? refuseAll(verdict, refused) : verdict;
  },

  // A request is taken or refused as a whole.
  partial: (verdict, keeps) => (keeps() ? verdict : refuseAll(verdict, error(400, "event metadata is invalid"))),

  fault(fault) {
    if (fault === "429") return { ...error(429, "Too Many Requests"), headers: { "retry-after": "1" } };
    return fault === "500" ? error(500, "Internal Server Error") : undefined;
  },
};

const error = (code: number, message: string): Answer => ({ status: code, body: { error: { code, message } } });

function sentEvent(event: unknown) {
  const { conversion_id } = isObject(event) && isObject(event.metadata) ? event.metadata : {};
  if (!isObject(event) || !isText(conversion_id)) return { accepted: true };
  return { message_id: conversion_id, dedup_key: `${JSON.stringify(event.type)} ${conversion_id}`, accepted: true };
}

function refusal(call: VendorCall, data: JsonObject, events: unknown[]): Answer | undefined {
  const { method, url, headers, now } = call;
  if (method !== "POST" || !/^\/api\/v3\/pixels\/[at]2_\w+\/conversion_events$/.test(url.pathname))
    return error(404, "Not Found");
  if (!headers["user-agent"]) return error(429, "Too Many Requests");
  const token = bearer(headers);
  if (!token || token === "EXPIRED") return error(401, "Unauthorized");
  if (strangeKey(data, names("events test_id partner"))) return error(400, "data has an unknown field");
  if (events.length < 1 || events.length > MAX_EVENTS) return error(400, `events must have 1 to ${MAX_EVENTS} entries`);
  for (const event of events) {
    const wrong = isObject(event) ? wrongEvent(event, now) : "event must be an object";
    if (wrong) return error(400, wrong);
  }
  return undefined;
}

function wrongEvent(event: JsonObject, now: number): string | undefined {
  const strange = strangeKey(event, EVENT);
  if (strange) return `${strange} is unknown`;
  const age = now - Number(event.event_at);
  if (!Number.isInteger(event.event_at) || age > MOST_DAYS * 86_400_000 || age < -MOST_MINUTES_AHEAD * 60_000)
    return "event_at must be in milliseconds, at most 7 days old and 5 minutes ahead";
  if (!/^(WEBSITE|APP|PHYSICAL_STORE|OTHER)$/.test(String(event.action_source))) return "action_source is unknown";
  if (event.event_source_url !== undefined && !isUrl(event.event_source_url)) return "event_source_url is no URL";
  const { tracking_type, custom_event_name } = isObject(event.type) ? event.type : {};
  if (!TYPES.has(String(tracking_type))) return "tracking_type is unknown";
  if ((tracking_type === "CUSTOM") !== isText(custom_event_name)) return "custom_event_name goes with CUSTOM";
  return wrongUser(event) ?? wrongMetadata(event.metadata);
}

function wrongUser({ user, click_id }: JsonObject): string | undefined {
  if (!isObject(user)) return "user is required";
  const strange = strangeKey(user, USER);
  if (strange) return `user.${strange} is unknown`;
  for (const key of ["email", "phone_number", "external_id", "ip_address"])
    if (user[key] !== undefined && !isText(user[key])) return `user.${key} must be a string`;
  // In clear they pass as well; what looks hashed has to be SHA-256.
  for (const key of ["email", "phone_number"])
    if (/^[0-9a-f]{32,}$/i.test(String(user[key] ?? "")) && !isHash(user[key])) return `user.${key} is no SHA-256`;
  const { modes } = isObject(user.data_processing_options) ? user.data_processing_options : {};
  if (modes !== undefined && !isListOf(modes, (mode) => mode === "LDU")) return "modes must be LDU";
  const keys = [click_id, user.email, user.external_id, user.idfa, user.aaid, user.uuid];
  if (keys.some(isText) || (isText(user.ip_address) && isText(user.user_agent))) return undefined;
  return "at least one match key is required";
}

function wrongMetadata(metadata: unknown): string | undefined {
  if (metadata === undefined) return undefined;
  if (!isObject(metadata)) return "metadata must be an object";
  const strange = strangeKey(metadata, METADATA);
  if (strange) return `metadata.${strange} is unknown`;
  const { value, currency, item_count, products } = metadata;
  if (value !== undefined && !isNumber(value)) return "value must be a number";
  if (currency !== undefined && !CURRENCIES.has(String(currency))) return "currency must be ISO 4217";
  if (item_count !== undefined && !Number.isInteger(item_count)) return "item_count must be an integer";
  const isProduct = (product: unknown) => isObject(product) && !strangeKey(product, PRODUCT) && isText(product.id);
  return products === undefined || isListOf(products, isProduct) ? undefined : "products is invalid";
}
