import type { Example } from "../destination.ts";
import type { Ga4Settings } from "./ga4.ts";

const userAgent =
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/136.0.0.0 Safari/537.36";
/** A browser with Google's cookie, five minutes into its third session. */
const visitor = {
  vendor_ids: { ga_client_id: "1718000000.1763632000" },
  session: { id: "s1", number: 3, started_at: "2026-11-20T09:55:00.000Z", is_new: false },
};
const hats = [
  {
    product_id: "hat-1",
    name: "Bowler",
    brand: "Millinery",
    category: "Hats",
    variant: "black",
    price: 19.5,
    quantity: 2,
    position: 1,
    lining: "silk",
  },
  { sku: "hat-2", name: "Cap", price: "10", coupon: "CAPS" },
];
const items = [
  {
    item_id: "hat-1",
    item_name: "Bowler",
    item_brand: "Millinery",
    item_category: "Hats",
    item_variant: "black",
    index: 1,
    price: 19.5,
    quantity: 2,
    lining: "silk",
  },
  { item_id: "hat-2", item_name: "Cap", coupon: "CAPS", price: 10 },
];
/** The client id that stands in for a missing cookie: made of anonymous_id "a1". */
const shared = { client_id: "1760531994.3135374189" };
const timestamp_micros = 1_795_168_800_000_000;

