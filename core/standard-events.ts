/**
 * The 28 events of Segment's e-commerce spec v2, each with the properties that a shop would send
 * (https://segment.com/docs/connections/spec/ecommerce/v2/). Every destination maps them by default; docs/event-map.md shows to what.
 */
import type { Event } from "./event.ts";

const product = {
  product_id: "hat-1",
  sku: "H-1",
  category: "Hats",
  name: "Bowler",
  brand: "Ascot",
  variant: "black",
  price: 19.9,
  quantity: 2,
  coupon: "SPRING",
  position: 1,
  currency: "EUR",
};
const products = [
  product,
  { product_id: "cap-1", name: "Cap", category: "Hats", brand: "Derby", price: 9.5, quantity: 1, position: 2 },
];
const order = {
  order_id: "o-1",
  affiliation: "Web shop",
  total: 60.3,
  revenue: 49.3,
  shipping: 5,
  tax: 6,
  discount: 2,
  coupon: "SPRING",
  currency: "EUR",
  products,
};
const cart = { cart_id: "c-1", products };
const checkout = { checkout_id: "k-1", order_id: "o-1", step: 2, shipping_method: "DHL", payment_method: "card" };
const coupon = { order_id: "o-1", cart_id: "c-1", coupon_id: "SPRING", coupon_name: "Spring sale" };
const promotion = { promotion_id: "p-1", creative: "top banner", name: "Spring sale", position: "home 1" };
const list = { list_id: "l-1", category: "Hats", products };
const wishlist = { wishlist_id: "w-1", wishlist_name: "My hats", ...product };
const sharing = { share_via: "email", share_message: "Look at this", recipient: "friend@example.com" };

/** Name → sample properties, in the spec's order. */
export const STANDARD_EVENTS: Record<string, Record<string, unknown>> = {
  "Products Searched": { query: "bowler hat" },
  "Product List Viewed": list,
  "Product List Filtered": {
    ...list,
    filters: [{ type: "colour", value: "black" }],
    sorts: [{ type: "price", value: "desc" }],
  },
  "Promotion Viewed": promotion,
  "Promotion Clicked": promotion,
  "Product Clicked": product,
  "Product Viewed": product,
  "Product Added": { cart_id: "c-1", ...product },
  "Product Removed": { cart_id: "c-1", ...product },
  "Cart Viewed": cart,
  "Checkout Started": order,
  "Checkout Step Viewed": checkout,
  "Checkout Step Completed": checkout,
  "Payment Info Entered": checkout,
  "Order Completed": order,
  "Order Updated": order,
  "Order Refunded": order,
  "Order Cancelled": order,
  "Coupon Entered": coupon,
  "Coupon Applied": { ...coupon, discount: 5 },
  "Coupon Denied": { ...coupon, reason: "expired" },
  "Coupon Removed": { ...coupon, discount: 5 },
  "Product Added to Wishlist": wishlist,
  "Product Removed from Wishlist": wishlist,
  "Wishlist Product Added to Cart": { ...wishlist, cart_id: "c-1" },
  "Product Shared": { ...sharing, ...product },
  "Cart Shared": { ...sharing, ...cart },
  "Product Reviewed": { product_id: "hat-1", review_id: "r-1", review_body: "A fine hat", rating: "5" },
};

/** An event of a known person in a browser who allowed everything: whatever a vendor may ask for is there. */
export function sampleEvent(type: Event["type"], name: string, properties: Record<string, unknown> = {}): Event {
  return {
    message_id: "00000000-0000-4000-8000-000000000001",
    anonymous_id: "00000000-0000-4000-8000-0000000000a1",
    user_id: "user-1",
    type,
    event: type === "track" ? name : type,
    properties,
    ...(type === "group" && { group_id: "group-1" }),
    ...(type === "alias" && { previous_id: "user-0" }),
    ...((type === "identify" || type === "group") && {
      traits: { email: "jane@example.com", name: "Jane Doe", plan: "pro" },
    }),
    context: {
      ip: "192.0.2.10",
      user_agent:
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
      locale: "en-GB",
      page: {
        url: "https://shop.example/hats?gclid=Cj0sample&fbclid=IwARsample&ttclid=E.C.Psample",
        path: "/hats",
        title: "Hats",
        referrer: "https://www.google.com/",
      },
      traits: { email: "jane@example.com", phone: "+4989123456", first_name: "Jane", last_name: "Doe" },
      vendor_ids: { ga_client_id: "1071505751.1795221793", fbp: "fb.1.1795221793000.884216" },
      consent: { analytics: true, marketing: true },
      purposes: ["functional", "analytics", "marketing"],
      location: { country: "GB", city: "London" },
    },
    timestamp: "2026-11-20T10:00:00.000Z",
    received_at: "2026-11-20T10:00:01.000Z",
  };
}
