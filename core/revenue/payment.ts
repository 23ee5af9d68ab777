/**
 * A payment, or what became of a subscription, as every provider tells it, and the event that it becomes: a standard commerce event
 * (https://segment.com/docs/connections/spec/ecommerce/v2/), so that destinations and analyses know it without being told of providers.
 */
import * as z from "zod";
import { defined, pick, unlessEmpty } from "../values.ts";

export const PAYMENT_KINDS = [
  "checkout",
  "one_off",
  "subscription_start",
  "renewal",
  "upgrade",
  "downgrade",
  "plan_change",
  "cancellation",
  "trial",
  "payment_failed",
  "refund",
  "dispute",
  "dispute_won",
] as const;
export const paymentKind = z.enum(PAYMENT_KINDS);
export type PaymentKind = z.infer<typeof paymentKind>;

/** Who paid, as far as the provider was told. */
export interface Payer {
  anonymous_id?: string | undefined;
  user_id?: string | undefined;
  email?: string | undefined;
  name?: string | undefined;
  phone?: string | undefined;
  /** The provider's own id of them. */
  customer_id?: string | undefined;
}

export interface Payment {
  /** The provider's id of what happened: the event is told apart by it, however often it is sent. */
  id: string;
  /** ISO 8601: when it happened, not when it was sent. */
  at: string;
  event:
    | "Order Completed"
    | "Order Refunded"
    | "Checkout Completed"
    | SubscriptionEvent
    | "Payment Failed"
    | "Customer";
  kind?: PaymentKind;
  payer: Payer;
  /** Amounts in units of the currency. `revenue` without tax and shipping, as the spec has it; of a refund positive. */
  properties?: Record<string, unknown>;
  /** A provider's test mode. */
  is_test?: boolean;
}
type SubscriptionEvent = "Subscription Started" | "Subscription Updated" | "Subscription Cancelled" | "Trial Started";

/** Names under which a shop may put its visitor's or user's id into a provider's metadata. */
const VISITOR_FIELDS = ["anonymous_id", "millrace_id", "_dfid", "anonymousId"];
const USER_FIELDS = ["user_id", "userId"];

/** What metadata says of the payer; of several the first that says it. */
export function payerIn(...metadata: Record<string, unknown>[]): Payer {
  const payer: Payer = {};
  for (const one of metadata) {
    payer.anonymous_id ??= pick(one, ...VISITOR_FIELDS);
    payer.user_id ??= pick(one, ...USER_FIELDS);
    payer.email ??= pick(one, "email");
  }
  return payer;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** One free field for "whose is it": a UUID is a visitor's id, as ours are; anything else is the shop's id of a user. */
export function payerOfReference(reference: string | undefined): Payer {
  if (!reference) return {};
  return UUID.test(reference) ? { anonymous_id: reference } : { user_id: reference };
}

/** Facts of several places as one payer; of each the first that is there. */
export function firstOf(...payers: Payer[]): Payer {
  return Object.assign({}, ...payers.toReversed().map(defined));
}

/** Stands for a visitor in events of a payer of whom no visitor is known; the same for the same customer. */
const NO_VISITOR = "payer:";

/** Whether an anonymous_id is nobody's browser, but a customer at a payment provider: no visit, and no visitor to count. */
export function isPayer(anonymousId: string): boolean {
  return anonymousId.startsWith(NO_VISITOR);
}

/**
 * The events of a payment: what happened, and beside it who the payer says to be, where that is an e-mail address alone: only an
 * `identify` makes a person of somebody without a user id (core/profile-event.ts).
 */
export function eventsOfPayment(provider: string, payment: Payment): Record<string, unknown>[] {
  const event = eventOfPayment(provider, payment);
  const { email, user_id } = payment.payer;
  if (!email || user_id || payment.event === "Customer") return [event];
  const told = eventOfPayment(provider, { ...payment, event: "Customer", id: `${payment.id}:payer`, properties: {} });
  return [event, told];
}

/**
 * The event in the form that the door takes. It follows from the payment alone: sent again, it is the same, and goes to the same shard,
 * which finds it a duplicate. So whose visitor an unknown payer is gets never written into it, but is found when somebody asks, by the
 * person that e-mail and user id lead to (core/identity-graph.ts): also when they said who they are days later.
 */
function eventOfPayment(provider: string, payment: Payment): Record<string, unknown> {
  const { payer, properties = {}, kind } = payment;
  const { anonymous_id, user_id, email, name, phone, customer_id } = payer;
  const traits = unlessEmpty(defined({ email, name, phone }));
  const isCustomer = payment.event === "Customer";
  return {
    type: isCustomer ? "identify" : "track",
    ...(!isCustomer && { event: payment.event }),
    message_id: `${provider}:${payment.id}`,
    anonymous_id: anonymous_id ?? user_id ?? `${NO_VISITOR}${provider}:${customer_id ?? email ?? payment.id}`,
    ...(user_id && { user_id }),
    timestamp: payment.at,
    properties: defined({ ...properties, kind, provider, customer_id, test: payment.is_test || undefined }),
    ...(isCustomer && { traits: traits ?? {} }),
    context: {
      library: { name: `millrace-webhook-${provider}`, version: "1" },
      channel: "server",
      ...(traits && { traits }),
    },
  };
}
