// https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/server-event
import { randomBytes } from "node:crypto";
import { isIP } from "node:net";
import { CURRENCIES } from "./currency.ts";
import { isObject, type JsonObject, parseJson } from "./json.ts";
import type { Answer, Vendor, VendorCall } from "./vendor.ts";

export const META_HOSTS = ["graph.facebook.com"];

// https://developers.facebook.com/docs/marketing-api/conversions-api/using-the-api
const MAX_EVENTS = 1000;
const MAX_AGE_DAYS = 7;
const MAX_STORE_AGE_DAYS = 62;
const DEDUP_WINDOW_HOURS = 48;
// A version of the Conversions API is usable for at least two years; v22.0 is of 2025-01-21, v26.0 of 2026-07-29.
const OLDEST_VERSION = 22;
const NEWEST_VERSION = 26;

/** Meta documents no number for this one. */
const FUTURE_TOLERANCE_SECONDS = 60;

const EVENT_KEYS = new Set(
  `event_name event_time event_id event_source_url referrer_url action_source user_data custom_data app_data extinfo
  opt_out advanced_measurement_table data_processing_options data_processing_options_country
  data_processing_options_state original_event_data attribution_data customer_segmentation
  messaging_channel`.split(/\s+/),
);
const ACTION_SOURCES = new Set(
  "email website app phone_call chat physical_store system_generated business_messaging other".split(" "),
);

// https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/customer-information-parameters
const HASHED_KEYS = new Set("em ph fn ln ge db ct st zp country".split(" "));
const PLAIN_KEYS = new Set(
  `external_id client_ip_address client_user_agent fbc fbp subscription_id fb_login_id lead_id anon_id madid page_id
  page_scoped_user_id ctwa_clid ig_account_id ig_sid whatsapp_business_account_id`.split(/\s+/),
);
/** The appendix is what Meta's own parameter builder adds to values it has made. */
const SHA256_HEX = /^[0-9a-f]{64}(\.([\w-]{2}|[\w-]{8}))?$/;
const FBP = /^fb\.\d\.\d{13}\.\d+(\.([\w-]{2}|[\w-]{8}))?$/;
const FBC = /^fb\.\d\.\d{13}\.[\w-]+(\.([\w-]{2}|[\w-]{8}))?$/;
// https://developers.facebook.com/docs/marketing-api/conversions-api/best-practices#baseline-requirements-for-matching
const TOO_BROAD = ["ct country st zp ge client_user_agent", "db client_user_agent", "fn ge", "ln ge"].map(
  (keys) => new Set(keys.split(" ")),
);

// https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/custom-data
const CONTENT_TYPES = new Set(["product", "product_group"]);
const DELIVERY_CATEGORIES = new Set(["in_store", "curbside", "home_delivery"]);

/** The subcodes that public reports of the live endpoint show; Meta publishes no list. */
const SUBCODES = {
  tooOld: 2804003,
  noValue: 2804009,
  noCurrency: 2804010,
  notHashed: 2804016,
  parameter: 2804019,
  badDevice: 2804043,
  tooBroad: 2804050,
};

interface Refusal {
  subcode: number;
  title: string;
  why: string;
}

export const meta: Vendor = {
  name: "meta",
  dedupWindowMs: DEDUP_WINDOW_HOURS * 3_600_000,

  receive(call) {
    const body = readBody(call);
    const data = readData(body);
    const sent = (Array.isArray(data) ? data : []).map((event) => ({ ...identify(event), accepted: false }));
    const refused = refuseCall(call, body) ?? refuseData(data, call.now);
    if (refused) return { answer: refused, events: sent };
    return { answer: received(sent.length), events: sent.map((event) => ({ ...event, accepted: true })) };
  },

  // Meta documents no partial success: a batch is taken or refused as a whole. What is seen in the wild is a 200 that
  // counts fewer events than were sent and does not say which, so that is what this does.
  partial(verdict, keeps) {
    if (verdict.answer.status !== 200) return verdict;
    const events = verdict.events.map((event) => ({ ...event, accepted: keeps() }));
    return { events, answer: received(events.filter((event) => event.accepted).length) };
  },

  fault(fault) {
    // Live, this error comes as HTTP 400 (issue singer-io/tap-facebook#192); the status is the one asked of the sink.
    if (fault === "429")
      return graphError(429, {
        message: "(#80004) There have been too many calls to this ad-account. Wait a bit and try again.",
        type: "OAuthException",
        code: 80004,
        error_subcode: 2446079,
        headers: { "retry-after": "1" },
      });
    return graphError(fault === "500" ? 500 : 200, {
      message: "An unexpected error has occurred. Please retry your request later.",
      type: "OAuthException",
      is_transient: true,
      code: 2,
    });
  },
};

