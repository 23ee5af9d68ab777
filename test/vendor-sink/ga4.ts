// https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference
import { CURRENCIES } from "./currency.ts";
import { isObject, type JsonObject, parseJson } from "./json.ts";
import type { Vendor, VendorCall, Verdict } from "./vendor.ts";

export const GA4_HOSTS = ["www.google-analytics.com", "region1.google-analytics.com"];

// https://developers.google.com/analytics/devguides/collection/protocol/ga4/sending-events#limitations
const MAX_BODY_BYTES = 130_000;
const MAX_EVENTS = 25;
const MAX_PARAMS = 25;
const MAX_USER_PROPERTIES = 25;
const MAX_ITEMS = 200;
const MAX_CUSTOM_PARAMS_PER_ITEM = 10;
const MAX_NAME_LENGTH = 40;
const MAX_VALUE_LENGTH = 100;
const MAX_USER_PROPERTY_NAME_LENGTH = 24;
const MAX_USER_PROPERTY_VALUE_LENGTH = 36;
const BACKDATE_HOURS = 72;

// The exceptions are on another page: https://support.google.com/analytics/answer/9267744
const LONGER_VALUES: Record<string, number> = { page_title: 300, page_referrer: 420, page_location: 1000 };
const MAX_USER_ID_LENGTH = 256;

/** Not Google's: an event is to be in the past, and a sender's clock may be a little ahead of ours. */
const FUTURE_TOLERANCE_MINUTES = 15;

// https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference#reserved_names
const RESERVED_EVENTS = new Set(
  `ad_activeview ad_click ad_exposure ad_query ad_reward adunit_exposure app_clear_data app_exception app_install
  app_remove app_store_refund app_update app_upgrade dynamic_link_app_open dynamic_link_app_update
  dynamic_link_first_open error firebase_campaign firebase_in_app_message_action firebase_in_app_message_dismiss
  firebase_in_app_message_impression first_open first_visit notification_dismiss notification_foreground
  notification_open notification_receive notification_send os_update session_start user_engagement`.split(/\s+/),
);
const APP_ONLY_EVENTS = new Set(["ad_impression", "in_app_purchase", "screen_view"]);
const RESERVED_PARAMS = new Set(["firebase_conversion"]);
const RESERVED_USER_PROPERTIES = new Set([
  "first_open_time",
  "first_visit_time",
  "last_deep_link_referrer",
  "user_id",
  "first_open_after_install",
]);
const RESERVED_PREFIX = /^(_|firebase_|ga_|google_|gtag\.)/;

/** Events whose `value` is money, so that it means nothing without `currency`. */
const MONEY_EVENTS = new Set(
  `add_payment_info add_shipping_info add_to_cart add_to_wishlist begin_checkout generate_lead purchase refund
  remove_from_cart view_cart view_item`.split(/\s+/),
);
const TRANSACTION_EVENTS = new Set(["purchase", "refund"]);
const ITEM_PARAMS = new Set(
  `item_id item_name affiliation coupon creative_name creative_slot currency discount index item_brand item_category
  item_category2 item_category3 item_category4 item_category5 item_list_id item_list_name item_variant location_id
  price promotion_id promotion_name quantity`.split(/\s+/),
);

const SHA256_HEX = /^[0-9a-f]{64}$/;

// https://developers.google.com/analytics/devguides/collection/protocol/ga4/validating-events#validation_code
type ValidationCode =
  | "VALUE_INVALID"
  | "VALUE_REQUIRED"
  | "NAME_INVALID"
  | "NAME_RESERVED"
  | "VALUE_OUT_OF_BOUNDS"
  | "EXCEEDED_MAX_ENTITIES";

export interface ValidationMessage {
  fieldPath: string;
  description: string;
  validationCode: ValidationCode;
}

type Messages = Generator<ValidationMessage, void>;

