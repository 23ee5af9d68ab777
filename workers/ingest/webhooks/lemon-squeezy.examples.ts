import type { Provider } from "./provider.ts";

const visitor = "285e0b16-5c5b-4d6f-9d0e-5f0c6f1b2a3d";
const event = (event_name: string, id: string, attributes: object) => ({
  meta: { test_mode: false, event_name, custom_data: { anonymous_id: visitor } },
  data: {
    id,
    attributes: {
      updated_at: "2026-11-20T10:00:00.000000Z",
      user_email: "ann@shop.example",
      customer_id: 7,
      ...attributes,
    },
  },
});

export const lemonSqueezyExamples: Provider["examples"] = [
  {
    title: "a purchase",
    in: event("order_created", "1", {
      status: "paid",
      currency: "USD",
      subtotal: 10_000,
      discount_total: 0,
      tax: 1_900,
      total: 11_900,
    }),
    out: [
      {
        message_id: "lemon-squeezy:order:1:paid",
        anonymous_id: visitor,
        event: "Order Completed",
        timestamp: "2026-11-20T10:00:00.000Z",
        properties: {
          kind: "one_off",
          order_id: "1",
          currency: "USD",
          total: 119,
          revenue: 100,
          tax: 19,
          customer_id: "7",
        },
        context: { traits: { email: "ann@shop.example" } },
      },
    ],
  },
  {
    title: "a subscription's first invoice, of which the order tells",
    in: event("subscription_payment_success", "5", { billing_reason: "initial", currency: "USD", total: 11_900 }),
    out: [],
  },
  {
    title: "a renewal",
    in: event("subscription_payment_success", "6", {
      billing_reason: "renewal",
      subscription_id: 3,
      currency: "USD",
      tax: 0,
      total: 1_900,
    }),
    out: [
      {
        message_id: "lemon-squeezy:invoice:6:paid",
        properties: { kind: "renewal", order_id: "invoice-6", subscription_id: "3", revenue: 19 },
      },
    ],
  },
  {
    title: "a trial",
    in: event("subscription_created", "3", { status: "on_trial", order_id: 1, variant_name: "Pro" }),
    out: [
      {
        event: "Trial Started",
        properties: { kind: "trial", subscription_id: "3", order_id: "1", plan: "Pro", mrr: 0 },
      },
    ],
  },
  {
    title: "a subscription",
    in: event("subscription_created", "3", { status: "active", variant_id: 9 }),
    out: [{ event: "Subscription Started", properties: { kind: "subscription_start", plan: "9" } }],
  },
  {
    title: "another plan",
    in: event("subscription_plan_changed", "3", { status: "active", variant_id: 10 }),
    out: [{ event: "Subscription Updated", properties: { kind: "plan_change", plan: "10" } }],
  },
  {
    title: "the end of a subscription",
    in: event("subscription_expired", "3", { status: "expired" }),
    out: [{ event: "Subscription Cancelled", properties: { kind: "cancellation", mrr: 0 } }],
  },
  {
    title: "a partial refund",
    in: event("order_refunded", "1", {
      status: "partial_refund",
      currency: "USD",
      tax: 1_900,
      total: 11_900,
      refunded_amount: 1_190,
      refunded_at: "2026-11-21T10:00:00.000000Z",
    }),
    out: [
      {
        message_id: "lemon-squeezy:order:1:refunded:1190",
        event: "Order Refunded",
        timestamp: "2026-11-21T10:00:00.000Z",
        properties: { kind: "refund", order_id: "1", is_partial: true, revenue: 10, total: 11.9 },
      },
    ],
  },
  { title: "an event that tells of no money", in: event("license_key_created", "1", {}), out: [] },
];
