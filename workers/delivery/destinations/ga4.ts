// https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference
import * as z from "zod";
import {
  currencyOf,
  eventTable,
  hasSingleProduct,
  orderIdOf,
  PRODUCT_FIELDS,
  type Product,
  productsOf,
  worthOf,
} from "../../../core/commerce.ts";
import type { Event } from "../../../core/event.ts";
import { hash64 } from "../../../core/hash.ts";
import { CONTACT_PROPERTIES, identifiers, personOf } from "../../../core/identifiers.ts";
import { defined, number, record, type Scalar, scalar, text, unlessEmpty } from "../../../core/values.ts";
import {
  defineDestination,
  eventTime,
  httpOutcome,
  isSkip,
  type Outcome,
  type Public,
  type Skip,
  secret,
  skip,
} from "../destination.ts";
import { ga4Examples } from "./ga4.examples.ts";

const settings = z.object({
  measurement_id: z.string().regex(/^G-[A-Z0-9]+$/, "a GA4 measurement id begins with G-"),
  api_secret: secret(),
  /** Where Google receives the events. Absent: global. */
  endpoint_region: z.enum(["global", "eu"]).optional(),
  /** Marks every event for DebugView. They still count. */
  debug: z.boolean().optional(),
  /** Sends hashed e-mail, phone, name and address. The property's owner must have accepted Google's terms for it. */
  send_user_data: z.boolean().optional(),
  /** The event that an identify call becomes, e.g. `login`. Absent: none, its facts travel with the other events. */
  identify_as: z.string().min(1).max(40).optional(),
});
export type Ga4Settings = z.infer<typeof settings>;

type Params = Record<string, Scalar | boolean | Record<string, Scalar>[]>;

/** `shared` stands at the top of a request, so only events that agree in all of it may travel together. */
export interface Ga4Payload {
  shared: Record<string, unknown> & { client_id: string };
  event: { name: string; timestamp_micros: number; params: Params };
}

const MOST_PARAMS = 25;
const MOST_ITEMS = 200;

const param = z.union([z.string(), z.number(), z.boolean()]);
const paramKey = z
  .string()
  .regex(/^\p{L}[\p{L}\p{N}_]{0,39}$/u, "a name is up to 40 letters, digits and _, a letter first");
/** https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference#payload_post_body, and its limits. */
const payload = z.compile(
  z.object({
    shared: z.looseObject({ client_id: z.string().min(1) }),
    event: z.object({
      name: paramKey,
      timestamp_micros: z.int(),
      params: z
        .record(paramKey, z.union([param, z.array(z.record(z.string(), param)).max(MOST_ITEMS)]))
        .refine(
          (params) => Object.keys(params).length <= MOST_PARAMS,
          `an event has at most ${MOST_PARAMS} parameters`,
        ),
    }),
  }),
) as unknown as z.ZodType<Ga4Payload>;

const LIST = { list_id: "item_list_id", category: "item_list_name" };
const PROMOTION = { name: "promotion_name", creative: "creative_name", position: "creative_slot" };
const CHECKOUT = { shipping_method: "shipping_tier", payment_method: "payment_type" };

/** Segment's event → Google's, with the properties that go by another name there. */
const EVENTS = eventTable<{ name: string; rename?: Record<string, string> }>({
  "Products Searched": { name: "search", rename: { query: "search_term" } },
  "Product List Viewed": { name: "view_item_list", rename: LIST },
  "Product List Filtered": { name: "view_item_list", rename: LIST },
  "Promotion Viewed": { name: "view_promotion", rename: PROMOTION },
  "Promotion Clicked": { name: "select_promotion", rename: PROMOTION },
  "Product Clicked": { name: "select_item", rename: LIST },
  "Product Viewed": { name: "view_item" },
  "Product Added": { name: "add_to_cart" },
  "Product Removed": { name: "remove_from_cart" },
  "Wishlist Product Added to Cart": { name: "add_to_cart" },
  "Product Added to Wishlist": { name: "add_to_wishlist" },
  "Product Shared": { name: "share", rename: { share_via: "method" } },
  "Cart Shared": { name: "share", rename: { share_via: "method", cart_id: "item_id" } },
  "Cart Viewed": { name: "view_cart" },
  "Checkout Started": { name: "begin_checkout" },
  "Checkout Step Completed": { name: "add_shipping_info", rename: CHECKOUT },
  "Payment Info Entered": { name: "add_payment_info", rename: CHECKOUT },
  "Order Completed": { name: "purchase" },
  "Order Refunded": { name: "refund" },
  "Signed Up": { name: "sign_up" },
  "Signed In": { name: "login" },
});

