/**
 * https://docs.lemonsqueezy.com/help/webhooks/signing-requests and …/event-types. A signature has no time in it: what was sent before is
 * found by its id. Events have none either: it is made of what they are about and when that changed.
 */
import { firstOf, type Payer, type Payment, payerIn } from "../../../core/revenue/payment.ts";
import { defined, number, record, text } from "../../../core/values.ts";
import { lemonSqueezyExamples } from "./lemon-squeezy.examples.ts";
import { headerOf, hmac, inUnits, isSame, malformed, type Provider, wrongSignature } from "./provider.ts";

type Fields = Record<string, unknown>;
type Told = Pick<Payment, "event"> & Partial<Payment>;

export const lemonSqueezy: Provider = {
  name: "lemon-squeezy",
  verify({ headers, bytes, secret }) {
    if (!isSame(headerOf(headers, "x-signature"), hmac(secret, "hex", bytes))) throw wrongSignature("x-signature");
  },
  read({ body }) {
    const meta = record(body.meta);
    const data = record(body.data);
    const fields = record(data.attributes);
    const type = text(meta.event_name);
    const id = text(data.id);
    if (!type || !id) throw malformed("A Lemon Squeezy event has meta.event_name and data.id");
    const told = MEANINGS[type]?.(id, fields);
    if (!told) return { type, payments: [] };
    const at = text(fields.updated_at) ?? text(fields.created_at);
    if (!at) throw malformed("data.attributes.updated_at: a time");
    const payer = payerOf(fields, record(meta.custom_data));
    const is_test = meta.test_mode === true || fields.test_mode === true;
    return { type, payments: [{ id: `${type}:${id}:${at}`, at: iso(at), payer, is_test, ...told }] };
  },
  examples: lemonSqueezyExamples,
};

/**
 * The first payment of a subscription comes as an order and as an invoice: the order tells of it, as of every other purchase. What a
 * subscription is worth a month stands in none of these events.
 */
const MEANINGS: Record<string, (id: string, fields: Fields) => Told | undefined> = {
  order_created: (id, fields) =>
    fields.status === "paid" && number(fields.total)
      ? { ...sale(id, fields, "one_off"), id: `order:${id}:paid` }
      : undefined,
  order_refunded: (id, fields) => refund(`order:${id}`, id, fields),
  subscription_payment_success: (id, fields) =>
    fields.billing_reason === "initial" || !number(fields.total)
      ? undefined
      : {
          ...sale(`invoice-${id}`, fields, fields.billing_reason === "updated" ? "upgrade" : "renewal"),
          id: `invoice:${id}:paid`,
        },
  subscription_payment_refunded: (id, fields) => refund(`invoice:${id}`, `invoice-${id}`, fields),
  subscription_payment_failed: (id, fields) => ({
    event: "Payment Failed",
    kind: "payment_failed",
    properties: defined({
      order_id: `invoice-${id}`,
      subscription_id: text(fields.subscription_id),
      ...amounts(fields, { value: fields.total }),
    }),
  }),
  subscription_created: (id, fields) =>
    fields.status === "on_trial"
      ? state(id, fields, "Trial Started", "trial")
      : state(id, fields, "Subscription Started", "subscription_start"),
  subscription_plan_changed: (id, fields) => state(id, fields, "Subscription Updated", "plan_change"),
  subscription_expired: (id, fields) => state(id, fields, "Subscription Cancelled", "cancellation"),
};

function sale(order_id: string, fields: Fields, kind: Payment["kind"] & string): Told {
  const total = number(fields.total) ?? 0;
  return {
    event: "Order Completed",
    kind,
    properties: defined({
      order_id,
      subscription_id: text(fields.subscription_id),
      ...amounts(fields, {
        total,
        revenue: total - (number(fields.tax) ?? 0),
        tax: fields.tax,
        discount: fields.discount_total,
      }),
    }),
  };
}

/**
 * `refunded_amount` adds up over an order's refunds, and nothing says what it was before. So the event tells the sum until now, under
 * the order's one refund id with that sum in it: `refunded_total`, of which the newest holds.
 */
function refund(about: string, order_id: string, fields: Fields): Told {
  const total = number(fields.total) ?? 0;
  const refunded = number(fields.refunded_amount) ?? total;
  const share = total === 0 ? 0 : 1 - (number(fields.tax) ?? 0) / total;
  return {
    id: `${about}:refunded:${refunded}`,
    event: "Order Refunded",
    kind: "refund",
    at: iso(text(fields.refunded_at) ?? text(fields.updated_at) ?? ""),
    properties: defined({
      order_id,
      is_partial: refunded < total || undefined,
      ...amounts(fields, { revenue: Math.round(refunded * share), total: refunded }),
    }),
  };
}

function state(id: string, fields: Fields, event: Told["event"], kind: Payment["kind"] & string): Told {
  return {
    event,
    kind,
    properties: defined({
      subscription_id: id,
      order_id: text(fields.order_id),
      plan: text(fields.variant_name) ?? text(fields.variant_id),
      status: text(fields.status),
      ...(kind === "cancellation" || kind === "trial" ? { mrr: 0 } : {}),
    }),
  };
}

function payerOf(fields: Fields, custom: Fields): Payer {
  return firstOf(payerIn(custom), {
    email: text(fields.user_email),
    name: text(fields.user_name),
    customer_id: text(fields.customer_id),
  });
}

/** They write six digits of a second. */
function iso(time: string): string {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) throw malformed("data.attributes: not a time");
  return at.toISOString();
}

const amounts = (fields: Fields, minor: Fields) => inUnits(text(fields.currency) ?? "", minor);
