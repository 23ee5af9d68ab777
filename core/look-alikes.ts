/**
 * Identifiers that look like others: a Cyrillic а where a Latin a is meant, or a character that nobody sees. They are
 * different ids, because whoever can register one must not become whoever has the other; but a person who reads a list
 * wants to be told. A small part of https://www.unicode.org/reports/tr39/: letters that look like a Latin letter in
 * every common font.
 */
const LATIN_OF = new Map<string, string>();
for (const [alike, latin] of [
  // Cyrillic, small and capital.
  ["аеорсухіјѕԁһԛԝӏ", "aeopcyxijsdhqwl"],
  ["АВЕКМНОРСТУХІЈЅԌԚԜӀ", "ABEKMHOPCTYXIJSGQWI"],
  // Greek.
  ["οανικρυ", "oavikpu"],
  ["ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"],
] as const) {
  const letters = [...latin];
  [...alike].forEach((letter, k) => void LATIN_OF.set(letter, letters[k]!));
}

/** Unicode's "format" characters: zero-width spaces and joiners, direction marks, the soft hyphen. */
const UNSEEN = /\p{Cf}/gu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
const ASCII = /^[\x00-\x7f]*$/;
const LATIN = /\p{Script=Latin}/u;
const CYRILLIC_OR_GREEK = /[\p{Script=Cyrillic}\p{Script=Greek}]/u;

/** What a reader takes the text for. Two ids of one skeleton look the same; nothing may ever be joined by it. */
export function skeleton(text: string): string {
  if (ASCII.test(text)) return text;
  const seen = text.normalize("NFKC").replace(UNSEEN, "");
  return [...seen].map((letter) => LATIN_OF.get(letter) ?? letter).join("");
}

/** Whether it reads as plain Latin and is not, mixes Latin with Cyrillic or Greek, or holds what nobody sees. */
export function isConfusable(text: string): boolean {
  if (ASCII.test(text)) return false;
  return ASCII.test(skeleton(text)) || text.search(UNSEEN) >= 0 || (LATIN.test(text) && CYRILLIC_OR_GREEK.test(text));
}
