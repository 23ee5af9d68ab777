import type { Example } from "../destination.ts";
import { given, withIds } from "./example-events.ts";
import type { RedditSettings } from "./reddit.ts";

/** The address is hashed. */
const browser = {
  ip_address: "fec52565aa0cf18f57d7cf5b3ac728503b8992d2d6f7d46da1d1201090902b02",
  user_agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/136.0.0.0 Safari/537.36",
};
/** What every event below has, but for its type. */
const sent = { event_at: 1_795_168_800_000, action_source: "WEBSITE", event_source_url: "https://shop.example/hats" };
const hats = [
  { id: "hat-1", name: "Bowler", category: "Hats", item_price: 19.5, quantity: 2 },
  { id: "hat-2", name: "Cap", item_price: 10, quantity: 1 },
];
const hat = [{ id: "hat-1", name: "Bowler", category: "Hats", item_price: 19.5, quantity: 1 }];

export const redditExamples: Example<RedditSettings>[] = [
  {
    title: "a page is a PAGE_VISIT",
    in: given.page,
    out: { ...sent, type: { tracking_type: "PAGE_VISIT" }, user: { ...browser }, metadata: { conversion_id: "m1" } },
  },
  {
    title: "Order Completed is a PURCHASE; conversion_id is what Reddit tells repetitions by",
    in: given.order,
    out: {
      ...sent,
      type: { tracking_type: "PURCHASE" },
      user: { ...browser },
      metadata: { conversion_id: "m1", currency: "EUR", value: 49, item_count: 3, products: hats },
    },
  },
  {
    title: "Product Viewed is VIEW_CONTENT",
    in: given.viewed,
    out: {
      ...sent,
      type: { tracking_type: "VIEW_CONTENT" },
      user: { ...browser },
      metadata: { conversion_id: "m1", currency: "EUR", value: 19.5, item_count: 1, products: hat },
    },
  },
  {
    title: "Product List Viewed is VIEW_CONTENT too",
    in: given.listed,
    out: { ...sent, type: { tracking_type: "VIEW_CONTENT" }, user: { ...browser }, metadata: { conversion_id: "m1" } },
  },
  {
    title: "Product Added is ADD_TO_CART",
    in: given.added,
    out: {
      ...sent,
      type: { tracking_type: "ADD_TO_CART" },
      user: { ...browser },
      metadata: {
        conversion_id: "m1",
        currency: "EUR",
        value: 39,
        item_count: 2,
        products: [{ id: "hat-1", name: "Bowler", category: "Hats", item_price: 19.5, quantity: 2 }],
      },
    },
  },
  {
    title: "Product Added to Wishlist is ADD_TO_WISHLIST",
    in: given.wished,
    out: {
      ...sent,
      type: { tracking_type: "ADD_TO_WISHLIST" },
      user: { ...browser },
      metadata: { conversion_id: "m1", currency: "EUR", value: 19.5, item_count: 1, products: hat },
    },
  },
  {
    title: "Products Searched is a SEARCH",
    in: given.searched,
    out: { ...sent, type: { tracking_type: "SEARCH" }, user: { ...browser }, metadata: { conversion_id: "m1" } },
  },
  {
    title: "a lead with its worth",
    in: given.lead,
    out: {
      ...sent,
      type: { tracking_type: "LEAD" },
      user: { ...browser, email: "c4d25e9c90ff23e9145397bc6fbd5385ca5fbe78211222ccbecd0b369ebb19a6" },
      metadata: { conversion_id: "m1", currency: "USD", value: 25 },
    },
  },
  {
    title: "Signed Up is SIGN_UP, with everything that Reddit compares",
    in: given.signedUp,
    out: {
      ...sent,
      type: { tracking_type: "SIGN_UP" },
      user: {
        ...browser,
        email: "c4d25e9c90ff23e9145397bc6fbd5385ca5fbe78211222ccbecd0b369ebb19a6",
        phone_number: "f0bf0228144d9fe2bdf1da2d8ca698f17bf1410ee688b075c27062e47b6f0b6d",
        external_id: "72e7a0d15b2efd5aa47b550f3c67b400d685f8350187cc122bca3910e93d087d",
      },
      metadata: { conversion_id: "m1" },
    },
  },
  {
    title: "an event of the customer's own is CUSTOM under its name",
    in: given.own,
    out: {
      ...sent,
      type: { tracking_type: "CUSTOM", custom_event_name: "Quiz finished" },
      user: { ...browser, email: "c4d25e9c90ff23e9145397bc6fbd5385ca5fbe78211222ccbecd0b369ebb19a6" },
      metadata: { conversion_id: "m1" },
    },
  },
  {
    title: "the setting events gives it a type",
    settings: { events: { "Checkout Started": "LEAD" } },
    in: given.checkout,
    out: {
      ...sent,
      type: { tracking_type: "LEAD" },
      user: { ...browser },
      metadata: { conversion_id: "m1", currency: "EUR", value: 49, item_count: 3, products: hats },
    },
  },
  {
    title: "the click on an ad, and Reddit's cookie",
    in: withIds(
      given.page,
      { rdt_uuid: "1763632000000.7a1e9a8c-8a1b-4c7e-9d3b-2f4a6b8c0d1e" },
      { rdt_cid: "5078352134" },
    ),
    out: {
      ...sent,
      click_id: "5078352134",
      type: { tracking_type: "PAGE_VISIT" },
      user: { ...browser, uuid: "1763632000000.7a1e9a8c-8a1b-4c7e-9d3b-2f4a6b8c0d1e" },
      metadata: { conversion_id: "m1" },
    },
  },
  {
    title: "who takes ads but none made for them has limited data use",
    in: given.limited,
    out: {
      ...sent,
      type: { tracking_type: "VIEW_CONTENT" },
      user: { ...browser, data_processing_options: { modes: ["LDU"] } },
      metadata: { conversion_id: "m1", currency: "EUR", value: 19.5, item_count: 1, products: hat },
    },
  },
  {
    title: "limited data use for everybody, by their state",
    settings: { limited_data_use: true },
    in: { ...given.page, context: { ...given.page.context, location: { country: "US", region_code: "CA" } } },
    out: {
      ...sent,
      type: { tracking_type: "PAGE_VISIT" },
      user: { ...browser, data_processing_options: { modes: ["LDU"], country: "US", region: "US-CA" } },
      metadata: { conversion_id: "m1" },
    },
  },
  {
    title: "a value without a currency is left out",
    in: given.priceless,
    out: { ...sent, type: { tracking_type: "PURCHASE" }, user: { ...browser }, metadata: { conversion_id: "m1" } },
  },
  {
    title: "from a server, by the e-mail address",
    settings: { action_source: "OTHER" },
    in: given.fromServer,
    out: {
      event_at: 1_795_168_800_000,
      action_source: "OTHER",
      type: { tracking_type: "PURCHASE" },
      user: { email: "c4d25e9c90ff23e9145397bc6fbd5385ca5fbe78211222ccbecd0b369ebb19a6" },
      metadata: { conversion_id: "m1", currency: "EUR", value: 49 },
    },
  },
  {
    title: "an event of nobody matches nobody",
    in: given.nobody,
    out: {
      skip: "missing_field",
      detail: "Reddit needs a click, an e-mail, an id, or the IP address and the user agent",
    },
  },
  {
    title: "an identify is no event of its own",
    in: given.identify,
    out: { skip: "event_not_mapped", detail: 'Reddit has no event for "identify"' },
  },
  {
    title: "what happened over 7 days ago is too old",
    in: given.old,
    out: { skip: "too_old", detail: "happened 2026-08-12T10:00:00.000Z, over 168 h before it arrived" },
  },
  {
    title: "what happens in an hour has not happened",
    in: given.ahead,
    out: { skip: "in_the_future", detail: "happened 2026-11-20T11:00:00.000Z, after it arrived" },
  },
];
