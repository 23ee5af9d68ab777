import type { Example } from "../destination.ts";
import { given, withIds } from "./example-events.ts";
import type { PinterestSettings } from "./pinterest.ts";

const browser = {
  client_ip_address: "203.0.113.7",
  client_user_agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/136.0.0.0 Safari/537.36",
};
/** What every event below has, but for its name. */
const sent = {
  action_source: "web",
  event_time: 1_795_168_800,
  event_id: "m1",
  event_source_url: "https://shop.example/hats",
  language: "en",
};
/** The visitor a1, in the form that Pinterest compares. */
const user_data = { ...browser, external_id: ["f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114"] };
const hats = [
  { id: "hat-1", item_price: "19.5", quantity: 2, item_name: "Bowler", item_category: "Hats", item_brand: "Lock" },
  { id: "hat-2", item_price: "10", quantity: 1, item_name: "Cap" },
];
const hat = [
  { id: "hat-1", item_price: "19.5", quantity: 1, item_name: "Bowler", item_category: "Hats", item_brand: "Lock" },
];

export const pinterestExamples: Example<PinterestSettings>[] = [
  { title: "a page is a page_visit", in: given.page, out: { ...sent, event_name: "page_visit", user_data } },
  {
    title: "Order Completed is a checkout; amounts are strings",
    in: given.order,
    out: {
      ...sent,
      event_name: "checkout",
      user_data,
      custom_data: {
        currency: "EUR",
        value: "49",
        content_ids: ["hat-1", "hat-2"],
        contents: hats,
        num_items: 3,
        order_id: "o-1",
      },
    },
  },
  {
    title: "Product Viewed is view_content",
    in: given.viewed,
    out: {
      ...sent,
      event_name: "view_content",
      user_data,
      custom_data: {
        currency: "EUR",
        value: "19.5",
        content_ids: ["hat-1"],
        content_name: "Bowler",
        content_category: "Hats",
        content_brand: "Lock",
        contents: hat,
        num_items: 1,
      },
    },
  },
  {
    title: "Product List Viewed is view_category",
    in: given.listed,
    out: { ...sent, event_name: "view_category", user_data, custom_data: { content_category: "Hats" } },
  },
  {
    title: "Product Added is add_to_cart",
    in: given.added,
    out: {
      ...sent,
      event_name: "add_to_cart",
      user_data,
      custom_data: {
        currency: "EUR",
        value: "39",
        content_ids: ["hat-1"],
        content_name: "Bowler",
        content_category: "Hats",
        content_brand: "Lock",
        contents: [
          {
            id: "hat-1",
            item_price: "19.5",
            quantity: 2,
            item_name: "Bowler",
            item_category: "Hats",
            item_brand: "Lock",
          },
        ],
        num_items: 2,
      },
    },
  },
  {
    title: "Product Added to Wishlist is add_to_wishlist",
    in: given.wished,
    out: {
      ...sent,
      event_name: "add_to_wishlist",
      user_data,
      custom_data: {
        currency: "EUR",
        value: "19.5",
        content_ids: ["hat-1"],
        content_name: "Bowler",
        content_category: "Hats",
        content_brand: "Lock",
        contents: hat,
        num_items: 1,
      },
    },
  },
  {
    title: "Checkout Started is initiate_checkout",
    in: given.checkout,
    out: {
      ...sent,
      event_name: "initiate_checkout",
      user_data,
      custom_data: {
        currency: "EUR",
        value: "49",
        content_ids: ["hat-1", "hat-2"],
        contents: hats,
        num_items: 3,
        order_id: "o-1",
      },
    },
  },
  {
    title: "Payment Info Entered is add_payment_info",
    in: given.payment,
    out: { ...sent, event_name: "add_payment_info", user_data },
  },
  {
    title: "Products Searched is a search",
    in: given.searched,
    out: { ...sent, event_name: "search", user_data, custom_data: { search_string: "bowler hat" } },
  },
  {
    title: "a lead",
    in: given.lead,
    out: {
      ...sent,
      event_name: "lead",
      user_data: {
        ...browser,
        em: ["2cb5d9f455c4c6661b2548112e8c3df3aa6807793e5549692cb9626857649e22"],
        external_id: ["f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114"],
      },
      custom_data: { currency: "USD", value: "25" },
    },
  },
  {
    title: "everything that is known of a person, in lists of hashes",
    in: given.signedUp,
    out: {
      ...sent,
      event_name: "signup",
      user_data: {
        ...browser,
        em: ["2cb5d9f455c4c6661b2548112e8c3df3aa6807793e5549692cb9626857649e22"],
        ph: ["35e206e5dec4c89b9e8b71b8c32724a5bb518483ac5a20c6617d738375b3b823"],
        fn: ["81f8f6dde88365f3928796ec7aa53f72820b06db8664f5fe76a7eb13e24546a2"],
        ln: ["2a8275e5bf4960722c147cef767102111e4eaf2c8ae4b90984f58dc01688d080"],
        ge: ["252f10c83610ebca1a059c0bae8255eba2f95be4d1d7bcfa89d7248a82d9f111"],
        db: ["436d9180d651777042fccc537792e35a9ea5adb78c34f1550fde6032fe7feae0"],
        ct: ["fcc7b12e619d7e36782eeba767f24c4fe9dd54a931994e68c515be24bd046b59"],
        st: ["6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126"],
        zp: ["c711389868997b7f3f747e95fbce358e2ac994a8b4e838142a4e968c2cfc8b22"],
        country: ["79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621"],
        external_id: [
          "72e7a0d15b2efd5aa47b550f3c67b400d685f8350187cc122bca3910e93d087d",
          "f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114",
        ],
      },
    },
  },
  {
    title: "an event of the customer's own is custom",
    in: given.own,
    out: {
      ...sent,
      event_name: "custom",
      user_data: {
        ...browser,
        em: ["2cb5d9f455c4c6661b2548112e8c3df3aa6807793e5549692cb9626857649e22"],
        external_id: ["f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114"],
      },
    },
  },
  {
    title: "a British postal code has letters, which Pinterest does not take",
    in: {
      ...given.page,
      context: {
        ...given.page.context,
        traits: { address: { city: "London", postalCode: "SW1A 1AA", country: "UK" } },
      },
    },
    out: {
      ...sent,
      event_name: "page_visit",
      user_data: {
        ...browser,
        ct: ["6089854c94ca5454b76be6752c562901a985f64c9a946f62976aeab593b83161"],
        country: ["0b407281768f0e833afef47ed464b6571d01ca4d53c12ce5c51d1462f4ad6677"],
        external_id: ["f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114"],
      },
    },
  },
  {
    title: "the click on a pin",
    in: withIds(given.page, { epik: "dj0yJnU9b2xk" }, { epik: "dj0yJnU9bmV3" }),
    out: {
      ...sent,
      event_name: "page_visit",
      user_data: {
        ...browser,
        external_id: ["f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114"],
        click_id: "dj0yJnU9bmV3",
      },
    },
  },
  {
    title: "a value without a currency is left out",
    in: given.priceless,
    out: { ...sent, event_name: "checkout", user_data, custom_data: { order_id: "o-1" } },
  },
  {
    title: "an identify becomes what the setting says",
    settings: { events: { identify: "signup" } },
    in: given.identify,
    out: {
      ...sent,
      event_name: "signup",
      user_data: {
        ...browser,
        em: ["2cb5d9f455c4c6661b2548112e8c3df3aa6807793e5549692cb9626857649e22"],
        ph: ["35e206e5dec4c89b9e8b71b8c32724a5bb518483ac5a20c6617d738375b3b823"],
        fn: ["81f8f6dde88365f3928796ec7aa53f72820b06db8664f5fe76a7eb13e24546a2"],
        external_id: [
          "72e7a0d15b2efd5aa47b550f3c67b400d685f8350187cc122bca3910e93d087d",
          "f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114",
        ],
      },
    },
  },
  {
    title: "who takes ads but none made for them is opted out of personalisation",
    in: given.limited,
    out: {
      ...sent,
      event_name: "view_content",
      user_data,
      custom_data: {
        currency: "EUR",
        value: "19.5",
        content_ids: ["hat-1"],
        content_name: "Bowler",
        content_category: "Hats",
        content_brand: "Lock",
        contents: hat,
        num_items: 1,
        opt_out_type: "LDP",
      },
    },
  },
  {
    title: "limited data use for everybody",
    settings: { limited_data_use: true },
    in: given.page,
    out: { ...sent, event_name: "page_visit", user_data, custom_data: { opt_out_type: "LDP" } },
  },
  {
    title: "from a server, by the e-mail address",
    settings: { action_source: "offline" },
    in: given.fromServer,
    out: {
      event_name: "checkout",
      action_source: "offline",
      event_time: 1_795_168_800,
      event_id: "m1",
      user_data: {
        em: ["2cb5d9f455c4c6661b2548112e8c3df3aa6807793e5549692cb9626857649e22"],
        external_id: ["f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114"],
      },
      custom_data: { currency: "EUR", value: "49", order_id: "o-1" },
    },
  },
  {
    title: "an identify is no event of its own",
    in: given.identify,
    out: { skip: "event_not_mapped", detail: 'Pinterest has no event for "identify"' },
  },
  {
    title: "an event of nobody matches nobody",
    in: given.nobody,
    out: { skip: "missing_field", detail: "Pinterest needs an e-mail, or the IP address and the user agent together" },
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
