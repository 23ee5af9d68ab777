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
  expect(purposesOf(consent, { gpc, byDefault })).toEqual(expected);
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
