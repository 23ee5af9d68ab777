import type { Event } from "../../../core/event.ts";
import type { PropertyColumns } from "../../../core/event-row.ts";

const time = { received_at: "2026-11-20T10:00:01.000Z", timestamp: "2026-11-20T10:00:00.000Z" };
const visitor = { message_id: "m1", anonymous_id: "a1" };

interface WarehouseExample {
  title: string;
  in: Partial<Event>;
  columns?: PropertyColumns;
  out: Record<string, unknown>;
}

export const warehouseExampleEvents: WarehouseExample[] = [
  {
    title: "a page, with its address and what brought the visitor",
    in: {
      message_id: "m1",
      type: "page",
      event: "page",
      properties: { name: "Hats" },
      context: {
        page: { url: "https://shop.example/hats?utm_source=news", referrer: "https://news.example/" },
        campaign: { source: "news", medium: "email", name: "autumn" },
      },
    },
    out: {
      ...time,
      ...visitor,
      type: "page",
      event: "page",
      page_url: "https://shop.example/hats?utm_source=news",
      page_referrer: "https://news.example/",
      utm_source: "news",
      utm_medium: "email",
      utm_campaign: "autumn",
      properties: { name: "Hats" },
      context: {
        page: { url: "https://shop.example/hats?utm_source=news", referrer: "https://news.example/" },
        campaign: { source: "news", medium: "email", name: "autumn" },
      },
    },
  },
  {
    title: "a track with properties of any shape, kept as they are",
    in: {
      message_id: "m1",
      event: "Quiz finished",
      properties: { score: 7, answers: [{ hat: "bowler" }, null], Ünïcode: "✓" },
    },
    out: {
      ...time,
      ...visitor,
      type: "track",
      event: "Quiz finished",
      properties: { score: 7, answers: [{ hat: "bowler" }, null], Ünïcode: "✓" },
      context: {},
    },
  },
  {
    title: "an order has its revenue and currency in columns",
    in: {
      message_id: "m1",
      event: "Order Completed",
      user_id: "u1",
      properties: { order_id: "o1", revenue: 49.5, currency: "EUR", products: [{ product_id: "hat-1", price: 49.5 }] },
    },
    out: {
      ...time,
      ...visitor,
      type: "track",
      event: "Order Completed",
      user_id: "u1",
      revenue: 49.5,
      currency: "EUR",
      properties: { order_id: "o1", revenue: 49.5, currency: "EUR", products: [{ product_id: "hat-1", price: 49.5 }] },
      context: {},
    },
  },
  {
    title: "a revenue that is a text stays in the properties only",
    in: { message_id: "m1", event: "Order Completed", properties: { revenue: "49,50 €", currency: 978 } },
    out: {
      ...time,
      ...visitor,
      type: "track",
      event: "Order Completed",
      properties: { revenue: "49,50 €", currency: 978 },
      context: {},
    },
  },
  {
    title: "an identify, with its traits in clear: the table is the customer's own",
    in: {
      message_id: "m1",
      type: "identify",
      event: "identify",
      user_id: "u1",
      traits: { email: "jane@example.com", age: 41 },
    },
    out: {
      ...time,
      ...visitor,
      type: "identify",
      event: "identify",
      user_id: "u1",
      traits: { email: "jane@example.com", age: 41 },
      properties: {},
      context: {},
    },
  },
  {
    title: "a group",
    in: { message_id: "m1", type: "group", event: "group", group_id: "g1", traits: { name: "Hatters" } },
    out: {
      ...time,
      ...visitor,
      type: "group",
      event: "group",
      group_id: "g1",
      traits: { name: "Hatters" },
      properties: {},
      context: {},
    },
  },
  {
    title: "an alias",
    in: { message_id: "m1", type: "alias", event: "alias", user_id: "u1", previous_id: "a0" },
    out: { ...time, ...visitor, type: "alias", event: "alias", user_id: "u1", properties: {}, context: {} },
  },
  {
    title: "a screen",
    in: { message_id: "m1", type: "screen", event: "screen", properties: { name: "Home" } },
    out: { ...time, ...visitor, type: "screen", event: "screen", properties: { name: "Home" }, context: {} },
  },
  {
    title: "session, place and device, each in its column",
    in: {
      message_id: "m1",
      type: "page",
      event: "page",
      context: {
        session: { id: "s1", number: 3, started_at: "2026-11-20T09:55:00.000Z", is_new: false },
        location: { country: "DE", city: "Munich" },
        device: { type: "desktop" },
        browser: { name: "Firefox" },
        os: { name: "Linux" },
      },
    },
    out: {
      ...time,
      ...visitor,
      type: "page",
      event: "page",
      session_id: "s1",
      session_number: 3,
      country: "DE",
      city: "Munich",
      device_type: "desktop",
      browser: "Firefox",
      os: "Linux",
      properties: {},
      context: {
        session: { id: "s1", number: 3, started_at: "2026-11-20T09:55:00.000Z", is_new: false },
        location: { country: "DE", city: "Munich" },
        device: { type: "desktop" },
        browser: { name: "Firefox" },
        os: { name: "Linux" },
      },
    },
  },
  {
    title: "consent and click ids stay in the context",
    in: {
      message_id: "m1",
      type: "page",
      event: "page",
      context: { consent: { analytics: true, marketing: false }, click_ids: { gclid: "Cj0abc" } },
    },
    out: {
      ...time,
      ...visitor,
      type: "page",
      event: "page",
      properties: {},
      context: { consent: { analytics: true, marketing: false }, click_ids: { gclid: "Cj0abc" } },
    },
  },
  {
    title: "an event of long ago: a warehouse has no time limit",
    in: { message_id: "m1", event: "Signed Up", timestamp: "2016-02-29T12:00:00.000Z" },
    out: {
      ...time,
      ...visitor,
      timestamp: "2016-02-29T12:00:00.000Z",
      type: "track",
      event: "Signed Up",
      properties: {},
      context: {},
    },
  },
  {
    title: "properties that the customer wants in columns of their own",
    columns: { plan: "string", seats: "integer", is_trial: "boolean", renews_at: "timestamp", tags: "json" },
    in: {
      message_id: "m1",
      event: "Plan Changed",
      properties: { plan: "pro", seats: 5, is_trial: false, renews_at: "2026-12-01", tags: ["a"] },
    },
    out: {
      ...time,
      ...visitor,
      type: "track",
      event: "Plan Changed",
      plan: "pro",
      seats: 5,
      is_trial: false,
      renews_at: "2026-12-01T00:00:00.000Z",
      tags: ["a"],
      properties: { plan: "pro", seats: 5, is_trial: false, renews_at: "2026-12-01", tags: ["a"] },
      context: {},
    },
  },
  {
    title: "one of another type than its column stays in the properties only",
    columns: { seats: "integer" },
    in: { message_id: "m1", event: "Plan Changed", properties: { seats: "a few" } },
    out: {
      ...time,
      ...visitor,
      type: "track",
      event: "Plan Changed",
      properties: { seats: "a few" },
      context: {},
    },
  },
];
