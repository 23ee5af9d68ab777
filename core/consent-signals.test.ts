import { TCString } from "@iabtcf/core";
import { describe, expect, it } from "vitest";
import { consentFromHeader, consentOf, readConsent } from "./consent-signals.ts";
import { type Consent, consent } from "./event.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const int = (value: number, length: number) => value.toString(2).padStart(length, "0");
const flags = (set: number[], length: number) =>
  Array.from({ length }, (_, i) => (set.includes(i + 1) ? "1" : "0")).join("");

/** The core segment of a TC string of version 2, by the field table of the IAB's specification. `vendors`: bits. */
function tcf(
  consents: number[],
  legitimate: number[] = [],
  changes: { version?: number; vendors?: string } = {},
): string {
  const { version = 2, vendors = GOOGLE_ONLY } = changes;
  const time = int(17_500_000_000, 36);
  const cmp = int(10, 12) + int(1, 12) + int(1, 6) + int(4, 6) + int(13, 6);
  const policy = `${int(200, 12)}${int(5, 6)}10${flags([], 12)}`;
  const country = int(3, 6) + int(4, 6);
  const all = int(version, 6) + time + time + cmp + policy + flags(consents, 24) + flags(legitimate, 24);
  const padded = `${all}0${country}${vendors}${int(0, 12)}`;
  const sixes = padded.padEnd(Math.ceil(padded.length / 6) * 6, "0").match(/.{6}/g)!;
  return sixes.map((six) => ALPHABET[Number.parseInt(six, 2)]).join("");
}

/** Consent to vendor 755, Google, as one range; no legitimate interests. */
const GOOGLE_ONLY = `${int(755, 16)}1${int(1, 12)}0${int(755, 16)}${int(0, 16)}0`;
/** A thousand vendors, as a real consent manager writes them. */
const MANY_VENDORS = `${int(1_000, 16)}0${"1".repeat(1_000)}`.repeat(2);
/** 1,400 ranges over most of the vendors there can be, Google not among them. */
const HOSTILE = `${int(65_535, 16)}1${int(1_400, 12)}${`1${int(756, 16)}${int(65_535, 16)}`.repeat(1_400)}`;
/** The example of the IAB's specification: purposes 2 and 10 by consent, 2 and 9 by legitimate interest. Its last segment is padded. */
const PUBLISHED = "COtybn4PA_zT4KjACBENAPCIAEBAAECAAIAAAAAAAAAA.IBAgAAAgAIAwgAgAAAAEAAAACA.QAagAQAgAIAwgA.cAAAAAAAITg=";
const VERSION_1 = "BOEFEAyOEFEAyAHABDENAI4AAAB9vABAASA";

const GRANTED = { analytics: true, marketing: true };
const REFUSED = { analytics: false, marketing: false };
const from = (signal: "categories" | "consent_mode" | "tcf" | "header") => ({ analytics: signal, marketing: signal });

it.each<[string, unknown, Consent | undefined]>([
  ["nothing", undefined, undefined],
  ["null", null, undefined],
  ["an empty object", {}, undefined],
  ["an empty list, which is PHP's empty object", [], undefined],
  ["no answer yet", { analytics: null, marketing: "" }, undefined],
  ["our own form", GRANTED, GRANTED],
  ["one purpose", { marketing: false }, { marketing: false }],
  ["words", { analytics: "granted", marketing: "Denied" }, { analytics: true, marketing: false }],
  ["texts of booleans", { analytics: "true", marketing: "false" }, { analytics: true, marketing: false }],
  ["numbers", { analytics: 1, marketing: 0 }, { analytics: true, marketing: false }],
  ["one yes for all", true, GRANTED],
  ["one no for all", "denied", REFUSED],
  ["a word that nobody knows", { analytics: "maybe" }, { analytics: false, unreadable: ["analytics"] }],
  ["a number that is neither", { marketing: 2 }, { marketing: false, unreadable: ["marketing"] }],
  ["an object for an answer", { marketing: { ads: true } }, { marketing: false, unreadable: ["marketing"] }],
  ["text that nobody knows", "rejected", { ...REFUSED, unreadable: ["consent"] }],
  ["a list", ["analytics"], { ...REFUSED, unreadable: ["consent"] }],
  ["what concerns neither purpose", { necessary: true, functionality_storage: "denied" }, undefined],
])("reads %s", (_, raw, expected) => {
  expect(readConsent(raw)).toEqual(expected);
});

