import type { Example } from "../destination.ts";
import { given, withIds } from "./example-events.ts";
import type { HubspotSettings } from "./hubspot.ts";

/** What HubSpot's own properties say of the page. */
const page = {
  hs_page_url: "https://shop.example/hats",
  hs_page_title: "Hats",
  hs_referrer: "https://www.example.org/",
  hs_language: "en-GB",
};

export const hubspotExamples: Example<HubspotSettings>[] = [
  {
    title: "an order; uuid is what HubSpot tells repetitions by",
    in: { ...given.order, context: { ...given.order.context, traits: { email: "jane@example.com" } } },
    out: {
      kind: "event",
      input: {
        eventName: "pe123_order_completed",
        occurredAt: "2026-11-20T10:00:00.000Z",
        uuid: "m1",
        email: "jane@example.com",
        properties: {
          hs_page_url: "https://shop.example/hats",
          hs_page_title: "Hats",
          hs_referrer: "https://www.example.org/",
          hs_language: "en-GB",
          order_id: "o-1",
          revenue: 49,
          currency: "eur",
        },
      },
    },
  },
  {
    title: "a page, by HubSpot's cookie",
    in: withIds(given.page, { hubspotutk: "7a1e9a8c8a1b4c7e9d3b2f4a6b8c0d1e" }),
    out: {
      kind: "event",
      input: {
        eventName: "pe123_page_viewed",
        occurredAt: "2026-11-20T10:00:00.000Z",
        uuid: "m1",
        utk: "7a1e9a8c8a1b4c7e9d3b2f4a6b8c0d1e",
        properties: page,
      },
    },
  },
  {
    title: "from a server, by the e-mail address",
    in: given.fromServer,
    out: {
      kind: "event",
      input: {
        eventName: "pe123_order_completed",
        occurredAt: "2026-11-20T10:00:00.000Z",
        uuid: "m1",
        email: "jane.doe+hats@example.com",
        properties: { order_id: "o-1", revenue: 49, currency: "EUR" },
      },
    },
  },
  {
    title: "the cookie and the e-mail together",
    in: { ...withIds(given.fromServer, { hubspotutk: "7a1e9a8c8a1b4c7e9d3b2f4a6b8c0d1e" }), user_id: "User-1" },
    out: {
      kind: "event",
      input: {
        eventName: "pe123_order_completed",
        occurredAt: "2026-11-20T10:00:00.000Z",
        uuid: "m1",
        email: "jane.doe+hats@example.com",
        utk: "7a1e9a8c8a1b4c7e9d3b2f4a6b8c0d1e",
        properties: { order_id: "o-1", revenue: 49, currency: "EUR" },
      },
    },
  },
  {
    title: "an event of the customer's own says what its definition knows",
    settings: { events: { "Quiz finished": "pe123_quiz" }, event_properties: ["score"] },
    in: given.own,
    out: {
      kind: "event",
      input: {
        eventName: "pe123_quiz",
        occurredAt: "2026-11-20T10:00:00.000Z",
        uuid: "m1",
        email: "jane.doe+hats@example.com",
        properties: {
          hs_page_url: "https://shop.example/hats",
          hs_page_title: "Hats",
          hs_referrer: "https://www.example.org/",
          hs_language: "en-GB",
          score: 7,
        },
      },
    },
  },
  {
    title: "without named properties only HubSpot's own go",
    settings: { events: { "Quiz finished": "pe123_quiz" }, event_properties: undefined },
    in: given.own,
    out: {
      kind: "event",
      input: {
        eventName: "pe123_quiz",
        occurredAt: "2026-11-20T10:00:00.000Z",
        uuid: "m1",
        email: "jane.doe+hats@example.com",
        properties: page,
      },
    },
  },
  {
    title: "the browser, the language and the place",
    in: {
      ...given.fromServer,
      context: {
        traits: { email: "jane@example.com" },
        locale: "de-DE",
        browser: { name: "Chrome" },
        os: { name: "iOS" },
        device: { type: "mobile" },
        location: { city: "Munich", region: "Bavaria", country: "DE" },
      },
    },
    out: {
      kind: "event",
      input: {
        eventName: "pe123_order_completed",
        occurredAt: "2026-11-20T10:00:00.000Z",
        uuid: "m1",
        email: "jane@example.com",
        properties: {
          hs_browser: "Chrome",
          hs_operating_system: "iOS",
          hs_device_type: "mobile",
          hs_language: "de-DE",
          hs_city: "Munich",
          hs_region: "Bavaria",
          hs_country: "DE",
          order_id: "o-1",
          revenue: 49,
          currency: "EUR",
        },
      },
    },
  },
  {
    title: "an identify writes a contact",
    in: given.identify,
    out: {
      kind: "contact",
      input: {
        id: "jane.doe+hats@example.com",
        idProperty: "email",
        properties: { plan: "Pro", phone: "+442079460958", firstname: "Jane", email: "jane.doe+hats@example.com" },
      },
    },
  },
  {
    title: "a contact with name, place and phone",
    in: { ...given.identify, traits: given.signedUp.context.traits },
    out: {
      kind: "contact",
      input: {
        id: "jane.doe+hats@example.com",
        idProperty: "email",
        properties: {
          phone: "+442079460958",
          firstname: "Jane",
          lastname: "Van Doe",
          city: "San José",
          state: "California",
          zip: "94107-1234",
          country: "United States",
          email: "jane.doe+hats@example.com",
        },
      },
    },
  },
  {
    title: "a trait that nobody named stays here",
    settings: { contact_properties: ["age"] },
    in: { ...given.identify, traits: { email: "jane@example.com", plan: "Pro", age: 36 } },
    out: {
      kind: "contact",
      input: { id: "jane@example.com", idProperty: "email", properties: { age: 36, email: "jane@example.com" } },
    },
  },
  {
    title: "an identify that is an event",
    settings: { events: { identify: "pe123_identified" } },
    in: given.identify,
    out: {
      kind: "event",
      input: {
        eventName: "pe123_identified",
        occurredAt: "2026-11-20T10:00:00.000Z",
        uuid: "m1",
        email: "jane.doe+hats@example.com",
        properties: page,
      },
    },
  },
  {
    title: "what is old counts all the same",
    in: { ...given.old, context: { traits: { email: "jane@example.com" } } },
    out: {
      kind: "event",
      input: {
        eventName: "pe123_order_completed",
        occurredAt: "2026-08-12T10:00:00.000Z",
        uuid: "m1",
        email: "jane@example.com",
        properties: { order_id: "o-1" },
      },
    },
  },
  {
    title: "an event without a definition is not sent",
    in: given.viewed,
    out: { skip: "event_not_mapped", detail: 'no definition is set for "Product Viewed"' },
  },
  {
    title: "a contact without an e-mail",
    in: { ...given.identify, traits: { plan: "Pro" } },
    out: { skip: "missing_field", detail: "a contact is known by its e-mail" },
  },
  {
    title: "an event of nobody",
    in: given.order,
    out: { skip: "missing_field", detail: "HubSpot needs an e-mail or its cookie hubspotutk" },
  },
  {
    title: "what happens in an hour has not happened",
    in: { ...given.ahead, context: { traits: { email: "jane@example.com" } } },
    out: { skip: "in_the_future", detail: "happened 2026-11-20T11:00:00.000Z, after it arrived" },
  },
];