const RESERVED_EVENTS = new Set(
  `ad_activeview ad_click ad_exposure ad_query ad_reward adunit_exposure app_clear_data app_exception app_install app_remove
  app_store_refund app_update app_upgrade dynamic_link_app_open dynamic_link_app_update dynamic_link_first_open error
  firebase_campaign firebase_in_app_message_action firebase_in_app_message_dismiss firebase_in_app_message_impression
  first_open first_visit notification_dismiss notification_foreground notification_open notification_receive
  notification_send os_update session_start user_engagement ad_impression in_app_purchase screen_view`.split(/\s+/),
);
const RESERVED_PREFIX = /^(_|firebase_|ga_|google_|gtag\.|query_id)/;

const MOST_CUSTOM_ITEM_PARAMS = 10;
const NAME_LENGTH = 40;
const VALUE_LENGTH = 100;
/** https://support.google.com/analytics/answer/9267744: page parameters may be longer than any other. */
const PAGE_LENGTHS = new Map([
  ["page_location", 1_000],
  ["page_referrer", 420],
  ["page_title", 300],
]);

export const ga4 = defineDestination<Ga4Settings, Ga4Payload>({
  name: "ga4",
  title: "Google Analytics 4",
  purpose: "analytics",
  settings,
  exampleSettings: { measurement_id: "G-EXAMPLE123", api_secret: "example-api-secret" },
  // Google states no rate. A request may be 130 kB; 72 h is how far back an event may lie.
  limits: {
    eventsPerRequest: 25,
    bytesPerRequest: 130_000,
    // Google publishes no rate for the Measurement Protocol; this only keeps one shop's backlog from being a flood.
    requestsPerSecond: 1_000,
    giveUpAfterHours: 72,
    timeoutMs: 10_000,
  },
  payload,
  eventName: ({ event }) => event.name,
  groupBy: ({ shared }) => JSON.stringify(shared),

  map(event, settings): Ga4Payload | Skip {
    const name = eventName(event, settings);
    if (isSkip(name)) return name;
    const time = eventTime(event, 72);
    if (isSkip(time)) return time;
    const params = eventParams(event, name, settings);
    if (isSkip(params)) return params;
    return { shared: sharedFacts(event, settings), event: { name, timestamp_micros: time.getTime() * 1_000, params } };
  },

  request(payloads, { measurement_id, api_secret, endpoint_region }) {
    const host = endpoint_region === "eu" ? "region1.google-analytics.com" : "www.google-analytics.com";
    return {
      url: `https://${host}/mp/collect?${new URLSearchParams({ measurement_id, api_secret })}`,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...payloads[0]!.shared, events: payloads.map(({ event }) => event) }),
    };
  },

  // Google answers 204 to anything it can read, a wrong secret included: "delivered" here says received, not counted.
  outcome(response, payloads): Outcome {
    const outcome = httpOutcome(response);
    return outcome.outcome === "rejected" && payloads.length > 1 ? { ...outcome, outcome: "batch_refused" } : outcome;
  },

  examples: ga4Examples,
});

function eventName(event: Event, { identify_as }: Public<Ga4Settings>): string | Skip {
  if (event.type === "page") return "page_view";
  if (event.type === "group") return "join_group";
  if (event.type === "screen") return skip("event_not_mapped", "screen_view belongs to app streams");
  const called = event.type === "track" ? event.event : event.type === "identify" ? identify_as : undefined;
  if (!called) return skip("event_not_mapped", `${event.type}: its facts travel with the other events`);
  const name = EVENTS(event)?.name ?? googleName(called, "event");
  if (!name) return skip("invalid_value", `"${called}" has no letters that a GA4 event name could be made of`);
  if (RESERVED_EVENTS.has(name) || RESERVED_PREFIX.test(name)) {
    return skip("invalid_value", `"${name}" is reserved by Google Analytics`);
  }
  return name;
}

/** Letters, digits and underscores, a letter first, of any script: https://support.google.com/analytics/answer/13316687 */
function googleName(name: string, prefix: string): string {
  const cleaned = name.replace(/[^\p{L}\p{N}_]+/gu, "_").replace(/^_+|_+$/g, "");
  return cleaned && cut(/^\p{L}/u.test(cleaned) ? cleaned : `${prefix}_${cleaned}`, NAME_LENGTH);
}

