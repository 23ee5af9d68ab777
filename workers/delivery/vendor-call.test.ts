import { afterEach, describe, expect, it, vi } from "vitest";
import type { VendorRequest } from "./destination.ts";
import { type CallOptions, callVendor, masker } from "./vendor-call.ts";

afterEach(() => vi.restoreAllMocks());

const request: VendorRequest = {
  url: "https://api.example.com:8443/v1/events?key=k%20y",
  method: "POST",
  headers: { "x-token": "t" },
  body: '{"a":1}',
};
const options: CallOptions = { timeoutMs: 1_000, integration: "my vendor", sinkUrl: undefined, mask: (text) => text };

function network(answer: (url: string, init: RequestInit) => Response | Promise<Response>) {
  return vi
    .spyOn(globalThis, "fetch")
    .mockImplementation(async (url, init) => answer(String(url), init as RequestInit));
}

describe("a call", () => {
  it("sends what the destination described, and does not follow redirects", async () => {
    const fetch = network(
      () => new Response("moved", { status: 302, headers: { Location: "https://elsewhere.example" } }),
    );
    expect(await callVendor(request, options)).toEqual({
      answered: true,
      response: {
        status: 302,
        headers: expect.objectContaining({ location: "https://elsewhere.example" }),
        body: "moved",
        json: undefined,
      },
      ms: expect.any(Number),
    });
    expect(fetch).toHaveBeenCalledExactlyOnceWith(request.url, {
      method: "POST",
      headers: request.headers,
      body: request.body,
      redirect: "manual",
      signal: expect.any(AbortSignal),
    });
  });

  it("goes through the sink in development, which sees integration, host, path and query", async () => {
    const fetch = network(() => new Response("ok"));
    await callVendor(request, { ...options, sinkUrl: "http://127.0.0.1:9000" });
    expect(fetch.mock.calls[0]![0]).toBe("http://127.0.0.1:9000/my%20vendor/api.example.com:8443/v1/events?key=k%20y");
  });

  it("has no body where it is a GET", async () => {
    const fetch = network(() => new Response("ok"));
    await callVendor({ ...request, method: "GET" }, options);
    expect(fetch.mock.calls[0]![1]!.body).toBeNull();
  });

  it("is given up after its time, and says so", async () => {
    network(
      (_, { signal }) => new Promise((_, reject) => signal!.addEventListener("abort", () => reject(signal!.reason))),
    );
    const result = await callVendor(request, { ...options, timeoutMs: 10 });
    expect(result).toEqual({
      answered: false,
      error: expect.stringMatching(/^TimeoutError: /),
      ms: expect.any(Number),
      is_late: true,
    });
  });

  it.each([
    ["the network fails", request, () => Promise.reject(new TypeError("connection refused")), "connection refused"],
    ["the answer breaks off", request, () => new Response(brokenStream()), "broke off"],
    ["its address is none", { ...request, url: "nowhere" }, undefined, "nowhere"],
    ["a header cannot be sent", { ...request, headers: { "x-token": "a\nb" } }, undefined, "header"],
  ])("is answered by an error, never thrown, where %s", async (_, request, answer, words) => {
    if (answer) network(answer);
    expect(await callVendor(request, options)).toMatchObject({
      answered: false,
      error: expect.stringContaining(words),
      is_late: false,
    });
  });
});

describe("an answer", () => {
  it.each<[string, string, unknown]>([
    ["JSON", '{"ok":true}', { ok: true }],
    ["an HTML page", "<html>", undefined],
    ["nothing", "", undefined],
  ])("of %s is kept as it is, and parsed where it can be", async (_, body, json) => {
    network(() => new Response(body));
    expect(await callVendor(request, options)).toMatchObject({ response: { body, json } });
  });

  it.each([
    ["in one piece", [200_000]],
    ["in pieces", [40_000, 40_000, 40_000]],
    ["in pieces of just the size", [65_536, 1]],
  ])("is cut at 64 KB when it comes %s, and not read any further", async (_, sizes) => {
    let cancelled = false;
    const pieces = sizes.map((size) => new Uint8Array(size).fill(120)).values();
    const body = new ReadableStream({
      // The last piece never comes: who waits for it waits for ever.
      pull: (controller) => controller.enqueue(pieces.next().value ?? new Uint8Array(1)),
      cancel() {
        cancelled = true;
      },
    });
    network(() => new Response(body));
    const result = await callVendor(request, options);
    expect(result).toMatchObject({ answered: true, response: { body: "x".repeat(65_536) } });
    expect(cancelled).toBe(true);
  });

  it("is cut at 64 KB though it says that it is short, where that is its compressed length", async () => {
    const headers = { "content-encoding": "gzip", "content-length": "120" };
    network(() => new Response("x".repeat(200_000), { headers }));
    expect(await callVendor(request, options)).toMatchObject({ response: { body: "x".repeat(65_536) } });
  });

  it("is not torn where a letter lies across two pieces", async () => {
    const body = new ReadableStream({
      start(controller) {
        for (const bytes of [[0xc5], [0xbc, 0x21]]) controller.enqueue(new Uint8Array(bytes));
        controller.close();
      },
    });
    network(() => new Response(body));
    expect(await callVendor(request, options)).toMatchObject({ response: { body: "ż!" } });
  });

  it("loses the secrets that it repeats before anyone can cut it; what is read by code keeps them", async () => {
    network(() => Response.json({ token: "s3cret" }));
    const result = await callVendor(request, { ...options, mask: masker({ token: "s3cret" }) });
    expect(result).toMatchObject({ response: { body: '{"token":"•••"}', json: { token: "s3cret" } } });
  });
});

describe("masking", () => {
  it.each<[string, unknown, string, string]>([
    ["a secret", { a: "hidden" }, "a hidden word, hidden twice", "a ••• word, ••• twice"],
    ["a secret in an address", { a: "a b/c&d" }, "?x=a%20b%2Fc%26d&y=a+b%2Fc%26d", "?x=•••&y=•••"],
    ["a secret in JSON", { a: 'qu"ote\n' }, JSON.stringify({ a: 'qu"ote\n' }), '{"a":"•••"}'],
    ["secrets in secrets", { headers: { x: "hidden", y: ["hushed"] } }, "hidden hushed", "••• •••"],
    ["one of several words", { a: "Bearer 12345678 abcdefgh" }, "12345678, abcdefgh, Bearer", "•••, •••, Bearer"],
    ["a secret that begins as another", { a: "abcd", b: "abcdefgh" }, "abcdefgh abcd", "••• •••"],
    ["nothing too short to be a secret", { a: "abc", b: "", c: 7, d: null }, "abc 7", "abc 7"],
    ["nothing where there are none", {}, "text", "text"],
  ])("blanks %s", (_, secrets, text, masked) => {
    expect(masker(secrets)(text)).toBe(masked);
  });
});

function brokenStream(): ReadableStream {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(new Uint8Array([1]));
      controller.error(new Error("broke off"));
    },
  });
}