describe("Segment's category preferences", () => {
  const read = (categoryPreferences: unknown) => readConsent({ categoryPreferences });

  it.each<[Record<string, unknown>, Consent | undefined]>([
    [
      { Advertising: true, Analytics: false, Functional: true },
      { analytics: false, marketing: true, source: from("categories") },
    ],
    [
      { C0001: true, C0002: true, C0004: false },
      { analytics: true, marketing: false, source: from("categories") },
    ],
    [
      { "Social Media": false, targeting: true },
      { marketing: false, source: { marketing: "categories" } },
    ],
    [{ Functional: true, DataSharing: false }, undefined],
    [
      { Analytics: "perhaps" },
      { analytics: false, source: { analytics: "categories" }, unreadable: ["categoryPreferences.Analytics"] },
    ],
  ])("%j", (preferences, expected) => {
    expect(read(preferences)).toEqual(expected);
  });

  it("that are no object say nothing, and are marked", () => {
    expect(read("all")).toEqual({ unreadable: ["categoryPreferences"] });
  });

  it("name no more categories than a mark has room for", () => {
    const odd = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`${"_".repeat(i)}ads`, "?"]));
    expect(read(odd)?.unreadable).toHaveLength(8);
    expect(consent.safeParse(read(odd)).success).toBe(true);
  });
});

describe("Google's Consent Mode", () => {
  it.each<[Record<string, unknown>, Consent | undefined]>([
    [
      { ad_storage: "granted", analytics_storage: "denied", ad_user_data: "granted", ad_personalization: "granted" },
      {
        analytics: false,
        marketing: true,
        ad_user_data: "granted",
        ad_personalization: "granted",
        source: from("consent_mode"),
      },
    ],
    [
      { ad_storage: "granted", ad_personalization: "denied" },
      { marketing: false, ad_personalization: "denied", source: { marketing: "consent_mode" } },
    ],
    [{ ad_storage: "asked" }, { marketing: false, source: { marketing: "consent_mode" }, unreadable: ["ad_storage"] }],
    [{ gcs: "G110" }, { analytics: false, marketing: true, source: from("consent_mode") }],
    [{ gcs: "G101" }, { analytics: true, marketing: false, source: from("consent_mode") }],
    [{ gcs: "G1-1" }, { analytics: true, source: { analytics: "consent_mode" } }],
    [{ gcs: "G1--" }, undefined],
    [{ gcs: "G2" }, { unreadable: ["gcs"] }],
    [
      { gcs: "G111", ad_storage: "denied" },
      { analytics: true, marketing: false, source: from("consent_mode") },
    ],
  ])("%j", (fields, expected) => {
    expect(readConsent(fields)).toEqual(expected);
  });

  it("may be the whole of the consent, as a gcs", () => {
    expect(readConsent("G111")).toEqual({ ...GRANTED, source: from("consent_mode") });
  });
});

