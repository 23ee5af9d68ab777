import fc from "fast-check";
import { expect, it } from "vitest";
import { digitsOf, fromMinor, stripeDigitsOf, toMinor } from "./minor-units.ts";

it.each([
  ["EUR", 2, 2],
  ["JPY", 0, 0],
  ["KWD", 3, 3],
  ["ISK", 0, 2],
  ["UGX", 0, 2],
  ["MGA", 2, 0],
])("%s has %i digits, at Stripe %i", (currency, iso, stripe) => {
  expect([digitsOf(currency), stripeDigitsOf(currency)]).toEqual([iso, stripe]);
});

it.each([
  [1.005, 2, 101],
  [19.99, 2, 1_999],
  [-19.99, 2, -1_999],
  [0.1 + 0.2, 2, 30],
  [-0.001, 2, 0],
  [1_234.567, 3, 1_234_567],
  [500, 0, 500],
])("%d with %i digits is %i", (amount, digits, minor) => {
  expect(toMinor(amount, digits)).toBe(minor);
});

it("comes back as it went", () => {
  fc.assert(
    fc.property(fc.integer({ min: -(10 ** 12), max: 10 ** 12 }), fc.constantFrom(0, 2, 3), (minor, digits) => {
      expect(toMinor(fromMinor(minor, digits), digits)).toBe(minor);
    }),
  );
});
