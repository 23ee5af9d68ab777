/** ISO 4217 codes, in capitals: those of CLDR, which the runtime brings along. */
export const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf("currency"));
