/** Events of a hat shop, which the destinations' examples begin with: the same `in` for every vendor, so that their `out` compare. */
import type { Event } from "../../../core/event.ts";

const context = {
  ip: "203.0.113.7",
  user_agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/136.0.0.0 Safari/537.36",
  locale: "en-GB",
  page: { url: "https://shop.example/hats", title: "Hats", referrer: "https://www.example.org/" },
};
const bowler = { product_id: "hat-1", name: "Bowler", brand: "Lock", category: "Hats", price: 19.5 };
const products = [
  { ...bowler, quantity: 2 },
  { sku: "hat-2", name: "Cap", price: "10" },
];
const jane = { email: "Jane.Doe+hats@Example.com", phone: "+44 (0)20 7946 0958" };

const track = (event: string, properties: Event["properties"]): Partial<Event> => ({
  message_id: "m1",
  event,
  context,
  properties,
});

export const given = {
  page: { message_id: "m1", type: "page", event: "page", context, properties: { name: "Hats" } },
  searched: track("Products Searched", { query: "bowler hat" }),
  listed: track("Product List Viewed", { list_id: "l1", category: "Hats" }),
  viewed: track("Product Viewed", { ...bowler, currency: "EUR" }),
  added: track("Product Added", { ...bowler, quantity: 2, currency: "EUR", cart_id: "c1" }),
  wished: track("Product Added to Wishlist", { ...bowler, currency: "EUR" }),
  checkout: track("Checkout Started", { order_id: "o-1", revenue: 49, currency: "EUR", products }),
  payment: track("Payment Info Entered", { checkout_id: "k1", payment_method: "Visa" }),
  order: track("Order Completed", { order_id: "o-1", total: 56.5, revenue: 49, currency: "eur", products }),
  /** Without a currency a value means nothing. */
  priceless: track("Order Completed", { order_id: "o-1", revenue: 49 }),
  refunded: track("Order Refunded", { order_id: "o-1", total: 49, currency: "EUR" }),
  signedUp: {
    ...track("Signed Up", { plan: "Pro" }),
    user_id: "User-1",
    context: {
      ...context,
      traits: {
        ...jane,
        firstName: "Jane",
        last_name: "Van Doe",
        gender: "Female",
        birthday: "1990-05-13",
        address: { city: "San José", state: "California", postalCode: "94107-1234", country: "United States" },
      },
    },
  },
  lead: track("Lead", { value: 25, currency: "USD", email: jane.email }),
  own: track("Quiz finished", { score: 7, email: jane.email, answers: ["a"] }),
  identify: {
    message_id: "m1",
    type: "identify",
    event: "identify",
    user_id: "User-1",
    context,
    traits: { ...jane, first_name: "Jane", plan: "Pro", age: 36 },
  },
  group: { message_id: "m1", type: "group", event: "group", group_id: "g1", context, traits: { name: "Hatters" } },
  /** A person who takes advertising, but none that is made for them. */
  limited: {
    ...track("Product Viewed", { ...bowler, currency: "EUR" }),
    context: { ...context, consent: { marketing: true, ad_user_data: "granted", ad_personalization: "denied" } },
  },
  /** From a server, which knows a person and no browser. */
  fromServer: {
    ...track("Order Completed", { order_id: "o-1", revenue: 49, currency: "EUR" }),
    context: { traits: { email: jane.email } },
  },
  /** Of whom nothing is known. */
  nobody: { ...track("Order Completed", { order_id: "o-1", revenue: 49, currency: "EUR" }), context: {} },
  /** 100 days before it arrived. */
  old: { ...track("Order Completed", { order_id: "o-1" }), timestamp: "2026-08-12T10:00:00.000Z" },
  /** A clock that is an hour ahead. */
  ahead: { ...track("Order Completed", { order_id: "o-1" }), timestamp: "2026-11-20T11:00:00.000Z" },
} satisfies Record<string, Partial<Event>>;

/** The same event of a visitor with these ids, from cookies and clicks. */
export function withIds(event: Partial<Event>, vendor_ids: Record<string, string>, click_ids = {}): Partial<Event> {
  return { ...event, context: { ...event.context, vendor_ids, click_ids } };
}
