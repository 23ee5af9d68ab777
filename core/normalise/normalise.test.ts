import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anEvent } from "../../test/an-event.ts";
import { ALPHA_2_OF_ALPHA_3 } from "../country-alpha-3.ts";
import { KINDS, type Kind, normalise } from "../org-data-layer/normalise.ts";
import { normaliseEvent } from "./normalise-event.ts";
import { normaliseValue } from "./normalise-value.ts";

const at = (country?: string) => ({ country, gmail_canonical: false });

describe("a value", () => {
  it.each<[Kind, unknown, string | undefined, unknown]>([
    ["country", "Belgium", undefined, "BE"],
    ["country", "BEL", undefined, "BE"],
    ["country", " usa ", undefined, "US"],
    ["country", "Neverland", undefined, undefined],
    ["country", 32, undefined, undefined],
    ["currency", "eur", undefined, "EUR"],
    ["currency", "€", undefined, "EUR"],
    ["currency", "US Dollar", undefined, "USD"],
    ["currency", "zł", undefined, "PLN"],
    ["currency", "$", "CA", "CAD"],
    ["currency", "$", undefined, undefined],
    ["currency", "kr", "SE", "SEK"],
    ["currency", "constructor", undefined, undefined],
    ["email", " Ada@Example.COM ", undefined, "ada@example.com"],
    ["email", "mailto:ada@example.com", undefined, "ada@example.com"],
    ["email", "ada", undefined, undefined],
    ["phone", "601 234 567", "PL", "+48601234567"],
    ["phone", "0048 601 234 567", undefined, "+48601234567"],
    ["phone", "+1 (415) 555-2671", "PL", "+14155552671"],
    ["phone", 601234567, "PL", "+48601234567"],
    ["phone", "601 234 567", undefined, undefined],
    ["phone", "call me", "PL", undefined],
    ["phone", "12", "PL", undefined],
    ["boolean", "Yes", undefined, true],
    ["boolean", 0, undefined, false],
    ["boolean", "maybe", undefined, undefined],
    ["date", "20.11.2026", undefined, "2026-11-20"],
    ["date", "2026/11/2", undefined, "2026-11-02"],
    ["date", "11/20/2026", undefined, "2026-11-20"],
    ["date", "03/04/2026", undefined, undefined],
    ["date", "30.02.2026", undefined, undefined],
    ["date", "2026-11-20T23:30:00-05:00", undefined, "2026-11-21"],
    ["timestamp", "2026-11-20 10:00", undefined, "2026-11-20T10:00:00.000Z"],
    ["timestamp", "2026-11-20T10:00:00+0100", undefined, "2026-11-20T09:00:00.000Z"],
    ["timestamp", 1795221793, undefined, "2026-11-21T00:43:13.000Z"],
    ["timestamp", 1795221793000, undefined, "2026-11-21T00:43:13.000Z"],
    ["timestamp", 42, undefined, undefined],
    ["timestamp", "next week", undefined, undefined],
  ])("as %s: %j in %s is %j", (kind, value, country, expected) => {
    expect(normaliseValue(value, kind, at(country))).toEqual(expected);
  });

  it("of Gmail is one inbox, where that is wanted", () => {
    const around = { country: undefined, gmail_canonical: true };
    expect(normaliseValue("A.da+shop@googlemail.com", "email", around)).toBe("ada@gmail.com");
    expect(normaliseValue("a.da+shop@example.com", "email", around)).toBe("a.da+shop@example.com");
  });

  it("is as good the second time as the first, whatever it was", () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.constantFrom(...KINDS),
        fc.constantFrom("PL", "US", undefined),
        (value, kind, country) => {
          const once = normaliseValue(value, kind, at(country));
          if (once !== undefined) expect(normaliseValue(once, kind, at(country))).toEqual(once);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

it("knows the alpha-3 code of every country that the runtime names", () => {
  const names = new Intl.DisplayNames("en", { type: "region", fallback: "none" });
  const two = [...ALPHA_2_OF_ALPHA_3.values()];
  expect([new Set(two).size, two.length, two.filter((code) => !names.of(code))]).toEqual([249, 249, []]);
});

describe("an event", () => {
  const rules = normalise.parse({
    known_fields: true,
    fields: { "properties.products.*.gift": "boolean" },
    unreadable: "remove",
  });
  it("has its known fields and its own normalised, and what cannot be read removed", () => {
    const changed: string[] = [];
    const event = anEvent({
      properties: { currency: "€", products: [{ gift: "yes" }, { gift: true }], country: "Neverland" },
      traits: { email: "ADA@example.com", phone: "601 234 567", address: { country: "Poland", city: "Łódź" } },
    });
    expect(normaliseEvent(event, rules, "BE", changed)).toEqual({
      ...event,
      properties: { currency: "EUR", products: [{ gift: true }, { gift: true }] },
      traits: { email: "ada@example.com", phone: "+48601234567", address: { country: "PL", city: "Łódź" } },
    });
    expect(changed).toEqual([
      "properties.currency",
      "properties.products.0.gift",
      "properties.country",
      "traits.email",
      "traits.phone",
      "traits.address.country",
    ]);
  });

  it("stays the same object where all is well, and where nothing is asked for", () => {
    const event = anEvent({ properties: { currency: "EUR" }, traits: { email: "ADA@example.com" } });
    expect(normaliseEvent({ ...event, traits: {} }, rules, undefined, []).properties).toBe(event.properties);
    expect(normaliseEvent(event, normalise.parse({}), undefined, [])).toBe(event);
  });
});