export const ga4Examples: Example<Ga4Settings>[] = [
  {
    title:
      "a page is a page_view, with the address, the session and the client id of the _ga cookie; gclid stays in the address",
    in: {
      message_id: "m1",
      type: "page",
      event: "page",
      context: {
        page: {
          url: "https://shop.example/hats?gclid=Cj0abc",
          path: "/hats",
          search: "?gclid=Cj0abc",
          title: "Hats",
          referrer: "https://www.google.com/",
        },
        ...visitor,
      },
      properties: { name: "Hats", url: "https://shop.example/hats?gclid=Cj0abc", title: "Hats", category: "catalogue" },
    },
    out: {
      shared: { client_id: "1718000000.1763632000" },
      event: {
        name: "page_view",
        timestamp_micros,
        params: {
          session_id: 1795168500,
          engagement_time_msec: 1,
          page_location: "https://shop.example/hats?gclid=Cj0abc",
          page_title: "Hats",
          page_referrer: "https://www.google.com/",
          message_id: "m1",
          session_number: 3,
          name: "Hats",
          category: "catalogue",
        },
      },
    },
  },
  {
    title: "Order Completed is a purchase; its value is the revenue, without tax and shipping",
    in: {
      message_id: "m1",
      event: "Order Completed",
      user_id: "u1",
      context: visitor,
      properties: {
        order_id: "o-1",
        total: 56.5,
        revenue: 49,
        tax: 2.5,
        shipping: 5,
        currency: "eur",
        coupon: "AUTUMN",
        products: hats,
      },
    },
    out: {
      shared: { client_id: "1718000000.1763632000", user_id: "u1" },
      event: {
        name: "purchase",
        timestamp_micros,
        params: {
          session_id: 1795168500,
          engagement_time_msec: 1,
          transaction_id: "o-1",
          currency: "EUR",
          value: 49,
          items,
          message_id: "m1",
          session_number: 3,
          total: 56.5,
          tax: 2.5,
          shipping: 5,
          coupon: "AUTUMN",
        },
      },
    },
  },
  {
    title: "Order Completed with nothing but a total: tax and shipping are taken off",
    in: {
      message_id: "m1",
      event: "Order Completed",
      properties: { order_id: "o-2", total: 60.15, tax: 4.95, shipping: 5.1, currency: "USD" },
    },
    out: {
      shared,
      event: {
        name: "purchase",
        timestamp_micros,
        params: {
          engagement_time_msec: 1,
          transaction_id: "o-2",
          currency: "USD",
          value: 50.1,
          message_id: "m1",
          total: 60.15,
          tax: 4.95,
          shipping: 5.1,
        },
      },
    },
  },
  {
    title: "Order Refunded is a refund",
    in: {
      message_id: "m1",
      event: "Order Refunded",
      properties: {
        order_id: "o-1",
        total: 19.5,
        currency: "EUR",
        products: [{ product_id: "hat-1", price: 19.5, quantity: 1 }],
      },
    },
    out: {
      shared,
      event: {
        name: "refund",
        timestamp_micros,
        params: {
          engagement_time_msec: 1,
          transaction_id: "o-1",
          currency: "EUR",
          value: 19.5,
          items: [{ item_id: "hat-1", price: 19.5, quantity: 1 }],
          message_id: "m1",
          total: 19.5,
        },
      },
    },
  },
  {
    title: "Product Added: the one product stands in items, its price times its quantity is the value",
    in: {
      message_id: "m1",
      event: "Product Added",
      properties: {
        cart_id: "c1",
        product_id: "hat-1",
        name: "Bowler",
        price: 19.5,
        quantity: 2,
        currency: "EUR",
        url: "https://shop.example/hats/1",
      },
    },
    out: {
      shared,
      event: {
        name: "add_to_cart",
        timestamp_micros,
        params: {
          engagement_time_msec: 1,
          currency: "EUR",
          value: 39,
          items: [{ item_id: "hat-1", item_name: "Bowler", price: 19.5, quantity: 2 }],
          message_id: "m1",
          cart_id: "c1",
        },
      },
    },
  },
  {
    title: "Product List Viewed is view_item_list; a list on show has no value",
    in: {
      message_id: "m1",
      event: "product list viewed",
      properties: { list_id: "hats", category: "Hats", currency: "EUR", products: hats },
    },
    out: {
      shared,
      event: {
        name: "view_item_list",
        timestamp_micros,
        params: {
          engagement_time_msec: 1,
          currency: "EUR",
          items,
          message_id: "m1",
          item_list_id: "hats",
          item_list_name: "Hats",
        },
      },
    },
  },
  {
    title: "Products Searched is a search",
    in: { message_id: "m1", event: "Products Searched", properties: { query: "bowler hat" } },
    out: {
      shared,
      event: {
        name: "search",
        timestamp_micros,
        params: { engagement_time_msec: 1, message_id: "m1", search_term: "bowler hat" },
      },
    },
  },
  {
    title: "Promotion Viewed is view_promotion",
    in: {
      message_id: "m1",
      event: "Promotion Viewed",
      properties: { promotion_id: "p1", creative: "banner", name: "Autumn hats", position: "top" },
    },
    out: {
      shared,
      event: {
        name: "view_promotion",
        timestamp_micros,
        params: {
          engagement_time_msec: 1,
          message_id: "m1",
          promotion_id: "p1",
          creative_name: "banner",
          promotion_name: "Autumn hats",
          creative_slot: "top",
        },
      },
    },
  },
  {
    title: "Payment Info Entered is add_payment_info",
    in: {
      message_id: "m1",
      event: "Payment Info Entered",
      properties: { checkout_id: "ch1", payment_method: "Visa", shipping_method: "post" },
    },
    out: {
      shared,
      event: {
        name: "add_payment_info",
        timestamp_micros,
        params: {
          engagement_time_msec: 1,
          message_id: "m1",
          checkout_id: "ch1",
          payment_type: "Visa",
          shipping_tier: "post",
        },
      },
    },
  },
  {
    title: "a group call is join_group",
    in: { message_id: "m1", type: "group", event: "group", group_id: "g1" },
    out: {
      shared,
      event: {
        name: "join_group",
        timestamp_micros,
        params: { engagement_time_msec: 1, group_id: "g1", message_id: "m1" },
      },
    },
  },
  {
    title:
      "an event of the customer's own keeps its name, as far as Google's letters go; lists, objects and contact details stay behind",
    in: {
      message_id: "m1",
      event: "Quiz: 3 hats picked!",
      properties: {
        score: 7,
        passed: true,
        answers: ["a"],
        "hat size": "L",
        ga_secret: "reserved",
        note: "",
        email: "jane@example.com",
      },
    },
    out: {
      shared,
      event: {
        name: "Quiz_3_hats_picked",
        timestamp_micros,
        params: { engagement_time_msec: 1, message_id: "m1", score: 7, passed: "true", hat_size: "L" },
      },
    },
  },
  {
    title: "device and place as the edge knows them: a location with its region outranks the address",
    in: {
      message_id: "m1",
      event: "Signed Up",
      properties: { method: "email" },
      context: {
        ip: "203.0.113.7",
        user_agent: userAgent,
        locale: "en-US",
        screen: { width: 1512, height: 982 },
        device: { type: "desktop" },
        browser: { name: "Chrome", version: "136.0.0.0" },
        os: { name: "Mac OS", version: "10.15.7" },
        location: { country: "US", region: "California", region_code: "CA", city: "Mountain View" },
      },
    },
    out: {
      shared: {
        ...shared,
        user_location: { country_id: "US", region_id: "US-CA", city: "Mountain View" },
        device: {
          category: "desktop",
          language: "en-US",
          screen_resolution: "1512x982",
          operating_system: "Mac OS",
          operating_system_version: "10.15.7",
          browser: "Chrome",
          browser_version: "136.0.0.0",
        },
      },
      event: {
        name: "sign_up",
        timestamp_micros,
        params: { engagement_time_msec: 1, message_id: "m1", method: "email" },
      },
    },
  },
  {
    title: "without a region code the address tells more; an unparsed user agent goes as it is",
    in: {
      message_id: "m1",
      event: "Signed In",
      context: {
        ip: "203.0.113.7",
        user_agent: userAgent,
        location: { country: "DE", region: "Bavaria", city: "Munich" },
      },
    },
    out: {
      shared: { ...shared, ip_override: "203.0.113.7", user_agent: userAgent },
      event: { name: "login", timestamp_micros, params: { engagement_time_msec: 1, message_id: "m1" } },
    },
  },
  {
    title: "consent to marketing, where somebody was asked",
    in: { message_id: "m1", event: "Signed In", context: { consent: { analytics: true, marketing: true } } },
    out: {
      shared: {
        ...shared,
        consent: { ad_user_data: "GRANTED", ad_personalization: "GRANTED" },
      },
      event: { name: "login", timestamp_micros, params: { engagement_time_msec: 1, message_id: "m1" } },
    },
  },
  {
    title: "no ads made for somebody who asked to limit the use of their data",
    in: {
      message_id: "m1",
      event: "Signed In",
      context: { consent: { marketing: true, ad_user_data: "granted" }, limited_data_use: ["gpc"] },
    },
    out: {
      shared: { ...shared, consent: { ad_user_data: "GRANTED", ad_personalization: "DENIED" } },
      event: { name: "login", timestamp_micros, params: { engagement_time_msec: 1, message_id: "m1" } },
    },
  },
  {
    title: "user data is hashed, when the settings say so",
    settings: { send_user_data: true },
    in: {
      message_id: "m1",
      event: "Signed In",
      user_id: "u1",
      context: {
        traits: {
          email: " Jane.Doe@Gmail.com ",
          phone: "+1 (650) 555-1212",
          firstName: "Jane",
          last_name: "O'Doe 2nd",
          address: {
            street: "12 Hat St.",
            city: "St. Louis",
            state: "MO",
            postalCode: "63101",
            country: "United States",
          },
        },
      },
    },
    out: {
      shared: {
        ...shared,
        user_id: "u1",
        user_data: {
          sha256_email_address: ["d6117306485ed0e50afab3ac871e98f81699151f30281527d63ff5f233656c69"],
          sha256_phone_number: ["1e231c66011e7a2d867a9cfae267a6aff103cf4913640b6e71a99850fc0ffbc8"],
          address: [
            {
              sha256_first_name: "81f8f6dde88365f3928796ec7aa53f72820b06db8664f5fe76a7eb13e24546a2",
              sha256_last_name: "ade33981ba26d7b5fa02d9380b050c5a0cb522e7e1dfa1a37e45f119ff20a481",
              sha256_street: "90ebb758e5427e912e3b7602685df88c6895b3a9acd58e81a00c977bf134850f",
              city: "st louis",
              region: "mo",
              postal_code: "63101",
              country: "US",
            },
          ],
        },
      },
      event: { name: "login", timestamp_micros, params: { engagement_time_msec: 1, message_id: "m1" } },
    },
  },
  {
    title: "user data stays here when marketing was refused",
    settings: { send_user_data: true },
    in: {
      message_id: "m1",
      event: "Signed In",
      user_id: "u1",
      context: { consent: { analytics: true, marketing: false }, traits: { email: "jane@example.com" } },
    },
    out: {
      shared: {
        ...shared,
        user_id: "u1",
        consent: { ad_user_data: "DENIED", ad_personalization: "DENIED" },
      },
      event: { name: "login", timestamp_micros, params: { engagement_time_msec: 1, message_id: "m1" } },
    },
  },
  {
    title: "debug marks the event for DebugView",
    settings: { debug: true },
    in: { message_id: "m1", event: "Signed In" },
    out: {
      shared,
      event: {
        name: "login",
        timestamp_micros,
        params: { engagement_time_msec: 1, debug_mode: true, message_id: "m1" },
      },
    },
  },
  {
    title: "a clock three minutes ahead is set back to the arrival",
    in: { message_id: "m1", event: "Signed In", timestamp: "2026-11-20T10:03:00.000Z" },
    out: {
      shared,
      event: {
        name: "login",
        timestamp_micros: timestamp_micros + 1_000_000,
        params: { engagement_time_msec: 1, message_id: "m1" },
      },
    },
  },
  {
    title: "identify becomes an event where the customer names one",
    settings: { identify_as: "login" },
    in: { message_id: "m1", type: "identify", event: "identify", user_id: "u1" },
    out: {
      shared: { ...shared, user_id: "u1" },
      event: {
        name: "login",
        timestamp_micros: 1795168800000000,
        params: { message_id: "m1", engagement_time_msec: 1 },
      },
    },
  },
  {
    title: "identify is no event for Google; its facts travel with the others",
    in: { message_id: "m1", type: "identify", event: "identify", traits: { email: "jane@example.com" } },
    out: { skip: "event_not_mapped", detail: "identify: its facts travel with the other events" },
  },
  {
    title: "the session of Google's own cookie outranks ours, with its number",
    in: {
      message_id: "m1",
      event: "Signed Up",
      context: {
        ...visitor,
        vendor_ids: { ...visitor.vendor_ids, ga_session_id: "1795168000", ga_session_number: "8" },
      },
    },
    out: {
      shared: { client_id: "1718000000.1763632000" },
      event: {
        name: "sign_up",
        timestamp_micros,
        params: { session_id: 1795168000, engagement_time_msec: 1, message_id: "m1", session_number: 8 },
      },
    },
  },
  {
    title: "of several streams each has its own session",
    in: {
      message_id: "m1",
      event: "Signed Up",
      context: {
        ...visitor,
        vendor_ids: {
          ...visitor.vendor_ids,
          ga_session_id: "1795168000",
          ga_session_number: "8",
          ga_session_id_EXAMPLE123: "1795168001",
          ga_session_number_EXAMPLE123: "2",
        },
      },
    },
    out: {
      shared: { client_id: "1718000000.1763632000" },
      event: {
        name: "sign_up",
        timestamp_micros,
        params: { session_id: 1795168001, engagement_time_msec: 1, message_id: "m1", session_number: 2 },
      },
    },
  },
  {
    title: "a session that the visitor had two days ago is not where this event belongs",
    in: {
      message_id: "m1",
      event: "Signed Up",
      context: {
        ...visitor,
        vendor_ids: { ...visitor.vendor_ids, ga_session_id: "1794996000", ga_session_number: "8" },
      },
    },
    out: {
      shared: { client_id: "1718000000.1763632000" },
      event: {
        name: "sign_up",
        timestamp_micros,
        params: { session_id: 1795168500, engagement_time_msec: 1, message_id: "m1", session_number: 3 },
      },
    },
  },
  {
    title: "a session that the event names outranks them all",
    in: {
      message_id: "m1",
      event: "Signed Up",
      properties: { session_id: 1795160000 },
      context: { vendor_ids: { ...visitor.vendor_ids, ga_session_id: "1795168000", ga_session_number: "8" } },
    },
    out: {
      shared: { client_id: "1718000000.1763632000" },
      event: {
        name: "sign_up",
        timestamp_micros,
        params: { session_id: 1795160000, engagement_time_msec: 1, message_id: "m1", session_number: 8 },
      },
    },
  },
  {
    title: "a screen belongs to app streams",
    in: { message_id: "m1", type: "screen", event: "screen" },
    out: { skip: "event_not_mapped", detail: "screen_view belongs to app streams" },
  },
  {
    title: "a purchase without an order id could not be told from its repetition",
    in: { message_id: "m1", event: "Order Completed", properties: { revenue: 5, currency: "EUR" } },
    out: { skip: "missing_field", detail: "purchase needs properties.order_id" },
  },
  {
    title: "a purchase whose currency is unknown would be a wrong sum",
    in: { message_id: "m1", event: "Order Completed", properties: { order_id: "o-1", revenue: 5 } },
    out: { skip: "missing_field", detail: "purchase has a value: it needs properties.currency, three letters" },
  },
  {
    title: "a reserved name",
    in: { message_id: "m1", event: "session_start" },
    out: { skip: "invalid_value", detail: '"session_start" is reserved by Google Analytics' },
  },
  {
    title: "a name without letters",
    in: { message_id: "m1", event: "!!!" },
    out: { skip: "invalid_value", detail: '"!!!" has no letters that a GA4 event name could be made of' },
  },
  {
    title: "older than 72 hours",
    in: { message_id: "m1", event: "Signed In", timestamp: "2026-11-17T10:00:00.000Z" },
    out: { skip: "too_old", detail: "happened 2026-11-17T10:00:00.000Z, over 72 h before it arrived" },
  },
  {
    title: "more than 15 minutes ahead",
    in: { message_id: "m1", event: "Signed In", timestamp: "2026-11-20T10:15:02.000Z" },
    out: { skip: "in_the_future", detail: "happened 2026-11-20T10:15:02.000Z, after it arrived" },
  },
];
