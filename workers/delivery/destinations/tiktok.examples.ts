import type { Example } from "../destination.ts";
import { given, withIds } from "./example-events.ts";
import type { TiktokSettings } from "./tiktok.ts";

const browser = {
  ip: "203.0.113.7",
  user_agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/136.0.0.0 Safari/537.36",
  locale: "en-GB",
};
/** What every event below has, but for its name. */
const sent = {
  event_time: 1_795_168_800,
  event_id: "m1",
  page: { url: "https://shop.example/hats", referrer: "https://www.example.org/" },
};
/** The visitor a1, in the form that TikTok compares. */
const user = { ...browser, external_id: ["f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114"] };
const hats = [
  { content_id: "hat-1", content_name: "Bowler", content_category: "Hats", brand: "Lock", price: 19.5, quantity: 2 },
  { content_id: "hat-2", content_name: "Cap", price: 10, quantity: 1 },
];
const hat = [
  { content_id: "hat-1", content_name: "Bowler", content_category: "Hats", brand: "Lock", price: 19.5, quantity: 1 },
];

export const tiktokExamples: Example<TiktokSettings>[] = [
  { title: "a page is a Pageview", in: given.page, out: { ...sent, event: "Pageview", user } },
  {
    title: "Order Completed is a Purchase; event_id is what TikTok tells repetitions by",
    in: given.order,
    out: {
      ...sent,
      event: "Purchase",
      user,
      properties: {
        currency: "EUR",
        value: 49,
        content_type: "product",
        contents: hats,
        num_items: 3,
        order_id: "o-1",
      },
    },
  },
  {
    title: "Product Viewed is ViewContent of one product",
    in: given.viewed,
    out: {
      ...sent,
      event: "ViewContent",
      user,
      properties: { currency: "EUR", value: 19.5, content_type: "product", contents: hat, num_items: 1 },
    },
  },
  {
    title: "Product List Viewed without products has nothing to tell but its name",
    in: given.listed,
    out: { ...sent, event: "ViewContent", user },
  },
  {
    title: "Product Added is AddToCart, its value the price of all pieces",
    in: given.added,
    out: {
      ...sent,
      event: "AddToCart",
      user,
      properties: {
        currency: "EUR",
        value: 39,
        content_type: "product",
        contents: [
          {
            content_id: "hat-1",
            content_name: "Bowler",
            content_category: "Hats",
            brand: "Lock",
            price: 19.5,
            quantity: 2,
          },
        ],
        num_items: 2,
      },
    },
  },
  {
    title: "Product Added to Wishlist is AddToWishlist",
    in: given.wished,
    out: {
      ...sent,
      event: "AddToWishlist",
      user,
      properties: { currency: "EUR", value: 19.5, content_type: "product", contents: hat, num_items: 1 },
    },
  },
  {
    title: "Checkout Started is InitiateCheckout",
    in: given.checkout,
    out: {
      ...sent,
      event: "InitiateCheckout",
      user,
      properties: {
        currency: "EUR",
        value: 49,
        content_type: "product",
        contents: hats,
        num_items: 3,
        order_id: "o-1",
      },
    },
  },
  {
    title: "Payment Info Entered is AddPaymentInfo",
    in: given.payment,
    out: { ...sent, event: "AddPaymentInfo", user },
  },
  {
    title: "Products Searched is a Search",
    in: given.searched,
    out: { ...sent, event: "Search", user, properties: { query: "bowler hat" } },
  },
  {
    title: "everything that is known of a person: hashed, but for the place",
    in: given.signedUp,
    out: {
      ...sent,
      event: "CompleteRegistration",
      user: {
        ...browser,
        email: "2cb5d9f455c4c6661b2548112e8c3df3aa6807793e5549692cb9626857649e22",
        phone: "f0bf0228144d9fe2bdf1da2d8ca698f17bf1410ee688b075c27062e47b6f0b6d",
        external_id: [
          "72e7a0d15b2efd5aa47b550f3c67b400d685f8350187cc122bca3910e93d087d",
          "f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114",
        ],
        first_name: "81f8f6dde88365f3928796ec7aa53f72820b06db8664f5fe76a7eb13e24546a2",
        last_name: "029a68ad2854e4af1c5666946d9d0c73a45c653afacf8132570449033cbdf428",
        zip_code: "c711389868997b7f3f747e95fbce358e2ac994a8b4e838142a4e968c2cfc8b22",
        city: "sanjosé",
        state: "california",
        country: "us",
      },
    },
  },
  {
    title: "TikTok's own standard events pass by their name",
    in: given.lead,
    out: {
      ...sent,
      event: "Lead",
      user: {
        ...browser,
        email: "2cb5d9f455c4c6661b2548112e8c3df3aa6807793e5549692cb9626857649e22",
        external_id: ["f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114"],
      },
      properties: { currency: "USD", value: 25 },
    },
  },
  {
    title: "an event of the customer's own goes with what it says, but for contact details",
    in: given.own,
    out: {
      ...sent,
      event: "Quiz finished",
      user: {
        ...browser,
        email: "2cb5d9f455c4c6661b2548112e8c3df3aa6807793e5549692cb9626857649e22",
        external_id: ["f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114"],
      },
      properties: { score: 7 },
    },
  },
  {
    title: "the click that brought a visitor, and TikTok's cookie",
    in: withIds(
      given.page,
      { ttp: "94e2a4cc9d1d4b7f9f0a2b3c4d5e6f70", ttclid: "E.C.P.old" },
      { ttclid: "E.C.P.CrcBvR" },
    ),
    out: {
      ...sent,
      event: "Pageview",
      user: {
        ...browser,
        external_id: ["f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114"],
        ttclid: "E.C.P.CrcBvR",
        ttp: "94e2a4cc9d1d4b7f9f0a2b3c4d5e6f70",
      },
    },
  },
  {
    title: "the setting events comes before the standard names",
    settings: { events: { "Order Completed": "CompletePayment" } },
    in: given.order,
    out: {
      ...sent,
      event: "CompletePayment",
      user,
      properties: {
        currency: "EUR",
        value: 49,
        content_type: "product",
        contents: hats,
        num_items: 3,
        order_id: "o-1",
      },
    },
  },
  {
    title: "an identify becomes what the setting says",
    settings: { events: { identify: "CompleteRegistration" } },
    in: given.identify,
    out: {
      ...sent,
      event: "CompleteRegistration",
      user: {
        ...browser,
        email: "2cb5d9f455c4c6661b2548112e8c3df3aa6807793e5549692cb9626857649e22",
        phone: "f0bf0228144d9fe2bdf1da2d8ca698f17bf1410ee688b075c27062e47b6f0b6d",
        external_id: [
          "72e7a0d15b2efd5aa47b550f3c67b400d685f8350187cc122bca3910e93d087d",
          "f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114",
        ],
        first_name: "81f8f6dde88365f3928796ec7aa53f72820b06db8664f5fe76a7eb13e24546a2",
      },
    },
  },
  {
    title: "who takes ads but none made for them has limited data use",
    in: given.limited,
    out: {
      ...sent,
      event: "ViewContent",
      user,
      properties: { currency: "EUR", value: 19.5, content_type: "product", contents: hat, num_items: 1 },
      limited_data_use: true,
    },
  },
  {
    title: "limited data use for everybody",
    settings: { limited_data_use: true },
    in: given.page,
    out: { ...sent, event: "Pageview", user, limited_data_use: true },
  },
  {
    title: "a sale over the counter needs no page and may be older",
    settings: { event_source: "offline" },
    in: { ...given.fromServer, timestamp: "2026-11-01T10:00:00.000Z" },
    out: {
      event: "Purchase",
      event_time: 1_793_527_200,
      event_id: "m1",
      user: {
        email: "2cb5d9f455c4c6661b2548112e8c3df3aa6807793e5549692cb9626857649e22",
        external_id: ["f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114"],
      },
      properties: { currency: "EUR", value: 49, order_id: "o-1" },
    },
  },
  {
    title: "an identify is no event of its own",
    in: given.identify,
    out: { skip: "event_not_mapped", detail: 'TikTok has no event for "identify"' },
  },
  {
    title: "a Purchase without a currency is refused",
    in: given.priceless,
    out: { skip: "missing_field", detail: "a Purchase needs a value and a currency of three letters" },
  },
  {
    title: "a web event needs its page",
    in: given.fromServer,
    out: { skip: "missing_field", detail: "a web event needs context.page.url, http or https" },
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