describe("a TC string", () => {
  it.each<[number[], number[], boolean, boolean, "granted" | "denied", "granted" | "denied"]>([
    [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [], true, true, "granted", "granted"],
    [[], [], false, false, "denied", "denied"],
    [[1, 8], [], true, false, "denied", "denied"],
    [[1], [8], true, false, "denied", "denied"],
    [[8], [1], false, false, "denied", "denied"],
    [[1, 3, 4, 7], [], false, true, "granted", "granted"],
    [[1, 3, 4], [7], false, true, "granted", "granted"],
    [[1, 3, 7], [4], false, false, "granted", "denied"],
    [[3, 4, 7, 8], [], false, false, "denied", "granted"],
  ])("with consent to %j and legitimate interest in %j", (consents, legitimate, ...expected) => {
    const string = tcf(consents, legitimate);
    const read = readConsent({ tcf: string })!;
    expect([read.analytics, read.marketing, read.ad_user_data, read.ad_personalization]).toEqual(expected);
    expect(read).toMatchObject({ tcf: string, source: from("tcf") });
  });

  it("says what the IAB's own library reads from it", () => {
    for (const string of [tcf([1, 3, 8], [7]), tcf([2, 24], [1, 23], { vendors: MANY_VENDORS })]) {
      const { purposeConsents, purposeLegitimateInterests } = TCString.decode(string);
      const may = (n: number) => purposeConsents.has(n) || purposeLegitimateInterests.has(n);
      const analytics = purposeConsents.has(1) && may(8);
      const ad_user_data = purposeConsents.has(1) && may(7) ? "granted" : "denied";
      expect(readConsent({ tcf: string })).toMatchObject({ analytics, ad_user_data });
    }
  });

  it.each<[string, string, boolean]>([
    ["a bit for each", MANY_VENDORS, true],
    ["a bit for each, not that one", `${int(1_000, 16)}0${"1".repeat(754)}0${"1".repeat(245)}${int(0, 16)}0`, false],
    ["one alone", GOOGLE_ONLY, true],
    ["a range", `${int(900, 16)}1${int(2, 12)}0${int(3, 16)}1${int(700, 16)}${int(800, 16)}${int(0, 16)}0`, true],
    [
      "ranges beside it",
      `${int(900, 16)}1${int(2, 12)}1${int(1, 16)}${int(754, 16)}0${int(756, 16)}${int(0, 16)}0`,
      false,
    ],
    ["none", `${int(0, 16)}0${int(0, 16)}0`, false],
  ])("grants to Google only where Google is among the vendors: %s", (_, vendors, granted) => {
    const string = tcf([1, 3, 4, 7], [], { vendors });
    expect(TCString.decode(string).vendorConsents.has(755)).toBe(granted);
    const answer = granted ? "granted" : "denied";
    expect(readConsent({ tcf: string })).toMatchObject({
      marketing: true,
      ad_user_data: answer,
      ad_personalization: answer,
    });
  });

  it("may be the specification's example, whose padding the library stumbles over", () => {
    expect(() => TCString.decode(PUBLISHED)).toThrow();
    expect(readConsent(PUBLISHED)).toMatchObject({ ...REFUSED, tcf: PUBLISHED });
  });

  it("is read in no time, however many vendors it claims", () => {
    const string = tcf([1, 8], [], { vendors: HOSTILE });
    const begun = performance.now();
    // What fits into one request, each another.
    for (let i = 0; i < 60; i++) readConsent({ tcf: `${string.slice(0, -4)}${1_000 + i}` });
    for (let i = 0; i < 2_500; i++) readConsent({ tcf: string });
    expect(performance.now() - begun).toBeLessThan(1_000);
  });

  it.each<[string, unknown]>([
    ["version 1", VERSION_1],
    ["version 3", tcf([1, 8], [], { version: 3 })],
    ["a piece", tcf([1, 8]).slice(0, 30)],
    ["other letters", `${tcf([1, 8])}!`],
    ["a sentence that begins with a C", "ConsentGivenByUserOnCookieBannerAtTheFirstVisit"],
    ["dashes", `C${"_".repeat(100)}`],
    ["a number", 5],
    ["more than 8 KB", tcf([1, 8], [], { vendors: "1".repeat(60_000) })],
  ])("that is %s says nothing, and is marked", (_, value) => {
    expect(readConsent({ tcf: value, marketing: true })).toMatchObject({ marketing: true, unreadable: ["tcf"] });
    expect(readConsent({ tcf: value, marketing: true })).not.toHaveProperty("analytics");
  });
});

