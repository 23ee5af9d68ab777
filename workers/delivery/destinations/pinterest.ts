// https://developers.pinterest.com/docs/api/v5/events-create
import * as z from "zod";
import { currencyOf, orderIdOf, piecesOf, productsOf, worthOf } from "../../../core/commerce.ts";
import type { Event } from "../../../core/event.ts";
import { externalIds, identifiers, personOf } from "../../../core/identifiers.ts";
import { defined, isRecord, pick, record, unlessEmpty } from "../../../core/values.ts";
import { defineDestination, eventTime, isSkip, type Outcome, type Skip, secret, skip } from "../destination.ts";
import { chosenEvents, standardEvents } from "../event-names.ts";
import { refuseSome, requestOutcome, words } from "../outcomes.ts";
import { clickOf, isLimited, visitOf } from "../visit.ts";
import { pinterestExamples } from "./pinterest.examples.ts";

/** Names outside the list "will not be accepted and show up correctly". */
const EVENTS = [
  "add_payment_info",
  "add_to_cart",
  "add_to_wishlist",
  "checkout",
  "custom",
  "initiate_checkout",
  "lead",
  "page_visit",
  "search",
  "signup",
  "subscribe",
  "view_category",
  "view_content",
  "watch_video",
] as const;
type PinterestName = (typeof EVENTS)[number];

const settings = z.object({
  ad_account_id: z.string().regex(/^\d+$/, "an ad account id is digits only"),
  /** Made in Ads Manager under Conversions; the token of an app is another. */
  conversion_token: secret(),
  /** Pinterest checks the events and records none of them. */
  test: z.boolean().optional(),
  /** Where the customer's events happen. Absent: web. */
  action_source: z.enum(["web", "offline"]).optional(),
  /** Limits what Pinterest does with everybody's events; without it, with those of people who refused personal ads. */
  limited_data_use: z.boolean().optional(),
  events: chosenEvents(z.enum(EVENTS)),
});
export type PinterestSettings = z.infer<typeof settings>;

export interface PinterestEvent {
  event_name: PinterestName;
  action_source: "web" | "offline";
  /** Unix seconds. */
  event_time: number;
  event_id: string;
  event_source_url?: string;
  language?: string;
  user_data: Record<string, string | string[]>;
  custom_data?: Record<string, unknown>;
}

/** Segment's event → Pinterest's. Any other `track` is `custom`. */
const nameOf = standardEvents<PinterestName>(
  {
    "Products Searched": "search",
    "Product List Viewed": "view_category",
    "Product List Filtered": "view_category",
    "Product Viewed": "view_content",
    "Product Added": "add_to_cart",
    "Product Added to Wishlist": "add_to_wishlist",
    "Checkout Started": "initiate_checkout",
    "Payment Info Entered": "add_payment_info",
    "Order Completed": "checkout",
    "Signed Up": "signup",
    Lead: "lead",
    "Generate Lead": "lead",
    "Lead Generated": "lead",
    "Subscription Created": "subscribe",
    "Video Playback Started": "watch_video",
  },
  { page: "page_visit" },
);

export const pinterest = defineDestination<PinterestSettings, PinterestEvent>({
  name: "pinterest",
  title: "Pinterest Conversions API",
  purpose: "marketing",
  settings,
  exampleSettings: { ad_account_id: "549755885175", conversion_token: "pina_example-conversion-token" },
  // 5,000 calls a minute and ad account.
  limits: { eventsPerRequest: 1_000, requestsPerSecond: 80, giveUpAfterHours: 168, timeoutMs: 10_000 },

  identifiersIn: ({ user_data }) => Object.keys(user_data),

  map(event, { action_source = "web", limited_data_use, events }): PinterestEvent | Skip {
    const event_name = nameOf(event, events) ?? (event.type === "track" ? "custom" : undefined);
    if (!event_name) return skip("event_not_mapped", `Pinterest has no event for "${event.type}"`);
    const time = eventTime(event, 7 * 24);
    if (isSkip(time)) return time;
    const user_data = userData(event);
    // The one thing that Pinterest cannot do without; an external_id alone does not count.
    if (!user_data.em && !(user_data.client_ip_address && user_data.client_user_agent)) {
      return skip("missing_field", "Pinterest needs an e-mail, or the IP address and the user agent together");
    }
    const { url } = visitOf(event);
    return {
      event_name,
      action_source,
      event_time: Math.floor(time.getTime() / 1_000),
      event_id: event.message_id,
      ...defined({ event_source_url: url, language: /^[a-z]{2}/.exec(event.context.locale ?? "")?.[0] }),
      user_data,
      ...defined({ custom_data: unlessEmpty(customData(event, limited_data_use)) }),
    };
  },

  request(payloads, { ad_account_id, conversion_token, test }) {
    return {
      url: `https://api.pinterest.com/v5/ad_accounts/${ad_account_id}/events${test ? "?test=true" : ""}`,
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${conversion_token}` },
      body: JSON.stringify({ data: payloads }),
    };
  },

  // 200 and 422 answer for each event in the order of the request; 422 says that some of them were not taken.
  outcome(response, payloads): Outcome | Outcome[] {
    const { events } = record(response.json);
    if (
      (response.status === 200 || response.status === 422) &&
      Array.isArray(events) &&
      events.length === payloads.length
    ) {
      const failed = events.flatMap((one, i): [number, string][] =>
        isRecord(one) && one.status === "failed" ? [[i, words(one.error_message)]] : [],
      );
      return refuseSome(payloads, new Map(failed));
    }
    return requestOutcome(response, payloads);
  },

  examples: pinterestExamples,
});

function userData(event: Event): PinterestEvent["user_data"] {
  const hashed = Object.entries(identifiers("pinterest", personOf(event))).map(([field, hash]) => [field, [hash]]);
  const { ip, user_agent } = visitOf(event);
  return {
    ...Object.fromEntries(hashed),
    external_id: externalIds("pinterest", event),
    ...defined({
      click_id: clickOf(event, "epik"),
      client_ip_address: ip,
      client_user_agent: user_agent,
    }),
  };
}

/** Amounts are strings: https://github.com/pinterest/api-description */
function customData(event: Event, limitedDataUse: boolean | undefined): Record<string, unknown> {
  const limited = isLimited(event, limitedDataUse) ? "LDP" : undefined;
  if (event.type === "page") return defined({ opt_out_type: limited });
  const { properties } = event;
  const products = productsOf(event);
  const currency = currencyOf(event);
  const value = worthOf(event);
  const ids = products.flatMap(({ id }) => id ?? []);
  return defined({
    currency,
    // Without its currency it would be taken for the ad account's.
    value: currency && value !== undefined ? String(value) : undefined,
    content_ids: unlessEmpty(ids),
    content_name: products.length === 1 ? products[0]!.name : undefined,
    content_category: pick(properties, "category"),
    content_brand: products.length === 1 ? products[0]!.brand : undefined,
    contents: unlessEmpty(
      products.map(({ id, price, quantity, name, category, brand }) =>
        defined({
          id,
          item_price: price === undefined ? undefined : String(price),
          quantity: quantity ?? 1,
          item_name: name,
          item_category: category,
          item_brand: brand,
        }),
      ),
    ),
    num_items: products.length ? piecesOf(products) : undefined,
    order_id: orderIdOf(event),
    search_string: pick(properties, "query", "search_string"),
    opt_out_type: limited,
  });
}