export const ga4: Vendor = {
  name: "ga4",
  // The protocol has no deduplication: what comes twice is counted twice, whenever that is.
  dedupWindowMs: Number.POSITIVE_INFINITY,

  receive(call) {
    const { pathname } = call.url;
    if (call.method !== "POST" || (pathname !== "/mp/collect" && pathname !== "/debug/mp/collect"))
      return {
        answer: { status: 404, headers: { "content-type": "text/html" }, body: "<title>404</title>" },
        events: [],
      };

    const verdict = collect(call);
    if (pathname === "/mp/collect") return verdict;
    // The validation server collects nothing, so its events are not counted.
    return { answer: { status: 200, body: { validationMessages: verdict.validation } }, events: [] };
  },

  partial: (verdict, keeps) => ({
    ...verdict,
    events: verdict.events.map((event) => ({ ...event, accepted: event.accepted && keeps() })),
  }),

  // Google documents no fault of this endpoint; these are what its front door says in plain HTTP.
  fault(fault) {
    if (fault === "429") return { status: 429, headers: { "retry-after": "1" } };
    if (fault === "500") return { status: 500 };
    return undefined;
  },
};

/** Always 204; `validation` holds what the validation server would have said, and a message refuses its event. */
function collect(call: VendorCall): Verdict {
  const payload = parseJson(call.body.toString());
  const body = isObject(payload) ? payload : {};
  const events = Array.isArray(body.events) ? body.events : [];
  const ofRequest = isObject(payload)
    ? [...requestMessages(call, body)]
    : [message("VALUE_INVALID", "", "Unable to parse Measurement Protocol JSON payload.")];
  const isWeb = !call.url.searchParams.has("firebase_app_id");
  const ofEvents = events.map((event, index) => [...eventMessages(event, index, isWeb, call.now)]);
  return {
    answer: { status: 204 },
    events: events.map((event, index) => ({
      ...identify(event),
      accepted: ofRequest.length === 0 && ofEvents[index]?.length === 0,
    })),
    validation: [...ofRequest, ...ofEvents.flat()],
  };
}

function identify(event: unknown) {
  const params = isObject(event) && isObject(event.params) ? event.params : {};
  const id = params.message_id ?? params.event_id ?? params.transaction_id;
  return typeof id === "string" ? { message_id: id, dedup_key: id } : {};
}

function message(validationCode: ValidationCode, fieldPath: string, description: string): ValidationMessage {
  return { fieldPath, description, validationCode };
}

function* requestMessages(call: VendorCall, body: JsonObject): Messages {
  if (call.bodyBytes >= MAX_BODY_BYTES)
    yield message("VALUE_OUT_OF_BOUNDS", "", `The post body must be smaller than ${MAX_BODY_BYTES} bytes.`);
  // Google's own validation server does not look at the secret; that there is none is worth knowing all the same.
  if (!call.url.searchParams.get("api_secret")) yield required("api_secret");

  const query = call.url.searchParams;
  if (query.has("firebase_app_id")) {
    if (!query.get("firebase_app_id")) yield required("firebase_app_id");
    if (!isFilledString(body.app_instance_id)) yield required("app_instance_id");
  } else {
    if (!query.get("measurement_id")) yield required("measurement_id");
    if (!isFilledString(body.client_id)) yield required("client_id");
    // Any other client_id works, as a user of its own; only the strict validation minds.
    else if (body.validation_behavior === "ENFORCE_RECOMMENDATIONS" && !/^\d+\.\d+$/.test(body.client_id))
      yield message("VALUE_INVALID", "client_id", "client_id should be in <number>.<number> format.");
  }

  if (body.user_id !== undefined && !isFilledString(body.user_id))
    yield message("VALUE_INVALID", "user_id", "user_id must be a string.");
  else if (isFilledString(body.user_id) && body.user_id.length > MAX_USER_ID_LENGTH)
    yield message("VALUE_OUT_OF_BOUNDS", "user_id", `user_id is longer than ${MAX_USER_ID_LENGTH} characters.`);

  yield* timestampMessages("timestamp_micros", "timestamp_micros", body.timestamp_micros, call.now);
  yield* consentMessages(body.consent);
  yield* userPropertyMessages(body.user_properties, call.now);
  yield* userDataMessages(body.user_data);

  const behaviour = body.validation_behavior;
  if (behaviour !== undefined && behaviour !== "RELAXED" && behaviour !== "ENFORCE_RECOMMENDATIONS")
    yield message("VALUE_INVALID", "validation_behavior", "It is either RELAXED or ENFORCE_RECOMMENDATIONS.");

  if (!Array.isArray(body.events) || body.events.length === 0) yield required("events");
  else if (body.events.length > MAX_EVENTS)
    yield message("EXCEEDED_MAX_ENTITIES", "events", `${body.events.length} events; ${MAX_EVENTS} is the most.`);
}

