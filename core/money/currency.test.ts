import { describe, expect, it } from "vitest";
import { anEvent } from "../../test/an-event.ts";
import { convert, currencyConversion } from "./currency-conversion.ts";
import { type CurrencyRates, rateOn } from "./currency-rates.ts";
import { ratesFromCsv } from "./read-rates.ts";

const rates: CurrencyRates = {
  base: "EUR",
  days: { "2026-11-20": { USD: 1.25, GBP: 0.8 }, "2026-11-23": { USD: 1.2 } },
};
const to = (currency: string, given: object = {}) => currencyConversion.parse({ to: currency, ...given });
const order = (properties: object, timestamp = "2026-11-20T23:59:59.000Z") =>
  anEvent({ event: "Order Completed", properties: { ...properties }, timestamp });

describe("an event's amounts", () => {
  it("are converted at the rate of its day, those of products too, and what was sent stays", () => {
    const event = order({
      revenue: 100,
      tax: "20",
      note: "x",
      currency: "usd",
      products: [{ price: 12.5 }, { id: "free" }],
    });
    const before = structuredClone(event);
    expect(convert(event, to("EUR"), rates)).toEqual({
      currency: "EUR",
      from: "USD",
      rate: 0.8,
      rate_date: "2026-11-20",
      amounts: { revenue: 80, tax: 16 },
      prices: [10, null],
    });
    expect(event).toEqual(before);
  });

  it.each<[string, object, string, object]>([
    ["the same currency", { value: 9.99, currency: "EUR" }, "EUR", { rate: 1, amounts: { value: 9.99 } }],
    ["from the base", { value: 10, currency: "EUR" }, "USD", { rate: 1.25, amounts: { value: 12.5 } }],
    ["between two others", { value: 8, currency: "GBP" }, "USD", { rate: 1.5625, amounts: { value: 12.5 } }],
    ["a currency without a rate", { value: 8, currency: "JPY" }, "EUR", { from: "JPY", unconverted: "no_rate" }],
    ["no currency", { value: 8 }, "EUR", { unconverted: "no_currency" }],
    ["a currency that is none", { value: 8, currency: "euros" }, "EUR", { unconverted: "no_currency" }],
  ])("of %s", (_, properties, currency, expected) => {
    expect(convert(order(properties), to(currency), rates)).toMatchObject({ currency, ...expected });
  });

  it("are none where nothing is an amount", () => {
    expect(convert(order({ value: "a lot", currency: "EUR" }), to("USD"), rates)).toBeUndefined();
  });

  it("are marked and not guessed where nothing was uploaded", () => {
    expect(convert(order({ value: 8, currency: "USD" }), to("EUR"), undefined)).toEqual({
      currency: "EUR",
      from: "USD",
      unconverted: "no_rate",
    });
  });
});

describe("a day without rates", () => {
  it.each([
    ["2026-11-22", 4, "2026-11-20"],
    ["2026-11-24", 4, "2026-11-23"],
    ["2026-11-22", 1, undefined],
    ["2026-11-22", 0, undefined],
    ["2026-11-19", 31, undefined],
  ])("%s takes the last one of up to %i days before: %s", (date, holds, expected) => {
    expect(rateOn(rates, date, "USD", "EUR", holds)?.date).toBe(expected);
  });

  it("never takes one currency's rate of one day and another's of another", () => {
    expect(rateOn(rates, "2026-11-23", "USD", "GBP", 4)).toEqual({ rate: 0.8 / 1.25, date: "2026-11-20" });
  });
});

describe("a table", () => {
  it("is read a rate a line, and a day a line as the ECB writes it", () => {
    const long = "date,currency,rate\n2026-11-20,USD,1.25\n2026-11-20,gbp,0.8\n";
    const wide = "\ufeffDate,USD,GBP,TRL,\n2026-11-20,1.25,0.8,N/A,\n";
    const expected = [
      { date: "2026-11-20", currency: "USD", rate: 1.25 },
      { date: "2026-11-20", currency: "GBP", rate: 0.8 },
    ];
    expect(ratesFromCsv(long)).toEqual({ ok: true, rates: expected });
    expect(ratesFromCsv(wide)).toEqual({ ok: true, rates: expected });
  });

  it.each([
    ["day,currency,rate\n2026-11-20,USD,1", /first column must be called date/],
    ["date,currency,rate\n2026-11-20,USD,1.25\n20.11.2026,USD,1.25", /^line 3, USD, date/],
    ['date,currency,rate\n2026-11-20,USD,"1,25"', /^line 2, USD, rate/],
    ["date,currency,rate\n2026-11-20,USD,-1", /rate/],
    ["date,currency,rate\n2026-11-20,USD,0", /rate/],
    ["date,currency,rate\n2026-11-20,DOLLAR,1", /currency/],
    ["date,USD\n2026-02-30,1.2", /date/],
    ['date,USD\n"2026', /./],
  ])("that is wrong is refused whole, by line and column: %j", (text, error) => {
    expect(ratesFromCsv(text)).toEqual({ ok: false, error: expect.stringMatching(error) });
  });
});
