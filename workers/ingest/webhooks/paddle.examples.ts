import type { Provider } from "./provider.ts";

const visitor = "285e0b16-5c5b-4d6f-9d0e-5f0c6f1b2a3d";
const event = (event_type: string, data: object) => ({
  event_id: `evt_${event_type.replace(".", "_")}`,
  event_type,
  occurred_at: "2026-11-20T10:00:00.123456Z",
  notification_id: "ntf_1",
  data,
});
const subscription = (status: string) => ({
  id: "sub_1",
  status,
  customer_id: "ctm_1",
  currency_code: "USD",
  custom_data: { anonymous_id: visitor },
  items: [
    {
      quantity: 3,
      price: { id: "pri_1", unit_price: { amount: "1000" }, billing_cycle: { interval: "month", frequency: 3 } },
    },
  ],
});

export const paddleExamples: Provider["examples"] = [
  {
    title: "a purchase",
    in: event("transaction.completed", {
      id: "txn_1",
      origin: "web",
      customer_id: "ctm_1",
      currency_code: "EUR",
      custom_data: { anonymous_id: visitor },
      details: { totals: { subtotal: "10000", tax: "1900", discount: "0", total: "11900" } },
    }),
    out: [
      {
        message_id: "paddle:evt_transaction_completed",
        anonymous_id: visitor,
        event: "Order Completed",
        properties: {
          kind: "one_off",
          order_id: "txn_1",
          currency: "EUR",
          total: 119,
          revenue: 100,
          tax: 19,
          customer_id: "ctm_1",
        },
      },
    ],
  },
  {
    title: "a renewal of a payer that nobody knows",
    in: event("transaction.completed", {
      id: "txn_2",
      origin: "subscription_recurring",
      subscription_id: "sub_1",
      customer_id: "ctm_2",
      currency_code: "JPY",
      details: { totals: { tax: "0", total: "3300" } },
    }),
    out: [
      { anonymous_id: "payer:paddle:ctm_2", properties: { kind: "renewal", subscription_id: "sub_1", revenue: 3_300 } },
    ],
  },
  {
    title: "the customer behind it, found by e-mail",
    in: event("customer.created", { id: "ctm_2", email: "ann@shop.example", name: "Ann" }),
    out: [
      {
        type: "identify",
        anonymous_id: "payer:paddle:ctm_2",
        traits: { email: "ann@shop.example", name: "Ann" },
      },
    ],
  },
  {
    title: "a subscription by the quarter",
    in: event("subscription.activated", subscription("active")),
    out: [
      {
        event: "Subscription Started",
        properties: { kind: "subscription_start", subscription_id: "sub_1", plan: "pri_1", mrr: 10 },
      },
    ],
  },
  {
    title: "a trial",
    in: event("subscription.trialing", subscription("trialing")),
    out: [{ event: "Trial Started", properties: { kind: "trial", mrr: 0 } }],
  },
  {
    title: "another plan",
    in: event("subscription.updated", subscription("active")),
    out: [{ event: "Subscription Updated", properties: { kind: "plan_change", mrr: 10 } }],
  },
  {
    title: "the end of a subscription",
    in: event("subscription.canceled", subscription("canceled")),
    out: [{ event: "Subscription Cancelled", properties: { kind: "cancellation", mrr: 0 } }],
  },
  {
    title: "a refund that waits for approval",
    in: event("adjustment.created", {
      id: "adj_1",
      action: "refund",
      status: "pending_approval",
      currency_code: "EUR",
    }),
    out: [],
  },
  {
    title: "a partial refund that was approved",
    in: event("adjustment.updated", {
      id: "adj_1",
      action: "refund",
      type: "partial",
      status: "approved",
      transaction_id: "txn_1",
      customer_id: "ctm_1",
      currency_code: "EUR",
      totals: { subtotal: "1000", tax: "190", total: "1190" },
    }),
    out: [
      {
        message_id: "paddle:adj_1:approved",
        event: "Order Refunded",
        properties: { kind: "refund", order_id: "txn_1", is_partial: true, total: 11.9, revenue: 10, tax: 1.9 },
      },
    ],
  },
  {
    title: "a chargeback that was reversed",
    in: event("adjustment.created", {
      id: "adj_2",
      action: "chargeback_reverse",
      status: "approved",
      transaction_id: "txn_1",
      currency_code: "EUR",
      totals: { tax: "1900", total: "11900" },
    }),
    out: [{ event: "Order Completed", properties: { kind: "dispute_won", order_id: "txn_1", revenue: 100 } }],
  },
  { title: "an event that tells of no money", in: event("address.created", { id: "add_1" }), out: [] },
];
