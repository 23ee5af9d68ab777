// https://developers.snap.com/api/marketing-api/Conversions-API/Parameters
import * as z from "zod";
import { currencyOf, orderIdOf, piecesOf, productsOf, worthOf } from "../../../core/commerce.ts";
import type { Event } from "../../../core/event.ts";
import { externalIds, identifiers, personOf } from "../../../core/identifiers.ts";
import { defined, pick, record, unlessEmpty } from "../../../core/values.ts";
import { defineDestination, eventTime, isSkip, type Outcome, type Skip, secret, skip } from "../destination.ts";
import { chosenEvents, standardEvents } from "../event-names.ts";
import { refuse, requestOutcome, words } from "../outcomes.ts";
import { clickOf, isLimited, visitOf } from "../visit.ts";
import { snapchatExamples } from "./snapchat.examples.ts";

const EVENTS = [
  "PURCHASE",
  "SAVE",
  "START_CHECKOUT",
  "ADD_CART",
  "VIEW_CONTENT",
  "ADD_BILLING",
  "SIGN_UP",
  "SEARCH",
  "PAGE_VIEW",
  "SUBSCRIBE",
  "AD_CLICK",
  "AD_VIEW",
  "COMPLETE_TUTORIAL",
  "INVITE",
  "LOGIN",
  "SHARE",
  "RESERVE",
  "ACHIEVEMENT_UNLOCKED",
  "ADD_TO_WISHLIST",
  "SPENT_CREDITS",
  "RATE",
  "START_TRIAL",
  "LIST_VIEW",
  "LEVEL_COMPLETE",
  "CUSTOM_EVENT_1",
  "CUSTOM_EVENT_2",
  "CUSTOM_EVENT_3",
  "CUSTOM_EVENT_4",
  "CUSTOM_EVENT_5",
] as const;
type SnapchatName = (typeof EVENTS)[number];

const settings = z.object({
  pixel_id: z.string().regex(/^[\w-]+$/, "a pixel id is letters, digits and dashes"),
  /** A Conversions API token of the organisation that owns the pixel. */
  access_token: secret(),
  /** Snap checks the events and reports none of them. */
  test: z.boolean().optional(),
  /** Where the customer's events happen. Absent: WEB. */
  action_source: z.enum(["WEB", "OFFLINE"]).optional(),
  /** Limits what Snap does with everybody's events; without it, with those of people who refused personal ads. */
  limited_data_use: z.boolean().optional(),
  /** Snap has no events of a customer's own but five with numbers: `{ "Quiz finished": "CUSTOM_EVENT_1" }`. */
  events: chosenEvents(z.enum(EVENTS)),
});
export type SnapchatSettings = z.infer<typeof settings>;

export interface SnapchatEvent {
  event_name: SnapchatName;
  /** Unix seconds. */
  event_time: number;
  event_id: string;
  action_source: "WEB" | "OFFLINE";
  event_source_url?: string;
  user_data: Record<string, string | string[]>;
  custom_data?: Record<string, unknown>;
  data_processing_options?: ["LMU"];
}

/** Segment's event → Snap's. */
const nameOf = standardEvents<SnapchatName>(
  {
    "Products Searched": "SEARCH",
    "Product List Viewed": "LIST_VIEW",
    "Product Viewed": "VIEW_CONTENT",
    "Product Added": "ADD_CART",
    "Product Added to Wishlist": "ADD_TO_WISHLIST",
    "Product Shared": "SHARE",
    "Checkout Started": "START_CHECKOUT",
    "Payment Info Entered": "ADD_BILLING",
    "Order Completed": "PURCHASE",
    "Promotion Viewed": "AD_VIEW",
    "Promotion Clicked": "AD_CLICK",
    "Signed Up": "SIGN_UP",
    "Signed In": "LOGIN",
    "Trial Started": "START_TRIAL",
    "Subscription Created": "SUBSCRIBE",
    "Invite Sent": "INVITE",
  },
  { page: "PAGE_VIEW" },
);

