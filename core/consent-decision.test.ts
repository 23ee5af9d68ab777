import { describe, expect, it } from "vitest";
import { type ConsentFacts, decideConsent } from "./consent-decision.ts";
import type { EventContext } from "./event.ts";
import { consent as consentPolicy } from "./org-data-layer/consent.ts";

const facts = (given: Partial<ConsentFacts> = {}): ConsentFacts => ({
  gpc: false,
  dnt: false,
  byDefault: "granted",
  ...given,
});
const decide = (context: EventContext, given: Partial<ConsentFacts> = {}, policy: object = {}) =>
  decideConsent(context, facts(given), consentPolicy.parse(policy));

describe("what an event may be used for, and why not", () => {
  it.each<[EventContext, Partial<ConsentFacts>, string[], object]>([
    [{}, {}, ["functional", "analytics", "marketing"], {}],
    [{}, { byDefault: "denied" }, ["functional"], { analytics: "default", marketing: "default" }],
    [{ consent: { analytics: true, marketing: false } }, {}, ["functional", "analytics"], { marketing: "denied" }],
    [{}, { gpc: true }, ["functional", "analytics"], { marketing: "gpc" }],
    [{}, { dnt: true }, ["functional"], { analytics: "dnt", marketing: "dnt" }],
    [{ cookieless: true }, {}, ["functional", "analytics"], { marketing: "cookieless" }],
    [{ consent: { marketing: true } }, { gpc: true }, ["functional", "analytics", "marketing"], {}],
    [
      { consent: { marketing: true, source: { marketing: "consent_mode" } } },
      { gpc: true },
      ["functional", "analytics"],
      { marketing: "gpc" },
    ],
  ])("%j with %j", (context, given, purposes, refused) => {
    expect(decide(context, given)).toEqual({ purposes, refused, pending: {}, limits: [] });
  });
});

describe("what vendors are told to limit", () => {
  it.each<[EventContext, Partial<ConsentFacts>, object, string[]]>([
    [{}, { gpc: true }, { on_gpc: "limit" }, ["gpc"]],
    [{ consent: { marketing: true } }, { gpc: true }, { on_gpc: "limit" }, []],
    [{ consent: { marketing: false } }, { gpc: true }, { on_gpc: "limit" }, []],
    [{ consent: { marketing: true, ad_user_data: "denied" } }, {}, {}, ["ad_user_data"]],
    [{ consent: { marketing: true, ad_personalization: "denied" } }, {}, {}, ["ad_personalization"]],
    [{ consent: { marketing: true, ad_personalization: "granted" } }, {}, {}, []],
    [{ limited_data_use: true }, {}, {}, ["client"]],
    [{}, { gpc: true }, {}, []],
  ])("%j with %j under %j: %j", (context, given, policy, limits) => {
    expect(decide(context, given, policy).limits).toEqual(limits);
  });
});

describe("what waits for an answer", () => {
  const hold = { hold: { purposes: ["analytics", "marketing"] } };
  it.each<[EventContext, Partial<ConsentFacts>, string[], object]>([
    [{}, {}, ["functional"], { analytics: "granted", marketing: "granted" }],
    [{}, { byDefault: "denied" }, ["functional"], { analytics: "denied", marketing: "denied" }],
    [{ consent: { analytics: true } }, {}, ["functional", "analytics"], { marketing: "granted" }],
    [{ consent: { analytics: true, marketing: false } }, {}, ["functional", "analytics"], {}],
    [{}, { gpc: true }, ["functional"], { analytics: "granted" }],
    [{}, { dnt: true }, ["functional"], {}],
    [{ cookieless: true }, {}, ["functional"], { analytics: "granted", marketing: "denied" }],
  ])("%j with %j may be used for %j and waits for %j", (context, given, purposes, pending) => {
    expect(decide(context, given, hold)).toMatchObject({ purposes, pending });
  });

  it("is nothing without the policy", () => {
    expect(decide({}).pending).toEqual({});
  });
});
