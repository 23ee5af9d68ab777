/** An id that says what it is: `src_web-shop-4f2a`. Letters of other alphabets are left out; what is then too short is still unique. */
export function newId(kind: "src" | "int" | "pip", name: string): string {
  const words = name
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 40);
  const unique = crypto
    .getRandomValues(new Uint8Array(3))
    .reduce((text, byte) => text + byte.toString(16).padStart(2, "0"), "");
  return [kind, [words, unique].filter(Boolean).join("-")].join("_");
}
