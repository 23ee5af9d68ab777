import type { Example } from "../destination.ts";
import { given, withIds } from "./example-events.ts";
import type { XSettings } from "./x.ts";

/** The visitor's address and browser, which say something only together. */
const browser = {
  ip_address: "203.0.113.7",
  user_agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/136.0.0.0 Safari/537.36",
};
/** What every event below has, but for its id. */
const sent = { conversion_time: "2026-11-20T10:00:00.000Z", conversion_id: "m1" };
const hats = [
  { content_id: "hat-1", content_name: "Bowler", content_type: "Hats", content_price: "19.5", num_items: 2 },
  { content_id: "hat-2", content_name: "Cap", content_price: "10", num_items: 1 },
];

export const xExamples: Example<XSettings>[] = [
  {
    title: "an order; conversion_id is what X tells repetitions by",
    in: given.order,
    out: {
      ...sent,
      event_id: "tw-o5h34-o9p5x",
      identifiers: [browser],
      price_currency: "EUR",
      value: 49,
      number_items: 3,
      contents: hats,
    },
  },
  {
    title: "a page that is an event of Events Manager",
    in: given.page,
    out: { ...sent, event_id: "tw-o5h34-o9p5z", identifiers: [browser] },
  },
  {
    title: "the click on an ad",
    in: withIds(given.page, {}, { twclid: "23opevjt88psuo13lu8d020qkn" }),
    out: { ...sent, event_id: "tw-o5h34-o9p5z", identifiers: [{ twclid: "23opevjt88psuo13lu8d020qkn" }, browser] },
  },
  {
    title: "the click in the page's address",
    in: {
      ...given.page,
      context: { ...given.page.context, page: { url: "https://shop.example/?twclid=23opevjt88psuo13lu8d020qkn" } },
    },
    out: { ...sent, event_id: "tw-o5h34-o9p5z", identifiers: [{ twclid: "23opevjt88psuo13lu8d020qkn" }, browser] },
  },
  {
    title: "a sign-up, by hashed e-mail and phone",
    in: given.signedUp,
    out: {
      ...sent,
      event_id: "tw-o5h34-o9p5y",
      identifiers: [
        { hashed_email: "2cb5d9f455c4c6661b2548112e8c3df3aa6807793e5549692cb9626857649e22" },
        { hashed_phone_number: "f0bf0228144d9fe2bdf1da2d8ca698f17bf1410ee688b075c27062e47b6f0b6d" },
        browser,
      ],
    },
  },
  {
    title: "a search",
    settings: { events: { "Products Searched": "o9p5w" } },
    in: given.searched,
    out: { ...sent, event_id: "o9p5w", identifiers: [browser], search_string: "bowler hat" },
  },
  {
    title: "a product in the cart",
    settings: { events: { "Product Added": "tw-o5h34-o9p5v" } },
    in: given.added,
    out: {
      ...sent,
      event_id: "tw-o5h34-o9p5v",
      identifiers: [browser],
      price_currency: "EUR",
      value: 39,
      number_items: 2,
      contents: [
        { content_id: "hat-1", content_name: "Bowler", content_type: "Hats", content_price: "19.5", num_items: 2 },
      ],
    },
  },
  {
    title: "a product that was looked at",
    settings: { events: { "Product Viewed": "tw-o5h34-o9p5u" } },
    in: given.viewed,
    out: {
      ...sent,
      event_id: "tw-o5h34-o9p5u",
      identifiers: [browser],
      price_currency: "EUR",
      value: 19.5,
      number_items: 1,
      contents: [
        { content_id: "hat-1", content_name: "Bowler", content_type: "Hats", content_price: "19.5", num_items: 1 },
      ],
    },
  },
  {
    title: "a lead with its worth",
    settings: { events: { Lead: "tw-o5h34-o9p5t" } },
    in: given.lead,
    out: {
      ...sent,
      event_id: "tw-o5h34-o9p5t",
      identifiers: [{ hashed_email: "2cb5d9f455c4c6661b2548112e8c3df3aa6807793e5549692cb9626857649e22" }, browser],
      price_currency: "USD",
      value: 25,
    },
  },
  {
    title: "an identify that is a conversion",
    settings: { events: { identify: "tw-o5h34-o9p5s" } },
    in: given.identify,
    out: {
      ...sent,
      event_id: "tw-o5h34-o9p5s",
      identifiers: [
        { hashed_email: "2cb5d9f455c4c6661b2548112e8c3df3aa6807793e5549692cb9626857649e22" },
        { hashed_phone_number: "f0bf0228144d9fe2bdf1da2d8ca698f17bf1410ee688b075c27062e47b6f0b6d" },
        browser,
      ],
    },
  },
  {
    title: "a value without a currency is left out: X would take it for dollars",
    in: given.priceless,
    out: { ...sent, event_id: "tw-o5h34-o9p5x", identifiers: [browser] },
  },
  {
    title: "from a server, by the e-mail address",
    in: given.fromServer,
    out: {
      ...sent,
      event_id: "tw-o5h34-o9p5x",
      identifiers: [{ hashed_email: "2cb5d9f455c4c6661b2548112e8c3df3aa6807793e5549692cb9626857649e22" }],
      price_currency: "EUR",
      value: 49,
    },
  },
  {
    title: "an event that Events Manager does not know is not sent",
    in: given.own,
    out: { skip: "event_not_mapped", detail: 'no event of Events Manager is set for "Quiz finished"' },
  },
  {
    title: "an event of nobody matches nobody",
    in: given.nobody,
    out: {
      skip: "missing_field",
      detail: "X needs a click, an e-mail, a phone, or the IP address and the user agent together",
    },
  },
  {
    title: "what happened over 30 days ago is too old",
    in: given.old,
    out: { skip: "too_old", detail: "happened 2026-08-12T10:00:00.000Z, over 720 h before it arrived" },
  },
  {
    title: "what happens in an hour has not happened",
    in: given.ahead,
    out: { skip: "in_the_future", detail: "happened 2026-11-20T11:00:00.000Z, after it arrived" },
  },
];
