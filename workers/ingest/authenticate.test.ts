import { env } from "cloudflare:workers";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { sha256 } from "../../core/hash.ts";
import { seal } from "../../core/vault.ts";
import { aDoor, type Door, publishKey, SERVER_KEY, WRITE_KEY } from "../../test/a-door.ts";
import { aSource } from "../../test/an-environment.ts";
import { forgetConfiguration } from "../config.ts";
import { sign } from "./signature.ts";

const APP_KEY = "ak_shop";
const SECRET_KEY = "as_a secret: with a colon";
const event = { type: "track", event: "Signed Up", user_id: "u1" };

const code = async (response: Response) =>
  response.ok ? response.status : ((await response.json()) as { error: { code: string } }).error.code;
const basic = (user: string, password = "") => ({ authorization: `Basic ${btoa(`${user}:${password}`)}` });

async function publishAppKey(): Promise<void> {
  const sealed_secret = await seal(env.DOOR_KEY, sha256(APP_KEY), SECRET_KEY);
  await publishKey(APP_KEY, { kind: "server", secret_hash: sha256(SECRET_KEY), sealed_secret });
}

let door: Door;
beforeAll(async () => {
  door = await aDoor();
  await publishAppKey();
});

/** POSTs a body, signed unless a header says otherwise. */
function signed(
  body: string | Uint8Array,
  { at = Date.now(), secret = SECRET_KEY, headers = {} as Record<string, string> } = {},
) {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const timestamp = String(Math.floor(at / 1_000));
  const given = { "x-app-key": APP_KEY, "x-timestamp": timestamp, "x-signature": sign(secret, timestamp, bytes) };
  return { method: "POST", body, headers: { ...given, ...headers } };
}
let bodies = 0;
const aBody = () => JSON.stringify({ batch: [{ ...event, message_id: `signed-${bodies++}` }] });

describe("an app key", () => {
  it("opens with its secret key as password", async () => {
    const send = (password: string) =>
      door.fetch("/v1/track", { method: "POST", headers: basic(APP_KEY, password), body: JSON.stringify(event) });
    expect(await code(await send(SECRET_KEY))).toBe(200);
    expect(await code(await send("as_another"))).toBe("wrong_secret_key");
    expect(await code(await send(""))).toBe("wrong_secret_key");
  });

  it.each([
    ["in x-write-key", { "x-write-key": APP_KEY }],
    ["in x-app-key without a signature", { "x-app-key": APP_KEY }],
    ["in x-app-key with half a signature", { "x-app-key": APP_KEY, "x-timestamp": "1763712000" }],
  ])("alone opens nothing: %s", async (_, headers) => {
    const response = await door.fetch("/v1/track", { method: "POST", headers, body: JSON.stringify(event) });
    expect(await code(response)).toBe("wrong_secret_key");
  });

  it("opens with a signature of the body, plain or compressed", async () => {
    expect(await code(await door.fetch("/v1/batch", signed(aBody())))).toBe(200);
    const zipped = signed(gzipSync(aBody()), { headers: { "content-encoding": "gzip" } });
    expect(await code(await door.fetch("/v1/batch", zipped))).toBe(200);
  });

  it.each([
    ["four minutes ago", -4],
    ["in four minutes", 4],
  ])("may have signed %s", async (_, minutes) => {
    const request = signed(aBody(), { at: Date.now() + minutes * 60_000 });
    expect(await code(await door.fetch("/v1/batch", request))).toBe(200);
  });

  it.each<[string, string, () => RequestInit]>([
    ["six minutes ago", "stale_signature", () => signed(aBody(), { at: Date.now() - 6 * 60_000 })],
    ["in six minutes", "stale_signature", () => signed(aBody(), { at: Date.now() + 6 * 60_000 })],
    ["with another secret", "invalid_signature", () => signed(aBody(), { secret: "as_another" })],
    ["another body", "invalid_signature", () => ({ ...signed(aBody()), body: aBody() })],
    ["at no time", "invalid_signature", () => signed(aBody(), { headers: { "x-timestamp": "today" } })],
    ["in milliseconds", "invalid_signature", () => signed(aBody(), { headers: { "x-timestamp": "1763712000000" } })],
    [
      "at a time that is another now",
      "invalid_signature",
      () => signed(aBody(), { headers: { "x-timestamp": String(Math.floor(Date.now() / 1_000) + 5) } }),
    ],
    ["with half a signature", "invalid_signature", () => signed(aBody(), { headers: { "x-signature": "ab" } })],
    ["with nothing", "invalid_signature", () => signed(aBody(), { headers: { "x-signature": "" } })],
  ])("is refused when it signed %s", async (_, refusal, request) => {
    const before = door.texts.length;
    expect(await code(await door.fetch("/v1/batch", request()))).toBe(refusal);
    expect(door.texts.length).toBe(before);
  });

  it("is refused when the same signed request comes again, and lets nothing through twice", async () => {
    const request = signed(aBody());
    const before = door.texts.length;
    const answers = await Promise.all([1, 2, 3].map(async () => code(await door.fetch("/v1/batch", request))));
    expect(answers.sort()).toEqual([200, "replayed_request", "replayed_request"]);
    expect(door.texts.length).toBe(before + 1);
  });

  it("may send the same signed request again where we failed to store it, so that nothing is lost", async () => {
    const broken = { send: () => Promise.reject(new Error("down")) } as unknown as Queue;
    const failing = { put: () => Promise.reject(new Error("down")) } as unknown as R2Bucket;
    const closed = await aDoor({}, { RAW_EVENTS: broken, LAKE: failing });
    await publishAppKey();
    const request = signed(aBody());
    expect(await code(await closed.fetch("/v1/batch", request))).toBe("overloaded");
    expect(await code(await door.fetch("/v1/batch", request))).toBe(200);
    expect(await code(await door.fetch("/v1/batch", request))).toBe("replayed_request");
  });
});

