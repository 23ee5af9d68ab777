/**
 * An environment's exchange rates, as a customer uploads them: for each day, how many units of a currency one unit of the base is
 * worth, which is how the European Central Bank publishes them (https://www.ecb.europa.eu/stats/policy_and_exchange_rates).
 */
import * as z from "zod";

const day = z.iso.date("a day, e.g. 2026-11-20");
export const currencyCode = z.string().regex(/^[A-Z]{3}$/, "an ISO 4217 code, e.g. EUR");
const positive = z.number().positive().finite();

/** What is published, in KV as `currency-rates/{environment_id}`. Each rate was checked when it came in, so here only the shape is. */
export const currencyRates = z.object({
  base: z.string(),
  /** `{ "2026-11-20": { "USD": 1.0831 } }` */
  days: z.record(z.string(), z.record(z.string(), z.number())),
});
export type CurrencyRates = z.infer<typeof currencyRates>;

/** One row of an upload. */
export const currencyRate = z.strictObject({ date: day, currency: currencyCode, rate: positive });
export type CurrencyRate = z.infer<typeof currencyRate>;

/** Some 400 days of 170 currencies, 2 MB: a Worker reads that in a few milliseconds, once every 30 seconds at most. */
export const MOST_RATES = 70_000;

/** Rates of days the isolate was asked for, by the table that they are of. A new table comes with nothing remembered. */
const remembered = new WeakMap<CurrencyRates, Map<string, { rate: number; date: string } | null>>();
const MOST_REMEMBERED = 5_000;

/** Units of `to` for one of `from` on a day, or on the last one before it that has a rate, up to `holdsDays` back. */
export function rateOn(
  rates: CurrencyRates | undefined,
  date: string,
  from: string,
  to: string,
  holdsDays: number,
): { rate: number; date: string } | undefined {
  if (from === to) return { rate: 1, date };
  if (!rates) return undefined;
  const known = remembered.get(rates) ?? new Map<string, { rate: number; date: string } | null>();
  if (known.size === 0) remembered.set(rates, known);
  const key = `${date}${from}${to}${holdsDays}`;
  const before = known.get(key);
  if (before !== undefined) return before ?? undefined;
  const found = find(rates, date, from, to, holdsDays);
  if (known.size >= MOST_REMEMBERED) known.clear();
  known.set(key, found ?? null);
  return found;
}

function find({ base, days }: CurrencyRates, date: string, from: string, to: string, holdsDays: number) {
  for (let back = 0; back <= holdsDays; back++) {
    const on = back === 0 ? date : dayBefore(date, back);
    const rates = days[on];
    if (!rates) continue;
    const ofFrom = from === base ? 1 : rates[from];
    const ofTo = to === base ? 1 : rates[to];
    // Both of one day: two days' rates together are nobody's rate.
    if (ofFrom !== undefined && ofTo !== undefined) return { rate: ofTo / ofFrom, date: on };
  }
  return undefined;
}

const dayBefore = (date: string, days: number) =>
  new Date(Date.parse(date) - days * 86_400_000).toISOString().slice(0, 10);
