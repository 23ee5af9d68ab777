import { expect, it } from "vitest";
import { keptAddress } from "./address.ts";

const salt = new Uint8Array(32).fill(7);

it.each([
  ["203.0.113.77", "203.0.113.0"],
  ["::ffff:203.0.113.77", "203.0.113.0"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1::"],
  ["2001:db8::1", "2001:db8::"],
  ["::1", "::"],
])("truncates %s to its network", (address, kept) => expect(keptAddress(address, "truncated")).toBe(kept));

it("hashes what is behind the network, alike for a day and otherwise under another salt", () => {
  const kept = keptAddress("203.0.113.77", "last_octet_hashed", salt);
  expect(kept).toMatch(/^203\.0\.113\.\d{1,3}$/);
  expect(keptAddress("203.0.113.77", "last_octet_hashed", salt)).toBe(kept);
  const octets = (fill: number) =>
    Array.from({ length: 64 }, (_, i) =>
      keptAddress(`203.0.113.${i}`, "last_octet_hashed", new Uint8Array(32).fill(fill)),
    );
  expect(new Set(octets(7)).size).toBeGreaterThan(40);
  expect(octets(7)).not.toEqual(octets(8));
  expect(keptAddress("2001:db8:1:2::9", "last_octet_hashed", salt)).toMatch(/^2001:db8:1:/);
});

it("keeps nothing where nothing may be kept, or nothing is known", () => {
  expect(keptAddress("203.0.113.77", "dropped")).toBeUndefined();
  expect(keptAddress(undefined, "full")).toBeUndefined();
  expect(keptAddress("203.0.113.77", "full")).toBe("203.0.113.77");
});

it.each(["", "somewhere", "203.0.113", "203.0.113.999", "1::2::3", "203.0.113.7; DROP"])(
  "keeps nothing of %j, which is no address, under a policy",
  (address) => expect(keptAddress(address, "truncated")).toBeUndefined(),
);
