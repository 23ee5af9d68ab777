import type { Event } from "../../../core/event.ts";
import type { Example } from "../destination.ts";
import type { WebhookSettings } from "./webhook.ts";

const plain = {
  message_id: "m1",
  anonymous_id: "a1",
  properties: {},
  context: {},
  timestamp: "2026-11-20T10:00:00.000Z",
  received_at: "2026-11-20T10:00:01.000Z",
};

/** Nothing is mapped here: the receiver gets the event as it is, under its type and time. */
function passes(title: string, given: Partial<Event> & Pick<Event, "type" | "event">): Example<WebhookSettings> {
  const data = { ...plain, ...given };
  return { title, in: { message_id: "m1", ...given }, out: { type: data.type, timestamp: data.timestamp, data } };
}

export const webhookExamples: Example<WebhookSettings>[] = [
  passes("a page", { type: "page", event: "page", properties: { name: "Hats", url: "https://shop.example/hats" } }),
  passes("a screen", { type: "screen", event: "screen", properties: { name: "Home" } }),
  passes("a track with properties of any shape", {
    type: "track",
    event: "Quiz finished",
    properties: { score: 7, answers: [{ hat: "bowler", sizes: ["L", null] }], Ünïcode: "✓" },
  }),
  passes("an order", {
    type: "track",
    event: "Order Completed",
    user_id: "u1",
    properties: { order_id: "o-1", revenue: 49, currency: "eur", products: [{ product_id: "hat-1", price: "19.5" }] },
  }),
  passes("an identify: these are the customer's own systems, so traits go in clear", {
    type: "identify",
    event: "identify",
    user_id: "u1",
    traits: { email: "jane@example.com", firstName: "Jane", address: { city: "Munich" } },
  }),
  passes("a group", { type: "group", event: "group", group_id: "g1", traits: { name: "Hatters", employees: 12 } }),
  passes("an alias", { type: "alias", event: "alias", user_id: "u1", previous_id: "a0" }),
  passes("what was consented to goes along, and refuses nothing", {
    type: "track",
    event: "Signed In",
    context: { consent: { analytics: false, marketing: false } },
  }),
  passes("click ids and vendor ids", {
    type: "page",
    event: "page",
    context: { click_ids: { gclid: "Cj0abc" }, vendor_ids: { ga_client_id: "1718000000.1763632000" } },
  }),
  passes("session, device and place", {
    type: "page",
    event: "page",
    context: {
      session: { id: "s1", number: 3, started_at: "2026-11-20T09:55:00.000Z", is_new: false },
      device: { type: "desktop" },
      location: { country: "DE", city: "Munich" },
    },
  }),
  passes("an event of long ago: a webhook has no time limit", {
    type: "track",
    event: "Signed Up",
    timestamp: "2016-02-29T12:00:00.000Z",
  }),
  passes("Segment's routing", { type: "track", event: "Signed In", integrations: { All: false, Webhooks: true } }),
  passes("a message_id that no header could hold", {
    message_id: "Bestellung №5.1",
    type: "track",
    event: "Signed In",
  }),
];
