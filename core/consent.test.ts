import { expect, it } from "vitest";
import { allows, type Purpose, purposesOf } from "./consent.ts";
import type { Consent } from "./event.ts";

it.each<[Consent | undefined, "granted" | "denied", boolean, Purpose[]]>([
  [undefined, "granted", false, ["functional", "analytics", "marketing"]],
  [undefined, "denied", false, ["functional"]],
  [undefined, "granted", true, ["functional", "analytics"]],
  [{}, "granted", true, ["functional", "analytics"]],
  [{ marketing: true }, "denied", true, ["functional", "marketing"]],
  [{ marketing: true }, "granted", false, ["functional", "analytics", "marketing"]],
  [{ analytics: false }, "granted", false, ["functional", "marketing"]],
  [{ analytics: true, marketing: false }, "granted", false, ["functional", "analytics"]],
  [{ analytics: false, marketing: false }, "granted", false, ["functional"]],
])("consent %j, by default %s, with GPC %s: allowed for %j", (consent, byDefault, gpc, expected) => {
  expect(purposesOf(consent, { gpc, dnt: false, byDefault })).toEqual(expected);
});

it.each<[Consent | undefined, "granted" | "denied", Purpose[]]>([
  [undefined, "granted", ["functional"]],
  [undefined, "denied", ["functional"]],
  [{ analytics: true }, "granted", ["functional", "analytics"]],
  [{ marketing: true }, "granted", ["functional", "marketing"]],
  [{ analytics: true, marketing: true }, "denied", ["functional", "analytics", "marketing"]],
])("consent %j, by default %s, with Do Not Track: allowed for %j", (consent, byDefault, expected) => {
  expect(purposesOf(consent, { gpc: false, dnt: true, byDefault })).toEqual(expected);
});

it.each<["consent_mode" | "tcf", boolean, Purpose[]]>([
  ["consent_mode", false, ["functional", "marketing"]],
  ["consent_mode", true, ["functional"]],
  ["tcf", true, ["functional", "marketing"]],
])("marketing that %s grants, with GPC %s: allowed for %j", (source, gpc, expected) => {
  const consent: Consent = { marketing: true, source: { marketing: source } };
  expect(purposesOf(consent, { gpc, dnt: false, byDefault: "denied" })).toEqual(expected);
});

it.each<[Purpose, Purpose[] | undefined, boolean]>([
  ["functional", undefined, true],
  ["functional", [], true],
  ["analytics", ["functional", "analytics"], true],
  ["analytics", ["functional", "marketing"], false],
  ["marketing", undefined, false],
])("for %s, with the purposes %j: %s", (purpose, purposes, allowed) => {
  expect(allows(purposes, purpose)).toBe(allowed);
});
