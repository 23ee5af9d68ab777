import { expect, it } from "vitest";
import { kindOfAddress } from "./cloudflare-ranges.ts";

it.each([
  ["104.16.0.0", "cloudflare"],
  ["104.27.255.255", "cloudflare"],
  ["104.28.0.0", "public"],
  ["172.71.255.255", "cloudflare"],
  ["172.72.0.0", "public"],
  ["2606:4700::6810:1", "cloudflare"],
  ["2606:4701::1", "public"],
  ["8.8.8.8", "public"],
  ["::ffff:104.16.0.1", "cloudflare"],
  ["100::", "placeholder"],
  ["100::ffff:1", "placeholder"],
  ["100:0:0:1::", "public"],
  ["127.0.0.1", "private"],
  ["10.1.2.3", "private"],
  ["100.64.0.1", "private"],
  ["192.0.2.1", "private"],
  ["fe80::1", "private"],
  ["fd00::1", "private"],
])("%s is %s", (address, kind) => {
  expect(kindOfAddress(address)).toBe(kind);
});
