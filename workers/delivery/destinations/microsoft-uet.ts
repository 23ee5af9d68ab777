// https://learn.microsoft.com/en-us/advertising/guides/uet-conversion-api-integration
import * as z from "zod";
import { currencyOf, orderIdOf, productsOf, worthOf } from "../../../core/commerce.ts";
import type { Event } from "../../../core/event.ts";
import { identifiers, personOf } from "../../../core/identifiers.ts";
import { defined, isRecord, number, pick, record, scalar, unlessEmpty } from "../../../core/values.ts";
import { defineDestination, eventTime, isSkip, type Outcome, type Skip, secret, skip } from "../destination.ts";
import { chosenEvents, standardEvents } from "../event-names.ts";
import { refuseSome, requestOutcome, words } from "../outcomes.ts";
import { clickOf, visitOf } from "../visit.ts";
import { microsoftUetExamples } from "./microsoft-uet.examples.ts";

const settings = z.object({
  uet_tag_id: z.string().regex(/^\d+$/, "a UET tag id is digits only"),
  /** From the UET tag's "Use Conversions API", which Microsoft enables account by account. */
  api_token: secret(),
  /** The event action that a conversion goal waits for, by the event's name or type. */
  events: chosenEvents(z.string().min(1).max(100)),
});
export type MicrosoftUetSettings = z.infer<typeof settings>;

export interface UetEvent {
  eventType: "pageLoad" | "custom";
  eventId: string;
  /** The goal's event action. */
  eventName?: string;
  /** Unix seconds. */
  eventTime: number;
  eventSourceUrl?: string;
  referrerUrl?: string;
  pageTitle?: string;
  adStorageConsent?: "G" | "D";
  userData: Record<string, string>;
  customData?: Record<string, unknown>;
}

/** Segment's event → the action of a conversion goal, as Microsoft's tag suggests them. Any other `track` keeps its name. */
const nameOf = standardEvents<string>(
  {
    "Products Searched": "search",
    "Product List Viewed": "view_item_list",
    "Product Viewed": "view_item",
    "Product Added": "add_to_cart",
    "Product Removed": "remove_from_cart",
    "Product Added to Wishlist": "add_to_wishlist",
    "Checkout Started": "begin_checkout",
    "Payment Info Entered": "add_payment_info",
    "Order Completed": "purchase",
    "Order Refunded": "refund",
    "Signed Up": "sign_up",
    "Signed In": "login",
    Lead: "generate_lead",
    "Lead Generated": "generate_lead",
  },
  {},
);

/** What dynamic remarketing asks of the page. */
const PAGE_TYPES = standardEvents<string>(
  {
    "Products Searched": "searchresults",
    "Product List Viewed": "category",
    "Product Viewed": "product",
    "Product Added": "cart",
    "Cart Viewed": "cart",
    "Checkout Started": "cart",
    "Order Completed": "purchase",
  },
  {},
);

export const microsoftUet = defineDestination<MicrosoftUetSettings, UetEvent>({
  name: "microsoft-uet",
  title: "Microsoft Advertising (UET)",
  purpose: "marketing",
  settings,
  exampleSettings: { uet_tag_id: "97123456", api_token: "example-uet-token" },
  // Microsoft publishes no rate.
  limits: {
    eventsPerRequest: 1_000,
    bytesPerRequest: 1_000_000,
    requestsPerSecond: 50,
    giveUpAfterHours: 168,
    timeoutMs: 10_000,
  },

  identifiersIn: ({ userData }) => Object.keys(userData),

  map(event, { events }): UetEvent | Skip {
    const eventName = nameOf(event, events) ?? (event.type === "track" ? event.event : undefined);
    if (!eventName && event.type !== "page") return skip("event_not_mapped", `no action is set for "${event.type}"`);
    // A click is remembered for 90 days; no other limit is published.
    const time = eventTime(event, 90 * 24);
    if (isSkip(time)) return time;
    const { url, referrer } = visitOf(event);
    if (!eventName && !url) return skip("missing_field", "a pageLoad needs context.page.url, http or https");
    const { marketing } = event.context.consent ?? {};
    return {
      eventType: eventName ? "custom" : "pageLoad",
      eventId: event.message_id,
      eventTime: Math.floor(time.getTime() / 1_000),
      ...defined({
        eventName,
        eventSourceUrl: url,
        referrerUrl: referrer,
        pageTitle: event.context.page?.title,
        adStorageConsent: marketing === undefined ? undefined : marketing ? ("G" as const) : ("D" as const),
      }),
      userData: userData(event),
      ...defined({ customData: unlessEmpty(customData(event)) }),
    };
  },

  request(payloads, { uet_tag_id, api_token }) {
    return {
      url: `https://capi.uet.microsoft.com/v1/${uet_tag_id}/events`,
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${api_token}` },
      // One wrong event then costs itself alone.
      body: JSON.stringify({ data: payloads, dataProvider: "millrace", continueOnValidationError: true }),
    };
  },

  outcome(response, payloads): Outcome | Outcome[] {
    const { details } = record(record(response.json).error);
    if (response.status < 401 && Array.isArray(details)) {
      const refused = details.filter(isRecord).flatMap((one): [number, string][] => {
        const index = number(one.index);
        const field = pick(one, "propertyName");
        return index === undefined
          ? []
          : [[index, words(`${field ? `${field}: ` : ""}${pick(one, "errorMessage") ?? ""}`)]];
      });
      if (refused.length) return refuseSome(payloads, new Map(refused));
    }
    return requestOutcome(response, payloads);
  },

  examples: microsoftUetExamples,
});

function userData(event: Event): UetEvent["userData"] {
  const { ip, user_agent } = visitOf(event);
  return defined({
    ...identifiers("microsoft-uet", personOf(event)),
    anonymousId: event.context.vendor_ids?.uetvid,
    msclkid: clickOf(event, "msclkid"),
    clientIpAddress: ip,
    clientUserAgent: user_agent,
  }) as UetEvent["userData"];
}

function customData(event: Event): Record<string, unknown> {
  if (event.type === "page") return {};
  const { properties } = event;
  const products = productsOf(event);
  const currency = currencyOf(event);
  const value = currency && worthOf(event);
  const isPurchase = PAGE_TYPES(event, undefined) === "purchase";
  return defined({
    value,
    currency,
    transactionId: orderIdOf(event),
    eventCategory: pick(properties, "event_category"),
    eventLabel: pick(properties, "event_label", "label"),
    searchTerm: pick(properties, "query", "search_string"),
    pageType: PAGE_TYPES(event, undefined),
    itemIds: unlessEmpty(products.flatMap(({ id }) => id ?? [])),
    items: unlessEmpty(
      products.map(({ id, name, price, quantity }) => defined({ id, name, price, quantity: quantity ?? 1 })),
    ),
    ecommTotalValue: isPurchase ? value : undefined,
    ecommCategory: scalar(properties.category),
  });
}
