// https://ads-api.reddit.com/docs/v3/operations/Post%20Conversion%20Events
import * as z from "zod";
import { currencyOf, piecesOf, productsOf, worthOf } from "../../../core/commerce.ts";
import type { Event } from "../../../core/event.ts";
import { sha256 } from "../../../core/hash.ts";
import { identifiers, personOf } from "../../../core/identifiers.ts";
import { defined, number, record, text, unlessEmpty } from "../../../core/values.ts";
import { defineDestination, eventTime, isSkip, type Outcome, type Skip, secret, skip } from "../destination.ts";
import { chosenEvents, standardEvents } from "../event-names.ts";
import { requestOutcome } from "../outcomes.ts";
import { clickOf, isLimited, visitOf } from "../visit.ts";
import { redditExamples } from "./reddit.examples.ts";

const TRACKING_TYPES = [
  "PAGE_VISIT",
  "VIEW_CONTENT",
  "SEARCH",
  "ADD_TO_CART",
  "ADD_TO_WISHLIST",
  "PURCHASE",
  "LEAD",
  "SIGN_UP",
] as const;
type TrackingType = (typeof TRACKING_TYPES)[number];

const settings = z.object({
  /** `a2_…`, of Events Manager. */
  pixel_id: z.string().regex(/^(a2|t2)_\w+$/, "a pixel id begins with a2_ or t2_"),
  /** A conversion access token, which does not expire. */
  conversion_token: secret(),
  /** Shows events under "Event testing". */
  test_id: z.string().min(1).optional(),
  /** Where the customer's events happen. Absent: WEBSITE. */
  action_source: z.enum(["WEBSITE", "PHYSICAL_STORE", "OTHER"]).optional(),
  /** Limits what Reddit does with everybody's events; without it, with those of people who refused personal ads. */
  limited_data_use: z.boolean().optional(),
  events: chosenEvents(z.enum(TRACKING_TYPES)),
});
export type RedditSettings = z.infer<typeof settings>;

export interface RedditEvent {
  /** Unix milliseconds. */
  event_at: number;
  action_source: "WEBSITE" | "PHYSICAL_STORE" | "OTHER";
  event_source_url?: string;
  click_id?: string;
  type: { tracking_type: TrackingType } | { tracking_type: "CUSTOM"; custom_event_name: string };
  user: Record<string, unknown>;
  metadata: Record<string, unknown> & { conversion_id: string };
}

/** Segment's event → Reddit's. Any other `track` is CUSTOM under its own name. */
const nameOf = standardEvents<TrackingType>(
  {
    "Products Searched": "SEARCH",
    "Product Viewed": "VIEW_CONTENT",
    "Product List Viewed": "VIEW_CONTENT",
    "Product Added": "ADD_TO_CART",
    "Product Added to Wishlist": "ADD_TO_WISHLIST",
    "Order Completed": "PURCHASE",
    "Signed Up": "SIGN_UP",
    Lead: "LEAD",
    "Lead Generated": "LEAD",
  },
  { page: "PAGE_VISIT" },
);

export const reddit = defineDestination<RedditSettings, RedditEvent>({
  name: "reddit",
  title: "Reddit Conversions API",
  purpose: "marketing",
  settings,
  exampleSettings: { pixel_id: "a2_exampleid", conversion_token: "example-reddit-token" },
  // Reddit publishes no rate for conversions.
  limits: { eventsPerRequest: 1_000, requestsPerSecond: 10, giveUpAfterHours: 168, timeoutMs: 10_000 },

  identifiersIn: ({ user, click_id }) => [
    ...Object.keys(user).filter((key) => IDENTIFIERS.has(key)),
    ...(click_id ? ["click_id"] : []),
  ],

  map(event, { action_source = "WEBSITE", limited_data_use, events }): RedditEvent | Skip {
    const tracking_type = nameOf(event, events);
    if (!tracking_type && event.type !== "track")
      return skip("event_not_mapped", `Reddit has no event for "${event.type}"`);
    const time = eventTime(event, 7 * 24);
    if (isSkip(time)) return time;
    const click_id = clickOf(event, "rdt_cid");
    const user = userOf(event, limited_data_use);
    const isKnown = click_id ?? user.email ?? user.external_id ?? user.uuid ?? (user.ip_address && user.user_agent);
    if (!isKnown)
      return skip("missing_field", "Reddit needs a click, an e-mail, an id, or the IP address and the user agent");
    const { url } = visitOf(event);
    return {
      event_at: time.getTime(),
      action_source,
      ...defined({ event_source_url: url, click_id }),
      type: tracking_type ? { tracking_type } : { tracking_type: "CUSTOM", custom_event_name: event.event },
      user,
      metadata: metadataOf(event),
    };
  },

  request(payloads, { pixel_id, conversion_token, test_id }) {
    return {
      url: `https://ads-api.reddit.com/api/v3/pixels/${pixel_id}/conversion_events`,
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${conversion_token}`,
        // Reddit turns away clients that do not say who they are.
        "user-agent": "millrace/1",
      },
      body: JSON.stringify({ data: { ...(test_id && { test_id }), partner: "MILLRACE", events: payloads } }),
    };
  },

  // One bad event refuses the whole request, and Reddit does not say which.
  outcome: (response, payloads): Outcome => requestOutcome(response, payloads),

  examples: redditExamples,
});

/** Of what stands in `user`, what somebody can be recognised by. */
const IDENTIFIERS = new Set(["email", "phone_number", "external_id", "uuid", "ip_address", "user_agent"]);

function userOf(event: Event, limitedDataUse: boolean | undefined): Record<string, unknown> {
  const { ip, user_agent } = visitOf(event);
  const { width, height } = record(event.context.screen);
  const { country, region_code } = record(event.context.location);
  return {
    ...identifiers("reddit", personOf(event)),
    ...defined({
      // Reddit hashes what comes in clear; so it need not come in clear.
      ip_address: ip && sha256(ip),
      user_agent,
      uuid: event.context.vendor_ids?.rdt_uuid,
      screen_dimensions: number(width) && number(height) ? { width: number(width), height: number(height) } : undefined,
      data_processing_options: isLimited(event, limitedDataUse)
        ? { modes: ["LDU"], ...defined({ country: text(country), region: regionOf(text(country), text(region_code)) }) }
        : undefined,
    }),
  };
}

/** ISO 3166-2: `US-CA`. */
function regionOf(country: string | undefined, code: string | undefined): string | undefined {
  return country && code ? (code.includes("-") ? code : `${country}-${code}`) : undefined;
}

function metadataOf(event: Event): RedditEvent["metadata"] {
  // What the pixel's conversionId is compared with.
  const conversion_id = event.message_id;
  if (event.type === "page") return { conversion_id };
  const products = productsOf(event);
  const currency = currencyOf(event);
  return {
    conversion_id,
    ...defined({
      currency,
      // In the currency's own units; without it a value means nothing.
      value: currency && worthOf(event),
      item_count: products.length ? piecesOf(products) : undefined,
      products: unlessEmpty(
        products.flatMap(({ id, name, category, price, quantity }) =>
          id ? [defined({ id, name, category, item_price: price, quantity: quantity ?? 1 })] : [],
        ),
      ),
    }),
  };
}
