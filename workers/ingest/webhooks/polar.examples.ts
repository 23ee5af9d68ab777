import type { Provider } from "./provider.ts";

const visitor = "285e0b16-5c5b-4d6f-9d0e-5f0c6f1b2a3d";
const headers = { "webhook-id": "msg_1" };
const event = (type: string, data: object) => ({ type, timestamp: "2026-11-20T10:00:00.123456Z", data });
const customer = { id: "c1", email: "ann@shop.example", name: "Ann", external_id: "u1", metadata: {} };
const subscription = (status: string) => ({
  id: "s1",
  status,
  amount: 12_000,
  currency: "usd",
  recurring_interval: "year",
  recurring_interval_count: 1,
  product_id: "p1",
  customer_id: "c1",
  customer,
  metadata: {},
});

export const polarExamples: Provider["examples"] = [
  {
    title: "a purchase",
    headers,
    in: event("order.paid", {
      id: "o1",
      billing_reason: "purchase",
      currency: "usd",
      subtotal_amount: 11_000,
      discount_amount: 1_000,
      net_amount: 10_000,
      tax_amount: 1_900,
      total_amount: 11_900,
      customer_id: "c1",
      customer,
      metadata: { anonymous_id: visitor },
    }),
    out: [
      {
        message_id: "polar:o1:paid",
        anonymous_id: visitor,
        user_id: "u1",
        event: "Order Completed",
        properties: {
          kind: "one_off",
          order_id: "o1",
          total: 119,
          revenue: 100,
          tax: 19,
          discount: 10,
          currency: "USD",
        },
        context: { traits: { email: "ann@shop.example", name: "Ann" } },
      },
    ],
  },
  {
    title: "a renewal",
    headers,
    in: event("order.paid", {
      id: "o2",
      billing_reason: "subscription_cycle",
      subscription_id: "s1",
      currency: "usd",
      net_amount: 12_000,
      tax_amount: 0,
      total_amount: 12_000,
      customer,
    }),
    out: [{ user_id: "u1", anonymous_id: "u1", properties: { kind: "renewal", subscription_id: "s1", revenue: 120 } }],
  },
  {
    title: "a subscription by the year",
    headers,
    in: event("subscription.active", subscription("active")),
    out: [
      {
        message_id: "polar:msg_1",
        event: "Subscription Started",
        properties: { kind: "subscription_start", subscription_id: "s1", plan: "p1", mrr: 10 },
      },
    ],
  },
  {
    title: "a trial",
    headers,
    in: event("subscription.updated", subscription("trialing")),
    out: [{ event: "Trial Started", properties: { kind: "trial", mrr: 0 } }],
  },
  {
    title: "another plan",
    headers,
    in: event("subscription.updated", subscription("active")),
    out: [{ event: "Subscription Updated", properties: { kind: "plan_change", mrr: 10 } }],
  },
  {
    title: "the end of a subscription",
    headers,
    in: event("subscription.revoked", subscription("canceled")),
    out: [{ event: "Subscription Cancelled", properties: { kind: "cancellation", mrr: 0 } }],
  },
  {
    title: "a refund",
    headers,
    in: event("refund.created", {
      id: "r1",
      status: "succeeded",
      reason: "customer_request",
      amount: 5_000,
      tax_amount: 950,
      currency: "usd",
      order_id: "o1",
      customer_id: "c1",
    }),
    out: [
      {
        message_id: "polar:r1:succeeded",
        anonymous_id: "payer:polar:c1",
        event: "Order Refunded",
        properties: { kind: "refund", order_id: "o1", revenue: 50, total: 59.5, tax: 9.5 },
      },
    ],
  },
  { title: "a refund that waits", headers, in: event("refund.created", { id: "r2", status: "pending" }), out: [] },
  {
    title: "a dispute",
    headers,
    in: event("refund.created", {
      id: "r3",
      status: "succeeded",
      reason: "dispute_prevention",
      amount: 100,
      currency: "usd",
      order_id: "o1",
    }),
    out: [{ event: "Order Refunded", properties: { kind: "dispute", revenue: 1 } }],
  },
  { title: "an event that tells of no money", headers, in: event("benefit.created", { id: "b1" }), out: [] },
];
