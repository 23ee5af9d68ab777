/**
 * Amounts of an event in the organisation's own currency, at the rate of the event's day. What was sent stays as it is; the converted
 * amounts stand in `context.money`. A rate that is not in the table is not guessed: the event is marked.
 */
import * as z from "zod";
import { currencyOf } from "../commerce.ts";
import type { Event } from "../event.ts";
import { isRecord, number } from "../values.ts";
import { type CurrencyRates, currencyCode, rateOn } from "./currency-rates.ts";

export const currencyConversion = z.strictObject({
  /** The organisation's currency. */
  to: currencyCode,
  /** The properties that are amounts. `products[].price` is one in any case. */
  fields: z
    .array(z.string().min(1).max(64))
    .max(20)
    .default(["value", "revenue", "total", "subtotal", "tax", "shipping", "discount", "price"]),
  /** Central banks publish no rates at week-ends: the last one holds for so many days. 0: the day's own or none. */
  rate_holds_days: z.int().min(0).max(31).default(4),
});
export type CurrencyConversion = z.infer<typeof currencyConversion>;

/** `context.money`. */
export interface Money {
  /** The organisation's. */
  currency: string;
  /** The event's. Absent: it names none. */
  from?: string;
  /** Units of `currency` for one of `from`, and of which day. */
  rate?: number;
  rate_date?: string;
  /** By the name of the property: `{ "revenue": 91.2 }`. */
  amounts?: Record<string, number>;
  /** Of `properties.products`, in their order; null where one has no price. */
  prices?: (number | null)[];
  /** Why nothing was converted. */
  unconverted?: "no_currency" | "no_rate";
}

/** Undefined where the event has no amounts. */
export function convert(
  event: Event,
  { to, fields, rate_holds_days }: CurrencyConversion,
  rates: CurrencyRates | undefined,
): Money | undefined {
  const { properties } = event;
  const { products } = properties;
  const isPriced = Array.isArray(products) && products.some((one) => isRecord(one) && number(one.price) !== undefined);
  const told = fields.filter((field) => number(properties[field]) !== undefined);
  if (told.length === 0 && !isPriced) return undefined;
  const from = currencyOf(event);
  if (!from) return { currency: to, unconverted: "no_currency" };
  const found = rateOn(rates, event.timestamp.slice(0, 10), from, to, rate_holds_days);
  if (!found) return { currency: to, from, unconverted: "no_rate" };
  const money: Money = { currency: to, from, rate: found.rate, rate_date: found.date };
  const converted = (value: unknown) => round(number(value)! * found.rate);
  if (told.length) money.amounts = Object.fromEntries(told.map((field) => [field, converted(properties[field])]));
  if (isPriced) {
    money.prices = (products as unknown[]).map((one) =>
      isRecord(one) && number(one.price) !== undefined ? converted(one.price) : null,
    );
  }
  return money;
}

/** Four decimals are more than any currency has, and fewer than a binary fraction's noise. */
const round = (amount: number) => Math.round(amount * 10_000) / 10_000;
