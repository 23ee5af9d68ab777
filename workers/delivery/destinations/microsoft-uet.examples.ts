import type { Example } from "../destination.ts";
import { given, withIds } from "./example-events.ts";
import type { MicrosoftUetSettings } from "./microsoft-uet.ts";

/** The visitor's browser. */
const browser = {
  clientIpAddress: "203.0.113.7",
  clientUserAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/136.0.0.0 Safari/537.36",
};
/** What every event below has, but for its name. */
const sent = {
  eventId: "m1",
  eventTime: 1_795_168_800,
  eventSourceUrl: "https://shop.example/hats",
  referrerUrl: "https://www.example.org/",
  pageTitle: "Hats",
};
const hats = [
  { id: "hat-1", name: "Bowler", price: 19.5, quantity: 2 },
  { id: "hat-2", name: "Cap", price: 10, quantity: 1 },
];
const hat = [{ id: "hat-1", name: "Bowler", price: 19.5, quantity: 1 }];

export const microsoftUetExamples: Example<MicrosoftUetSettings>[] = [
  { title: "a page is a pageLoad", in: given.page, out: { ...sent, eventType: "pageLoad", userData: browser } },
  {
    title: "Order Completed is the action purchase; eventId is what Microsoft tells repetitions by",
    in: given.order,
    out: {
      ...sent,
      eventType: "custom",
      eventName: "purchase",
      userData: browser,
      customData: {
        value: 49,
        currency: "EUR",
        transactionId: "o-1",
        pageType: "purchase",
        itemIds: ["hat-1", "hat-2"],
        items: hats,
        ecommTotalValue: 49,
      },
    },
  },
  {
    title: "Product Viewed is view_item on a product page",
    in: given.viewed,
    out: {
      ...sent,
      eventType: "custom",
      eventName: "view_item",
      userData: browser,
      customData: {
        value: 19.5,
        currency: "EUR",
        pageType: "product",
        itemIds: ["hat-1"],
        items: hat,
        ecommCategory: "Hats",
      },
    },
  },
  {
    title: "Product List Viewed is view_item_list on a category page",
    in: given.listed,
    out: {
      ...sent,
      eventType: "custom",
      eventName: "view_item_list",
      userData: browser,
      customData: { pageType: "category", ecommCategory: "Hats" },
    },
  },
  {
    title: "Product Added is add_to_cart",
    in: given.added,
    out: {
      ...sent,
      eventType: "custom",
      eventName: "add_to_cart",
      userData: browser,
      customData: {
        value: 39,
        currency: "EUR",
        pageType: "cart",
        itemIds: ["hat-1"],
        items: [{ id: "hat-1", name: "Bowler", price: 19.5, quantity: 2 }],
        ecommCategory: "Hats",
      },
    },
  },
  {
    title: "Product Added to Wishlist is add_to_wishlist",
    in: given.wished,
    out: {
      ...sent,
      eventType: "custom",
      eventName: "add_to_wishlist",
      userData: browser,
      customData: { value: 19.5, currency: "EUR", itemIds: ["hat-1"], items: hat, ecommCategory: "Hats" },
    },
  },
  {
    title: "Checkout Started is begin_checkout",
    in: given.checkout,
    out: {
      ...sent,
      eventType: "custom",
      eventName: "begin_checkout",
      userData: browser,
      customData: {
        value: 49,
        currency: "EUR",
        transactionId: "o-1",
        pageType: "cart",
        itemIds: ["hat-1", "hat-2"],
        items: hats,
      },
    },
  },
  {
    title: "Products Searched is a search",
    in: given.searched,
    out: {
      ...sent,
      eventType: "custom",
      eventName: "search",
      userData: browser,
      customData: { searchTerm: "bowler hat", pageType: "searchresults" },
    },
  },
  {
    title: "a person by e-mail and phone in Microsoft's form, and the customer's id",
    in: given.signedUp,
    out: {
      ...sent,
      eventType: "custom",
      eventName: "sign_up",
      userData: {
        em: "c4d25e9c90ff23e9145397bc6fbd5385ca5fbe78211222ccbecd0b369ebb19a6",
        ph: "f0bf0228144d9fe2bdf1da2d8ca698f17bf1410ee688b075c27062e47b6f0b6d",
        externalId: "User-1",
        clientIpAddress: "203.0.113.7",
        clientUserAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/136.0.0.0 Safari/537.36",
      },
    },
  },
  {
    title: "an event of the customer's own is an action of that name",
    in: given.own,
    out: {
      ...sent,
      eventType: "custom",
      eventName: "Quiz finished",
      userData: {
        em: "c4d25e9c90ff23e9145397bc6fbd5385ca5fbe78211222ccbecd0b369ebb19a6",
        clientIpAddress: "203.0.113.7",
        clientUserAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/136.0.0.0 Safari/537.36",
      },
    },
  },
  {
    title: "the action that a goal waits for, as the setting says",
    settings: { events: { "Order Completed": "bought" } },
    in: given.order,
    out: {
      ...sent,
      eventType: "custom",
      eventName: "bought",
      userData: browser,
      customData: {
        value: 49,
        currency: "EUR",
        transactionId: "o-1",
        pageType: "purchase",
        itemIds: ["hat-1", "hat-2"],
        items: hats,
        ecommTotalValue: 49,
      },
    },
  },
  {
    title: "an identify becomes what the setting says",
    settings: { events: { identify: "sign_up" } },
    in: given.identify,
    out: {
      ...sent,
      eventType: "custom",
      eventName: "sign_up",
      userData: {
        em: "c4d25e9c90ff23e9145397bc6fbd5385ca5fbe78211222ccbecd0b369ebb19a6",
        ph: "f0bf0228144d9fe2bdf1da2d8ca698f17bf1410ee688b075c27062e47b6f0b6d",
        externalId: "User-1",
        clientIpAddress: "203.0.113.7",
        clientUserAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/136.0.0.0 Safari/537.36",
      },
    },
  },
  {
    title: "the click without its cookie's prefix, and the visitor's id",
    in: withIds(given.page, { uetvid: "7a1e9a8c8a1b4c7e9d3b2f4a6b8c0d1e", msclkid: "old" }, { msclkid: "d1f0c1a2b3" }),
    out: {
      ...sent,
      eventType: "pageLoad",
      userData: {
        anonymousId: "7a1e9a8c8a1b4c7e9d3b2f4a6b8c0d1e",
        msclkid: "d1f0c1a2b3",
        clientIpAddress: "203.0.113.7",
        clientUserAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/136.0.0.0 Safari/537.36",
      },
    },
  },
  {
    title: "consent as Microsoft writes it",
    in: { ...given.page, context: { ...given.page.context, consent: { marketing: true } } },
    out: { ...sent, eventType: "pageLoad", adStorageConsent: "G", userData: browser },
  },
  {
    title: "from a server, by the e-mail address",
    in: given.fromServer,
    out: {
      eventType: "custom",
      eventId: "m1",
      eventTime: 1_795_168_800,
      eventName: "purchase",
      userData: { em: "c4d25e9c90ff23e9145397bc6fbd5385ca5fbe78211222ccbecd0b369ebb19a6" },
      customData: { value: 49, currency: "EUR", transactionId: "o-1", pageType: "purchase", ecommTotalValue: 49 },
    },
  },
  {
    title: "an identify is no event of its own",
    in: given.identify,
    out: { skip: "event_not_mapped", detail: 'no action is set for "identify"' },
  },
  {
    title: "a pageLoad needs its page",
    in: { ...given.page, context: {} },
    out: { skip: "missing_field", detail: "a pageLoad needs context.page.url, http or https" },
  },
  {
    title: "what happened over 90 days ago is too old",
    in: given.old,
    out: { skip: "too_old", detail: "happened 2026-08-12T10:00:00.000Z, over 2160 h before it arrived" },
  },
  {
    title: "what happens in an hour has not happened",
    in: given.ahead,
    out: { skip: "in_the_future", detail: "happened 2026-11-20T11:00:00.000Z, after it arrived" },
  },
];
