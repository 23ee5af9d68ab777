import { describe, expect, it } from "vitest";
import { MESSAGE_BYTES, rawMessage } from "../../core/queue-messages.ts";
import { aDoor } from "../../test/a-door.ts";
import { requestFacts } from "./request-facts.ts";

const url = "https://collect.shop.example/v1/batch";
const facts = (headers: Record<string, string>, cf?: object, source = { honour_gpc: true, honour_dnt: true }) =>
  requestFacts(new Request(url, { method: "POST", headers, ...(cf && { cf: cf as CfProperties }) }), source);

const CF = {
  country: "GB",
  region: "England",
  city: "London",
  postalCode: "EC1A",
  latitude: "51.50853",
  longitude: "-0.12574",
  timezone: "Europe/London",
  asn: 64_496,
  asOrganization: "Example Telecom",
  colo: "LHR",
};

describe("a request's facts", () => {
  it("are what a browser and Cloudflare say", () => {
    const headers = {
      "cf-connecting-ip": "192.0.2.1",
      "user-agent": "Mozilla/5.0",
      "accept-language": "en-GB,en;q=0.9,pl;q=0.8",
      "sec-gpc": "1",
      dnt: "1",
      "sec-ch-ua": '"Chromium";v="140"',
      "sec-ch-ua-mobile": "?0",
      "sec-ch-ua-platform": '"Linux"',
      cookie: "secret=1",
      authorization: "Basic secret",
    };
    expect(facts(headers, CF)).toEqual({
      ip: "192.0.2.1",
      user_agent: "Mozilla/5.0",
      language: "en-GB",
      gpc: true,
      dnt: true,
      client_hints: {
        "sec-ch-ua": '"Chromium";v="140"',
        "sec-ch-ua-mobile": "?0",
        "sec-ch-ua-platform": '"Linux"',
      },
      country: "GB",
      region: "England",
      city: "London",
      postal_code: "EC1A",
      latitude: 51.50853,
      longitude: -0.12574,
      timezone: "Europe/London",
      asn: 64_496,
      as_organization: "Example Telecom",
    });
  });

  it("are absent where nobody said anything", () => {
    expect(facts({})).toEqual({});
    expect(facts({ "sec-gpc": "0", "sec-ch-ua": "", "accept-language": "" }, {})).toEqual({});
  });

  it.each([
    [{ honour_gpc: true, honour_dnt: false }, { gpc: true }],
    [{ honour_gpc: false, honour_dnt: true }, { dnt: true }],
    [{ honour_gpc: false, honour_dnt: false }, {}],
  ])("hold the objections that the source honours, with %j: %j", (source, expected) => {
    expect(facts({ "sec-gpc": "1", dnt: "1" }, undefined, source)).toEqual(expected);
    expect(facts({ "sec-gpc": "0", dnt: "0" }, undefined, source)).toEqual({});
  });

  it.each([
    ["sec-purpose", "prefetch"],
    ["sec-purpose", "prefetch;prerender"],
    ["purpose", "prefetch"],
    ["x-purpose", "preview"],
    ["x-moz", "prefetch"],
  ])("say that it came ahead of a visit, by %s: %s", (header, value) => {
    expect(facts({ [header]: value })).toEqual({ prefetch: true });
    expect(facts({ [header]: "none" })).toEqual({});
  });

  it.each([
    { verifiedBotCategory: "Search Engine Crawler" },
    { verifiedBotCategory: "", botManagement: { verifiedBotCategory: "Search Engine Crawler" } },
  ])("name the kind of bot that Cloudflare verified: %j", (cf) => {
    expect(facts({}, cf)).toEqual({ verified_bot_category: "Search Engine Crawler" });
    expect(facts({}, { verifiedBotCategory: "" })).toEqual({});
  });

  it.each(["T1", "XX"])("have no country where Cloudflare says %s, which is none", (country) => {
    expect(facts({}, { ...CF, country })).not.toHaveProperty("country");
  });

  it.each([
    ["en", "en"],
    ["en-GB;q=0.8, en", "en-GB"],
    [" pl , en", "pl"],
  ])("have one language of %j", (header, language) => {
    expect(facts({ "accept-language": header }).language).toBe(language);
  });

  it("never hold a number that JSON cannot", () => {
    const { latitude, longitude } = facts({}, { ...CF, latitude: "", longitude: "unknown" });
    expect([latitude, longitude]).toEqual([undefined, undefined]);
  });
});

it("whatever a client puts into its headers, its events reach the queue in a message that can be read", async () => {
  const door = await aDoor({
    integrations: [{ id: "i", name: "meta", destination: "meta", enabled: true, settings: {} }],
  });
  const long = "x".repeat(20_000);
  const headers = {
    "x-write-key": "wk_public",
    "user-agent": long,
    "accept-language": long,
    "sec-ch-ua": long,
    "sec-ch-ua-mobile": long,
    "sec-ch-ua-platform": long,
    "sec-ch-ua-platform-version": long,
    "sec-ch-ua-model": long,
    cookie: `_dfid=${long}; _fbp=${long}; _fbc=fb.1.1596403881668.${"x".repeat(500)}`,
  };
  const body = JSON.stringify({ batch: [{ type: "track", event: "x" }] });
  const response = await door.fetch("/v1/batch", { method: "POST", headers, body });
  expect(response.status).toBe(200);
  expect(rawMessage.safeParse(door.messages()[0]).success).toBe(true);
  expect(door.texts[0]!.length).toBeLessThan(MESSAGE_BYTES / 4);
});