export const snapchat = defineDestination<SnapchatSettings, SnapchatEvent>({
  name: "snapchat",
  title: "Snapchat Conversions API",
  purpose: "marketing",
  settings,
  exampleSettings: { pixel_id: "7d9c2f0e-1b7b-4a5e-9c3f-0a1b2c3d4e5f", access_token: "example-snap-token" },
  // Standard tokens may make ten requests a second.
  limits: { eventsPerRequest: 2_000, requestsPerSecond: 10, giveUpAfterHours: 168, timeoutMs: 10_000 },

  identifiersIn: ({ user_data }) => Object.keys(user_data),

  map(event, { action_source = "WEB", limited_data_use, events }): SnapchatEvent | Skip {
    const event_name = nameOf(event, events);
    if (!event_name)
      return skip("event_not_mapped", `Snap has no event for "${event.event}"; the setting events gives it one`);
    // Web events count for 7 days; what happened over a counter for 28.
    const time = eventTime(event, (action_source === "WEB" ? 7 : 28) * 24);
    if (isSkip(time)) return time;
    const { url } = visitOf(event);
    if (action_source === "WEB" && !url)
      return skip("missing_field", "a WEB event needs context.page.url, http or https");
    const user_data = userData(event);
    if (!user_data.em && !user_data.ph && !(user_data.client_ip_address && user_data.client_user_agent)) {
      return skip("missing_field", "Snap needs an e-mail, a phone, or the IP address and the user agent together");
    }
    const custom_data = customData(event);
    if (event_name === "PURCHASE" && (custom_data.value === undefined || custom_data.currency === undefined)) {
      return skip("missing_field", "a PURCHASE needs a value and a currency of three letters");
    }
    return {
      event_name,
      event_time: Math.floor(time.getTime() / 1_000),
      event_id: event.message_id,
      action_source,
      ...defined({ event_source_url: url }),
      user_data,
      ...defined({ custom_data: unlessEmpty(custom_data) }),
      ...(isLimited(event, limited_data_use) && { data_processing_options: ["LMU"] as ["LMU"] }),
    };
  },

  // Snap takes the token in the address only; `make-calls.ts` masks it wherever the address is shown.
  request(payloads, { pixel_id, access_token, test }) {
    return {
      url: `https://tr.snapchat.com/v3/${pixel_id}/events${test ? "/validate" : ""}?${new URLSearchParams({ access_token })}`,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ data: payloads }),
    };
  },

  // A bad event comes back as HTTP 400, or as 200 with INVALID. Neither says reliably which of several it is.
  outcome(response, payloads): Outcome {
    const { status, reason, error_records } = record(response.json);
    if (response.status !== 200 || typeof status !== "string") return requestOutcome(response, payloads);
    const said = words(reason ?? error_records ?? status);
    if (/^(INVALID|FAILED)$/i.test(status)) return refuse(payloads, said);
    return /^ERROR$/i.test(status) ? { outcome: "retry", reason: said } : { outcome: "delivered" };
  },

  examples: snapchatExamples,
});

function userData(event: Event): SnapchatEvent["user_data"] {
  const { em, ph, ...others } = identifiers("snapchat", personOf(event));
  const { ip, user_agent } = visitOf(event);
  return {
    ...defined({ em: em && [em], ph: ph && [ph] }),
    ...others,
    external_id: externalIds("snapchat", event),
    ...defined({
      client_ip_address: ip,
      client_user_agent: user_agent,
      sc_click_id: clickOf(event, "ScCid"),
      sc_cookie1: event.context.vendor_ids?.scid,
    }),
  } as SnapchatEvent["user_data"];
}

function customData(event: Event): Record<string, unknown> {
  if (event.type === "page") return {};
  const { properties } = event;
  const products = productsOf(event);
  const currency = currencyOf(event);
  const categories = [...new Set(products.flatMap(({ category }) => category ?? []))];
  const category = pick(properties, "category");
  return defined({
    currency,
    value: currency && worthOf(event),
    content_ids: unlessEmpty(products.flatMap(({ id }) => id ?? [])),
    content_category: unlessEmpty(categories.length ? categories : category ? [category] : []),
    contents: unlessEmpty(
      products.flatMap(({ id, quantity, price, brand }) =>
        id ? [defined({ id, quantity: quantity ?? 1, item_price: price, brand })] : [],
      ),
    ),
    num_items: products.length ? piecesOf(products) : undefined,
    order_id: orderIdOf(event),
    search_string: pick(properties, "query", "search_string"),
    sign_up_method: event.event === "Signed Up" ? pick(properties, "sign_up_method", "method") : undefined,
  });
}