describe("a key's life", () => {
  const send = (key: string) =>
    door.fetch("/v1/track", { method: "POST", headers: basic(key), body: JSON.stringify(event) });

  it("ends when its grace is over", async () => {
    await publishKey("sk_rotated", { kind: "server", expires_at: new Date(Date.now() + 60_000).toISOString() });
    expect(await code(await send("sk_rotated"))).toBe(200);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
    try {
      expect(await code(await send("sk_rotated"))).toBe("unknown_write_key");
    } finally {
      vi.useRealTimers();
      forgetConfiguration();
    }
  });

  it("ends within a minute of being revoked, where it was just used", async () => {
    await publishKey("sk_soon_revoked", { kind: "server" });
    expect(await code(await send("sk_soon_revoked"))).toBe(200);
    const { put } = env.CONFIG;
    const document = JSON.parse((await env.CONFIG.get(`write-key/${sha256("sk_soon_revoked")}`))!);
    await put.call(
      env.CONFIG,
      `write-key/${sha256("sk_soon_revoked")}`,
      JSON.stringify({ ...document, revoked: true }),
    );
    // KV may show the old document for 30 seconds more (cacheTtl), and we for 20 after that.
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 20_000 });
    try {
      expect(await code(await send("sk_soon_revoked"))).toBe("unknown_write_key");
    } finally {
      vi.useRealTimers();
      forgetConfiguration();
    }
  });
});

describe("who may use a key", () => {
  it("is for public keys the pages that the source lists", async () => {
    const listed = await aDoor({ sources: [aSource({ allowed_origins: ["https://shop.example"] })] });
    const from = (headers: Record<string, string>) => listed.post("/v1/track", event, headers);
    expect(await code(await from({ origin: "https://shop.example" }))).toBe(200);
    expect(await code(await from({ origin: "https://evil.example" }))).toBe("origin_not_allowed");
    expect(await code(await from({}))).toBe("origin_not_allowed");
    // A server is no page.
    const server = { method: "POST", headers: basic(SERVER_KEY), body: JSON.stringify(event) };
    expect(await code(await listed.fetch("/v1/track", server))).toBe(200);
  });

  it("is for server keys the addresses that the source lists", async () => {
    const listed = await aDoor({ sources: [aSource({ allowed_ips: ["198.51.100.0/24"] })] });
    const from = (address: string, key: string) =>
      listed.fetch("/v1/track", {
        method: "POST",
        headers: { ...basic(key), "cf-connecting-ip": address },
        body: JSON.stringify(event),
      });
    expect(await code(await from("198.51.100.9", SERVER_KEY))).toBe(200);
    expect(await code(await from("203.0.113.9", SERVER_KEY))).toBe("address_not_allowed");
    expect(await code(await from("203.0.113.9", WRITE_KEY))).toBe(200);
  });
});