function received(count: number): Answer {
  return { status: 200, body: { events_received: count, messages: [], fbtrace_id: traceId() } };
}

// https://developers.facebook.com/docs/graph-api/guides/error-handling
function graphError(status: number, { headers, ...error }: JsonObject & { headers?: Record<string, string> }): Answer {
  return { status, ...(headers && { headers }), body: { error: { ...error, fbtrace_id: traceId() } } };
}

function invalidParameter({ subcode, title, why }: Refusal): Answer {
  return graphError(400, {
    message: "Invalid parameter",
    type: "OAuthException",
    code: 100,
    error_subcode: subcode,
    is_transient: false,
    error_user_title: title,
    error_user_msg: why,
  });
}

function traceId(): string {
  return `A${randomBytes(16).toString("base64url")}`;
}

/** A JSON object, or a form as Graph takes it everywhere; undefined when it is neither. */
function readBody(call: VendorCall): JsonObject | undefined {
  const text = call.body.toString();
  if (call.headers["content-type"]?.startsWith("application/x-www-form-urlencoded"))
    return Object.fromEntries(new URLSearchParams(text));
  const body = parseJson(text);
  return isObject(body) ? body : undefined;
}

/** Graph reads a parameter that is JSON in a string as if it had been sent plain; so do forms send `data`. */
function readData(body: JsonObject | undefined): unknown {
  const unwrap = (value: unknown) => (typeof value === "string" ? parseJson(value) : value);
  const data = unwrap(body?.data);
  return Array.isArray(data) ? data.map(unwrap) : data;
}

function identify(event: unknown) {
  if (!isObject(event) || typeof event.event_id !== "string") return {};
  return { message_id: event.event_id, dedup_key: `${event.event_name} ${event.event_id}` };
}

/** What is wrong with the address, the token or the body as a whole. */
function refuseCall(call: VendorCall, body: JsonObject | undefined): Answer | undefined {
  const [, version, pixel] = /^\/v(\d+)\.0\/([^/]+)\/events\/?$/.exec(call.url.pathname) ?? [];
  const unknownPath = { type: "OAuthException", code: 2500, message: `Unknown path components: ${call.url.pathname}` };
  if (version === undefined || pixel === undefined) return graphError(404, unknownPath);
  if (Number(version) > NEWEST_VERSION) return graphError(400, unknownPath);
  if (Number(version) < OLDEST_VERSION)
    return graphError(400, {
      message: `(#2635) You are calling a deprecated version. Please update to the latest version: v${NEWEST_VERSION}.0.`,
      type: "OAuthException",
      code: 2635,
    });

  const token =
    call.url.searchParams.get("access_token") ||
    body?.access_token ||
    call.headers.authorization?.replace(/^(Bearer|OAuth)\s+/i, "");
  if (typeof token !== "string" || token === "")
    return graphError(401, {
      message: "Invalid OAuth access token - Cannot parse access token",
      type: "OAuthException",
      code: 190,
    });
  if (token === "EXPIRED")
    return graphError(400, {
      message: "Error validating access token: Session has expired.",
      type: "OAuthException",
      code: 190,
      error_subcode: 463,
    });

  if (call.method !== "POST" || !/^\d+$/.test(pixel))
    return graphError(400, {
      message: `Unsupported ${call.method.toLowerCase()} request. Object with ID '${pixel}' does not exist, cannot be loaded due to missing permissions, or does not support this operation`,
      type: "GraphMethodException",
      code: 100,
      error_subcode: 33,
    });
  return body ? undefined : invalidParameter(parameter("The body is neither a JSON object nor a form."));
}

