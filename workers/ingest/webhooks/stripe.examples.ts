import type { Provider } from "./provider.ts";

const visitor = "285e0b16-5c5b-4d6f-9d0e-5f0c6f1b2a3d";
const created = 1_795_221_793;
const event = (type: string, object: object, previous_attributes?: object) => ({
  id: `evt_${type.replaceAll(".", "_")}`,
  object: "event",
  type,
  created,
  livemode: true,
  data: { object, ...(previous_attributes && { previous_attributes }) },
});
const price = (unit_amount: number, interval = "month") => ({
  id: "price_pro",
  unit_amount,
  recurring: { interval, interval_count: 1 },
});
const subscription = (status: string, unit_amount = 2_900, more = {}) => ({
  id: "sub_1",
  customer: "cus_1",
  currency: "eur",
  status,
  metadata: { user_id: "u1" },
  items: { data: [{ price: price(unit_amount), quantity: 2 }] },
  ...more,
});

export const stripeExamples: Provider["examples"] = [
  {
    title: "a checkout that was paid at once, of a known visitor",
    in: event("checkout.session.completed", {
      id: "cs_1",
      mode: "payment",
      payment_status: "paid",
      payment_intent: "pi_1",
      client_reference_id: visitor,
      customer: "cus_1",
      customer_details: { email: "ann@shop.example", name: "Ann" },
      currency: "eur",
      amount_total: 11_900,
      total_details: { amount_tax: 1_900, amount_shipping: 500, amount_discount: 0 },
    }),
    out: [
      {
        message_id: "stripe:pi_1:paid",
        anonymous_id: visitor,
        event: "Order Completed",
        timestamp: "2026-11-21T00:43:13.000Z",
        properties: {
          kind: "one_off",
          order_id: "pi_1",
          currency: "EUR",
          total: 119,
          revenue: 95,
          tax: 19,
          shipping: 5,
          provider: "stripe",
          customer_id: "cus_1",
        },
        context: { traits: { email: "ann@shop.example", name: "Ann" } },
      },
    ],
  },
  {
    title: "a checkout of a subscription tells whose it is, and no money",
    in: event("checkout.session.completed", {
      id: "cs_2",
      mode: "subscription",
      payment_status: "paid",
      subscription: "sub_1",
      invoice: "in_1",
      customer: "cus_1",
      client_reference_id: "u1",
      currency: "eur",
      amount_total: 5_800,
    }),
    out: [
      {
        message_id: "stripe:evt_checkout_session_completed",
        user_id: "u1",
        event: "Checkout Completed",
        properties: { kind: "checkout", checkout_id: "cs_2", order_id: "in_1", subscription_id: "sub_1", value: 58 },
      },
    ],
  },
  {
    title: "the intent of that same payment, which says whose it is, is the same event",
    in: event("payment_intent.succeeded", {
      id: "pi_1",
      amount_received: 11_900,
      currency: "eur",
      metadata: { millrace_id: visitor },
    }),
    out: [{ message_id: "stripe:pi_1:paid", anonymous_id: visitor, properties: { revenue: 119, order_id: "pi_1" } }],
  },
  {
    title: "an intent of which nobody says whose it is belongs to a checkout or an invoice",
    in: event("payment_intent.succeeded", { id: "pi_9", amount_received: 100, currency: "eur", metadata: {} }),
    out: [],
  },
  {
    title: "a renewal in yen, which has no smaller unit",
    in: event("invoice.paid", {
      id: "in_2",
      billing_reason: "subscription_cycle",
      amount_paid: 3_300,
      total_taxes: [{ amount: 300 }],
      currency: "jpy",
      customer: "cus_1",
      customer_email: "ann@shop.example",
      parent: { subscription_details: { subscription: "sub_1", metadata: { anonymous_id: visitor } } },
    }),
    out: [
      {
        message_id: "stripe:evt_invoice_paid",
        anonymous_id: visitor,
        event: "Order Completed",
        properties: {
          kind: "renewal",
          order_id: "in_2",
          subscription_id: "sub_1",
          currency: "JPY",
          total: 3_300,
          revenue: 3_000,
          tax: 300,
        },
      },
    ],
  },
  {
    title: "a subscription's first invoice in dinars, which have three digits, of a payer that nobody knows",
    in: event("invoice.paid", {
      id: "in_3",
      billing_reason: "subscription_create",
      amount_paid: 12_340,
      currency: "kwd",
      customer: "cus_2",
      subscription: "sub_2",
    }),
    out: [
      {
        anonymous_id: "payer:stripe:cus_2",
        properties: { kind: "subscription_start", revenue: 12.34, subscription_id: "sub_2" },
      },
    ],
  },
  {
    title: "a trial's invoice of nothing",
    in: event("invoice.paid", { id: "in_4", billing_reason: "subscription_create", amount_paid: 0, currency: "eur" }),
    out: [],
  },
  {
    title: "a subscription that begins",
    in: event("customer.subscription.created", subscription("active")),
    out: [
      {
        user_id: "u1",
        event: "Subscription Started",
        properties: { kind: "subscription_start", subscription_id: "sub_1", plan: "price_pro", mrr: 58, mrr_delta: 58 },
      },
    ],
  },
  {
    title: "a trial that begins",
    in: event("customer.subscription.created", subscription("trialing")),
    out: [{ event: "Trial Started", properties: { kind: "trial", mrr: 0, mrr_delta: 0 } }],
  },
  {
    title: "a trial that becomes a subscription",
    in: event("customer.subscription.updated", subscription("active"), { status: "trialing" }),
    out: [{ event: "Subscription Started", properties: { mrr: 58, mrr_delta: 58 } }],
  },
  {
    title: "a smaller plan",
    in: event("customer.subscription.updated", subscription("active", 1_900), {
      items: { data: [{ price: price(2_900), quantity: 2 }] },
    }),
    out: [{ event: "Subscription Updated", properties: { kind: "downgrade", mrr: 38, mrr_delta: -20 } }],
  },
  {
    title: "a larger plan, by the year",
    in: event(
      "customer.subscription.updated",
      subscription("active", 0, { items: { data: [{ price: price(120_000, "year"), quantity: 1 }] } }),
      { items: { data: [{ price: price(2_900), quantity: 2 }] } },
    ),
    out: [{ event: "Subscription Updated", properties: { kind: "upgrade", mrr: 100, mrr_delta: 42 } }],
  },
  {
    title: "a change that is worth nothing",
    in: event("customer.subscription.updated", subscription("active"), { default_payment_method: "pm_1" }),
    out: [],
  },
  {
    title: "a subscription that ends",
    in: event("customer.subscription.deleted", subscription("canceled", 2_900, { ended_at: created })),
    out: [{ event: "Subscription Cancelled", properties: { kind: "cancellation", mrr: 0, mrr_delta: -58 } }],
  },
  {
    title: "a trial that ends was never worth anything",
    in: event(
      "customer.subscription.deleted",
      subscription("canceled", 2_900, { ended_at: created, trial_end: created }),
    ),
    out: [{ event: "Subscription Cancelled", properties: { mrr: 0, mrr_delta: 0 } }],
  },
  {
    title: "the second of two partial refunds",
    in: event(
      "charge.refunded",
      {
        id: "ch_1",
        payment_intent: "pi_1",
        currency: "eur",
        amount_refunded: 3_000,
        refunded: false,
        billing_details: { email: "ann@shop.example" },
      },
      { amount_refunded: 1_000 },
    ),
    out: [
      {
        event: "Order Refunded",
        properties: { kind: "refund", order_id: "pi_1", is_partial: true, revenue: 20, total: 20 },
      },
    ],
  },
  {
    title: "a dispute, which takes the money",
    in: event("charge.dispute.created", {
      id: "dp_1",
      payment_intent: "pi_1",
      status: "needs_response",
      amount: 11_900,
      currency: "eur",
      reason: "fraudulent",
    }),
    out: [
      {
        event: "Order Refunded",
        properties: { kind: "dispute", order_id: "pi_1", revenue: 119, reason: "fraudulent" },
      },
    ],
  },
  {
    title: "a dispute that was won",
    in: event("charge.dispute.closed", {
      id: "dp_1",
      payment_intent: "pi_1",
      status: "won",
      amount: 11_900,
      currency: "eur",
    }),
    out: [{ event: "Order Completed", properties: { kind: "dispute_won", order_id: "pi_1", revenue: 119 } }],
  },
  {
    title: "a dispute that was lost: the money is gone already",
    in: event("charge.dispute.closed", {
      id: "dp_1",
      payment_intent: "pi_1",
      status: "lost",
      amount: 11_900,
      currency: "eur",
    }),
    out: [],
  },
  { title: "an event that tells of no money", in: event("product.updated", { id: "prod_1" }), out: [] },
];
