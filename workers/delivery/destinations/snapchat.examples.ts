import type { Example } from "../destination.ts";
import { given, withIds } from "./example-events.ts";
import type { SnapchatSettings } from "./snapchat.ts";

const browser = {
  client_ip_address: "203.0.113.7",
  client_user_agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/136.0.0.0 Safari/537.36",
};
/** What every event below has, but for its name. */
const sent = {
  event_time: 1_795_168_800,
  event_id: "m1",
  action_source: "WEB",
  event_source_url: "https://shop.example/hats",
};
/** The visitor a1, in the form that Snap compares. */
const user_data = { ...browser, external_id: ["f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114"] };
const hats = [
  { id: "hat-1", quantity: 2, item_price: 19.5, brand: "Lock" },
  { id: "hat-2", quantity: 1, item_price: 10 },
];
const hat = [{ id: "hat-1", quantity: 1, item_price: 19.5, brand: "Lock" }];

export const snapchatExamples: Example<SnapchatSettings>[] = [
  { title: "a page is a PAGE_VIEW", in: given.page, out: { ...sent, event_name: "PAGE_VIEW", user_data } },
  {
    title: "Order Completed is a PURCHASE",
    in: given.order,
    out: {
      ...sent,
      event_name: "PURCHASE",
      user_data,
      custom_data: {
        currency: "EUR",
        value: 49,
        content_ids: ["hat-1", "hat-2"],
        content_category: ["Hats"],
        contents: hats,
        num_items: 3,
        order_id: "o-1",
      },
    },
  },
  {
    title: "Product Viewed is VIEW_CONTENT",
    in: given.viewed,
    out: {
      ...sent,
      event_name: "VIEW_CONTENT",
      user_data,
      custom_data: {
        currency: "EUR",
        value: 19.5,
        content_ids: ["hat-1"],
        content_category: ["Hats"],
        contents: hat,
        num_items: 1,
      },
    },
  },
  {
    title: "Product List Viewed is LIST_VIEW",
    in: given.listed,
    out: { ...sent, event_name: "LIST_VIEW", user_data, custom_data: { content_category: ["Hats"] } },
  },
  {
    title: "Product Added is ADD_CART",
    in: given.added,
    out: {
      ...sent,
      event_name: "ADD_CART",
      user_data,
      custom_data: {
        currency: "EUR",
        value: 39,
        content_ids: ["hat-1"],
        content_category: ["Hats"],
        contents: [{ id: "hat-1", quantity: 2, item_price: 19.5, brand: "Lock" }],
        num_items: 2,
      },
    },
  },
  {
    title: "Product Added to Wishlist is ADD_TO_WISHLIST",
    in: given.wished,
    out: {
      ...sent,
      event_name: "ADD_TO_WISHLIST",
      user_data,
      custom_data: {
        currency: "EUR",
        value: 19.5,
        content_ids: ["hat-1"],
        content_category: ["Hats"],
        contents: hat,
        num_items: 1,
      },
    },
  },
  {
    title: "Checkout Started is START_CHECKOUT",
    in: given.checkout,
    out: {
      ...sent,
      event_name: "START_CHECKOUT",
      user_data,
      custom_data: {
        currency: "EUR",
        value: 49,
        content_ids: ["hat-1", "hat-2"],
        content_category: ["Hats"],
        contents: hats,
        num_items: 3,
        order_id: "o-1",
      },
    },
  },
  {
    title: "Payment Info Entered is ADD_BILLING",
    in: given.payment,
    out: { ...sent, event_name: "ADD_BILLING", user_data },
  },
  {
    title: "Products Searched is a SEARCH",
    in: given.searched,
    out: { ...sent, event_name: "SEARCH", user_data, custom_data: { search_string: "bowler hat" } },
  },
  {
    title: "Signed Up is SIGN_UP, with everything that is known of a person",
    in: given.signedUp,
    out: {
      ...sent,
      event_name: "SIGN_UP",
      user_data: {
        ...browser,
        em: ["2cb5d9f455c4c6661b2548112e8c3df3aa6807793e5549692cb9626857649e22"],
        ph: ["35e206e5dec4c89b9e8b71b8c32724a5bb518483ac5a20c6617d738375b3b823"],
        fn: "81f8f6dde88365f3928796ec7aa53f72820b06db8664f5fe76a7eb13e24546a2",
        ln: "029a68ad2854e4af1c5666946d9d0c73a45c653afacf8132570449033cbdf428",
        ge: "252f10c83610ebca1a059c0bae8255eba2f95be4d1d7bcfa89d7248a82d9f111",
        db: "436d9180d651777042fccc537792e35a9ea5adb78c34f1550fde6032fe7feae0",
        ct: "fcc7b12e619d7e36782eeba767f24c4fe9dd54a931994e68c515be24bd046b59",
        st: "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126",
        zp: "9583efc225a7ce3afb85999bd16325b857d6d1b840ddbf3a277d77b7226ae391",
        country: "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621",
        external_id: [
          "72e7a0d15b2efd5aa47b550f3c67b400d685f8350187cc122bca3910e93d087d",
          "f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114",
        ],
      },
    },
  },
  {
    title: "an event of the customer's own under the number that the setting gives it",
    settings: { events: { "Quiz finished": "CUSTOM_EVENT_1" } },
    in: given.own,
    out: {
      ...sent,
      event_name: "CUSTOM_EVENT_1",
      user_data: {
        ...browser,
        em: ["2cb5d9f455c4c6661b2548112e8c3df3aa6807793e5549692cb9626857649e22"],
        external_id: ["f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114"],
      },
    },
  },
  {
    title: "the click on an ad, and Snap's cookie",
    in: withIds(given.page, { scid: "7a1e9a8c-8a1b-4c7e-9d3b-2f4a6b8c0d1e" }, { ScCid: "0b4e0a86-5a6a" }),
    out: {
      ...sent,
      event_name: "PAGE_VIEW",
      user_data: {
        ...browser,
        external_id: ["f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114"],
        sc_click_id: "0b4e0a86-5a6a",
        sc_cookie1: "7a1e9a8c-8a1b-4c7e-9d3b-2f4a6b8c0d1e",
      },
    },
  },
  {
    title: "who takes ads but none made for them",
    in: given.limited,
    out: {
      ...sent,
      event_name: "VIEW_CONTENT",
      user_data,
      custom_data: {
        currency: "EUR",
        value: 19.5,
        content_ids: ["hat-1"],
        content_category: ["Hats"],
        contents: hat,
        num_items: 1,
      },
      data_processing_options: ["LMU"],
    },
  },
  {
    title: "limited data use for everybody",
    settings: { limited_data_use: true },
    in: given.page,
    out: { ...sent, event_name: "PAGE_VIEW", user_data, data_processing_options: ["LMU"] },
  },
  {
    title: "a sale over the counter needs no page and may be older",
    settings: { action_source: "OFFLINE" },
    in: { ...given.fromServer, timestamp: "2026-11-01T10:00:00.000Z" },
    out: {
      event_name: "PURCHASE",
      event_time: 1_793_527_200,
      event_id: "m1",
      action_source: "OFFLINE",
      user_data: {
        em: ["2cb5d9f455c4c6661b2548112e8c3df3aa6807793e5549692cb9626857649e22"],
        external_id: ["f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114"],
      },
      custom_data: { currency: "EUR", value: 49, order_id: "o-1" },
    },
  },
  {
    title: "an event of the customer's own is none of Snap's",
    in: given.own,
    out: { skip: "event_not_mapped", detail: 'Snap has no event for "Quiz finished"; the setting events gives it one' },
  },
  {
    title: "an identify is no event of its own",
    in: given.identify,
    out: { skip: "event_not_mapped", detail: 'Snap has no event for "identify"; the setting events gives it one' },
  },
  {
    title: "a PURCHASE without a currency is refused",
    in: given.priceless,
    out: { skip: "missing_field", detail: "a PURCHASE needs a value and a currency of three letters" },
  },
  {
    title: "a web event needs its page",
    in: given.fromServer,
    out: { skip: "missing_field", detail: "a WEB event needs context.page.url, http or https" },
  },
  {
    title: "an event of nobody matches nobody",
    settings: { action_source: "OFFLINE" },
    in: given.nobody,
    out: {
      skip: "missing_field",
      detail: "Snap needs an e-mail, a phone, or the IP address and the user agent together",
    },
  },
  {
    title: "what happened over 7 days ago is too old",
    in: given.old,
    out: { skip: "too_old", detail: "happened 2026-08-12T10:00:00.000Z, over 168 h before it arrived" },
  },
  {
    title: "what happens in an hour has not happened",
    in: given.ahead,
    out: { skip: "in_the_future", detail: "happened 2026-11-20T11:00:00.000Z, after it arrived" },
  },
];