function sharedFacts(event: Event, settings: Public<Ga4Settings>): Ga4Payload["shared"] {
  const { user_id, context } = event;
  const marketing = context.consent?.marketing;
  const choice = marketing ? "GRANTED" : "DENIED";
  return {
    client_id: clientId(event),
    ...defined({
      user_id,
      consent: marketing === undefined ? undefined : { ad_user_data: choice, ad_personalization: choice },
      // Identifiers serve advertising: who refused that is not looked up by them.
      user_data: settings.send_user_data && marketing !== false ? userData(event) : undefined,
      ...placeAndDevice(event),
    }),
  };
}

/**
 * Two positive numbers joined by a period, as in the `_ga` cookie, or Google "must" not take it. Visitors without that
 * cookie (server SDKs) get one from their anonymous_id, always the same.
 */
function clientId({ anonymous_id, context }: Event): string {
  const cookie = context.vendor_ids?.ga_client_id;
  if (cookie && /^\d+\.\d+$/.test(cookie)) return cookie;
  const { high, low } = hash64(anonymous_id);
  return `${high || 1}.${low || 1}`;
}

function userData(event: Event) {
  const { sha256_email_address, sha256_phone_number, ...address } = identifiers("ga4", personOf(event));
  const { sha256_first_name, sha256_last_name, sha256_street } = address;
  return unlessEmpty(
    defined({
      sha256_email_address: sha256_email_address && [sha256_email_address],
      sha256_phone_number: sha256_phone_number && [sha256_phone_number],
      // A place without a person in it identifies nobody.
      address: (sha256_first_name ?? sha256_last_name ?? sha256_street) ? [address] : undefined,
    }),
  );
}

/**
 * Google reads nothing from the request itself, which comes from a server. Of each pair it takes the first: user_location
 * before ip_override, device before user_agent. Without a region our location says less than the address, so then the
 * address goes; a city without its region is not even understood.
 */
function placeAndDevice({ context }: Event) {
  const { country, region, region_code, city } = record(context.location);
  const code = [region_code, region].map(text).find((part) => part && /^([A-Z]{2}-)?[A-Z0-9]{1,3}$/.test(part));
  const location = defined({
    country_id: text(country),
    region_id: code && text(country) ? (code.includes("-") ? code : `${text(country)}-${code}`) : undefined,
    city: text(city),
  });
  const { width, height } = record(context.screen);
  const { device, browser, os } = context;
  const about = defined({
    category: device?.type === "smarttv" ? "smart TV" : device?.type,
    language: context.locale?.replace("_", "-"),
    screen_resolution: number(width) && number(height) ? `${number(width)}x${number(height)}` : undefined,
    operating_system: os?.name,
    operating_system_version: os?.version,
    model: device?.model,
    brand: device?.vendor,
    browser: browser?.name,
    browser_version: browser?.version,
  });
  const hasParsed = Boolean(about.category ?? about.operating_system ?? about.browser);
  const { user_agent, ip } = context;
  return {
    ...(location.region_id || !ip ? { user_location: unlessEmpty(location) } : { ip_override: ip }),
    ...(hasParsed || !user_agent ? { device: unlessEmpty(about) } : { user_agent }),
  };
}