function* consentMessages(consent: unknown): Messages {
  if (consent === undefined) return;
  if (!isObject(consent)) return yield message("VALUE_INVALID", "consent", "consent must be an object.");
  for (const [purpose, value] of Object.entries(consent)) {
    if (purpose !== "ad_user_data" && purpose !== "ad_personalization")
      yield message("VALUE_INVALID", "consent", `Cannot find field [${purpose}].`);
    else if (value !== "GRANTED" && value !== "DENIED")
      yield message("VALUE_INVALID", "consent", `[${purpose}] is either GRANTED or DENIED.`);
  }
}

function* userPropertyMessages(properties: unknown, now: number): Messages {
  if (properties === undefined) return;
  const path = "user_properties";
  if (!isObject(properties)) return yield message("VALUE_INVALID", path, "user_properties must be an object.");
  const count = Object.keys(properties).length;
  if (count > MAX_USER_PROPERTIES)
    yield message("EXCEEDED_MAX_ENTITIES", path, `${count} user properties; ${MAX_USER_PROPERTIES} is the most.`);
  for (const [name, property] of Object.entries(properties)) {
    const label = `User property [${name}]`;
    yield* nameMessages(path, label, name, MAX_USER_PROPERTY_NAME_LENGTH, RESERVED_USER_PROPERTIES);
    if (!isObject(property) || !isScalar(property.value))
      yield message("VALUE_INVALID", path, `${label} must be {"value": a string or a number}.`);
    else if (String(property.value).length > MAX_USER_PROPERTY_VALUE_LENGTH)
      yield message("VALUE_OUT_OF_BOUNDS", path, `${label} is over ${MAX_USER_PROPERTY_VALUE_LENGTH} characters.`);
    else yield* timestampMessages(path, label, property.timestamp_micros, now);
  }
}

// https://developers.google.com/analytics/devguides/collection/ga4/uid-data
function* userDataMessages(userData: unknown): Messages {
  if (userData === undefined) return;
  if (!isObject(userData)) return yield message("VALUE_INVALID", "user_data", "user_data must be an object.");
  const hashed = [userData, ...[userData.address].flat().filter(isObject)].flatMap((fields) =>
    Object.entries(fields).filter(([name]) => name.startsWith("sha256_")),
  );
  for (const [name, values] of hashed)
    if (![values].flat().every((value) => typeof value === "string" && SHA256_HEX.test(value)))
      yield message("VALUE_INVALID", "user_data", `[${name}] must be a SHA-256 in 64 lower-case hexadecimal digits.`);
}

function* eventMessages(event: unknown, index: number, isWeb: boolean, now: number): Messages {
  const label = `Event at index: [${index}]`;
  if (!isObject(event) || !isFilledString(event.name))
    return yield message("VALUE_REQUIRED", "events", `${label} has no name.`);
  yield* nameMessages("events", label, event.name, MAX_NAME_LENGTH, RESERVED_EVENTS);
  if (isWeb && APP_ONLY_EVENTS.has(event.name))
    yield message("NAME_RESERVED", "events", `${label} has name [${event.name}], which is for app streams only.`);
  yield* timestampMessages("events", label, event.timestamp_micros, now);

  if (event.params === undefined) return;
  if (!isObject(event.params)) return yield message("VALUE_INVALID", "events", `${label} has params of a wrong type.`);
  const { items, timestamp_micros, ...params } = event.params;
  yield* timestampMessages("events", label, timestamp_micros, now);
  const count = Object.keys(event.params).length;
  if (count > MAX_PARAMS)
    yield message("EXCEEDED_MAX_ENTITIES", "events", `${label} has ${count} params; ${MAX_PARAMS} is the most.`);
  for (const [name, value] of Object.entries(params)) yield* paramMessages(`${label} param [${name}]`, name, value);
  yield* moneyMessages(label, event.name, event.params);
  if (items !== undefined) yield* itemMessages(label, items);
}

function* paramMessages(label: string, name: string, value: unknown): Messages {
  yield* nameMessages("events", label, name, MAX_NAME_LENGTH, RESERVED_PARAMS);
  const longest = LONGER_VALUES[name] ?? MAX_VALUE_LENGTH;
  if (!isScalar(value)) yield message("VALUE_INVALID", "events", `${label} must be a string or a number.`);
  else if (String(value).length > longest)
    yield message("VALUE_OUT_OF_BOUNDS", "events", `${label} is longer than ${longest} characters.`);
}

