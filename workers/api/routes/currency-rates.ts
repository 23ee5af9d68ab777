import { drizzle } from "drizzle-orm/d1";
import { type Context, Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { type CurrencyRate, currencyCode, currencyRate, MOST_RATES } from "../../../core/money/currency-rates.ts";
import { ratesFromCsv } from "../../../core/money/read-rates.ts";
import { addRates, storedRates } from "../../../db/currency-rates.ts";
import * as schema from "../../../db/schema.ts";
import type { ApiEnv } from "../../env.ts";
import { jsonBody } from "../json-body.ts";
import { environmentOf } from "./environment-of.ts";

/** Characters: MOST_RATES lines of CSV. */
const MOST_LENGTH = 4_000_000;
const upload = z.strictObject({ base: currencyCode, rates: z.array(currencyRate).min(1).max(MOST_RATES) });

/**
 * POST: exchange rates as CSV (`content-type: text/csv`, `?base=EUR`) or as JSON `{base, rates: [{date, currency, rate}]}`; the ones of
 * the same day and currency are replaced, with `?replace=true` all are. GET: what is there.
 */
export const currencyRates = new Hono<{ Bindings: ApiEnv }>()
  .get("/", async (c) => {
    const { id } = await environmentOf(c);
    const stored = await storedRates(drizzle(c.env.DB, { schema }), id);
    if (!stored) throw new ApiError("not_found", `There are no exchange rates of ${id} yet`);
    return c.json(stored);
  })
  .post("/", async (c) => {
    if (Number(c.req.header("content-length") ?? 0) > MOST_LENGTH)
      throw new ApiError("request_too_large", `An upload may have ${MOST_LENGTH} characters`);
    const { id } = await environmentOf(c);
    const { base, rates } = await ratesIn(c);
    const replaceAll = c.req.query("replace") === "true";
    return c.json(await addRates(drizzle(c.env.DB, { schema }), c.env.CONFIG, id, base, rates, replaceAll));
  });

async function ratesIn(c: Context): Promise<{ base: string; rates: CurrencyRate[] }> {
  if (!c.req.header("content-type")?.startsWith("text/csv")) return jsonBody(c, upload);
  const base = currencyCode.safeParse(c.req.query("base"));
  if (!base.success)
    throw new ApiError("invalid_request", "base: name the currency that the rates are of, e.g. ?base=EUR");
  const text = await c.req.text();
  if (text.length > MOST_LENGTH)
    throw new ApiError("request_too_large", `An upload may have ${MOST_LENGTH} characters`);
  const read = ratesFromCsv(text);
  if (!read.ok) throw new ApiError("invalid_request", read.error);
  if (read.rates.length === 0) throw new ApiError("invalid_request", "There is no rate in the table");
  if (read.rates.length > MOST_RATES) throw new ApiError("invalid_request", `At most ${MOST_RATES} rates at once`);
  return { base: base.data, rates: read.rates };
}
