import type { Provider } from "./provider.ts";

const visitor = "285e0b16-5c5b-4d6f-9d0e-5f0c6f1b2a3d";
const topic = (name: string) => ({ "x-shopify-topic": name });

export const shopifyExamples: Provider["examples"] = [
  {
    title: "an order",
    headers: topic("orders/paid"),
    in: {
      id: 820982911946154500,
      name: "#1001",
      email: "ann@shop.example",
      currency: "EUR",
      total_price: "64.30",
      total_tax: "10.00",
      total_discounts: "2.00",
      total_shipping_price_set: { shop_money: { amount: "5.00", currency_code: "EUR" } },
      processed_at: "2026-11-20T11:00:00+01:00",
      customer: { id: 115310627314723950, first_name: "Ann", last_name: "Lee" },
      note_attributes: [{ name: "anonymous_id", value: visitor }],
      line_items: [{ product_id: 1, sku: "H-1", title: "Bowler", quantity: 2, price: "24.65", vendor: "Ascot" }],
    },
    out: [
      {
        message_id: "shopify:order:820982911946154500:paid",
        anonymous_id: visitor,
        event: "Order Completed",
        timestamp: "2026-11-20T10:00:00.000Z",
        properties: {
          kind: "one_off",
          order_name: "#1001",
          currency: "EUR",
          total: 64.3,
          revenue: 49.3,
          tax: 10,
          shipping: 5,
          discount: 2,
          products: [{ product_id: "1", sku: "H-1", name: "Bowler", brand: "Ascot", price: 24.65, quantity: 2 }],
        },
        context: { traits: { email: "ann@shop.example", name: "Ann Lee" } },
      },
    ],
  },
  {
    title: "a refund by two ways, one of which failed",
    headers: topic("refunds/create"),
    in: {
      id: 509562969,
      order_id: 450789469,
      created_at: "2026-11-21T10:00:00Z",
      transactions: [
        { kind: "refund", status: "success", amount: "10.10", currency: "EUR" },
        { kind: "refund", status: "success", amount: "0.20", currency: "EUR" },
        { kind: "refund", status: "failure", amount: "5.00", currency: "EUR" },
      ],
    },
    out: [
      {
        message_id: "shopify:refund:509562969",
        event: "Order Refunded",
        properties: {
          kind: "refund",
          order_id: "450789469",
          refund_id: "509562969",
          revenue: 10.3,
          total: 10.3,
          currency: "EUR",
        },
      },
    ],
  },
  {
    title: "a chargeback",
    headers: topic("disputes/create"),
    in: {
      id: 285332461850802000,
      order_id: 450789469,
      type: "chargeback",
      amount: "11.50",
      currency: "CAD",
      reason: "fraudulent",
      status: "under_review",
      initiated_at: "2026-11-22T10:00:00Z",
    },
    out: [
      {
        event: "Order Refunded",
        properties: { kind: "dispute", order_id: "450789469", revenue: 11.5, currency: "CAD" },
      },
    ],
  },
  {
    title: "a chargeback that was won",
    headers: topic("disputes/update"),
    in: {
      id: 1,
      order_id: 450789469,
      type: "chargeback",
      amount: "11.50",
      currency: "CAD",
      status: "won",
      initiated_at: "2026-11-22T10:00:00Z",
      finalized_on: "2026-11-30",
    },
    out: [
      {
        message_id: "shopify:dispute:1:dispute_won",
        event: "Order Completed",
        timestamp: "2026-11-30T00:00:00.000Z",
        properties: { kind: "dispute_won", revenue: 11.5 },
      },
    ],
  },
  { title: "a topic that tells of no money", headers: topic("products/update"), in: { id: 1 }, out: [] },
];
