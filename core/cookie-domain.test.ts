import { describe, expect, it } from "vitest";
import { cookieDomain } from "./cookie-domain.ts";

const site = { cookie_scope: "site" } as const;
const host = { cookie_scope: "host" } as const;

describe("a source whose cookies are valid on the whole site", () => {
  it.each([
    ["collect.shop.example", "shop.example", 2],
    ["shop.example", "shop.example", 2],
    ["a.b.c.shop.com", "shop.com", 2],
    ["www.shop.co.uk", "shop.co.uk", 3],
    ["shop.co.uk", "shop.co.uk", 3],
    ["data.shop.com.br", "shop.com.br", 3],
    // Strangers have the neighbouring names: github.io is a public suffix too.
    ["www.shop.github.io", "shop.github.io", 3],
    ["shop.github.io", "shop.github.io", 3],
    ["demo.shop.workers.dev", "shop.workers.dev", 3],
    ["collect.SHOP.example:8443", "shop.example", 2],
    ["www.xn--mller-kva.de", "xn--mller-kva.de", 2],
  ])("collecting on %s sets them for %s", (name, domain, labels) => {
    expect(cookieDomain(name, site)).toEqual({ domain, labels });
  });

  it.each([
    ["localhost", 1],
    ["localhost:8787", 1],
    ["shop.localhost", 2],
    ["intranet", 1],
    ["127.0.0.1", 1],
    ["127.0.0.1:8787", 1],
    ["[::1]:8787", 1],
    ["[2001:db8::1]", 1],
    ["co.uk", 2],
    ["github.io", 2],
    ["com", 1],
    ["shop.example.", 2],
  ])("sets them for %s alone, since a browser would refuse any domain there", (name, labels) => {
    expect(cookieDomain(name, site)).toEqual({ labels });
  });
});

it("sets them for the host alone where the source says so", () => {
  expect(cookieDomain("collect.shop.example", host)).toEqual({ labels: 3 });
});

describe("a domain chosen by hand", () => {
  it.each([
    [".shop.example", "collect.shop.example", { domain: ".shop.example", labels: 2 }],
    ["shop.example", "shop.example", { domain: "shop.example", labels: 2 }],
    ["eu.shop.example", "collect.eu.shop.example", { domain: "eu.shop.example", labels: 3 }],
    ["Shop.Example", "collect.shop.example", { domain: "Shop.Example", labels: 2 }],
  ])("%s is used on %s", (cookie_domain, name, expected) => {
    expect(cookieDomain(name, { ...host, cookie_domain })).toEqual(expected);
  });

  it.each([
    ["another site", "shop.example", "collect.other.example"],
    ["a site that only ends alike", "shop.example", "notshop.example"],
    ["a host below this one", "eu.shop.example", "shop.example"],
    ["a public suffix", "co.uk", "www.shop.co.uk"],
    ["a suffix that strangers share", "github.io", "shop.github.io"],
  ])("is not used on %s", (_, cookie_domain, name) => {
    expect(cookieDomain(name, { ...host, cookie_domain })).toEqual({ labels: name.split(".").length });
  });

  it("leaves other hosts to the scope", () => {
    const source = { ...site, cookie_domain: "shop.example" };
    expect(cookieDomain("collect.other.example", source)).toEqual({ domain: "other.example", labels: 2 });
    expect(cookieDomain("collect.eu.shop.example", source)).toEqual({ domain: "shop.example", labels: 2 });
  });
});

it("remembers each host by itself, and stays right after more hosts than it remembers", () => {
  for (let i = 0; i < 2_500; i++) {
    expect(cookieDomain(`collect.shop${i}.example`, site).domain).toBe(`shop${i}.example`);
  }
  expect(cookieDomain("collect.shop7.example", site)).toBe(cookieDomain("collect.shop7.example", site));
  expect(cookieDomain("collect.shop7.example", host)).toEqual({ labels: 3 });
});
