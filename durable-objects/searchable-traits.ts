/** What a person is found by when somebody types the beginning of it: a few of their traits. */
import type { Profile } from "../core/profile.ts";
import { text } from "../core/values.ts";

export const SEARCHABLE_TRAITS = ["email", "name", "first_name", "last_name", "username", "phone", "company"] as const;
/** Of one profile: each is a row. */
const MOST_VALUES = 5;
const VALUE_LENGTH = 64;

/** In the form in which they are compared: without case, in Unicode's NFKC, cut. */
export function searchForm(value: string): string {
  return value.normalize("NFKC").trim().toLowerCase().slice(0, VALUE_LENGTH);
}

/** `declared`: names of traits beside those that everybody has; they come first. */
export function searchableOf(profile: Profile, declared: readonly string[]): string[] {
  const values = new Set<string>();
  for (const name of [...declared, ...SEARCHABLE_TRAITS]) {
    const value = text(profile.trait(name));
    const form = value && searchForm(value);
    if (form) values.add(form);
    if (values.size === MOST_VALUES) break;
  }
  return [...values];
}
