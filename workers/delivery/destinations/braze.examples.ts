import type { Example } from "../destination.ts";
import type { BrazeSettings } from "./braze.ts";
import { given } from "./example-events.ts";

export const brazeExamples: Example<BrazeSettings>[] = [
  {
    title: "an identify writes attributes",
    in: given.identify,
    out: {
      list: "attributes",
      entry: {
        external_id: "User-1",
        plan: "Pro",
        age: 36,
        email: "jane.doe+hats@example.com",
        phone: "+442079460958",
        first_name: "Jane",
      },
    },
  },
  {
    title: "everything that Braze knows of a person by name",
    in: { ...given.identify, traits: { ...given.signedUp.context.traits, beta: true, old: null } },
    out: {
      list: "attributes",
      entry: {
        external_id: "User-1",
        beta: true,
        email: "jane.doe+hats@example.com",
        phone: "+442079460958",
        first_name: "Jane",
        last_name: "Van Doe",
        gender: "F",
        dob: "1990-05-13",
        country: "US",
        home_city: "San José",
      },
    },
  },
  {
    title: "an order is Braze's ecommerce.order_placed, with the customer's own words beside",
    in: { ...given.order, user_id: "User-1" },
    out: {
      list: "events",
      entry: {
        external_id: "User-1",
        name: "ecommerce.order_placed",
        time: "2026-11-20T10:00:00.000Z",
        properties: {
          order_id: "o-1",
          total: 56.5,
          revenue: 49,
          currency: "EUR",
          products: [
            { product_id: "hat-1", product_name: "Bowler", variant_id: "hat-1", quantity: 2, price: 19.5 },
            { product_id: "hat-2", product_name: "Cap", variant_id: "hat-2", quantity: 1, price: 10 },
          ],
          total_value: 49,
          source: "https://shop.example/hats",
        },
      },
    },
  },
  {
    title: "Product Viewed is ecommerce.product_viewed",
    in: { ...given.viewed, user_id: "User-1" },
    out: {
      list: "events",
      entry: {
        external_id: "User-1",
        name: "ecommerce.product_viewed",
        time: "2026-11-20T10:00:00.000Z",
        properties: {
          product_id: "hat-1",
          name: "Bowler",
          brand: "Lock",
          category: "Hats",
          price: 19.5,
          currency: "EUR",
          product_name: "Bowler",
          variant_id: "hat-1",
          source: "https://shop.example/hats",
        },
      },
    },
  },
  {
    title: "Checkout Started is ecommerce.checkout_started",
    in: { ...given.checkout, user_id: "User-1" },
    out: {
      list: "events",
      entry: {
        external_id: "User-1",
        name: "ecommerce.checkout_started",
        time: "2026-11-20T10:00:00.000Z",
        properties: {
          order_id: "o-1",
          revenue: 49,
          currency: "EUR",
          products: [
            { product_id: "hat-1", product_name: "Bowler", variant_id: "hat-1", quantity: 2, price: 19.5 },
            { product_id: "hat-2", product_name: "Cap", variant_id: "hat-2", quantity: 1, price: 10 },
          ],
          checkout_id: "o-1",
          total_value: 49,
          source: "https://shop.example/hats",
        },
      },
    },
  },
  {
    title: "a refund is ecommerce.order_refunded",
    in: { ...given.refunded, user_id: "User-1" },
    out: {
      list: "events",
      entry: {
        external_id: "User-1",
        name: "ecommerce.order_refunded",
        time: "2026-11-20T10:00:00.000Z",
        properties: {
          order_id: "o-1",
          total: 49,
          currency: "EUR",
          total_value: 49,
          products: [],
          source: "https://shop.example/hats",
        },
      },
    },
  },
  {
    title: "a page is Viewed Page",
    in: { ...given.page, user_id: "User-1" },
    out: {
      list: "events",
      entry: {
        external_id: "User-1",
        name: "Viewed Page",
        time: "2026-11-20T10:00:00.000Z",
        properties: {
          url: "https://shop.example/hats",
          title: "Hats",
          referrer: "https://www.example.org/",
          name: "Hats",
        },
      },
    },
  },
  {
    title: "an event of the customer's own keeps its name",
    in: { ...given.own, user_id: "User-1" },
    out: {
      list: "events",
      entry: {
        external_id: "User-1",
        name: "Quiz finished",
        time: "2026-11-20T10:00:00.000Z",
        properties: { score: 7, email: "Jane.Doe+hats@Example.com", answers: ["a"] },
      },
    },
  },
  {
    title: "a sign-up",
    in: given.signedUp,
    out: {
      list: "events",
      entry: {
        external_id: "User-1",
        name: "Signed Up",
        time: "2026-11-20T10:00:00.000Z",
        properties: { plan: "Pro" },
      },
    },
  },
  {
    title: "what is null, or begins with a dollar, Braze would refuse",
    in: { ...given.searched, user_id: "User-1", properties: { query: "hat", filter: null, $internal: 1 } },
    out: {
      list: "events",
      entry: {
        external_id: "User-1",
        name: "Products Searched",
        time: "2026-11-20T10:00:00.000Z",
        properties: { query: "hat" },
      },
    },
  },
  {
    title: "a visitor without a user_id under an alias, where the customer wants them",
    settings: { send_anonymous: true },
    in: given.searched,
    out: {
      list: "events",
      entry: {
        user_alias: { alias_name: "a1", alias_label: "anonymous_id" },
        _update_existing_only: false,
        name: "Products Searched",
        time: "2026-11-20T10:00:00.000Z",
        properties: { query: "bowler hat" },
      },
    },
  },
  {
    title: "the app that it counts for",
    settings: { app_id: "0a1b2c3d-app" },
    in: { ...given.searched, user_id: "User-1" },
    out: {
      list: "events",
      entry: {
        external_id: "User-1",
        name: "Products Searched",
        time: "2026-11-20T10:00:00.000Z",
        app_id: "0a1b2c3d-app",
        properties: { query: "bowler hat" },
      },
    },
  },
  {
    title: "another name as the setting says",
    settings: { events: { "Order Completed": "Bought a hat" } },
    in: { ...given.order, user_id: "User-1", properties: { order_id: "o-1" } },
    out: {
      list: "events",
      entry: {
        external_id: "User-1",
        name: "Bought a hat",
        time: "2026-11-20T10:00:00.000Z",
        properties: { order_id: "o-1", products: [], source: "https://shop.example/hats" },
      },
    },
  },
  {
    title: "what is old counts all the same",
    in: { ...given.old, user_id: "User-1", event: "Quiz finished" },
    out: {
      list: "events",
      entry: {
        external_id: "User-1",
        name: "Quiz finished",
        time: "2026-08-12T10:00:00.000Z",
        properties: { order_id: "o-1" },
      },
    },
  },
  {
    title: "a visitor without a user_id",
    in: given.searched,
    out: { skip: "missing_field", detail: "Braze needs a user_id" },
  },
  {
    title: "a group call",
    in: { ...given.group, user_id: "User-1" },
    out: { skip: "event_not_mapped", detail: 'Braze has no event for "group"' },
  },
  {
    title: "what happens in an hour has not happened",
    in: { ...given.ahead, user_id: "User-1" },
    out: { skip: "in_the_future", detail: "happened 2026-11-20T11:00:00.000Z, after it arrived" },
  },
];
