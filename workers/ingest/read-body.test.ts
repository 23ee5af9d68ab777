import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../core/event.ts";
import { readBody } from "./read-body.ts";

/** As it comes from a network: with its length, unless it comes in pieces. */
const post = (body: string | Uint8Array | ReadableStream, headers: Record<string, string> = {}) => {
  const length = body instanceof ReadableStream ? {} : { "content-length": String(Buffer.byteLength(body)) };
  return new Request("https://data.shop.example/v1/b", { method: "POST", body, headers: { ...length, ...headers } });
};
const GZIP = { "content-encoding": "gzip" };
const json = JSON.stringify({ batch: [{ event: "Größe ✓" }] });

/** Without a declared length, in pieces that cut letters. */
const inPieces = (bytes: Uint8Array) =>
  new ReadableStream({
    start(controller) {
      for (let i = 0; i < bytes.length; i += 7) controller.enqueue(bytes.slice(i, i + 7));
      controller.close();
    },
  });

describe("a body", () => {
  const bytes = new TextEncoder().encode(json);
  it.each([
    ["plain", () => post(json)],
    ["plain, and it says so", () => post(json, { "content-encoding": "identity" })],
    ["with a mark of its byte order", () => post(`\ufeff${json}`)],
    ["in pieces", () => post(inPieces(bytes))],
    ["with gzip", () => post(gzipSync(json), GZIP)],
    ["with gzip in pieces", () => post(inPieces(gzipSync(json)), GZIP)],
  ])("is read %s", async (_, request) => {
    expect((await readBody(request())).value).toEqual({ batch: [{ event: "Größe ✓" }] });
  });

  it("is handed on as it was sent, for its signature", async () => {
    const zipped = gzipSync(json);
    const signed = { "x-signature": "…" };
    expect((await readBody(post(zipped, { ...GZIP, ...signed }))).bytes).toEqual(new Uint8Array(zipped));
    expect((await readBody(post(json, signed))).bytes).toEqual(new TextEncoder().encode(json));
    expect(await readBody(post(json))).not.toHaveProperty("bytes");
  });

  it.each<[string, () => Request, string]>([
    ["says gzip and is none", () => post(json, GZIP), "invalid_encoding"],
    ["ends in the middle of its gzip", () => post(gzipSync(json).subarray(0, 20), GZIP), "invalid_encoding"],
    ["has another compression", () => post(json, { "content-encoding": "br" }), "unsupported_media_type"],
    ["has two of them", () => post(json, { "content-encoding": "gzip, gzip" }), "unsupported_media_type"],
    [
      "inflates to more than may be sent",
      () => post(gzipSync("x".repeat(LIMITS.REQUEST_BYTES + 1)), GZIP),
      "request_too_large",
    ],
    ["inflates to 50 MB", () => post(gzipSync(Buffer.alloc(50_000_000)), GZIP), "request_too_large"],
    ["is too large in pieces", () => post(inPieces(new Uint8Array(LIMITS.REQUEST_BYTES + 1))), "request_too_large"],
    ["has half a letter", () => post(new Uint8Array([0x7b, 0xc3])), "invalid_encoding"],
    ["has half a letter in pieces", () => post(inPieces(new Uint8Array([0x7b, 0xc3]))), "invalid_encoding"],
    ["names a prototype", () => post('{"a":[{"__proto__":{"x":1}}]}'), "invalid_request"],
    ["names a prototype in disguise", () => post('{"a":{"\\u005f\\u005fproto__":1}}'), "invalid_request"],
    ["names a prototype in half a disguise", () => post('{"a":{"_\\u005Fproto_\\u005f":1}}'), "invalid_request"],
  ])("is refused when it %s", async (_, request, code) => {
    await expect(readBody(request())).rejects.toMatchObject({ code });
  });

  it("may hold a replacement character that was sent as such", async () => {
    expect((await readBody(post('{"a":"\ufffd"}'))).value).toEqual({ a: "\ufffd" });
  });

  it("may speak of a prototype in its values", async () => {
    expect((await readBody(post('{"event":"__proto__"}'))).value).toEqual({ event: "__proto__" });
  });
});
