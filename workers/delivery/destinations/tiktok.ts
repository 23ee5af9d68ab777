// https://business-api.tiktok.com/portal/docs?id=1771100865818625
import * as z from "zod";
import { currencyOf, orderIdOf, piecesOf, productsOf, worthOf } from "../../../core/commerce.ts";
import type { Event } from "../../../core/event.ts";
import { CONTACT_PROPERTIES, externalIds, identifiers, personOf } from "../../../core/identifiers.ts";
import { defined, isRecord, number, pick, record, scalar, unlessEmpty } from "../../../core/values.ts";
import { defineDestination, eventTime, isSkip, type Outcome, type Skip, secret, skip } from "../destination.ts";
import { chosenEvents, standardEvents } from "../event-names.ts";
import { refuse, refuseSome, requestOutcome, words } from "../outcomes.ts";
import { clickOf, isLimited, visitOf } from "../visit.ts";
import { tiktokExamples } from "./tiktok.examples.ts";

const settings = z.object({
  /** Of the pixel; for events over a counter, of the offline event set. */
  pixel_code: z.string().regex(/^\w+$/, "a pixel code is letters and digits"),
  access_token: secret(),
  /** Shows events under "Test Events". */
  test_event_code: z.string().min(1).optional(),
  /** Where the customer's events happen. Absent: web. */
  event_source: z.enum(["web", "offline", "crm"]).optional(),
  /** Limits what TikTok does with everybody's events; without it, with those of people who refused personal ads. */
  limited_data_use: z.boolean().optional(),
  /** Before TikTok's standard events, e.g. `{ "Order Completed": "CompletePayment" }` where the pixel still says so. */
  events: chosenEvents(z.string().min(1).max(50)),
});
export type TiktokSettings = z.infer<typeof settings>;

export interface TiktokEvent {
  event: string;
  /** Unix seconds. */
  event_time: number;
  event_id: string;
  user: Record<string, string | string[]>;
  page?: { url?: string; referrer?: string };
  properties?: Record<string, unknown>;
  limited_data_use?: true;
}

/** Segment's event → TikTok's. Any other `track` keeps its name: TikTok's own pass, the rest are custom. */
const nameOf = standardEvents<string>(
  {
    "Products Searched": "Search",
    "Product Viewed": "ViewContent",
    "Product List Viewed": "ViewContent",
    "Product Clicked": "ClickButton",
    "Product Added": "AddToCart",
    "Product Added to Wishlist": "AddToWishlist",
    "Checkout Started": "InitiateCheckout",
    "Payment Info Entered": "AddPaymentInfo",
    "Order Placed": "PlaceAnOrder",
    "Order Completed": "Purchase",
    "Signed Up": "CompleteRegistration",
    "Subscription Created": "Subscribe",
    "Trial Started": "StartTrial",
  },
  { page: "Pageview" },
);

