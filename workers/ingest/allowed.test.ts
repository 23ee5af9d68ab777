import { describe, expect, it } from "vitest";
import { isAllowedAddress } from "./allowed-address.ts";
import { isAllowedOrigin } from "./allowed-origin.ts";

const from = (headers: Record<string, string>) => new Request("https://data.shop.example/v1/t", { headers });

describe("origins", () => {
  const source = { allowed_origins: ["https://shop.example", "https://*.shop.example", "http://localhost:5173"] };
  it.each([
    ["the page itself", { origin: "https://shop.example" }],
    ["a host below a wildcard", { origin: "https://www.shop.example" }],
    ["two levels below", { origin: "https://a.b.shop.example" }],
    ["one with a port", { origin: "http://localhost:5173" }],
    ["a picture on such a page", { referer: "https://shop.example/news?x=1" }],
  ])("lets in %s", (_, headers) => expect(isAllowedOrigin(source, from(headers))).toBe(true));

  it.each([
    ["another page", { origin: "https://evil.example" }],
    ["the same host in plain text", { origin: "http://shop.example" }],
    ["another port", { origin: "https://shop.example:8443" }],
    ["a host that only ends alike", { origin: "https://evilshop.example" }],
    ["a host that only begins alike", { origin: "https://shop.example.evil.example" }],
    ["the wildcard's own dot with nothing before it", { origin: "https://.shop.example" }],
    ["a user name before the host", { origin: "https://evil.example@www.shop.example" }],
    ["a path before the host", { origin: "https://evil.example/.shop.example" }],
    ["a page without an origin", { origin: "null" }],
    ["a picture on another page", { referer: "https://evil.example/https://shop.example" }],
    ["a referrer that is no address", { referer: "shop.example" }],
    ["an origin that contradicts its referrer", { origin: "https://evil.example", referer: "https://shop.example/" }],
    ["who names no page at all", {}],
  ])("keeps out %s", (_, headers) => expect(isAllowedOrigin(source, from(headers))).toBe(false));

  it("lets everyone in where nothing is said", () => {
    expect(isAllowedOrigin({}, from({ origin: "https://anyone.example" }))).toBe(true);
    expect(isAllowedOrigin({}, from({}))).toBe(true);
  });
});

describe("addresses", () => {
  const source = { allowed_ips: ["203.0.113.7", "198.51.100.0/24", "2001:db8:1::/48", "2001:db8:2::5"] };
  it.each([
    "203.0.113.7",
    "::ffff:203.0.113.7",
    "198.51.100.0",
    "198.51.100.255",
    "2001:db8:1:ffff::1",
    "2001:DB8:2:0::5",
  ])("lets in %s", (address) => expect(isAllowedAddress(source, from({ "cf-connecting-ip": address }))).toBe(true));
  it.each([
    "203.0.113.8",
    "198.51.101.0",
    "2001:db8:2::6",
    "2001:db9::1",
    "::1",
    "",
    "203.0.113.7, 10.0.0.1",
    "shop",
    "0xcb007107",
  ])("keeps out %s", (address) => expect(isAllowedAddress(source, from({ "cf-connecting-ip": address }))).toBe(false));
  it("keeps out who has no address, and lets everyone in where nothing is said", () => {
    expect(isAllowedAddress(source, from({}))).toBe(false);
    expect(isAllowedAddress({}, from({}))).toBe(true);
  });
});
