import { sha256 } from "../../../core/hash.ts";
import { type Example, skip } from "../destination.ts";
import type { GoogleAdsSettings } from "./google-ads.ts";

const order = "123456789";
const signUp = "987654321";
const eventTimestamp = "2026-11-20T10:00:00.000Z";
const click = { click_ids: { gclid: "Cj0abc" } };
/** Google's own test vector. */
const ALEX = "509e933019bb285a134a9334b8bb679dff79d0ce023d529af4bd744d47b4fd8a";
const PHONE = "fb4f73a6ec5fdb7077d564cdd22c3554b43ce49168550c3b12c547b78c517b30";

export const googleAdsExamples: Example<GoogleAdsSettings>[] = [
  {
    title: "an order after a click",
    in: {
      message_id: "m1",
      event: "Order Completed",
      properties: { order_id: "o1", revenue: 49.5, currency: "eur" },
      context: click,
    },
    out: {
      conversion_action: order,
      event: {
        eventTimestamp,
        transactionId: "o1",
        eventSource: "WEB",
        adIdentifiers: { gclid: "Cj0abc" },
        currency: "EUR",
        conversionValue: 49.5,
      },
    },
  },
  {
    title: "a lead without a value, known by its message",
    in: { message_id: "m1", event: "Signed Up", context: click },
    out: {
      conversion_action: signUp,
      event: { eventTimestamp, transactionId: "m1", eventSource: "WEB", adIdentifiers: { gclid: "Cj0abc" } },
    },
  },
  {
    title: "a click on an iPhone, known by gbraid or wbraid, from the page's address",
    in: {
      message_id: "m1",
      event: "Signed Up",
      context: { page: { url: "https://shop.example/?gbraid=0AAAA&wbraid=CkkK" } },
    },
    out: {
      conversion_action: signUp,
      event: {
        eventTimestamp,
        transactionId: "m1",
        eventSource: "WEB",
        adIdentifiers: { gbraid: "0AAAA", wbraid: "CkkK" },
      },
    },
  },
  {
    title: "a person by e-mail address and phone, hashed, without a click",
    in: {
      message_id: "m1",
      event: "Signed Up",
      traits: { email: " AlexZ@example.com ", phone: "+1 800 555 0100" },
    },
    out: {
      conversion_action: signUp,
      event: {
        eventTimestamp,
        transactionId: "m1",
        eventSource: "WEB",
        userData: { userIdentifiers: [{ emailAddress: ALEX }, { phoneNumber: PHONE }] },
      },
    },
  },
  {
    title: "a Gmail address in its one true form",
    in: { message_id: "m1", event: "Signed Up", traits: { email: "J.Smith+shop@Gmail.com" } },
    out: {
      conversion_action: signUp,
      event: {
        eventTimestamp,
        transactionId: "m1",
        eventSource: "WEB",
        userData: { userIdentifiers: [{ emailAddress: sha256("jsmith@gmail.com") }] },
      },
    },
  },
  {
    title: "an address: names hashed, country and postal code plain",
    in: {
      message_id: "m1",
      event: "Signed Up",
      traits: {
        first_name: "Dr. Jane",
        last_name: "Doe, Jr.",
        address: { country: "Germany", postal_code: "80331", city: "Munich" },
      },
    },
    out: {
      conversion_action: signUp,
      event: {
        eventTimestamp,
        transactionId: "m1",
        eventSource: "WEB",
        userData: {
          userIdentifiers: [
            {
              address: { givenName: sha256("jane"), familyName: sha256("doe"), regionCode: "DE", postalCode: "80331" },
            },
          ],
        },
      },
    },
  },
  {
    title: "the device of the visit goes along with the click",
    in: { message_id: "m1", event: "Signed Up", context: { ...click, ip: "203.0.113.7", user_agent: "Test/1.0" } },
    out: {
      conversion_action: signUp,
      event: {
        eventTimestamp,
        transactionId: "m1",
        eventSource: "WEB",
        adIdentifiers: {
          gclid: "Cj0abc",
          landingPageDeviceInfo: { ipAddress: "203.0.113.7", userAgent: "Test/1.0" },
        },
      },
    },
  },
  {
    title: "consent to marketing answers both of Google's questions",
    in: { message_id: "m1", event: "Signed Up", context: { ...click, consent: { marketing: true } } },
    out: {
      conversion_action: signUp,
      event: {
        eventTimestamp,
        transactionId: "m1",
        eventSource: "WEB",
        adIdentifiers: { gclid: "Cj0abc" },
        consent: { adUserData: "CONSENT_GRANTED", adPersonalization: "CONSENT_GRANTED" },
      },
    },
  },
  {
    title: "who refused that their data are used is told by the click alone",
    in: {
      message_id: "m1",
      event: "Signed Up",
      traits: { email: "jane@example.com" },
      context: { ...click, consent: { marketing: true, ad_user_data: "denied", ad_personalization: "denied" } },
    },
    out: {
      conversion_action: signUp,
      event: {
        eventTimestamp,
        transactionId: "m1",
        eventSource: "WEB",
        adIdentifiers: { gclid: "Cj0abc" },
        consent: { adUserData: "CONSENT_DENIED", adPersonalization: "CONSENT_DENIED" },
      },
    },
  },
  {
    title: "and without a click not at all",
    in: {
      message_id: "m1",
      event: "Signed Up",
      traits: { email: "jane@example.com" },
      context: { consent: { marketing: true, ad_user_data: "denied" } },
    },
    out: skip("missing_field", "neither a click id (gclid, gbraid, wbraid) nor an e-mail address, phone or address"),
  },
  {
    title: "the products of an order, for an account with a Merchant Center",
    settings: { merchant_id: "555", event_source: "IN_STORE" },
    in: {
      message_id: "m1",
      event: "order completed",
      properties: {
        order_id: "o1",
        currency: "EUR",
        products: [{ product_id: "hat-1", price: 19.5, quantity: 2 }, { sku: "hat-2" }],
      },
      context: click,
    },
    out: {
      conversion_action: order,
      event: {
        eventTimestamp,
        transactionId: "o1",
        eventSource: "IN_STORE",
        adIdentifiers: { gclid: "Cj0abc" },
        currency: "EUR",
        conversionValue: 39,
        cartData: {
          merchantId: "555",
          items: [
            { merchantProductId: "hat-1", quantity: "2", unitPrice: 19.5 },
            { merchantProductId: "hat-2", quantity: "1" },
          ],
        },
      },
    },
  },
  {
    title: "a value without its currency says nothing",
    in: { message_id: "m1", event: "Order Completed", properties: { revenue: 49.5 }, context: click },
    out: {
      conversion_action: order,
      event: { eventTimestamp, transactionId: "m1", eventSource: "WEB", adIdentifiers: { gclid: "Cj0abc" } },
    },
  },
  {
    title: "an event that no conversion action is named for",
    in: { message_id: "m1", event: "Product Viewed", context: click },
    out: skip("event_not_mapped", 'no conversion action for "Product Viewed"'),
  },
  {
    title: "an event that Google has forgotten the click of",
    in: { message_id: "m1", event: "Signed Up", timestamp: "2026-08-01T00:00:00.000Z", context: click },
    out: skip("too_old", "happened 2026-08-01T00:00:00.000Z, over 2160 h before it arrived"),
  },
];