export const tiktok = defineDestination<TiktokSettings, TiktokEvent>({
  name: "tiktok",
  title: "TikTok Events API",
  purpose: "marketing",
  settings,
  exampleSettings: { pixel_code: "C4EXAMPLE0123456789A", access_token: "example-tiktok-token" },
  // TikTok tells repetitions by event and event_id for 48 h. It publishes no rate that holds for all; 40100 says "too often".
  limits: { eventsPerRequest: 1_000, requestsPerSecond: 50, giveUpAfterHours: 168, timeoutMs: 10_000 },

  identifiersIn: ({ user }) => Object.keys(user),

  map(event, { event_source = "web", limited_data_use, events }): TiktokEvent | Skip {
    const name = nameOf(event, events) ?? (event.type === "track" ? event.event : undefined);
    if (!name) return skip("event_not_mapped", `TikTok has no event for "${event.type}"`);
    // What is older counts for no campaign: 7 days on the web, 28 over the counter.
    const time = eventTime(event, (event_source === "web" ? 7 : 28) * 24);
    if (isSkip(time)) return time;
    const properties = propertiesOf(event);
    if (name === "Purchase" && (properties.value === undefined || properties.currency === undefined)) {
      return skip("missing_field", "a Purchase needs a value and a currency of three letters");
    }
    const { url, referrer } = visitOf(event);
    if (event_source === "web" && !url)
      return skip("missing_field", "a web event needs context.page.url, http or https");
    return {
      event: name,
      event_time: Math.floor(time.getTime() / 1_000),
      event_id: event.message_id,
      user: userOf(event),
      ...defined({ page: unlessEmpty(defined({ url, referrer })), properties: unlessEmpty(properties) }),
      ...(isLimited(event, limited_data_use) && { limited_data_use: true as const }),
    };
  },

  request(payloads, { pixel_code, access_token, test_event_code, event_source = "web" }) {
    return {
      url: "https://business-api.tiktok.com/open_api/v1.3/event/track/",
      method: "POST",
      headers: { "content-type": "application/json", "access-token": access_token },
      body: JSON.stringify({
        event_source,
        event_source_id: pixel_code,
        ...(test_event_code && { test_event_code }),
        data: payloads,
      }),
    };
  },

  // https://business-api.tiktok.com/portal/docs?id=1737172488964097: TikTok sends its errors with HTTP 200, `code` decides.
  outcome(response, payloads): Outcome | Outcome[] {
    const { code, message, request_id, data } = record(response.json);
    const said = number(code);
    if (said === undefined) {
      const outcome = requestOutcome(response, payloads);
      return outcome.outcome === "delivered"
        ? { outcome: "retry", reason: "HTTP 200 without an answer of TikTok" }
        : outcome;
    }
    if (said === 0) return { outcome: "delivered" };
    const reason = `${words(message)} (code ${said}${typeof request_id === "string" ? `, request ${request_id}` : ""})`;
    if (said === PARTIAL) return partial(record(data).failed_events, payloads, reason);
    if (NOT_ALLOWED.has(said)) return { outcome: "unauthorised", reason };
    if (said === TOO_OFTEN || said >= 50_000) return { outcome: "retry", reason };
    return refuse(payloads, reason);
  },

  examples: tiktokExamples,
});

const PARTIAL = 20_001;
const TOO_OFTEN = 40_100;
/** No permission; the token expired, missing, unknown or revoked. */
const NOT_ALLOWED = new Set([40_001, 40_102, 40_104, 40_105]);

/** Where TikTok names those that it did not take, the others are in; where it does not, each has to be asked about. */
function partial(failed: unknown, payloads: unknown[], reason: string): Outcome | Outcome[] {
  const places = (Array.isArray(failed) ? failed.filter(isRecord) : []).flatMap((one): [number, string][] => {
    const place = number(one.order_in_batch);
    return place === undefined ? [] : [[place, words(one.error_message)]];
  });
  return places.length ? refuseSome(payloads, new Map(places)) : refuse(payloads, reason);
}

function userOf(event: Event): TiktokEvent["user"] {
  const { ip, user_agent } = visitOf(event);
  return {
    ...identifiers("tiktok", personOf(event)),
    external_id: externalIds("tiktok", event),
    ...defined({
      ttclid: clickOf(event, "ttclid"),
      ttp: event.context.vendor_ids?.ttp,
      ip,
      user_agent,
      locale: event.context.locale,
    }),
  };
}

function propertiesOf(event: Event): Record<string, unknown> {
  const { properties, type } = event;
  if (type === "page") return {};
  const products = productsOf(event);
  const currency = currencyOf(event);
  const known = defined({
    currency,
    // Without its currency TikTok refuses a value.
    value: currency && worthOf(event),
    content_type: products.length ? "product" : undefined,
    contents: unlessEmpty(
      products.map(({ id, name, brand, category, price, quantity }) =>
        defined({
          content_id: id,
          content_name: name,
          content_category: category,
          brand,
          price,
          quantity: quantity ?? 1,
        }),
      ),
    ),
    num_items: products.length ? piecesOf(products) : undefined,
    order_id: orderIdOf(event),
    query: pick(properties, "query", "search_string"),
    description: pick(properties, "description"),
    status: scalar(properties.status),
  });
  return nameOf(event, undefined) ? known : { ...ownProperties(properties), ...known };
}

/** Told above under TikTok's own names. */
const NOT_OWN = new Set(
  "products value revenue subtotal total currency category name brand price quantity product_id sku transaction_id".split(
    " ",
  ),
);

function ownProperties(properties: Record<string, unknown>): Record<string, unknown> {
  const own = Object.entries(properties).filter(([name]) => !NOT_OWN.has(name) && !CONTACT_PROPERTIES.has(name));
  return defined(Object.fromEntries(own.map(([name, value]) => [name, scalar(value)])));
}
