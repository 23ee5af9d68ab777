/** https://developer.paddle.com/webhooks/signature-verification and https://developer.paddle.com/webhooks */
import { digitsOf, fromMinor } from "../../../core/money/minor-units.ts";
import { firstOf, type Payer, type Payment, payerIn } from "../../../core/revenue/payment.ts";
import { defined, number, record, text } from "../../../core/values.ts";
import { paddleExamples } from "./paddle.examples.ts";
import {
  checkTime,
  headerOf,
  hmac,
  inUnits,
  isSame,
  malformed,
  monthly,
  type Provider,
  wrongSignature,
} from "./provider.ts";

type Fields = Record<string, unknown>;
type Told = Pick<Payment, "event"> & Partial<Payment>;

export const paddle: Provider = {
  name: "paddle",
  verify({ headers, bytes, secret, now }) {
    const parts = headerOf(headers, "paddle-signature")
      .split(";")
      .map((part) => part.split("=", 2));
    const time = parts.find(([name]) => name === "ts")?.[1] ?? "";
    const expected = hmac(secret, "hex", `${time}:`, bytes);
    const isSigned = parts.some(([name, signature = ""]) => name === "h1" && isSame(signature, expected));
    if (!isSigned) throw wrongSignature("paddle-signature");
    checkTime(time, now);
  },
  read({ body }) {
    const type = text(body.event_type);
    const id = text(body.event_id);
    const at = text(body.occurred_at);
    if (!type || !id || !at) throw malformed("A Paddle event has event_id, event_type and occurred_at");
    const data = record(body.data);
    const told = MEANINGS[type]?.(data);
    return { type, payments: told ? [{ id, at, payer: payerOf(data), ...told }] : [] };
  },
  examples: paddleExamples,
};

/** A renewal comes as a transaction, and so does the charge for an upgrade; `subscription.updated` tells what it is worth from then on. */
const MEANINGS: Record<string, (data: Fields) => Told | undefined> = {
  "transaction.completed": transaction,
  "transaction.payment_failed": (data) => ({
    event: "Payment Failed",
    kind: "payment_failed",
    properties: { order_id: data.id, ...subscriptionOf(data), ...amounts(data, { value: totalsOf(data).grand_total }) },
  }),
  "adjustment.created": adjustment,
  "adjustment.updated": adjustment,
  "subscription.activated": (data) => state(data, "Subscription Started", "subscription_start"),
  "subscription.trialing": (data) => state(data, "Trial Started", "trial"),
  "subscription.updated": (data) => state(data, "Subscription Updated", "plan_change"),
  "subscription.canceled": (data) => state(data, "Subscription Cancelled", "cancellation"),
  "customer.created": customer,
  "customer.updated": customer,
};

const KIND_OF_ORIGIN: Record<string, Payment["kind"]> = {
  subscription_recurring: "renewal",
  subscription_update: "upgrade",
  subscription_charge: "one_off",
};

function transaction(data: Fields): Told | undefined {
  const { total, tax, discount } = totalsOf(data);
  if ((number(total) ?? 0) === 0) return undefined;
  const first = data.subscription_id ? "subscription_start" : "one_off";
  return {
    event: "Order Completed",
    kind: KIND_OF_ORIGIN[String(data.origin)] ?? first,
    properties: defined({
      order_id: data.id,
      ...subscriptionOf(data),
      ...amounts(data, { total, revenue: (number(total) ?? 0) - (number(tax) ?? 0), tax, discount }),
    }),
  };
}

/** Once it is approved, whether that was at once or later: of the two notifications of it one becomes an event. */
function adjustment(data: Fields): Told | undefined {
  if (data.status !== "approved") return undefined;
  const kind = { refund: "refund", chargeback: "dispute", chargeback_reverse: "dispute_won" }[String(data.action)];
  if (!kind) return undefined;
  const { total, tax } = record(data.totals);
  return {
    id: `${text(data.id)}:approved`,
    event: kind === "dispute_won" ? "Order Completed" : "Order Refunded",
    kind: kind as Payment["kind"] & string,
    properties: defined({
      order_id: data.transaction_id,
      refund_id: data.id,
      is_partial: data.type === "partial" || undefined,
      reason: text(data.reason),
      ...subscriptionOf(data),
      ...amounts(data, { total, revenue: (number(total) ?? 0) - (number(tax) ?? 0), tax }),
    }),
  };
}

function state(data: Fields, event: Told["event"], kind: Payment["kind"] & string): Told {
  const isRunning = data.status === "active" || data.status === "past_due";
  const items = Array.isArray(data.items) ? data.items.map(record) : [];
  const currency = currencyOf(data);
  let mrr: number | undefined = 0;
  for (const item of isRunning ? items : []) {
    const price = record(item.price);
    const { interval, frequency } = record(price.billing_cycle ?? data.billing_cycle);
    const amount = (number(record(price.unit_price).amount) ?? 0) * (number(item.quantity) ?? 1);
    const each = monthly(fromMinor(amount, digitsOf(currency)), text(interval), number(frequency));
    mrr = mrr === undefined || each === undefined ? undefined : mrr + each;
  }
  return {
    event,
    kind,
    properties: defined({
      subscription_id: data.id,
      plan: text(record(items[0]?.price).id),
      status: text(data.status),
      currency,
      mrr: mrr && Math.round(mrr * 10_000) / 10_000,
    }),
  };
}

function customer(data: Fields): Told | undefined {
  const payer = { ...payerIn(record(data.custom_data)), email: text(data.email), name: text(data.name) };
  return payer.email ? { event: "Customer", payer: { ...payer, customer_id: text(data.id) } } : undefined;
}

function payerOf(data: Fields): Payer {
  const { email, name } = record(data.customer);
  return firstOf(payerIn(record(data.custom_data)), {
    email: text(email),
    name: text(name),
    customer_id: text(data.customer_id),
  });
}

const subscriptionOf = ({ subscription_id }: Fields) => (subscription_id ? { subscription_id } : {});
const totalsOf = (data: Fields) => record(record(data.details).totals);
const currencyOf = (data: Fields) => text(data.currency_code) ?? "";

const amounts = (data: Fields, minor: Fields) => inUnits(currencyOf(data), minor);
