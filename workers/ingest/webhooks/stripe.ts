/** https://docs.stripe.com/webhooks/signature and https://docs.stripe.com/api/events/types */
import { fromMinor, stripeDigitsOf } from "../../../core/money/minor-units.ts";
import { firstOf, type Payer, type Payment, payerIn, payerOfReference } from "../../../core/revenue/payment.ts";
import { defined, number, pick, record, text } from "../../../core/values.ts";
import {
  checkTime,
  headerOf,
  hmac,
  inUnits,
  isoOfSeconds,
  isSame,
  malformed,
  monthly,
  type Provider,
  wrongSignature,
} from "./provider.ts";
import { stripeExamples } from "./stripe.examples.ts";

type Fields = Record<string, unknown>;

export const stripe: Provider = {
  name: "stripe",
  verify({ headers, bytes, secret, now }) {
    const parts = headerOf(headers, "stripe-signature")
      .split(",")
      .map((part) => part.split("=", 2));
    const time = parts.find(([name]) => name === "t")?.[1] ?? "";
    const expected = hmac(secret, "hex", `${time}.`, bytes);
    // While a secret is rolled Stripe signs with both.
    const isSigned = parts.some(([name, signature = ""]) => name === "v1" && isSame(signature, expected));
    if (!isSigned) throw wrongSignature("stripe-signature");
    checkTime(time, now);
  },
  read({ body }) {
    const type = text(body.type);
    const id = text(body.id);
    if (!type || !id) throw malformed("A Stripe event has id and type");
    const { object, previous_attributes } = record(body.data);
    const told = MEANINGS[type]?.(record(object), record(previous_attributes));
    if (!told) return { type, payments: [] };
    const payment: Payment = { id, at: isoOfSeconds(body.created), is_test: body.livemode === false, ...told };
    return { type, payments: [payment] };
  },
  examples: stripeExamples,
};

type Told = Pick<Payment, "event" | "payer"> & Partial<Payment>;

/**
 * Money is told once: of a checkout in payment mode by its session, of everything that has an invoice by `invoice.paid`, and of a
 * payment of one's own making by its intent, if that says whose it is. A session and its intent share one id, so that they are one.
 */
const MEANINGS: Record<string, (object: Fields, before: Fields) => Told | undefined> = {
  "checkout.session.completed": (session) => (isPaid(session) ? order(session) : checkout(session)),
  "checkout.session.async_payment_succeeded": (session) => order(session),
  "payment_intent.succeeded": intent,
  "invoice.paid": invoice,
  "invoice.payment_failed": (object) => ({
    event: "Payment Failed",
    kind: "payment_failed",
    payer: payerOf(object),
    properties: { ...amounts(object, { value: object.amount_due }), ...subscriptionOf(object), order_id: object.id },
  }),
  "customer.subscription.created": (object) => subscription(object, { status: "incomplete" }),
  "customer.subscription.updated": subscription,
  "customer.subscription.deleted": ended,
  "charge.refunded": refund,
  "charge.dispute.created": (object) => dispute(object, "dispute"),
  "charge.dispute.closed": (object) => (object.status === "won" ? dispute(object, "dispute_won") : undefined),
  "customer.created": customer,
  "customer.updated": customer,
};

const isPaid = ({ mode, payment_status, invoice }: Fields) =>
  mode === "payment" && payment_status !== "unpaid" && !invoice;

function order(session: Fields): Told {
  const { tax, shipping, discount } = totalsOf(session);
  return {
    ...(text(session.payment_intent) && { id: `${text(session.payment_intent)}:paid` }),
    event: "Order Completed",
    kind: "one_off",
    payer: payerOf(session),
    properties: {
      order_id: text(session.payment_intent) ?? session.id,
      ...amounts(session, {
        total: session.amount_total,
        revenue: (number(session.amount_total) ?? 0) - tax - shipping,
        tax,
        shipping,
        discount,
      }),
    },
  };
}

