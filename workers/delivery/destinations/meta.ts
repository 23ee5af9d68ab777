// https://developers.facebook.com/documentation/ads-commerce/conversions-api/parameters
import * as z from "zod";
import { currencyOf, eventTable, orderIdOf, piecesOf, productsOf, worthOf } from "../../../core/commerce.ts";
import type { Event } from "../../../core/event.ts";
import { CONTACT_PROPERTIES, externalIds, identifiers, personOf } from "../../../core/identifiers.ts";
import { defined, isRecord, number, pick, record, scalar, unlessEmpty } from "../../../core/values.ts";
import {
  defineDestination,
  eventTime,
  httpOutcome,
  isSkip,
  type Outcome,
  type Skip,
  secret,
  skip,
} from "../destination.ts";
import { webAddress } from "../visit.ts";
import { metaExamples } from "./meta.examples.ts";

/** Supported until July 2028 at least: https://developers.facebook.com/docs/graph-api/changelog */
const VERSION = "v26.0";

const settings = z.object({
  /** Of the pixel, or of the dataset that holds it. */
  pixel_id: z.string().regex(/^\d+$/, "a pixel id is digits only"),
  access_token: secret(),
  /** Shows events under "Test events". Meta counts them all the same. */
  test_event_code: z.string().min(1).optional(),
  /** Where the customer's events happen; Meta holds them to the truth of it. Absent: website. */
  action_source: z
    .enum(["website", "app", "email", "phone_call", "chat", "physical_store", "system_generated", "other"])
    .optional(),
  /** Restricts what Meta does with people from US states with such laws; Meta tells them by their IP address. */
  limited_data_use: z.boolean().optional(),
  /** The event that an identify call becomes, e.g. `CompleteRegistration`. Absent: none. */
  identify_as: z.string().min(1).max(50).optional(),
});
export type MetaSettings = z.infer<typeof settings>;

export interface MetaEvent {
  event_name: string;
  /** Unix seconds. */
  event_time: number;
  event_id: string;
  action_source: string;
  user_data: Record<string, string | string[]>;
  event_source_url?: string;
  referrer_url?: string;
  custom_data?: Record<string, unknown>;
  data_processing_options?: ["LDU"];
  data_processing_options_country?: 0;
  data_processing_options_state?: 0;
}

