import type { Example } from "../destination.ts";
import type { AmplitudeSettings } from "./amplitude.ts";
import { given } from "./example-events.ts";

const browser = {
  platform: "Web",
  ip: "203.0.113.7",
  user_agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/136.0.0.0 Safari/537.36",
  language: "en-GB",
};
/** What every event below has, but for its name. */
const sent = { device_id: "a1", time: 1_795_168_800_000, insert_id: "m1" };

export const amplitudeExamples: Example<AmplitudeSettings>[] = [
  {
    title: "a page is Viewed Page, with its address",
    in: given.page,
    out: {
      ...browser,
      ...sent,
      event_type: "Viewed Page",
      event_properties: {
        url: "https://shop.example/hats",
        title: "Hats",
        referrer: "https://www.example.org/",
        name: "Hats",
      },
    },
  },
  {
    title: "an event keeps its name and everything that it says",
    in: given.own,
    out: {
      ...browser,
      ...sent,
      event_type: "Quiz finished",
      event_properties: { score: 7, email: "Jane.Doe+hats@Example.com", answers: ["a"] },
    },
  },
  {
    title: "Order Completed counts as revenue; insert_id is what Amplitude tells repetitions by",
    in: given.order,
    out: {
      ...browser,
      ...sent,
      event_type: "Order Completed",
      event_properties: {
        order_id: "o-1",
        total: 56.5,
        revenue: 49,
        currency: "eur",
        products: [
          { product_id: "hat-1", name: "Bowler", brand: "Lock", category: "Hats", price: 19.5, quantity: 2 },
          { sku: "hat-2", name: "Cap", price: "10" },
        ],
      },
      revenue: 49,
      currency: "EUR",
    },
  },
  {
    title: "Product Viewed is an event like any other",
    in: given.viewed,
    out: {
      ...browser,
      ...sent,
      event_type: "Product Viewed",
      event_properties: {
        product_id: "hat-1",
        name: "Bowler",
        brand: "Lock",
        category: "Hats",
        price: 19.5,
        currency: "EUR",
      },
    },
  },
  {
    title: "a search",
    in: given.searched,
    out: { ...browser, ...sent, event_type: "Products Searched", event_properties: { query: "bowler hat" } },
  },
  {
    title: "a user beside their device",
    in: { ...given.checkout, user_id: "User-1" },
    out: {
      ...browser,
      ...sent,
      event_type: "Checkout Started",
      user_id: "User-1",
      event_properties: {
        order_id: "o-1",
        revenue: 49,
        currency: "EUR",
        products: [
          { product_id: "hat-1", name: "Bowler", brand: "Lock", category: "Hats", price: 19.5, quantity: 2 },
          { sku: "hat-2", name: "Cap", price: "10" },
        ],
      },
    },
  },
  {
    title: "an identify sets the user's properties",
    in: given.identify,
    out: {
      ...browser,
      ...sent,
      event_type: "$identify",
      user_id: "User-1",
      user_properties: {
        $set: {
          email: "Jane.Doe+hats@Example.com",
          phone: "+44 (0)20 7946 0958",
          first_name: "Jane",
          plan: "Pro",
          age: 36,
        },
      },
    },
  },
  {
    title: "a group call sets the group's properties",
    in: given.group,
    out: {
      ...browser,
      ...sent,
      event_type: "$groupidentify",
      groups: { company: "g1" },
      group_properties: { $set: { name: "Hatters" } },
    },
  },
  {
    title: "the group under the type that the setting names",
    settings: { group_type: "team" },
    in: given.group,
    out: {
      ...browser,
      ...sent,
      event_type: "$groupidentify",
      groups: { team: "g1" },
      group_properties: { $set: { name: "Hatters" } },
    },
  },
  {
    title: "an event of somebody in a group",
    in: { ...given.searched, context: { group_id: "g1" } },
    out: {
      ...sent,
      event_type: "Products Searched",
      groups: { company: "g1" },
      event_properties: { query: "bowler hat" },
    },
  },
  {
    title: "the session, the place and the device, as far as they are known",
    in: {
      ...given.searched,
      context: {
        ...given.page.context,
        location: { country: "DE", region: "Bavaria", city: "Munich", latitude: 48.1, longitude: 11.6 },
        os: { name: "iOS", version: "18" },
        device: { vendor: "Apple", model: "iPhone" },
        session: { id: "s1", number: 2, started_at: "2026-11-20T09:50:00.000Z", is_new: false },
      },
    },
    out: {
      ...browser,
      ...sent,
      event_type: "Products Searched",
      event_properties: { query: "bowler hat" },
      session_id: 1_795_168_200_000,
      country: "DE",
      region: "Bavaria",
      city: "Munich",
      location_lat: 48.1,
      location_lng: 11.6,
      os_name: "iOS",
      os_version: "18",
      device_brand: "Apple",
      device_model: "iPhone",
    },
  },
  {
    title: "an app's screen",
    in: {
      message_id: "m1",
      type: "screen",
      event: "screen",
      properties: { name: "Basket" },
      context: { app: { version: "1.2" } },
    },
    out: { ...sent, event_type: "Viewed Screen", event_properties: { name: "Basket" }, app_version: "1.2" },
  },
  {
    title: "another name as the setting says",
    settings: { events: { page: "Page Seen" } },
    in: given.page,
    out: {
      ...browser,
      ...sent,
      event_type: "Page Seen",
      event_properties: {
        url: "https://shop.example/hats",
        title: "Hats",
        referrer: "https://www.example.org/",
        name: "Hats",
      },
    },
  },
  {
    title: "what is old counts all the same",
    in: given.old,
    out: {
      ...browser,
      event_type: "Order Completed",
      device_id: "a1",
      time: 1_786_528_800_000,
      insert_id: "m1",
      event_properties: { order_id: "o-1" },
    },
  },
  {
    title: "an alias is nothing to Amplitude, which joins devices by itself",
    in: { message_id: "m1", type: "alias", event: "alias" },
    out: { skip: "event_not_mapped", detail: "Amplitude joins devices and users by itself" },
  },
  {
    title: "a group call without its id",
    in: { ...given.group, group_id: undefined },
    out: { skip: "missing_field", detail: "a group call needs its group_id" },
  },
  {
    title: "what happens in an hour has not happened",
    in: given.ahead,
    out: { skip: "in_the_future", detail: "happened 2026-11-20T11:00:00.000Z, after it arrived" },
  },
];
