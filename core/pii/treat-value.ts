/** One value of a known class, treated as the policy says. */
import { sha256 } from "../hash.ts";
import type { Action, PiiClass } from "../org-data-layer/pii.ts";
import { GONE } from "../path-tree.ts";
import { digitsOf } from "./find-in-text.ts";
import { isToken, type PiiKeys } from "./pii-keys.ts";

/** `value` is a text or a number. Throws where a key is needed and the Worker has none. What was treated before stays as it is. */
export function treatValue(value: string | number, pii: PiiClass, action: Action, keys: PiiKeys | undefined): unknown {
  const text = String(value);
  switch (action) {
    case "allow":
      return value;
    case "strip":
      return GONE;
    case "mask":
      return masked(text, pii);
    case "hash_for_vendors":
      return isHash(text) ? value : sha256(asVendorsHash(text, pii));
    case "hash":
      return isHash(text) ? value : needed(keys).hash(asVendorsHash(text, pii));
    case "tokenise":
      return isToken(text) ? value : needed(keys).seal(text);
  }
}

/** Which actions nobody can take without PII_KEY. */
export const needsKey = (action: Action) => action === "hash" || action === "tokenise";

function needed(keys: PiiKeys | undefined): PiiKeys {
  // Not a reason to let the event go on, nor to lose it: the message is tried again until somebody sets the key.
  if (!keys) throw new Error("the policy hashes or tokenises personal data, and this Worker has no PII_KEY");
  return keys;
}

const isHash = (text: string) => /^[0-9a-f]{64}$/.test(text);

/** Meta, Google and TikTok ask for e-mail addresses and names in small letters, and phone numbers as digits with the country's code. */
function asVendorsHash(text: string, pii: PiiClass): string {
  const lower = text.trim().toLowerCase();
  return pii === "phone" ? digitsOf(lower) : lower;
}

/** A card keeps its last four digits, as PCI DSS 3.4 allows to show. */
function masked(text: string, pii: PiiClass): string {
  if (pii === "card") return `************${digitsOf(text).slice(-4)}`;
  if (pii === "email")
    return text.replace(/^[^@]*/, (local) => (local.includes("*") ? local : `${local.slice(0, 1)}***`));
  if (pii === "ip")
    return text.includes(":") ? `${text.split(":").slice(0, 3).join(":")}::` : text.replace(/\.\d+$/, ".0");
  if (pii === "phone" || pii === "iban") return text.startsWith("***") ? text : `***${text.slice(-2)}`;
  if (pii === "birth_date") return /^\d{4}/.exec(text)?.[0] ?? "***";
  return "***";
}
