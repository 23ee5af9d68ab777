import { expect, it } from "vitest";
import type { DnsFacts } from "./look-up.ts";
import { safariVerdict } from "./safari.ts";

const at = (host: string, addresses: string[], cname: string[] = []): DnsFacts => ({ host, addresses, cname });
const WWW = at("www.shop.example", ["104.16.1.1"]);

it.each<[string, DnsFacts, DnsFacts, string]>([
  ["the site's own host", WWW, WWW, "400_days"],
  [
    "the site's own host, wherever its CNAME leads",
    at("www.shop.example", ["8.8.8.8"], ["x.hosting.example"]),
    at("www.shop.example", ["8.8.8.8"], ["x.hosting.example"]),
    "400_days",
  ],
  ["another site", at("data.cdp.example", ["104.16.1.1"]), WWW, "third_party"],
  [
    "a neighbour under a private suffix",
    at("cdp.github.io", ["104.16.1.1"]),
    at("shop.github.io", ["104.16.1.1"]),
    "third_party",
  ],
  ["a host whose address begins the same", at("data.shop.example", ["104.16.200.9"]), WWW, "400_days"],
  ["a host whose address begins otherwise", at("data.shop.example", ["104.17.1.1"]), WWW, "7_days"],
  [
    "a host with two addresses, of which the site has one half",
    at("data.shop.example", ["104.16.1.1", "172.67.1.1"]),
    WWW,
    "7_or_400_days",
  ],
  [
    "a host that has both of the site's halves, of which a visitor gets one each",
    at("data.shop.example", ["104.16.1.1", "172.67.1.1"]),
    at("www.shop.example", ["104.16.1.1", "172.67.1.1"]),
    "7_or_400_days",
  ],
  [
    "a host with IPv4 and IPv6 that begin the same",
    at("data.shop.example", ["104.16.9.9", "2606:4700:1:2:9::9"]),
    at("www.shop.example", ["104.16.1.1", "2606:4700:1:2::1"]),
    "400_days",
  ],
  [
    "a host whose IPv6 differs within the first 64 bits",
    at("data.shop.example", ["104.16.9.9", "2606:4700:1:3::1"]),
    at("www.shop.example", ["104.16.1.1", "2606:4700:1:2::1"]),
    "7_or_400_days",
  ],
  [
    "a host without the site's IPv6",
    at("data.shop.example", ["104.16.9.9"]),
    at("www.shop.example", ["104.16.1.1", "2606:4700:1:2::1"]),
    "7_or_400_days",
  ],
  ["a host with IPv6 alone, of a site with IPv4 alone", at("data.shop.example", ["2606:4700::1"]), WWW, "7_days"],
  [
    "a CNAME away from the site, though the address begins the same",
    at("data.shop.example", ["104.16.1.2"], ["x.cdp.example"]),
    WWW,
    "7_days",
  ],
  [
    "a CNAME that leads back into the site, though the address begins otherwise",
    at("data.shop.example", ["8.8.8.8"], ["x.cdp.example", "edge.shop.example"]),
    WWW,
    "400_days",
  ],
  [
    "a CNAME to where the site's own leads",
    at("data.shop.example", ["8.8.8.8"], ["a.hosting.example"]),
    at("www.shop.example", ["9.9.9.9"], ["b.hosting.example"]),
    "400_days",
  ],
  [
    "a CNAME to elsewhere than the site's own",
    at("data.shop.example", ["8.8.8.8"], ["a.cdp.example"]),
    at("www.shop.example", ["8.8.8.8"], ["b.hosting.example"]),
    "7_days",
  ],
  ["a host without an address", at("data.shop.example", []), WWW, "unknown"],
  ["a site without an address", at("data.shop.example", ["104.16.1.1"]), at("www.shop.example", []), "unknown"],
])("tells how long cookies last for %s", (_, host, site, cookies) => {
  expect(safariVerdict(host, site).cookies).toBe(cookies);
});

it("says what to do wherever cookies do not last", () => {
  const capped = safariVerdict(at("data.shop.example", ["8.8.8.8"]), WWW);
  expect(capped.says).toContain("An A record does not change that");
  expect(capped.next).toContain("route for a path");
  expect(safariVerdict(at("data.cdp.example", ["8.8.8.8"]), WWW).next).toBe("Use a host below shop.example.");
});
