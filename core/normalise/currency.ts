/** Currencies as ISO 4217 codes, from a code, an English name or a sign. Names come from the runtime's own CLDR data. */

/** Signs that mean one currency wherever they stand. */
const SIGNS: Record<string, string> = {
  "€": "EUR",
  "£": "GBP",
  "₹": "INR",
  "₽": "RUB",
  "₩": "KRW",
  "₪": "ILS",
  "₺": "TRY",
  "₴": "UAH",
  "₫": "VND",
  "₦": "NGN",
  "₱": "PHP",
  "฿": "THB",
  "₡": "CRC",
  "₲": "PYG",
  "₸": "KZT",
  "₾": "GEL",
  "₼": "AZN",
  us$: "USD",
  u$s: "USD",
  a$: "AUD",
  au$: "AUD",
  ca$: "CAD",
  c$: "CAD",
  hk$: "HKD",
  nz$: "NZD",
  s$: "SGD",
  nt$: "TWD",
  mx$: "MXN",
  r$: "BRL",
  zł: "PLN",
  kč: "CZK",
  ft: "HUF",
  лв: "BGN",
  "cn¥": "CNY",
  "jp¥": "JPY",
  rmb: "CNY",
};
/** Signs of several currencies, and whose each is where. Anywhere else nobody can tell. */
const SIGNS_BY_COUNTRY: Record<string, Record<string, string>> = {
  $: {
    US: "USD",
    CA: "CAD",
    AU: "AUD",
    NZ: "NZD",
    SG: "SGD",
    HK: "HKD",
    MX: "MXN",
    AR: "ARS",
    CL: "CLP",
    CO: "COP",
    TW: "TWD",
  },
  "¥": { JP: "JPY", CN: "CNY" },
  kr: { SE: "SEK", NO: "NOK", DK: "DKK", IS: "ISK" },
};
const WORDS: Record<string, string> = {
  euro: "EUR",
  euros: "EUR",
  sterling: "GBP",
  "pound sterling": "GBP",
  "pounds sterling": "GBP",
  "us dollars": "USD",
  renminbi: "CNY",
  yen: "JPY",
  zloty: "PLN",
  zlotys: "PLN",
  forint: "HUF",
};

let codes: Set<string> | undefined;
let names: Map<string, string> | undefined;

/** `country` is where the event happened, ISO 3166-1 alpha-2. Undefined where nobody can tell: a wrong currency is a wrong sum. */
export function currencyCode(written: string, country?: string): string | undefined {
  const text = written.trim();
  if (text.length > 64) return undefined;
  codes ??= new Set(Intl.supportedValuesOf("currency"));
  const upper = text.toUpperCase();
  if (upper.length === 3 && codes.has(upper)) return upper;
  const lower = text.toLowerCase();
  const told = Object.hasOwn(SIGNS, lower) ? SIGNS[lower] : undefined;
  const here = country && Object.hasOwn(SIGNS_BY_COUNTRY, lower) ? SIGNS_BY_COUNTRY[lower]![country] : undefined;
  names ??= readNames(codes);
  return told ?? here ?? names.get(lower);
}

function readNames(all: Set<string>): Map<string, string> {
  const english = new Intl.DisplayNames("en", { type: "currency", fallback: "none" });
  const found = new Map<string, string>();
  // Of old and new money of one name ("Turkish Lira (1922–2005)") the years tell them apart.
  for (const code of all) {
    const name = english.of(code)?.toLowerCase();
    if (name) found.set(name, code).set(`${name}s`, code);
  }
  for (const [word, code] of Object.entries(WORDS)) found.set(word, code);
  return found;
}
