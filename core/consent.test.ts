import { expect, it } from "vitest";
import { allows } from "./consent.ts";
import type { Purpose } from "./environment.ts";
import type { Consent } from "./event.ts";

it.each<[Purpose, Consent | undefined, boolean]>([
  ["functional", undefined, true],
  ["functional", { analytics: false, marketing: false }, true],
  ["analytics", { analytics: true }, true],
  ["analytics", { analytics: false, marketing: true }, false],
  ["analytics", { marketing: true }, false],
  ["analytics", undefined, false],
  ["marketing", { marketing: true, analytics: false }, true],
  ["marketing", { analytics: true }, false],
  ["marketing", {}, false],
])("for %s, with consent %j: %s", (purpose, consent, allowed) => {
  expect(allows(consent, purpose)).toBe(allowed);
});
