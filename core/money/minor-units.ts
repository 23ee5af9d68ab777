/**
 * Amounts in a currency's smallest unit, as payment providers count, to units and back. Whole numbers on one side, so that sums are exact.
 * Digits are ISO 4217's (https://www.six-group.com/en/products-services/financial-information/data-standards.html), except where a
 * provider counts otherwise.
 */

const NONE = new Set("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(" "));
const THREE = new Set("BHD IQD JOD KWD LYD OMR TND".split(" "));

/** Digits after the point of an ISO 4217 code in capitals; an unknown one is taken to have two. */
export function digitsOf(currency: string): number {
  return NONE.has(currency) ? 0 : THREE.has(currency) ? 3 : 2;
}

/**
 * Stripe's own: without digits also the ariary, which ISO counts in fifths; with two, always zero, the króna and the Ugandan shilling,
 * which had them once. https://docs.stripe.com/currencies#zero-decimal
 */
export function stripeDigitsOf(currency: string): number {
  if (currency === "MGA") return 0;
  return currency === "ISK" || currency === "UGX" ? 2 : digitsOf(currency);
}

/** 1999 in cents is 19.99. The nearest number there is: dividing once rounds once. */
export function fromMinor(minor: number, digits: number): number {
  return minor / 10 ** digits;
}

/** 19.99 is 1999 in cents; halves away from zero. */
export function toMinor(amount: number, digits: number): number {
  // By the decimal notation: 1.005 × 100 is 100.49999999999999.
  const minor = Math.round(Number(`${Math.abs(amount).toFixed(10)}e${digits}`));
  return amount < 0 ? -minor || 0 : minor;
}