/** One bad event refuses the whole request, and the answer speaks of the first one only. */
function refuseData(data: unknown, now: number): Answer | undefined {
  if (!Array.isArray(data) || data.length === 0)
    return invalidParameter(parameter("The parameter data is required: an array of server events."));
  if (data.length > MAX_EVENTS)
    return invalidParameter(parameter(`There are ${data.length} events in data; ${MAX_EVENTS} is the most.`));
  for (const [index, event] of data.entries()) {
    const { value: refusal } = refusals(event, `$['data'][${index}]`, now).next();
    if (refusal) return invalidParameter(refusal);
  }
  return undefined;
}

function parameter(why: string): Refusal {
  return { subcode: SUBCODES.parameter, title: "Server Side Api Parameter Error", why };
}

function* refusals(event: unknown, at: string, now: number): Generator<Refusal, void> {
  if (!isObject(event)) return yield parameter(`${at} must be an object.`);
  for (const key of Object.keys(event))
    if (!EVENT_KEYS.has(key)) yield parameter(`Unexpected key "${key}" on param "${at}".`);
  if (!isFilledString(event.event_name)) yield parameter(`${at}['event_name'] is required.`);
  if (event.event_id !== undefined && !isFilledString(event.event_id))
    yield parameter(`${at}['event_id'] must be a string.`);
  if (event.opt_out !== undefined && typeof event.opt_out !== "boolean")
    yield parameter(`${at}['opt_out'] must be a boolean.`);
  yield* timeRefusals(event, at, now);
  yield* sourceRefusals(event, at);
  yield* userRefusals(event.user_data, `${at}['user_data']`);
  yield* customDataRefusals(event, `${at}['custom_data']`);
  yield* processingOptionRefusals(event, at);
}

function* timeRefusals(event: JsonObject, at: string, now: number): Generator<Refusal, void> {
  const time = event.event_time;
  if (typeof time !== "number" || !Number.isInteger(time))
    return yield parameter(`${at}['event_time'] must be a Unix timestamp in seconds.`);
  const ageSeconds = now / 1000 - time;
  const days = event.action_source === "physical_store" ? MAX_STORE_AGE_DAYS : MAX_AGE_DAYS;
  if (ageSeconds > days * 86_400)
    yield {
      subcode: SUBCODES.tooOld,
      title: "Event Timestamp Too Old",
      why: `The timestamp for this event is too far in the past. Enter one of the last ${days} days.`,
    };
  if (ageSeconds < -FUTURE_TOLERANCE_SECONDS) yield parameter(`${at}['event_time'] is in the future.`);
}

function* sourceRefusals(event: JsonObject, at: string): Generator<Refusal, void> {
  if (!ACTION_SOURCES.has(String(event.action_source)))
    yield parameter(`${at}['action_source'] must be one of ${[...ACTION_SOURCES].join(", ")}.`);
  // The pages call both of these required. Live, an event without the user agent has been seen to pass.
  if (event.action_source === "website") {
    if (!isFilledString(event.event_source_url) || !URL.canParse(event.event_source_url))
      yield parameter(`${at}['event_source_url'] is required for website events.`);
    if (!isObject(event.user_data) || !isFilledString(event.user_data.client_user_agent))
      yield parameter(`${at}['user_data']['client_user_agent'] is required for website events.`);
  }
  if (event.action_source === "app") {
    const device = isObject(event.app_data) ? event.app_data.extinfo : undefined;
    // https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/app-data
    if (!Array.isArray(device) || device.length !== 16 || !/^[ai]2$/.test(String(device[0])) || !device[4])
      yield {
        subcode: SUBCODES.badDevice,
        title: "Invalid Extended Device Information",
        why: `${at}['app_data']['extinfo'] must have 16 values, the first a2 or i2, the fifth the version of the system.`,
      };
  }
}

