import type { Example } from "../destination.ts";
import { given } from "./example-events.ts";
import type { KlaviyoSettings } from "./klaviyo.ts";

/** A user of whom only the id and the address are known. */
const known = { external_id: "User-1", anonymous_id: "a1", locale: "en-GB", location: { ip: "203.0.113.7" } };

export const klaviyoExamples: Example<KlaviyoSettings>[] = [
  {
    title: "an order is Placed Order; unique_id is what Klaviyo tells repetitions by",
    in: { ...given.order, user_id: "User-1" },
    out: {
      kind: "event",
      profile: known,
      attributes: {
        metric: "Placed Order",
        time: "2026-11-20T10:00:00.000Z",
        unique_id: "m1",
        value: 49,
        value_currency: "EUR",
        properties: {
          order_id: "o-1",
          total: 56.5,
          revenue: 49,
          currency: "eur",
          products: [
            { product_id: "hat-1", name: "Bowler", brand: "Lock", category: "Hats", price: 19.5, quantity: 2 },
            { sku: "hat-2", name: "Cap", price: "10" },
          ],
        },
      },
    },
  },
  {
    title: "a page has the metric that the setting names",
    settings: { events: { page: "Viewed Page" } },
    in: { ...given.page, user_id: "User-1" },
    out: {
      kind: "event",
      profile: known,
      attributes: {
        metric: "Viewed Page",
        time: "2026-11-20T10:00:00.000Z",
        unique_id: "m1",
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
    title: "Product Viewed is Viewed Product",
    in: { ...given.viewed, user_id: "User-1" },
    out: {
      kind: "event",
      profile: known,
      attributes: {
        metric: "Viewed Product",
        time: "2026-11-20T10:00:00.000Z",
        unique_id: "m1",
        value: 19.5,
        value_currency: "EUR",
        properties: {
          product_id: "hat-1",
          name: "Bowler",
          brand: "Lock",
          category: "Hats",
          price: 19.5,
          currency: "EUR",
        },
      },
    },
  },
  {
    title: "Product Added is Added to Cart",
    in: { ...given.added, user_id: "User-1" },
    out: {
      kind: "event",
      profile: known,
      attributes: {
        metric: "Added to Cart",
        time: "2026-11-20T10:00:00.000Z",
        unique_id: "m1",
        value: 39,
        value_currency: "EUR",
        properties: {
          product_id: "hat-1",
          name: "Bowler",
          brand: "Lock",
          category: "Hats",
          price: 19.5,
          quantity: 2,
          currency: "EUR",
          cart_id: "c1",
        },
      },
    },
  },
  {
    title: "Checkout Started is Started Checkout",
    in: { ...given.checkout, user_id: "User-1" },
    out: {
      kind: "event",
      profile: known,
      attributes: {
        metric: "Started Checkout",
        time: "2026-11-20T10:00:00.000Z",
        unique_id: "m1",
        value: 49,
        value_currency: "EUR",
        properties: {
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
  },
  {
    title: "Products Searched is Searched Site",
    in: { ...given.searched, user_id: "User-1" },
    out: {
      kind: "event",
      profile: known,
      attributes: {
        metric: "Searched Site",
        time: "2026-11-20T10:00:00.000Z",
        unique_id: "m1",
        properties: { query: "bowler hat" },
      },
    },
  },
  {
    title: "a refund is Refunded Order",
    in: { ...given.refunded, user_id: "User-1" },
    out: {
      kind: "event",
      profile: known,
      attributes: {
        metric: "Refunded Order",
        time: "2026-11-20T10:00:00.000Z",
        unique_id: "m1",
        value: 49,
        value_currency: "EUR",
        properties: { order_id: "o-1", total: 49, currency: "EUR" },
      },
    },
  },
  {
    title: "everything that is known of a person, in clear: Klaviyo writes to them",
    in: given.signedUp,
    out: {
      kind: "event",
      profile: {
        email: "jane.doe+hats@example.com",
        external_id: "User-1",
        first_name: "Jane",
        last_name: "Van Doe",
        phone_number: "+442079460958",
        anonymous_id: "a1",
        locale: "en-GB",
        location: {
          city: "San José",
          region: "California",
          zip: "94107-1234",
          country: "United States",
          ip: "203.0.113.7",
        },
      },
      attributes: {
        metric: "Signed Up",
        time: "2026-11-20T10:00:00.000Z",
        unique_id: "m1",
        properties: { plan: "Pro" },
      },
    },
  },
  {
    title: "an event of the customer's own by the e-mail that it holds",
    in: given.own,
    out: {
      kind: "event",
      profile: {
        email: "jane.doe+hats@example.com",
        anonymous_id: "a1",
        locale: "en-GB",
        location: { ip: "203.0.113.7" },
      },
      attributes: {
        metric: "Quiz finished",
        time: "2026-11-20T10:00:00.000Z",
        unique_id: "m1",
        properties: { score: 7, email: "Jane.Doe+hats@Example.com", answers: ["a"] },
      },
    },
  },
  {
    title: "an identify writes the profile",
    in: given.identify,
    out: {
      kind: "profile",
      profile: {
        email: "jane.doe+hats@example.com",
        external_id: "User-1",
        first_name: "Jane",
        phone_number: "+442079460958",
        anonymous_id: "a1",
        locale: "en-GB",
        location: { ip: "203.0.113.7" },
        properties: { plan: "Pro", age: 36 },
      },
    },
  },
  {
    title: "a company and a title",
    in: { ...given.identify, traits: { company: { name: "Lock" }, title: "Hatter" } },
    out: {
      kind: "profile",
      profile: {
        external_id: "User-1",
        anonymous_id: "a1",
        organization: "Lock",
        title: "Hatter",
        locale: "en-GB",
        location: { ip: "203.0.113.7" },
      },
    },
  },
  {
    title: "a phone number that nobody can be called by is left out: it would cost the event",
    in: { ...given.fromServer, context: { traits: { email: "jane@example.com", phone: "+49 1" } } },
    out: {
      kind: "event",
      profile: { email: "jane@example.com", anonymous_id: "a1" },
      attributes: {
        metric: "Placed Order",
        time: "2026-11-20T10:00:00.000Z",
        unique_id: "m1",
        value: 49,
        value_currency: "EUR",
        properties: { order_id: "o-1", revenue: 49, currency: "EUR" },
      },
    },
  },
  {
    title: "from a server, what is old counts all the same",
    in: { ...given.old, context: { traits: { email: "jane@example.com" } } },
    out: {
      kind: "event",
      profile: { email: "jane@example.com", anonymous_id: "a1" },
      attributes: {
        metric: "Placed Order",
        time: "2026-08-12T10:00:00.000Z",
        unique_id: "m1",
        properties: { order_id: "o-1" },
      },
    },
  },
  {
    title: "another metric as the setting says",
    settings: { events: { "Order Completed": "Bought a hat" } },
    in: given.fromServer,
    out: {
      kind: "event",
      profile: { email: "jane.doe+hats@example.com", anonymous_id: "a1" },
      attributes: {
        metric: "Bought a hat",
        time: "2026-11-20T10:00:00.000Z",
        unique_id: "m1",
        value: 49,
        value_currency: "EUR",
        properties: { order_id: "o-1", revenue: 49, currency: "EUR" },
      },
    },
  },
  {
    title: "somebody known by a cookie alone",
    in: given.viewed,
    out: { skip: "missing_field", detail: "Klaviyo needs an e-mail, a phone number or a user_id" },
  },
  {
    title: "a page without a metric",
    in: { ...given.page, user_id: "User-1" },
    out: { skip: "event_not_mapped", detail: 'no metric is set for "page"' },
  },
  {
    title: "what happens in an hour has not happened",
    in: { ...given.ahead, user_id: "User-1" },
    out: { skip: "in_the_future", detail: "happened 2026-11-20T11:00:00.000Z, after it arrived" },
  },
];