/** The 25 parameters that matter most, in that order: what reports need, then what the customer added. */
function eventParams(event: Event, name: string, settings: Public<Ga4Settings>): Params | Skip {
  const { properties, context } = event;
  const order = name === "purchase" || name === "refund";
  const transaction_id = order ? orderIdOf(event) : undefined;
  const value = worthOf(event);
  const currency = currencyOf(event);
  if (order && !transaction_id) return skip("missing_field", `${name} needs properties.order_id`);
  if (transaction_id && transaction_id.length > VALUE_LENGTH) {
    return skip(
      "invalid_value",
      `order_id is longer than ${VALUE_LENGTH} characters: cut, two orders could become one`,
    );
  }
  if (order && value !== undefined && !currency) {
    return skip("missing_field", `${name} has a value: it needs properties.currency, three letters`);
  }

  const params: Params = {};
  const add = (key: string, added: Params[string] | undefined) => {
    if (!key || added === undefined || Object.hasOwn(params, key) || Object.keys(params).length >= MOST_PARAMS) return;
    params[key] = typeof added === "string" ? cut(added, PAGE_LENGTHS.get(key) ?? VALUE_LENGTH) : added;
  };
  const { page } = context;
  const session = sessionOf(event, settings);
  // Without these two an event belongs to no session and shows in no realtime report.
  add("session_id", number(properties.session_id) ?? session?.id);
  add("engagement_time_msec", number(properties.engagement_time_msec) ?? 1);
  if (settings.debug) add("debug_mode", true);
  add("transaction_id", transaction_id);
  add("currency", currency);
  if (currency) add("value", value);
  add("items", unlessEmpty(productsOf(event).slice(0, MOST_ITEMS).map(item)));
  if (name === "join_group") add("group_id", event.group_id);
  add("page_location", text(page?.url));
  add("page_title", text(page?.title));
  add("page_referrer", text(page?.referrer));
  // Google has no field to tell a repeated event by. As a parameter the id does no harm, and BigQuery can find twins by
  // it. Cut, it would name another event.
  add("message_id", event.message_id.length <= VALUE_LENGTH ? event.message_id : undefined);
  add("session_number", session?.number);
  const rename = new Map(Object.entries(EVENTS(event)?.rename ?? {}));
  for (const [property, held] of Object.entries(properties)) {
    if (!isTold(event, property)) add(paramName(rename.get(property) ?? property), scalar(held));
  }
  return params;
}

/** Google takes events into a session for a day: https://developers.google.com/analytics/devguides/collection/protocol/ga4/use-cases */
const SESSION_S = 86_400;
/** Events that wait for the browser's first answer happened before the session that it then got. */
const BEFORE_SESSION_S = 1_800;

/**
 * The session of the `_ga_<stream>` cookie, which Google's own tag counts too, where the event lies in it: a visitor is remembered with
 * the last one, and what a server reports a week later does not belong there. Otherwise ours, whose start is its id.
 */
function sessionOf(
  { timestamp, context }: Event,
  settings: Public<Ga4Settings>,
): { id: number; number?: number | undefined } | undefined {
  const { vendor_ids = {}, session } = context;
  const own = `_${settings.measurement_id.slice("G-".length)}`;
  const of = vendor_ids[`ga_session_id${own}`] === undefined ? "" : own;
  const id = number(vendor_ids[`ga_session_id${of}`]);
  const into = id === undefined ? Number.NaN : Date.parse(timestamp) / 1_000 - id;
  if (id !== undefined && into >= -BEFORE_SESSION_S && into < SESSION_S) {
    return { id, number: number(vendor_ids[`ga_session_number${of}`]) };
  }
  return session && { id: Math.floor(Date.parse(session.started_at) / 1_000), number: session.number };
}

/** A property's name as Google takes it; empty where Google keeps that name for itself. */
function paramName(property: string): string {
  const name = googleName(property, "param");
  return RESERVED_PREFIX.test(property) || name === "firebase_conversion" ? "" : name;
}

const TOLD = new Set(
  "products currency value revenue order_id transaction_id session_id engagement_time_msec".split(" "),
);
const TOLD_BY_PAGE = new Set("url path search title referrer".split(" "));

/** Whether a property stands elsewhere: in the parameters above, in `items`, or hashed, since Google bans people in clear. */
function isTold(event: Event, property: string): boolean {
  if (TOLD.has(property) || CONTACT_PROPERTIES.has(property)) return true;
  if (event.type === "page") return TOLD_BY_PAGE.has(property);
  return hasSingleProduct(event) && PRODUCT_FIELDS.has(property);
}

function item({ id, name, brand, category, variant, position, custom, ...product }: Product): Record<string, Scalar> {
  const known = {
    item_id: id,
    item_name: name,
    item_brand: brand,
    item_category: category,
    item_variant: variant,
    index: position,
    ...product,
  };
  const others = Object.entries(custom).map(([field, held]) => [paramName(field), held] as const);
  const kept = others.filter(([field]) => field && !(field in known)).slice(0, MOST_CUSTOM_ITEM_PARAMS);
  const all = Object.entries(defined({ ...known, ...Object.fromEntries(kept) }));
  return Object.fromEntries(
    all.map(([field, held]) => [field, typeof held === "string" ? cut(held, VALUE_LENGTH) : held!]),
  );
}

/** The first `length` UTF-16 units, never half of a character. */
function cut(written: string, length: number): string {
  return written.length <= length ? written : written.slice(0, length).replace(/[\uD800-\uDBFF]$/, "");
}