function* userRefusals(user: unknown, at: string): Generator<Refusal, void> {
  if (!isObject(user)) return yield parameter(`The parameter ${at} is required.`);
  for (const [key, value] of Object.entries(user)) {
    const values = [value].flat();
    if (HASHED_KEYS.has(key)) {
      if (!values.every((hash) => typeof hash === "string" && SHA256_HEX.test(hash)))
        yield {
          subcode: SUBCODES.notHashed,
          title: "User Parameter Not Hashed",
          why: `The ${key} parameter isn't hashed. Hash it as SHA256, in 64 lower-case hexadecimal digits.`,
        };
    } else if (!PLAIN_KEYS.has(key)) yield parameter(`Unexpected key "${key}" on param "${at}".`);
    else if (!values.every((plain) => isFilledString(plain) || Number.isInteger(plain)))
      yield parameter(`${at}['${key}'] must be a string.`);
  }
  // Live, these three show up as a diagnostic in Events Manager; no report of a refusal was found.
  if (user.client_ip_address !== undefined && !isIP(String(user.client_ip_address)))
    yield parameter(`${at}['client_ip_address'] must be an IPv4 or IPv6 address.`);
  if (user.fbp !== undefined && !FBP.test(String(user.fbp)))
    yield parameter(`${at}['fbp'] must be fb.<subdomain index>.<creation ms>.<random number>.`);
  if (user.fbc !== undefined && !FBC.test(String(user.fbc)))
    yield parameter(`${at}['fbc'] must be fb.<subdomain index>.<creation ms>.<fbclid>.`);

  const given = Object.keys(user).filter((key) => [user[key]].flat().length > 0);
  if (TOO_BROAD.some((combination) => given.every((key) => combination.has(key))))
    yield {
      subcode: SUBCODES.tooBroad,
      title: "You Haven't Added Sufficient Customer Information Parameter Data For This Event",
      why: `${at} is unlikely to match anyone: it has only ${given.join(", ") || "nothing"}.`,
    };
}

function* customDataRefusals(event: JsonObject, at: string): Generator<Refusal, void> {
  const custom = event.custom_data ?? {};
  if (!isObject(custom)) return yield parameter(`${at} must be an object.`);
  const { value, currency } = custom;
  if (value === undefined ? event.event_name === "Purchase" : !isAmount(value))
    yield { subcode: SUBCODES.noValue, title: "Invalid Value", why: `${at}['value'] must be a number.` };
  // Lower case passes too, as seen live.
  if (currency === undefined ? event.event_name === "Purchase" : !CURRENCIES.has(String(currency).toUpperCase()))
    yield {
      subcode: SUBCODES.noCurrency,
      title: "Invalid Currency",
      why: `${at}['currency'] must be an ISO 4217 code.`,
    };

  if (custom.content_ids !== undefined && !(Array.isArray(custom.content_ids) && custom.content_ids.every(isId)))
    yield parameter(`${at}['content_ids'] must be an array of strings.`);
  if (custom.content_type !== undefined && !CONTENT_TYPES.has(String(custom.content_type)))
    yield parameter(`${at}['content_type'] must be product or product_group.`);
  if (custom.num_items !== undefined && !Number.isInteger(Number(custom.num_items)))
    yield parameter(`${at}['num_items'] must be an integer.`);
  if (custom.contents !== undefined && !(Array.isArray(custom.contents) && custom.contents.every(isContent)))
    yield parameter(`${at}['contents'] must be an array of {id, quantity, item_price?, delivery_category?}.`);
}

// https://developers.facebook.com/docs/marketing-api/data-processing-options
function* processingOptionRefusals(event: JsonObject, at: string): Generator<Refusal, void> {
  const options = event.data_processing_options;
  if (options === undefined) return;
  if (!Array.isArray(options) || options.some((option) => option !== "LDU"))
    yield parameter(`${at}['data_processing_options'] must be [] or ["LDU"].`);
  else if (options.length > 0) {
    if (event.data_processing_options_country !== 0 && event.data_processing_options_country !== 1)
      yield parameter(`${at}['data_processing_options_country'] must be 0 or 1 with LDU.`);
    if (!Number.isInteger(event.data_processing_options_state))
      yield parameter(`${at}['data_processing_options_state'] must be an integer with LDU.`);
  }
}

function isContent(content: unknown): boolean {
  return (
    isObject(content) &&
    isId(content.id) &&
    isAmount(content.quantity) &&
    Number(content.quantity) > 0 &&
    (content.item_price === undefined || isAmount(content.item_price)) &&
    (content.delivery_category === undefined || DELIVERY_CATEGORIES.has(String(content.delivery_category)))
  );
}

function isId(value: unknown): boolean {
  return isFilledString(value) || typeof value === "number";
}

/** Meta's own payload helper writes amounts as strings, so a number in a string passes. */
function isAmount(value: unknown): boolean {
  return typeof value === "number" ? Number.isFinite(value) : isFilledString(value) && Number.isFinite(Number(value));
}

function isFilledString(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
