/**
 * https://shopify.dev/docs/apps/build/webhooks/subscribe/https and https://shopify.dev/docs/api/webhooks. A signature has no time in it:
 * what was sent before is found by its id. Cart attributes (`anonymous_id`) come back as note attributes.
 */
import { digitsOf, fromMinor, toMinor } from "../../../core/money/minor-units.ts";
import { firstOf, type Payer, type Payment, payerIn } from "../../../core/revenue/payment.ts";
import { defined, number, pick, record, text } from "../../../core/values.ts";
import { headerOf, hmac, inUnits, isSame, malformed, type Provider, wrongSignature } from "./provider.ts";
import { shopifyExamples } from "./shopify.examples.ts";

type Fields = Record<string, unknown>;
type Told = Pick<Payment, "id" | "at" | "event"> & Partial<Payment>;

export const shopify: Provider = {
  name: "shopify",
  verify({ headers, bytes, secret }) {
    const header = "x-shopify-hmac-sha256";
    if (!isSame(headerOf(headers, header), hmac(secret, "base64", bytes))) throw wrongSignature(header);
  },
  read({ body, headers }) {
    const type = headerOf(headers, "x-shopify-topic");
    if (!text(body.id)) throw malformed("What Shopify tells of has an id");
    const told = MEANINGS[type]?.(body);
    return { type, payments: told ? [{ payer: payerOf(body), is_test: body.test === true, ...told }] : [] };
  },
  examples: shopifyExamples,
};

const MEANINGS: Record<string, (body: Fields) => Told | undefined> = {
  "orders/paid": order,
  "refunds/create": refund,
  "disputes/create": (body) => dispute(body, "dispute"),
  "disputes/update": (body) => (body.status === "won" ? dispute(body, "dispute_won") : undefined),
};

function order(body: Fields): Told | undefined {
  const total = number(body.total_price);
  if (!total) return undefined;
  const tax = number(body.total_tax) ?? 0;
  const shipping = number(record(record(body.total_shipping_price_set).shop_money).amount) ?? 0;
  const lines = Array.isArray(body.line_items) ? body.line_items.map(record) : [];
  return {
    id: `order:${text(body.id)}:paid`,
    at: timeOf(body, "processed_at", "created_at"),
    event: "Order Completed",
    kind: "one_off",
    properties: defined({
      order_id: text(body.id),
      order_name: text(body.name),
      // `subtotal_price` is after discounts, and has the tax in it where prices do.
      ...amounts(body, {
        total,
        revenue: total - tax - shipping,
        tax,
        shipping,
        discount: body.total_discounts,
      }),
      coupon: text(record((body.discount_codes as unknown[] | undefined)?.[0]).code),
      products: lines.length ? lines.map(product) : undefined,
    }),
  };
}

function product(line: Fields): Fields {
  return defined({
    product_id: text(line.product_id),
    sku: text(line.sku),
    name: text(line.title),
    variant: text(line.variant_title),
    brand: text(line.vendor),
    price: number(line.price),
    quantity: number(line.quantity),
  });
}

/** What went back to the customer: the transactions that succeeded. Tax in it is not told apart by them. */
function refund(body: Fields): Told | undefined {
  const paid = (Array.isArray(body.transactions) ? body.transactions.map(record) : []).filter(
    ({ kind, status }) => kind === "refund" && status === "success",
  );
  const currency = text(paid[0]?.currency);
  if (!currency) return undefined;
  const digits = digitsOf(currency);
  const minor = paid.reduce((sum, { amount }) => sum + toMinor(number(amount) ?? 0, digits), 0);
  if (minor <= 0) return undefined;
  const total = fromMinor(minor, digits);
  return {
    id: `refund:${text(body.id)}`,
    at: timeOf(body, "processed_at", "created_at"),
    event: "Order Refunded",
    kind: "refund",
    payer: { customer_id: `order-${text(body.order_id)}` },
    properties: { order_id: text(body.order_id), refund_id: text(body.id), currency, total, revenue: total },
  };
}

/** An inquiry takes no money. */
function dispute(body: Fields, kind: "dispute" | "dispute_won"): Told | undefined {
  if (body.type === "inquiry") return undefined;
  return {
    id: `dispute:${text(body.id)}:${kind}`,
    at: kind === "dispute" ? timeOf(body, "initiated_at") : timeOf(body, "finalized_on", "initiated_at"),
    event: kind === "dispute" ? "Order Refunded" : "Order Completed",
    kind,
    payer: { customer_id: `order-${text(body.order_id)}` },
    properties: defined({
      order_id: text(body.order_id),
      dispute_id: text(body.id),
      reason: text(body.reason),
      ...amounts(body, { total: body.amount, revenue: body.amount }),
    }),
  };
}

function payerOf(body: Fields): Payer {
  const notes = Array.isArray(body.note_attributes) ? body.note_attributes.map(record) : [];
  const noted = Object.fromEntries(notes.map(({ name, value }) => [String(name), value]));
  const customer = record(body.customer);
  const name = [text(customer.first_name), text(customer.last_name)].filter(Boolean).join(" ");
  return firstOf(payerIn(noted), {
    email: pick(body, "email", "contact_email") ?? pick(customer, "email"),
    name: name || undefined,
    phone: pick(body, "phone") ?? pick(customer, "phone"),
    customer_id: text(customer.id),
  });
}

function timeOf(body: Fields, ...names: string[]): string {
  const at = new Date(pick(body, ...names) ?? "");
  if (Number.isNaN(at.getTime())) throw malformed(`${names.at(-1)}: not a time`);
  return at.toISOString();
}

/** Shopify writes units as text; they are rounded to what the currency has. */
function amounts(body: Fields, units: Fields): Fields {
  const currency = text(body.currency) ?? "";
  const minor = Object.entries(units).map(([name, amount]) => [name, toMinor(number(amount) ?? 0, digitsOf(currency))]);
  return inUnits(currency, Object.fromEntries(minor));
}