function* moneyMessages(label: string, event: string, params: JsonObject): Messages {
  if (TRANSACTION_EVENTS.has(event) && !isFilledString(params.transaction_id))
    yield message("VALUE_REQUIRED", "events", `${label} param [transaction_id] is required for ${event}.`);
  if (params.currency !== undefined && !CURRENCIES.has(String(params.currency)))
    yield message("VALUE_INVALID", "events", `${label} param [currency] is not a 3-letter ISO 4217 code.`);
  if (!MONEY_EVENTS.has(event) || params.value === undefined) return;
  if (typeof params.value !== "number")
    yield message("VALUE_INVALID", "events", `${label} param [value] must be a number.`);
  if (params.currency === undefined)
    yield message("VALUE_REQUIRED", "events", `${label} param [currency] is required with value.`);
}

function* itemMessages(label: string, items: unknown): Messages {
  if (!Array.isArray(items))
    return yield message("VALUE_INVALID", "events", `${label} param [items] must be an array.`);
  if (items.length > MAX_ITEMS)
    yield message("EXCEEDED_MAX_ENTITIES", "events", `${label} has ${items.length} items; ${MAX_ITEMS} is the most.`);
  for (const [index, item] of items.entries()) {
    const at = `${label} item at index: [${index}]`;
    if (!isObject(item)) {
      yield message("VALUE_INVALID", "events", `${at} must be an object.`);
      continue;
    }
    if (!isFilled(item.item_id) && !isFilled(item.item_name))
      yield message("VALUE_REQUIRED", "events", `${at} needs item_id or item_name.`);
    const custom = Object.keys(item).filter((name) => !ITEM_PARAMS.has(name));
    if (custom.length > MAX_CUSTOM_PARAMS_PER_ITEM)
      yield message("EXCEEDED_MAX_ENTITIES", "events", `${at} has ${custom.length} custom params.`);
    for (const [name, value] of Object.entries(item)) yield* paramMessages(`${at} param [${name}]`, name, value);
  }
}

function* nameMessages(path: string, label: string, name: string, longest: number, reserved: Set<string>): Messages {
  if (!/^[A-Za-z]/.test(name))
    yield message(
      "NAME_INVALID",
      path,
      `${label} has invalid name [${name}]. Names must start with an alphabetic character.`,
    );
  else if (!/^\w+$/.test(name))
    yield message("NAME_INVALID", path, `${label} has invalid name [${name}]. Only letters, digits and underscores.`);
  if (name.length > longest)
    yield message("NAME_INVALID", path, `${label} has invalid name [${name}], longer than ${longest} characters.`);
  if (reserved.has(name) || RESERVED_PREFIX.test(name))
    yield message("NAME_RESERVED", path, `${label} has reserved name [${name}].`);
}

/** RELAXED keeps an older event at the request's time; for the sender that is a wrong report too, so it is a message. */
function* timestampMessages(path: string, label: string, value: unknown, now: number): Messages {
  if (value === undefined) return;
  const micros = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof micros !== "number" || !Number.isInteger(micros))
    return yield message("VALUE_INVALID", path, `${label} has a timestamp that is not whole microseconds.`);
  const ageHours = (now - micros / 1000) / 3_600_000;
  // Today is 10 digits in seconds and 13 in milliseconds; in microseconds that few were the first weeks of 1970.
  if (micros < 1e13) yield message("VALUE_INVALID", path, `${label} has a timestamp in seconds or milliseconds.`);
  else if (ageHours > BACKDATE_HOURS)
    yield message("VALUE_INVALID", path, `${label} has a timestamp more than ${BACKDATE_HOURS} hours ago.`);
  else if (ageHours < -FUTURE_TOLERANCE_MINUTES / 60)
    yield message("VALUE_INVALID", path, `${label} has a timestamp in the future.`);
}

function required(field: string): ValidationMessage {
  return message("VALUE_REQUIRED", field, `[${field}] is required.`);
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

function isFilledString(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isFilled(value: unknown): boolean {
  return isFilledString(value) || typeof value === "number";
}