/** No money yet, or an invoice tells of it: but who it was, and which visitor, is told only here. */
function checkout(session: Fields): Told {
  return {
    event: "Checkout Completed",
    kind: "checkout",
    payer: payerOf(session),
    properties: defined({
      checkout_id: session.id,
      order_id: text(session.invoice),
      ...subscriptionOf(session),
      ...amounts(session, { value: session.amount_total }),
    }),
  };
}

function intent(object: Fields): Told | undefined {
  const { anonymous_id, user_id } = payerIn(record(object.metadata));
  if (object.invoice || (!anonymous_id && !user_id)) return undefined;
  return {
    id: `${text(object.id)}:paid`,
    event: "Order Completed",
    kind: "one_off",
    payer: payerOf(object),
    properties: {
      order_id: object.id,
      ...amounts(object, { total: object.amount_received, revenue: object.amount_received }),
    },
  };
}

const KIND_OF_REASON: Record<string, Payment["kind"]> = {
  subscription_create: "subscription_start",
  subscription_cycle: "renewal",
  subscription_update: "upgrade",
};

function invoice(object: Fields): Told | undefined {
  const paid = number(object.amount_paid) ?? 0;
  // A trial's first invoice, and one that credit pays for: nothing was earned.
  if (paid === 0) return undefined;
  const tax = Math.min(paid, taxOf(object));
  return {
    event: "Order Completed",
    kind: KIND_OF_REASON[String(object.billing_reason)] ?? "one_off",
    payer: payerOf(object),
    properties: defined({
      order_id: object.id,
      payment_id: text(object.payment_intent) ?? text(object.charge),
      ...subscriptionOf(object),
      ...amounts(object, { total: paid, revenue: paid - tax, tax }),
    }),
  };
}

function taxOf(object: Fields): number {
  const listed = object.total_taxes ?? object.total_tax_amounts;
  if (Array.isArray(listed)) return listed.reduce((sum: number, one) => sum + (number(record(one).amount) ?? 0), 0);
  return number(object.tax) ?? 0;
}

/** Statuses in which a subscription is worth money every month. */
const RUNNING = new Set(["active", "past_due", "unpaid"]);

function subscription(object: Fields, before: Fields): Told | undefined {
  const now = worth(object);
  const then = worth({ ...object, ...before });
  const status = text(object.status);
  const isNew = "status" in before && before.status !== status;
  const told = { payer: payerOf(object), properties: state(object, now ?? 0, (now ?? 0) - (then ?? 0)) };
  if (status === "trialing" && isNew) return { ...told, event: "Trial Started", kind: "trial" };
  if (status === "active" && isNew && (before.status === "incomplete" || before.status === "trialing"))
    return { ...told, event: "Subscription Started", kind: "subscription_start" };
  if (now === undefined || then === undefined || now === then) return undefined;
  return { ...told, event: "Subscription Updated", kind: now > then ? "upgrade" : "downgrade" };
}

function ended(object: Fields): Told {
  // What was cancelled in its trial was never counted.
  const trialEnd = number(object.trial_end);
  const at = number(object.ended_at) ?? number(object.canceled_at);
  const wasTrial = trialEnd !== undefined && at !== undefined && at <= trialEnd;
  const lost = wasTrial ? 0 : (worth({ ...object, status: "active" }) ?? 0);
  return {
    event: "Subscription Cancelled",
    kind: "cancellation",
    payer: payerOf(object),
    properties: state(object, 0, -lost),
  };
}

function state(object: Fields, mrr: number, delta: number): Fields {
  const [first] = itemsOf(object);
  return defined({
    subscription_id: object.id,
    plan: pick(record(first?.price), "lookup_key", "nickname", "id"),
    status: text(object.status),
    currency: currencyOf(object),
    mrr,
    mrr_delta: Math.round(delta * 10_000) / 10_000 || 0,
  });
}

function itemsOf(object: Fields): Fields[] {
  const { data } = record(object.items);
  return Array.isArray(data) ? data.map(record) : [];
}

