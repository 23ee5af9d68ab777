import type { Example } from "../destination.ts";
import type { MetaSettings } from "./meta.ts";

const userAgent =
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/136.0.0.0 Safari/537.36";
const web = { ip: "203.0.113.7", user_agent: userAgent, page: { url: "https://shop.example/hats" } };
/** How every event below begins, but for its name. */
const sent = { event_time: 1_795_168_800, event_id: "m1", action_source: "website" };
const onHats = { ...sent, event_source_url: "https://shop.example/hats" };
/** SHA-256 of "a1", the anonymous_id. */
const anonymous = "f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114";
const browser = { client_ip_address: "203.0.113.7", client_user_agent: userAgent };
const user_data = { external_id: [anonymous], ...browser };

export const metaExamples: Example<MetaSettings>[] = [
  {
    title: "a page is a PageView",
    in: {
      message_id: "m1",
      type: "page",
      event: "page",
      properties: { name: "Hats" },
      context: { ...web, page: { url: "https://shop.example/hats", referrer: "https://l.facebook.com/" } },
    },
    out: { ...onHats, event_name: "PageView", referrer_url: "https://l.facebook.com/", user_data },
  },
  {
    title: "Order Completed is a Purchase; event_id is what Meta tells repetitions by",
    in: {
      message_id: "m1",
      event: "Order Completed",
      user_id: "u1",
      context: web,
      properties: {
        order_id: "o-1",
        total: 56.5,
        revenue: 49,
        currency: "eur",
        products: [
          { product_id: "hat-1", name: "Bowler", price: 19.5, quantity: 2, delivery_category: "home_delivery" },
          { sku: "hat-2", name: "Cap", price: "10" },
        ],
      },
    },
    out: {
      ...onHats,
      event_name: "Purchase",
      user_data: {
        external_id: ["bb82030dbc2bcaba32a90bf2e207a84a856fc5f033b77c480836ab6f77f40f19", anonymous],
        ...browser,
      },
      custom_data: {
        currency: "EUR",
        value: 49,
        content_ids: ["hat-1", "hat-2"],
        content_type: "product",
        contents: [
          { id: "hat-1", quantity: 2, item_price: 19.5, delivery_category: "home_delivery" },
          { id: "hat-2", quantity: 1, item_price: 10 },
        ],
        num_items: 3,
        order_id: "o-1",
      },
    },
  },
  {
    title: "Product Viewed is ViewContent of one product",
    in: {
      message_id: "m1",
      event: "Product Viewed",
      context: web,
      properties: { product_id: "hat-1", name: "Bowler", category: "Hats", price: 19.5, currency: "EUR" },
    },
    out: {
      ...onHats,
      event_name: "ViewContent",
      user_data,
      custom_data: {
        currency: "EUR",
        value: 19.5,
        content_ids: ["hat-1"],
        content_type: "product",
        contents: [{ id: "hat-1", quantity: 1, item_price: 19.5 }],
        content_name: "Bowler",
        content_category: "Hats",
      },
    },
  },
  {
    title: "Product List Viewed without products is a product group",
    in: {
      message_id: "m1",
      event: "Product List Viewed",
      context: web,
      properties: { list_id: "l1", category: "Hats" },
    },
    out: {
      ...onHats,
      event_name: "ViewContent",
      user_data,
      custom_data: { content_ids: ["Hats"], content_type: "product_group", content_category: "Hats" },
    },
  },
  {
    title: "Product Added is AddToCart; a value without its currency is left out",
    in: {
      message_id: "m1",
      event: "Product Added",
      context: web,
      properties: { product_id: "hat-1", price: 19.5, quantity: 2 },
    },
    out: {
      ...onHats,
      event_name: "AddToCart",
      user_data,
      custom_data: {
        content_ids: ["hat-1"],
        content_type: "product",
        contents: [{ id: "hat-1", quantity: 2, item_price: 19.5 }],
      },
    },
  },
  {
    title: "Checkout Started is InitiateCheckout and counts its items",
    in: {
      message_id: "m1",
      event: "Checkout Started",
      context: web,
      properties: {
        revenue: 49,
        currency: "EUR",
        products: [{ product_id: "hat-1", quantity: 2 }, { product_id: "hat-2" }],
      },
    },
    out: {
      ...onHats,
      event_name: "InitiateCheckout",
      user_data,
      custom_data: {
        currency: "EUR",
        value: 49,
        content_ids: ["hat-1", "hat-2"],
        content_type: "product",
        contents: [
          { id: "hat-1", quantity: 2 },
          { id: "hat-2", quantity: 1 },
        ],
        num_items: 3,
      },
    },
  },
  {
    title: "Products Searched is a Search",
    in: { message_id: "m1", event: "Products Searched", context: web, properties: { query: "bowler hat" } },
    out: { ...onHats, event_name: "Search", user_data, custom_data: { search_string: "bowler hat" } },
  },
  {
    title: "Meta's own standard events pass by their name",
    in: {
      message_id: "m1",
      event: "Lead",
      context: web,
      properties: { value: 25, currency: "USD", status: "qualified" },
    },
    out: { ...onHats, event_name: "Lead", user_data, custom_data: { status: "qualified", currency: "USD", value: 25 } },
  },
  {
    title: "an event of the customer's own goes with what it says, but for contact details",
    in: {
      message_id: "m1",
      event: "Quiz finished",
      context: web,
      properties: { score: 7, email: "jane@example.com", answers: ["a"] },
    },
    out: {
      ...onHats,
      event_name: "Quiz finished",
      user_data: {
        em: "8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d",
        external_id: [anonymous],
        ...browser,
      },
      custom_data: { score: 7 },
    },
  },
  {
    title: "everything that is known of a person, in the form that Meta compares",
    in: {
      message_id: "m1",
      event: "Signed Up",
      user_id: " User-1 ",
      context: {
        ...web,
        vendor_ids: { fbp: "fb.1.1763632000000.1098115397", fbc: "fb.1.1763632000000.AbCdEf_GhI" },
        traits: {
          email: "John_Smith@gmail.com",
          phone: "+1 (650) 555-1212",
          firstName: "Mary",
          last_name: "O'Neil Smith",
          gender: "Female",
          birthday: "1990-05-13",
          address: { city: "San Francisco", state: "California", postalCode: "94107-1234", country: "United States" },
        },
      },
    },
    out: {
      ...onHats,
      event_name: "CompleteRegistration",
      user_data: {
        em: "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f",
        ph: "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176",
        fn: "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec",
        ln: "825e66cf3a9a1ab140083fc38941c75ce6e41b49991e839f15b071b53dad639b",
        ge: "252f10c83610ebca1a059c0bae8255eba2f95be4d1d7bcfa89d7248a82d9f111",
        db: "436d9180d651777042fccc537792e35a9ea5adb78c34f1550fde6032fe7feae0",
        ct: "1a6bd4d9d79dc0a79b53795c70d3349fa9e38968a3fbefbfe8783efb1d2b6aac",
        st: "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126",
        zp: "c884a209ebe08750a7d13db63bd02233b375bd79786cbe329ab11586cc35dead",
        country: "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621",
        external_id: ["c6c289e49e9c05b2145860387b73bcb18df43fb09a1e4a4a9713c76c88bb541b", anonymous],
        ...browser,
        fbp: "fb.1.1763632000000.1098115397",
        fbc: "fb.1.1763632000000.AbCdEf_GhI",
      },
    },
  },
  {
    title: "a phone without its country, a broken e-mail and an unknown country are left out; hashes pass",
    settings: { action_source: "system_generated" },
    in: {
      message_id: "m1",
      event: "Signed Up",
      context: {
        traits: {
          phone: "0650 555 1212",
          email: "jane(at)example.com",
          country: "Narnia",
          first_name: "6915771BE1C5AA0C886870B6951B03D7EAFC121FEA0E80A5EA83BEB7C449F4EC",
        },
      },
    },
    out: {
      event_name: "CompleteRegistration",
      event_time: 1795168800,
      event_id: "m1",
      action_source: "system_generated",
      user_data: { fn: "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec", external_id: [anonymous] },
    },
  },
  {
    title: "fbc is made of the click id in the address, capitals kept",
    in: {
      message_id: "m1",
      type: "page",
      event: "page",
      context: { ...web, page: { url: "https://shop.example/?utm_source=fb&fbclid=IwAR0AbCdEf" } },
    },
    out: {
      ...sent,
      event_name: "PageView",
      event_source_url: "https://shop.example/?utm_source=fb&fbclid=IwAR0AbCdEf",
      user_data: { external_id: [anonymous], ...browser, fbc: "fb.1.1795168800000.IwAR0AbCdEf" },
    },
  },
  {
    title: "a remembered click id does as well; what is no fbp is left out",
    in: {
      message_id: "m1",
      event: "Contact",
      context: { ...web, click_ids: { fbclid: "IwAR1xYz" }, vendor_ids: { fbp: "1098115397" } },
    },
    out: {
      ...onHats,
      event_name: "Contact",
      user_data: { external_id: [anonymous], ...browser, fbc: "fb.1.1795168800000.IwAR1xYz" },
    },
  },
  {
    title: "limited data use lets Meta judge by the address",
    settings: { limited_data_use: true },
    in: { message_id: "m1", event: "Contact", context: { ...web, consent: { marketing: true } } },
    out: {
      ...onHats,
      event_name: "Contact",
      user_data,
      data_processing_options: ["LDU"],
      data_processing_options_country: 0,
      data_processing_options_state: 0,
    },
  },
  {
    title: "limited data use, where the person or their browser asked for it",
    in: { message_id: "m1", event: "Contact", context: { ...web, limited_data_use: ["gpc"] } },
    out: {
      ...onHats,
      event_name: "Contact",
      user_data,
      data_processing_options: ["LDU"],
      data_processing_options_country: 0,
      data_processing_options_state: 0,
    },
  },
  {
    title: "the test event code belongs to the request, not to the event",
    settings: { test_event_code: "TEST12345" },
    in: { message_id: "m1", event: "Contact", context: web },
    out: { ...onHats, event_name: "Contact", user_data },
  },
  {
    title: "identify becomes an event where the customer names one",
    settings: { identify_as: "CompleteRegistration" },
    in: { message_id: "m1", type: "identify", event: "identify", context: web },
    out: { ...onHats, event_name: "CompleteRegistration", user_data },
  },
  {
    title: "identify is no event for Meta",
    in: { message_id: "m1", type: "identify", event: "identify", traits: { email: "jane@example.com" } },
    out: { skip: "event_not_mapped", detail: 'Meta has no event for "identify"' },
  },
  {
    title: "a website event needs the browser's user agent",
    in: { message_id: "m1", event: "Contact", context: { page: { url: "https://shop.example/hats" } } },
    out: { skip: "missing_field", detail: "a website event needs context.user_agent" },
  },
  {
    title: "a website event needs its address",
    in: { message_id: "m1", event: "Contact", context: { user_agent: userAgent } },
    out: { skip: "missing_field", detail: "a website event needs context.page.url, http or https" },
  },
  {
    title: "a Purchase needs value and currency",
    in: { message_id: "m1", event: "Order Completed", context: web, properties: { order_id: "o-1", currency: "EUR" } },
    out: { skip: "missing_field", detail: "a Purchase needs a value and a currency of three letters" },
  },
  {
    title: "older than seven days",
    in: { message_id: "m1", event: "Contact", context: web, timestamp: "2026-11-13T10:00:00.000Z" },
    out: { skip: "too_old", detail: "happened 2026-11-13T10:00:00.000Z, over 168 h before it arrived" },
  },
  {
    title: "what happened over the counter may be told for 62 days",
    settings: { action_source: "physical_store" },
    in: {
      message_id: "m1",
      event: "Contact",
      timestamp: "2026-11-13T10:00:00.000Z",
      context: { traits: { phone: "004479460958" } },
    },
    out: {
      event_name: "Contact",
      event_time: 1794564000,
      event_id: "m1",
      action_source: "physical_store",
      user_data: { ph: "5f5044038dbd07a60c7cbf8231744c8d0a212ca43c13a4018cba6adeb042059d", external_id: [anonymous] },
    },
  },
  {
    title: "more than 15 minutes ahead",
    in: { message_id: "m1", event: "Contact", context: web, timestamp: "2026-11-20T11:00:00.000Z" },
    out: { skip: "in_the_future", detail: "happened 2026-11-20T11:00:00.000Z, after it arrived" },
  },
];