/** https://developers.facebook.com/documentation/ads-commerce/conversions-api/parameters/server-event: one wrong event costs its whole request. */
const payload = z.compile(
  z
    .looseObject({
      event_name: z.string().min(1),
      event_time: z.int(),
      event_id: z.string().min(1),
      action_source: z.string(),
      user_data: z
        .record(z.string(), z.union([z.string(), z.array(z.string())]))
        .refine((data) => Object.keys(data).length > 0, "Meta must be told something of the person"),
      event_source_url: z
        .string()
        .regex(/^https?:\/\//i, "an address begins with http:// or https://")
        .optional(),
      custom_data: z
        .looseObject({
          value: z.number().optional(),
          currency: z
            .string()
            .regex(/^[A-Z]{3}$/, "a currency is three capital letters")
            .optional(),
        })
        .optional(),
    })
    .superRefine(({ event_name, action_source, event_source_url, user_data, custom_data }, issues) => {
      const missing = (path: string[], message: string) => issues.addIssue({ code: "custom", path, message });
      if (action_source === "website") {
        if (event_source_url === undefined) missing(["event_source_url"], "a website event needs it");
        if (user_data.client_user_agent === undefined)
          missing(["user_data", "client_user_agent"], "a website event needs it");
      }
      if (event_name === "Purchase" && (custom_data?.value === undefined || custom_data.currency === undefined))
        missing(["custom_data"], "a Purchase needs value and currency");
    }),
) as unknown as z.ZodType<MetaEvent>;

/** Segment's event → Meta's. Any other `track` keeps its name: Meta's own standard events pass, the rest are custom. */
const EVENTS = eventTable({
  "Product List Viewed": "ViewContent",
  "Product Viewed": "ViewContent",
  "Products Searched": "Search",
  "Product Added": "AddToCart",
  "Wishlist Product Added to Cart": "AddToCart",
  "Product Added to Wishlist": "AddToWishlist",
  "Checkout Started": "InitiateCheckout",
  "Payment Info Entered": "AddPaymentInfo",
  "Order Completed": "Purchase",
  "Signed Up": "CompleteRegistration",
});

function eventName(event: Event, identifyAs: string | undefined): string | undefined {
  if (event.type === "page") return "PageView";
  if (event.type === "track") return EVENTS(event) ?? event.event;
  return event.type === "identify" ? identifyAs : undefined;
}

export const meta = defineDestination<MetaSettings, MetaEvent>({
  name: "meta",
  title: "Meta Conversions API",
  purpose: "marketing",
  settings,
  exampleSettings: { pixel_id: "1234567890", access_token: "EAAexample-access-token" },
  // Meta recommends a timeout of 1.5 s, for servers that hold a visitor's request meanwhile; nobody waits for us, and a
  // thousand events take longer. It tells repeated events by event_id for 48 h, and takes none from over 7 days ago.
  limits: { eventsPerRequest: 1_000, requestsPerSecond: 50, giveUpAfterHours: 168, timeoutMs: 10_000 },

  identifiersIn: ({ user_data }) => Object.keys(user_data),
  payload,
  eventName: ({ event_name }) => event_name,

  map(event, { action_source = "website", limited_data_use, identify_as }): MetaEvent | Skip {
    const name = eventName(event, identify_as);
    if (!name) return skip("event_not_mapped", `Meta has no event for "${event.type}"`);
    // One event too old makes Meta refuse the whole request. Shops may report what happened over their counter for longer.
    const time = eventTime(event, (action_source === "physical_store" ? 62 : 7) * 24);
    if (isSkip(time)) return time;

    const { user_agent, page } = event.context;
    const event_source_url = webAddress(page?.url);
    if (action_source === "website") {
      if (!user_agent) return skip("missing_field", "a website event needs context.user_agent");
      if (!event_source_url) return skip("missing_field", "a website event needs context.page.url, http or https");
    }
    const custom_data = customData(event, name);
    if (name === "Purchase" && (custom_data.value === undefined || custom_data.currency === undefined)) {
      return skip("missing_field", "a Purchase needs a value and a currency of three letters");
    }
    return {
      event_name: name,
      event_time: Math.floor(time.getTime() / 1_000),
      event_id: event.message_id,
      action_source,
      ...defined({
        event_source_url,
        referrer_url: webAddress(page?.referrer),
      }),
      user_data: userData(event, time),
      ...defined({ custom_data: unlessEmpty(custom_data) }),
      ...(limited_data_use && LIMITED_DATA_USE),
    };
  },

  request(payloads, { pixel_id, access_token, test_event_code }) {
    return {
      url: `https://graph.facebook.com/${VERSION}/${pixel_id}/events`,
      method: "POST",
      // In a header, because addresses end up in logs.
      headers: { "content-type": "application/json", authorization: `Bearer ${access_token}` },
      body: JSON.stringify({ data: payloads, ...(test_event_code && { test_event_code }) }),
    };
  },

  // https://developers.facebook.com/docs/graph-api/guides/error-handling: the code decides, since Meta sends errors with
  // HTTP 200, passing ones with 400 and throttling with 403.
  outcome(response, payloads): Outcome {
    const refused = (reason: string): Outcome =>
      payloads.length > 1 ? { outcome: "batch_refused", reason } : { outcome: "rejected", reason };
    const answer = record(response.json);
    if (isRecord(answer.error)) return outcomeOfError(answer.error, response.status, refused);

    const received = number(answer.events_received);
    if (response.status === 200 && received !== undefined) {
      if (received >= payloads.length) return { outcome: "delivered" };
      // Undocumented: Meta takes all or nothing. It does not say which are missing, so they are sent again by halves until
      // the missing one stands alone; event_id keeps the others from counting twice.
      return refused(`Meta received ${received} of ${payloads.length} events`);
    }
    if (response.status === 413) return refused("HTTP 413: the request is too large");
    // A proxy's page, or nothing: no word from Meta on our events, so they are still ours to send.
    const waiting = httpOutcome(response);
    if (waiting.outcome === "retry") return waiting;
    return { outcome: "retry", reason: `HTTP ${response.status} without an answer of Meta's API` };
  },

  examples: metaExamples,
});

/** Zeros let Meta place the person by client_ip_address: https://developers.facebook.com/docs/marketing-apis/data-processing-options */
const LIMITED_DATA_USE = {
  data_processing_options: ["LDU"] as ["LDU"],
  data_processing_options_country: 0 as const,
  data_processing_options_state: 0 as const,
};

function userData(event: Event, time: Date): MetaEvent["user_data"] {
  const { ip, user_agent, vendor_ids } = event.context;
  return {
    ...identifiers("meta", personOf(event)),
    external_id: externalIds("meta", event),
    ...defined({
      client_ip_address: ip,
      client_user_agent: user_agent,
      fbp: browserId(vendor_ids?.fbp),
      fbc: browserId(vendor_ids?.fbc) ?? clickId(event, time),
    }),
  };
}

/** An id that is not in Meta's form would cost its whole request. */
function browserId(id: string | undefined): string | undefined {
  return id && /^fb\.\d\.\d+\.\S+$/.test(id) ? id : undefined;
}

/**
 * What `_fbc` would hold: `fb.1.<milliseconds>.<fbclid>`, 1 being right for ids that no cookie keeps. An fbclid keeps its
 * capitals. https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/fbp-and-fbc
 */
function clickId({ context: { page, click_ids } }: Event, time: Date): string | undefined {
  const found = /[?&]fbclid=([^&#\s]+)/.exec(`${page?.url ?? ""} ${page?.search ?? ""}`)?.[1];
  const fbclid = pick(record(click_ids), "fbclid") ?? found;
  return fbclid && /^\S+$/.test(fbclid) ? `fb.1.${time.getTime()}.${fbclid}` : undefined;
}

/** https://developers.facebook.com/documentation/ads-commerce/conversions-api/parameters/custom-data */
function customData(event: Event, name: string): Record<string, unknown> {
  const { properties } = event;
  if (event.type === "page") return {};
  const products = productsOf(event);
  const ids = products.flatMap(({ id }) => id ?? []);
  const category = pick(properties, "category");
  // A list without its products is a group, known by its category.
  const group = name === "ViewContent" && !ids.length && category ? [category] : undefined;
  const currency = currencyOf(event);
  const known = defined({
    currency,
    // Without its currency Meta refuses a value.
    value: currency && worthOf(event),
    content_ids: ids.length ? ids : group,
    content_type: ids.length ? "product" : group && "product_group",
    contents: unlessEmpty(
      products.flatMap(({ id, quantity, price, custom }) =>
        id ? [defined({ id, quantity: quantity ?? 1, item_price: price, delivery_category: delivery(custom) })] : [],
      ),
    ),
    content_name: pick(properties, "content_name") ?? (products.length === 1 ? products[0]!.name : undefined),
    content_category: pick(properties, "content_category") ?? category,
    num_items: COUNTED.has(name) && products.length ? piecesOf(products) : undefined,
    order_id: orderIdOf(event),
    search_string: pick(properties, "search_string") ?? (name === "Search" ? pick(properties, "query") : undefined),
    delivery_category: delivery(properties),
    predicted_ltv: number(properties.predicted_ltv),
    net_revenue: number(properties.net_revenue),
    status: scalar(properties.status),
  });
  return EVENTS(event) ? known : { ...ownProperties(properties), ...known };
}

const COUNTED = new Set(["InitiateCheckout", "Purchase"]);
const DELIVERIES = new Set(["in_store", "curbside", "home_delivery"]);
/** Told above under Meta's own names. */
const NOT_CUSTOM = new Set(
  "value revenue subtotal total currency category name product_id sku transaction_id query".split(" "),
);

/** What a customer says with an event of their own; custom conversions are built on it. Contact details are hashed elsewhere. */
function ownProperties(properties: Record<string, unknown>): Record<string, unknown> {
  const own = Object.entries(properties).filter(([name]) => !NOT_CUSTOM.has(name) && !CONTACT_PROPERTIES.has(name));
  return defined(Object.fromEntries(own.map(([property, value]) => [property, scalar(value)])));
}

function delivery(from: Record<string, unknown>): string | undefined {
  const category = pick(from, "delivery_category");
  return category && DELIVERIES.has(category) ? category : undefined;
}

/** Passing troubles and throttling: these codes and those marked is_transient. 368 is a block that ends. */
const PASSING = new Set([1, 2, 4, 17, 341, 368, 613, 5_000, 21_009, 80_003, 80_004]);
/** A token that is expired, revoked or lacks a permission; 200 to 299 are permissions too. */
const NOT_ALLOWED = new Set([3, 10, 102, 190]);
/** Invalid parameters, too many of them: no repetition mends that. Only of a code that is in no list the status decides. */
const INVALID = new Set([100, 105]);

function outcomeOfError(error: Record<string, unknown>, status: number, refused: (reason: string) => Outcome): Outcome {
  const code = number(error.code) ?? 0;
  const subcode = number(error.error_subcode);
  const said = pick(error, "error_user_msg", "message", "error_user_title") ?? `HTTP ${status}`;
  // "Malformed access token …" quotes the token.
  const words = said.replace(/[\w-]{40,}/g, "…").slice(0, 300);
  const trace = pick(error, "fbtrace_id");
  const reason = `${words} (code ${code}${subcode ? `/${subcode}` : ""}${trace ? `, fbtrace_id ${trace}` : ""})`;
  // 100/33: there is no such pixel, or the token may not see it. No event is at fault.
  if (NOT_ALLOWED.has(code) || (code >= 200 && code <= 299) || (code === 100 && subcode === 33)) {
    return { outcome: "unauthorised", reason };
  }
  if (PASSING.has(code) || error.is_transient === true) return { outcome: "retry", reason };
  if (!INVALID.has(code) && (status >= 500 || status === 429)) return { outcome: "retry", reason };
  return refused(reason);
}
