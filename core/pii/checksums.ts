/** Whether a number can be what it looks like. All take digits (and, for an IBAN, capitals) without separators. */

/** ISO/IEC 7812-1, annex B. */
export function hasLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    const doubled = i % 2 === 0 ? digit : digit * 2;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/**
 * Ranges that card networks issue from, with the lengths they issue: https://en.wikipedia.org/wiki/Payment_card_number. Visa's 13 digits
 * have not been issued for decades, and German barcodes look like them.
 */
const NETWORKS = [
  /^4(\d{15}|\d{18})$/,
  /^(5[1-5]\d{14}|2(22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12})$/,
  /^3[47]\d{13}$/,
  /^(6011|64[4-9]\d|65\d\d)\d{12}$/,
  /^35(2[89]|[3-8]\d)\d{12}$/,
  /^3(0[0-5]|[68]\d)\d{11,13}$/,
  /^62\d{14,17}$/,
  /^220[0-4]\d{12}$/,
  /^(5018|5020|5038|5893|6304|6759|676[1-3])\d{12}$/,
];
export const CARD_DIGITS = { LEAST: 14, MOST: 19 } as const;

export function isCard(digits: string): boolean {
  if (digits.length < CARD_DIGITS.LEAST || digits.length > CARD_DIGITS.MOST) return false;
  return hasLuhn(digits) && NETWORKS.some((network) => network.test(digits));
}

/** ISO 13616: the country and check digits moved to the end, letters as 10 to 35, modulo 97 is 1. */
export function isIban(text: string): boolean {
  if (!/^[A-Z]{2}\d\d[A-Z0-9]{11,30}$/.test(text)) return false;
  let rest = 0;
  for (const sign of text.slice(4) + text.slice(0, 4)) {
    const value = Number.parseInt(sign, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}

/** https://www.ssa.gov/employer/randomization.html: numbers that were never given out are none. */
export function isSsn(digits: string): boolean {
  return /^(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}$/.test(digits);
}

/** Poland's personal number: a date of birth with the century in its month, and a weighted sum. https://www.gov.pl/web/gov/czym-jest-numer-pesel */
export function isPesel(digits: string): boolean {
  if (!/^\d{11}$/.test(digits)) return false;
  const month = Number(digits.slice(2, 4)) % 20;
  const day = Number(digits.slice(4, 6));
  return (
    month >= 1 && month <= 12 && day >= 1 && day <= 31 && weighted(digits, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]) % 10 === 0
  );
}

/** Poland's tax number. */
export function isNip(digits: string): boolean {
  return /^\d{10}$/.test(digits) && weighted(digits, [6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 === Number(digits[9]);
}

function weighted(digits: string, weights: number[]): number {
  return weights.reduce((sum, weight, i) => sum + weight * Number(digits[i]), 0);
}
