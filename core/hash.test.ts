import { expect, it } from "vitest";
import { hash64, hmacSha256, sha256 } from "./hash.ts";

it.each([
  ["", { high: 1217125560, low: 451841411 }],
  ["a1", { high: 1760531994, low: 3135374189 }],
  ["550e8400-e29b-41d4-a716-446655440000", { high: 4294114899, low: 3875194232 }],
  ["Zażółć gęślą jaźń 🦆", { high: 2181217777, low: 588370636 }],
])("hash64 of %j is what it has always been: it decides which object owns a visitor", (text, hash) => {
  expect(hash64(text)).toEqual(hash);
});

it("hash64 gives other halves for another seed", () => {
  expect(hash64("a1", 1)).not.toEqual(hash64("a1"));
});

it("hash64 has no collision among 100,000 ids that differ in one digit", () => {
  const seen = new Set(Array.from({ length: 100_000 }, (_, i) => JSON.stringify(hash64(`visitor-${i}`))));
  expect(seen.size).toBe(100_000);
});

it("sha256 is of the UTF-8 bytes, in lower-case hex", () => {
  expect(sha256("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  expect(sha256("żółw")).toBe("f36b811094f4408ff06897bb585bbd814e42bb0463782c8b0b4d28d9ca8e2591");
});

it("hmacSha256 gives the value of RFC 4231, test case 2", () => {
  const mac = hmacSha256(new TextEncoder().encode("Jefe"), "what do ya want for nothing?");
  expect(Buffer.from(mac, "base64").toString("hex")).toBe(
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
});
