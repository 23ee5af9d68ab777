/** Exchange rates as a customer uploads them. Apart from the rates themselves: the Worker that converts reads no CSV. */
import { parse as parseCsv } from "csv-parse/sync";
import { type CurrencyRate, currencyRate } from "./currency-rates.ts";

export type ReadRates = { ok: true; rates: CurrencyRate[] } | { ok: false; error: string };

/**
 * Rates from CSV. Long: `date,currency,rate`. Wide, as the ECB's own files are: `Date,USD,JPY,…`, a line a day, `N/A` or nothing where
 * there is no rate. The first wrong row is named, and nothing is taken.
 */
export function ratesFromCsv(text: string): ReadRates {
  let rows: string[][];
  try {
    rows = parseCsv(text, { bom: true, trim: true, skip_empty_lines: true, relax_column_count: true });
  } catch (error) {
    return { ok: false, error: (error as Error).message };
  }
  const [head = [], ...body] = rows;
  const names = head.map((name) => name.toLowerCase());
  if (names[0] !== "date") return { ok: false, error: "the first column must be called date" };
  const isLong = names[1] === "currency" && names[2] === "rate";
  const rates: CurrencyRate[] = [];
  for (const [i, row] of body.entries()) {
    const cells = isLong
      ? [[row[1] ?? "", row[2] ?? ""] as const]
      : head.slice(1).map((currency, column) => [currency, row[column + 1] ?? ""] as const);
    for (const [currency, cell] of cells) {
      if (!isLong && (currency === "" || cell === "" || cell === "N/A")) continue;
      const parsed = currencyRate.safeParse({ date: row[0], currency: currency.toUpperCase(), rate: decimal(cell) });
      if (!parsed.success) {
        const issue = parsed.error.issues[0]!;
        return {
          ok: false,
          error: `line ${i + 2}, ${currency || "currency"}, ${issue.path.join(".")}: ${issue.message}`,
        };
      }
      rates.push(parsed.data);
    }
  }
  return { ok: true, rates };
}

const decimal = (cell: string) => (/^\d+(\.\d+)?(e-?\d+)?$/i.test(cell) ? Number(cell) : Number.NaN);
