import { describe, expect, it } from "vitest";
import { readHost, siteOf } from "./host-name.ts";

describe("a host", () => {
  it.each([
    ["a bare name", "data.shop.example", "data.shop.example", false],
    ["capitals", "Data.Shop.Example", "data.shop.example", true],
    ["spaces around it", "  data.shop.example\n", "data.shop.example", false],
    ["a trailing dot", "data.shop.example.", "data.shop.example", true],
    ["a scheme", "https://data.shop.example", "data.shop.example", true],
    ["an old scheme", "http://data.shop.example/", "data.shop.example", true],
    ["a page's address", "https://data.shop.example/a/b?c=d#e", "data.shop.example", true],
    ["an international name", "bücher.example", "xn--bcher-kva.example", true],
    ["an underscore in the path alone", "data.shop.example/_x", "data.shop.example", true],
  ])("is read from %s", (_, given, host, cleaned) => {
    expect(readHost(given)).toEqual({ ok: true, host, port: 443, script: undefined, cleaned });
  });

  it("keeps its port, and 443 is the one that needs no mention", () => {
    expect(readHost("data.shop.example:8443")).toMatchObject({ port: 8443, cleaned: false });
    expect(readHost("https://data.shop.example:443")).toMatchObject({ port: 443 });
  });

  it("is read from its script's address, which stays unless it is the common one", () => {
    expect(readHost("www.shop.example/q7/shop.js")).toMatchObject({ script: "/q7/shop.js", cleaned: false });
    expect(readHost("https://www.shop.example/q7/shop.js?v=1")).toMatchObject({ script: "/q7/shop.js", cleaned: true });
    expect(readHost("https://data.shop.example/millrace.js")).toMatchObject({ script: undefined, cleaned: true });
    expect(readHost("data.shop.example/millrace.1a2b3c4d.js")).toMatchObject({ script: undefined, cleaned: true });
  });

  it.each([
    ["nothing", " ", "Which host?"],
    ["another scheme", "ftp://data.shop.example", "is not a web address"],
    ["a wildcard", "*.shop.example", "stands for many hosts"],
    ["a user name", "https://me:secret@data.shop.example", "no user name"],
    ["an IPv4 address", "192.0.2.1", "is an address"],
    ["a number, which is an IPv4 address too", "3221225985", "is an address"],
    ["an IPv6 address", "[2001:db8::1]", "is an address"],
    ["an underscore", "my_data.shop.example", "letters, digits and hyphens"],
    ["a hyphen at the edge", "-data.shop.example", "letters, digits and hyphens"],
    ["an empty part", "data..shop.example", "letters, digits and hyphens"],
    ["a part of 64 characters", `${"a".repeat(64)}.example`, "letters, digits and hyphens"],
    ["254 characters", `${"a.".repeat(123)}examples`, "letters, digits and hyphens"],
    ["spaces within", "data shop.example", "is not a host name"],
    ["a port too many", "data.shop.example:99999", "is not a host name"],
    ["localhost", "http://localhost:8787", "is this machine"],
    ["a single word", "intranet", "belongs to no one"],
    ["a public suffix", "co.uk", "belongs to no one"],
    ["a private suffix", "github.io", "belongs to no one"],
  ])("is not read from %s", (_, given, why) => {
    const read = readHost(given);
    expect(read).toEqual({ ok: false, why: expect.stringContaining(why) });
    expect(JSON.stringify(read)).not.toContain("secret");
  });
});

it.each([
  ["data.shop.example", "shop.example"],
  ["a.b.shop.co.uk", "shop.co.uk"],
  ["shop.example", "shop.example"],
  ["shop.github.io", "shop.github.io"],
  ["millrace.me.workers.dev", "me.workers.dev"],
])("%s belongs to %s", (host, site) => {
  expect(siteOf(host)).toBe(site);
});
