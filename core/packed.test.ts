import { expect, it } from "vitest";
import { pack, unpack, unpackedLength } from "./packed.ts";

it.each([
  ["nothing", ""],
  ["a line", '{"a":1}'],
  ["letters of all sizes", "Gdańsk – 水 🦊\n".repeat(1_000)],
])("gives back %s, and knows its length before", (_, text) => {
  const packed = pack(text);
  expect(unpack(packed)).toBe(text);
  expect(unpack(packed.buffer)).toBe(text);
  expect(unpackedLength(packed)).toBe(new TextEncoder().encode(text).length);
});

it("reads a text that was stored as it is", () => {
  expect(unpack('["as it was"]')).toBe('["as it was"]');
});

it("owns no more than its bytes, so that a message carries no more", () => {
  const packed = pack("x".repeat(100_000));
  expect(packed.buffer.byteLength).toBe(packed.byteLength);
  expect(packed.byteLength).toBeLessThan(1_000);
});
