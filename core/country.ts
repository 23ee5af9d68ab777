/** Countries as ISO 3166-1 alpha-2 codes, from a code or an English name. Names come from the runtime's own CLDR data. */

/** What people write that CLDR calls something else. Letters only. */
const ALIASES: Record<string, string> = {
  usa: "US",
  unitedstatesofamerica: "US",
  greatbritain: "GB",
  england: "GB",
  scotland: "GB",
  wales: "GB",
  northernireland: "GB",
  uae: "AE",
  holland: "NL",
  czechrepublic: "CZ",
  turkey: "TR",
  russianfederation: "RU",
  macedonia: "MK",
  swaziland: "SZ",
  ivorycoast: "CI",
  easttimor: "TL",
  caboverde: "CV",
  vatican: "VA",
  palestine: "PS",
  hongkong: "HK",
  macau: "MO",
  macao: "MO",
  republicofkorea: "KR",
  congo: "CG",
  democraticrepublicofthecongo: "CD",
};

/** Codes that CLDR names but ISO gave to no country. */
const NO_COUNTRY = new Set(["EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"]);

let english: Intl.DisplayNames | undefined;
let names: Map<string, string> | undefined;

/**
 * "US", "usa" and "United States" are "US"; retired codes are what replaced them ("UK" is "GB"). Undefined where the text
 * is no country that we know: a wrong country joins an event to the wrong people, none to fewer.
 */
export function countryCode(written: string): string | undefined {
  const letters = lettersOf(written);
  if (letters.length === 2) return canonical(letters.toUpperCase());
  names ??= readNames();
  return names.get(letters);
}

function canonical(code: string): string | undefined {
  const region = new Intl.Locale(`und-${code}`).region;
  return region && !NO_COUNTRY.has(region) && nameOf(region) ? region : undefined;
}

function readNames(): Map<string, string> {
  const found = new Map(Object.entries(ALIASES));
  const letters = Array.from({ length: 26 }, (_, i) => String.fromCharCode(65 + i));
  for (const code of letters.flatMap((a) => letters.map((b) => a + b))) {
    const name = canonical(code) === code ? nameOf(code) : undefined;
    // "Myanmar (Burma)" is known by either name.
    for (const part of name?.split(/ \((.+)\)$/) ?? []) if (part) found.set(lettersOf(part), code);
  }
  return found;
}

function nameOf(code: string): string | undefined {
  english ??= new Intl.DisplayNames("en", { type: "region", fallback: "none" });
  return english.of(code);
}

/** Without accents, case, spaces and signs: "Bosnia & Herzegovina" and "bosnia and herzegovina" are one name. */
function lettersOf(name: string): string {
  return name
    .replaceAll("&", "and")
    .normalize("NFD")
    .toLowerCase()
    .replace(/[^a-z]/g, "")
    .replaceAll("saint", "st");
}
