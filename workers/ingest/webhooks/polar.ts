/** https://polar.sh/docs/integrate/webhooks/delivery, signed as https://www.standardwebhooks.com says. */
import { firstOf, type Payer, type Payment, payerIn } from "../../../core/revenue/payment.ts";
import { defined, number, record, text } from "../../../core/values.ts";
import { polarExamples } from "./polar.examples.ts";
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
type Told = Pick<Payment, "id" | "event"> & Partial<Payment>;

export const polar: Provider = {
  name: "polar",
  verify({ headers, bytes, secret, now }) {
    const time = headerOf(headers, "webhook-timestamp");
    const expected = hmac(keyOf(secret), "base64", `${headerOf(headers, "webhook-id")}.${time}.`, bytes);
    const signatures = headerOf(headers, "webhook-signature").split(" ");
    if (!signatures.some((one) => isSame(one, `v1,${expected}`))) throw wrongSignature("webhook-signature");
    checkTime(time, now);
  },
  read({ body, headers }) {
    const type = text(body.type);
    if (!type) throw malformed("A Polar event has a type");
    const data = record(body.data);
    const told = MEANINGS[type]?.(data, headerOf(headers, "webhook-id"));
    const at = text(body.timestamp) ?? text(data.modified_at) ?? text(data.created_at);
    if (told && !at) throw malformed("A Polar event has a timestamp");
    return { type, payments: told ? [{ at: at!, payer: payerOf(data), ...told }] : [] };
  },
  examples: polarExamples,
};

/** The standard's own secrets are base64 behind a prefix; Polar's are taken letter by letter. */
const keyOf = (secret: string) =>
  secret.startsWith("whsec_") ? Buffer.from(secret.slice("whsec_".length), "base64") : secret;

const MEANINGS: Record<string, (data: Fields, webhookId: string) => Told | undefined> = {
  "order.paid": order,
  "refund.created": refund,
  "refund.updated": refund,
  "subscription.active": (data, id) => state(data, id, "Subscription Started", "subscription_start"),
  "subscription.updated": (data, id) =>
    data.status === "trialing"
      ? state(data, id, "Trial Started", "trial")
      : state(data, id, "Subscription Updated", "plan_change"),
  "subscription.revoked": (data, id) => state(data, id, "Subscription Cancelled", "cancellation"),
};

const KIND_OF_REASON: Record<string, Payment["kind"]> = {
  purchase: "one_off",
  subscription_create: "subscription_start",
  subscription_cycle: "renewal",
  subscription_update: "upgrade",
};

/** `net_amount`: after discounts, before tax. An order is paid once. */
function order(data: Fields): Told | undefined {
  const total = number(data.total_amount) ?? 0;
  if (total === 0) return undefined;
  return {
    id: `${text(data.id)}:paid`,
    event: "Order Completed",
    kind: KIND_OF_REASON[String(data.billing_reason)] ?? "one_off",
    properties: defined({
      order_id: data.id,
      checkout_id: text(data.checkout_id),
      subscription_id: text(data.subscription_id),
      ...amounts(data, {
        total,
        revenue: number(data.net_amount) ?? total - (number(data.tax_amount) ?? 0),
        tax: data.tax_amount,
        discount: data.discount_amount,
      }),
    }),
  };
}

/** `amount` is without tax. A refund of a dispute says so itself. */
function refund(data: Fields): Told | undefined {
  if (data.status !== "succeeded") return undefined;
  const isDispute = String(data.reason).startsWith("dispute");
  return {
    id: `${text(data.id)}:succeeded`,
    event: "Order Refunded",
    kind: isDispute ? "dispute" : "refund",
    properties: defined({
      order_id: data.order_id,
      refund_id: data.id,
      subscription_id: text(data.subscription_id),
      reason: text(data.reason),
      ...amounts(data, {
        revenue: data.amount,
        total: (number(data.amount) ?? 0) + (number(data.tax_amount) ?? 0),
        tax: data.tax_amount,
      }),
    }),
  };
}

function state(data: Fields, id: string, event: Told["event"], kind: Payment["kind"] & string): Told {
  const isRunning = data.status === "active" || data.status === "past_due";
  const { currency, ...told } = amounts(data, { value: data.amount });
  const each = monthly(number(told.value) ?? 0, text(data.recurring_interval), number(data.recurring_interval_count));
  return {
    id,
    event,
    kind,
    properties: defined({
      subscription_id: data.id,
      plan: text(data.product_id),
      status: text(data.status),
      currency,
      mrr: isRunning ? each : 0,
    }),
  };
}

function payerOf(data: Fields): Payer {
  const customer = record(data.customer);
  return firstOf(payerIn(record(data.metadata), record(data.customer_metadata), record(customer.metadata)), {
    user_id: text(customer.external_id),
    email: text(customer.email),
    name: text(customer.name),
    customer_id: text(data.customer_id) ?? text(customer.id),
  });
}

const amounts = (data: Fields, minor: Fields) => inUnits((text(data.currency) ?? "").toUpperCase(), minor);