describe("several signals together", () => {
  it("yield to what the event says itself", () => {
    expect(readConsent({ analytics: true, marketing: true, gcs: "G100", tcf: tcf([]) })).toMatchObject(GRANTED);
    expect(readConsent({ marketing: "perhaps", gcs: "G111" })).toMatchObject({ analytics: true, marketing: false });
  });

  it.each<[string, Record<string, unknown>, Consent]>([
    ["Segment", { categoryPreferences: { Advertising: false }, gcs: "G111" }, { analytics: true, marketing: false }],
    ["Google", { categoryPreferences: { Analytics: true }, analytics_storage: "denied" }, { analytics: false }],
    ["the TC string", { gcs: "G111", tcf: tcf([1, 8]) }, { analytics: true, marketing: false }],
  ])("are overruled by the one that denies: %s", (_, raw, expected) => {
    expect(readConsent(raw)).toMatchObject(expected);
  });

  it("deny to Google what either of its answers denies", () => {
    const read = readConsent({ ad_user_data: "granted", ad_personalization: "denied", tcf: tcf([1, 3, 4, 7]) });
    expect(read).toMatchObject({ ad_user_data: "granted", ad_personalization: "denied" });
  });
});

it("reads what it wrote as the same answer, and writes what the schema takes", () => {
  for (const raw of [GRANTED, { tcf: tcf([1, 8]) }, { gcs: "G1-0", analytics: "?" }, "nonsense", { tcf: VERSION_1 }]) {
    const first = consent.parse(readConsent(raw));
    const { source: _, unreadable: __, ...said } = first;
    expect(readConsent(first)).toMatchObject(said);
  }
});

it("takes no answer from keys that every object has", () => {
  expect(readConsent(JSON.parse('{"__proto__":{"analytics":true},"constructor":1}'))).toBeUndefined();
  expect(readConsent({ categoryPreferences: { constructor: true, toString: true } })).toBeUndefined();
});

describe("the header x-consent", () => {
  it.each<[string | null, Consent | undefined]>([
    [null, undefined],
    [" ", undefined],
    ["analytics=?1, marketing=?0", { analytics: true, marketing: false, source: from("header") }],
    ["analytics,marketing", { ...GRANTED, source: from("header") }],
    ["analytics=granted; by=banner", { analytics: true, source: { analytics: "header" } }],
    ["marketing=false", { marketing: false, source: { marketing: "header" } }],
    ['gcs="G101", region="de, at"', { analytics: true, marketing: false, source: from("header") }],
    ["denied", { ...REFUSED, source: from("header") }],
    ["granted", { ...GRANTED, source: from("header") }],
    ["analytics=?2", { ...REFUSED, unreadable: ["consent"], source: from("header") }],
    ["everything=?1", { ...REFUSED, unreadable: ["consent"], source: from("header") }],
    ['tcf="', { ...REFUSED, unreadable: ["consent"], source: from("header") }],
    ['tcf="short"', { tcf: "short", unreadable: ["tcf"] }],
  ])("%j", (value, expected) => {
    expect(consentFromHeader(value)).toEqual(expected);
  });

  it.each([`tcf="${tcf([1, 8])}"`, tcf([1, 8])])("carries a TC string: %s", (value) => {
    expect(consentFromHeader(value)).toMatchObject({ analytics: true, marketing: false, tcf: tcf([1, 8]) });
  });

  it("is read in no time, however it is written", () => {
    const begun = performance.now();
    for (const odd of [
      "a,".repeat(8_000),
      `a="${"\\".repeat(16_000)}`,
      "a=?1 ".repeat(3_000),
      `a;${";".repeat(16_000)}`,
    ]) {
      consentFromHeader(odd);
    }
    expect(performance.now() - begun).toBeLessThan(200);
  });

  it.each<[Consent | undefined, Consent | undefined, Consent | undefined]>([
    [undefined, undefined, undefined],
    [{ marketing: true }, undefined, { marketing: true }],
    [undefined, REFUSED, REFUSED],
    [{ marketing: true }, REFUSED, { marketing: true }],
    [{ unreadable: ["tcf"] }, { analytics: false }, { analytics: false, unreadable: ["tcf"] }],
  ])("of an event that says %j itself, and a request that says %j: %j holds", (own, ofRequest, expected) => {
    expect(consentOf(own, ofRequest)).toEqual(expected);
  });
});
