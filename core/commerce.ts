/**
 * The facts of Segment's e-commerce spec v2 that vendors ask for: products, value, currency, order. Pure readings of an
 * event; nothing is assumed that a customer did not send. https://segment.com/docs/connections/spec/ecommerce/v2/
 */
import type { Event } from "./event.ts";
import { defined, isRecord, number, pick, type Scalar, scalar } from "./values.ts";

export interface Product {
  /** `product_id`, else `sku`, else `id`. */
  id?: string;
  name?: string;
  brand?: string;
  category?: string;
  variant?: string;
  coupon?: string;
  affiliation?: string;
  /** Per unit, in the event's currency. */
  price?: number;
  discount?: number;
  quantity?: number;
  position?: number;
  /** What else the customer says of it. */
  custom: Record<string, Scalar>;
}

/** The names under which a product's own facts stand, in `products[]` and beside an event's other properties. */
export const PRODUCT_FIELDS: ReadonlySet<string> = new Set(
  `product_id sku id name brand category variant coupon affiliation price discount quantity position currency url
  image_url`.split(/\s+/),
);

/** A table keyed by Segment's event names, found however a customer writes their capitals. Only a `track` is looked up. */
export function eventTable<T>(table: Record<string, T>): (event: Event) => T | undefined {
  const found = new Map(Object.entries(table).map(([name, row]) => [name.toLowerCase(), row]));
  return (event) => (event.type === "track" ? found.get(event.event.trim().toLowerCase()) : undefined);
}

/** Whether the product's fields stand among the event's own properties, as in "Product Added". */
export function hasSingleProduct(event: Event): boolean {
  const { properties } = event;
  if (event.type !== "track" || Array.isArray(properties.products)) return false;
  // Of a name alone we cannot tell whose it is, unless the event is about one product.
  return (
    pick(properties, "product_id", "sku") !== undefined ||
    (/^product (?!list)/i.test(event.event) && "name" in properties)
  );
}

/** `properties.products[]`, or the one product in the properties themselves. Without an id and a name it is none. */
export function productsOf(event: Event): Product[] {
  const listed = event.properties.products;
  const raw = Array.isArray(listed) ? listed.filter(isRecord) : hasSingleProduct(event) ? [event.properties] : [];
  const isListed = Array.isArray(listed);
  return raw.map((product) => productFrom(product, isListed)).filter(({ id, name }) => id ?? name);
}

function productFrom(raw: Record<string, unknown>, isListed: boolean): Product {
  // Around a single product stand the event's own properties: only what a list holds is surely the product's.
  const others = isListed ? Object.entries(raw).filter(([field]) => !PRODUCT_FIELDS.has(field)) : [];
  return {
    ...defined({
      id: pick(raw, "product_id", "sku", "id"),
      name: pick(raw, "name"),
      brand: pick(raw, "brand"),
      category: pick(raw, "category"),
      variant: pick(raw, "variant"),
      coupon: pick(raw, "coupon"),
      affiliation: pick(raw, "affiliation"),
      price: number(raw.price),
      discount: number(raw.discount),
      quantity: number(raw.quantity),
      position: number(raw.position),
    }),
    custom: defined(Object.fromEntries(others.map(([field, value]) => [field, scalar(value)]))) as Record<
      string,
      Scalar
    >,
  };
}

/** Events whose products somebody looks at closely, wants or buys; a list on show is worth nothing yet. */
const hasWorth = eventTable(
  Object.fromEntries(
    [
      "Product Clicked",
      "Product Viewed",
      "Product Added",
      "Product Removed",
      "Product Added to Wishlist",
      "Wishlist Product Added to Cart",
      "Cart Viewed",
      "Checkout Started",
      "Checkout Step Completed",
      "Payment Info Entered",
      "Order Completed",
      "Order Refunded",
    ].map((name) => [name, true]),
  ),
);

/**
 * What the event is worth to the shop, net of tax and shipping, as Google asks (`purchase.value`: "Don't include shipping
 * or tax") and other vendors leave open; one reading for all of them, so that their reports can be compared:
 * 1. `value`: the customer has decided;
 * 2. `revenue`, then `subtotal`: the spec defines both without tax and shipping;
 * 3. `total` less `tax` and `shipping`, as far as those are told;
 * 4. the sum of price × quantity, where the event is about products that somebody wants.
 */
export function worthOf(event: Event): number | undefined {
  const { value, revenue, subtotal, total, tax, shipping } = event.properties;
  const told = number(value) ?? number(revenue) ?? number(subtotal);
  if (told !== undefined) return told;
  const gross = number(total);
  if (gross !== undefined) return cents(gross - (number(tax) ?? 0) - (number(shipping) ?? 0));
  const prices = hasWorth(event) ? productsOf(event).filter(({ price }) => price !== undefined) : [];
  if (prices.length === 0) return undefined;
  return cents(prices.reduce((sum, { price = 0, quantity = 1 }) => sum + price * quantity, 0));
}

/** ISO 4217, upper case: the event's `currency`, else the first product's. Never a default: a wrong one is a wrong sum. */
export function currencyOf(event: Event): string | undefined {
  const [first] = Array.isArray(event.properties.products) ? event.properties.products : [];
  const currency = pick(event.properties, "currency") ?? (isRecord(first) ? pick(first, "currency") : undefined);
  return currency && /^[A-Za-z]{3}$/.test(currency) ? currency.toUpperCase() : undefined;
}

export function orderIdOf(event: Event): string | undefined {
  return pick(event.properties, "order_id", "transaction_id");
}

/** How many pieces there are of all the products together; one of each that does not say. */
export function piecesOf(products: Product[]): number {
  return products.reduce((total, { quantity = 1 }) => total + quantity, 0);
}

/** Binary fractions add up to 60.150000000000006; four decimals are more than any currency has. */
function cents(amount: number): number {
  return Math.round(amount * 10_000) / 10_000;
}
