/** What all pages share: the basket and the last order (for as long as the tab is open), money, and what is told to Millrace. */
import { BRAND, productOf } from "./catalogue.js";

const FREE_SHIPPING_FROM = 5000;
const SHIPPING = 490;
const VAT_PERCENT = 21;

/** `millrace.track(…)` that also works while the script is still on its way, or never comes. */
export function tell(...call) {
  window.millrace ??= [];
  window.millrace.push(call);
}

const read = (key) => JSON.parse(sessionStorage.getItem(key) ?? "null");
const write = (key, value) => sessionStorage.setItem(key, JSON.stringify(value));

/** `{ id, lines: [{ sku, quantity }] }` */
export function basket() {
  return read("basket") ?? { id: code("cart"), lines: [] };
}

export function addToBasket(sku, quantity) {
  const { id, lines } = basket();
  const line = lines.find((line) => line.sku === sku);
  if (line) line.quantity += quantity;
  else lines.push({ sku, quantity });
  saveBasket({ id, lines });
}

export function removeFromBasket(sku) {
  const { id, lines } = basket();
  saveBasket({ id, lines: lines.filter((line) => line.sku !== sku) });
}

export function emptyBasket() {
  sessionStorage.removeItem("basket");
}

function saveBasket(value) {
  write("basket", value);
  showBasketCount();
}

export const lastOrder = () => read("order");
export const saveOrder = (order) => write("order", order);

/** In cents. `revenue` is what the goods bring without VAT, so that total = revenue + tax + shipping. */
export function totalsOf(lines) {
  const subtotal = lines.reduce((sum, { sku, quantity }) => sum + productOf(sku).price * quantity, 0);
  const shipping = subtotal === 0 || subtotal >= FREE_SHIPPING_FROM ? 0 : SHIPPING;
  const revenue = Math.round((subtotal * 100) / (100 + VAT_PERCENT));
  return { subtotal, shipping, revenue, tax: subtotal - revenue, total: subtotal + shipping };
}

/** The properties of Segment's e-commerce events: https://segment.com/docs/connections/spec/ecommerce/v2/ */
export function asProduct({ sku, name, category, price }, more) {
  return { product_id: sku, sku, name, category, brand: BRAND, price: price / 100, ...more };
}

export function asProducts(lines) {
  return lines.map(({ sku, quantity }, index) => asProduct(productOf(sku), { quantity, position: index + 1 }));
}

/** Amounts in euros, as events carry them. */
export function asAmounts({ subtotal, shipping, revenue, tax, total }) {
  return {
    total: total / 100,
    subtotal: subtotal / 100,
    revenue: revenue / 100,
    shipping: shipping / 100,
    tax: tax / 100,
    currency: "EUR",
  };
}

export const inEuros = (cents) => `€${(cents / 100).toFixed(2)}`;

export const picture = ({ name, art }) => `<svg viewBox="0 0 240 180" role="img" aria-label="${name}">${art}</svg>`;

export const code = (prefix) => `${prefix}_${Math.random().toString(36).slice(2, 10)}`;

export const find = (name) => document.querySelector(`[data-test="${name}"]`);

export function showTotals(totals) {
  find("subtotal").textContent = inEuros(totals.subtotal);
  find("shipping").textContent = totals.shipping ? inEuros(totals.shipping) : "free";
  find("tax").textContent = inEuros(totals.tax);
  find("total").textContent = inEuros(totals.total);
}

export function lineRow({ sku, quantity }) {
  const product = productOf(sku);
  return `<a class="thumb" href="/product?sku=${sku}">${picture(product)}</a>
    <div><strong>${product.name}</strong><br><span class="quiet">${quantity} × ${inEuros(product.price)}</span></div>
    <span class="amount">${inEuros(product.price * quantity)}</span>`;
}

function showBasketCount() {
  find("cart-count").textContent = basket().lines.reduce((sum, line) => sum + line.quantity, 0);
}
showBasketCount();