/** What it is worth a month, in units; undefined where a price says nothing of it (metered, tiered). */
function worth(object: Fields): number | undefined {
  if (!RUNNING.has(String(object.status))) return 0;
  const digits = stripeDigitsOf(currencyOf(object));
  let sum = 0;
  for (const item of itemsOf(object)) {
    const price = record(item.price ?? item.plan);
    const amount = number(price.unit_amount) ?? number(price.unit_amount_decimal) ?? number(price.amount);
    if (amount === undefined) return undefined;
    const recurring = record(price.recurring ?? price);
    const total = fromMinor(amount * (number(item.quantity) ?? 1), digits);
    const each = monthly(total, text(recurring.interval), number(recurring.interval_count));
    if (each === undefined) return undefined;
    sum += each;
  }
  return Math.round(sum * 10_000) / 10_000;
}

/** `amount_refunded` adds up over a charge's refunds; what it was before tells this one's share, in whatever order they come. */
function refund(charge: Fields, before: Fields): Told | undefined {
  const amount = (number(charge.amount_refunded) ?? 0) - (number(before.amount_refunded) ?? 0);
  if (amount <= 0) return undefined;
  return {
    event: "Order Refunded",
    kind: "refund",
    payer: payerOf(charge),
    properties: defined({
      order_id: text(charge.invoice) ?? text(charge.payment_intent) ?? charge.id,
      payment_id: text(charge.payment_intent) ?? charge.id,
      is_partial: charge.refunded === false || undefined,
      ...amounts(charge, { revenue: amount, total: amount }),
    }),
  };
}

/** Stripe takes the money when a dispute begins, and gives it back when it is won. An inquiry takes none. */
function dispute(object: Fields, kind: "dispute" | "dispute_won"): Told | undefined {
  if (String(object.status).startsWith("warning")) return undefined;
  const payment = text(object.payment_intent) ?? text(object.charge);
  return {
    event: kind === "dispute" ? "Order Refunded" : "Order Completed",
    kind,
    payer: firstOf(payerOf(object), { customer_id: payment }),
    properties: defined({
      order_id: payment,
      payment_id: payment,
      dispute_id: object.id,
      reason: text(object.reason),
      ...amounts(object, { revenue: object.amount, total: object.amount }),
    }),
  };
}

function customer(object: Fields): Told | undefined {
  return text(object.email)
    ? { event: "Customer", payer: { ...payerOf(object), customer_id: text(object.id) } }
    : undefined;
}

function payerOf(object: Fields): Payer {
  const details = record(object.customer_details);
  const billing = record(object.billing_details);
  const ofSubscription = record(object.subscription_details ?? record(object.parent).subscription_details);
  return firstOf(
    payerIn(record(object.metadata), record(ofSubscription.metadata)),
    payerOfReference(text(object.client_reference_id)),
    {
      email:
        pick(details, "email") ?? pick(object, "customer_email", "receipt_email", "email") ?? pick(billing, "email"),
      name: pick(details, "name") ?? pick(object, "customer_name") ?? pick(billing, "name"),
      phone: pick(details, "phone") ?? pick(object, "customer_phone"),
      customer_id: text(object.customer),
    },
  );
}

function subscriptionOf(object: Fields): Fields {
  const parent = record(record(object.parent).subscription_details);
  const subscription_id = text(object.subscription) ?? text(parent.subscription);
  return subscription_id ? { subscription_id } : {};
}

function totalsOf(session: Fields) {
  const details = record(session.total_details);
  return {
    tax: number(details.amount_tax) ?? 0,
    shipping: number(details.amount_shipping) ?? 0,
    discount: number(details.amount_discount) ?? 0,
  };
}

const currencyOf = (object: Fields) => (text(object.currency) ?? "").toUpperCase();

const amounts = (object: Fields, minor: Fields) => inUnits(currencyOf(object), minor, stripeDigitsOf);
