import { env, exports } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../core/event.ts";
import { aDoor, type Door, KEYS, publish, REVOKED_KEY, SERVER_KEY, WRITE_KEY } from "../../test/a-door.ts";

const ORIGIN = "https://www.shop.example";
const track = { type: "track", event: "Signed Up", anonymous_id: "a1", message_id: "m1" };
const tracks = (n: number) => Array.from({ length: n }, (_, i) => ({ ...track, message_id: `m${i}` }));
const basic = (user: string) => `Basic ${btoa(`${user}:`)}`;

async function expectRefusal(response: Response, status: number, code: string) {
  const body = await response.json();
  expect(body).toMatchObject({ error: { code, message: expect.stringMatching(/./) } });
  expect(response.status).toBe(status);
  expect(response.headers.get("content-type")).toMatch("application/json");
  expect(response.headers.getSetCookie()).toEqual([]);
  return body as { error: { code: string; message: string }; rejected?: { index: number; code: string }[] };
}

describe("the whole Worker, on its real queue", () => {
  it("answers 200 and carries the event to its visitor's shard", async () => {
    await publish({ id: "env_real" });
    const response = await exports.default.fetch("https://collect.shop.example/v1/batch", {
      method: "POST",
      headers: { origin: ORIGIN, "content-type": "text/plain;charset=UTF-8" },
      body: JSON.stringify({ write_key: WRITE_KEY, batch: [track] }),
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ success: true, accepted: 1, rejected: [] });
    const stats = () =>
      Promise.all(["s0", "s1"].map((shard) => env.VISITOR_SHARD.getByName(`env_real/${shard}`).stats()));
    await vi.waitFor(async () => expect((await stats()).map((s) => s.events).sort()).toEqual([0, 1]), 10_000);
  });

  it.each([
    ["GET", "/v1/track", 405, "method_not_allowed"],
    ["POST", "/v1/nothing", 404, "not_found"],
    ["POST", "/v1/track", 401, "unknown_write_key"],
  ])("refuses %s %s with %d", async (method, path, status, code) => {
    const url = `https://collect.shop.example${path}`;
    const response = await exports.default.fetch(url, { method, ...(method === "POST" && { body: "{}" }) });
    await expectRefusal(response, status, code);
  });
});

describe("the routes", () => {
  let door: Door;
  beforeAll(async () => {
    door = await aDoor();
  });

  it.each(["page", "track", "identify", "group", "alias", "screen"])(
    "/v1/%s takes one event of its type",
    async (type) => {
      door.texts.length = 0;
      const response = await door.post(`/v1/${type}`, { event: "Signed Up", anonymousId: "a1", userId: "u1" });
      expect(await response.json()).toEqual({ success: true, accepted: 1, rejected: [] });
      expect(door.events()).toEqual([
        expect.objectContaining({
          type,
          event: type === "track" ? "Signed Up" : type,
          anonymous_id: "a1",
          user_id: "u1",
        }),
      ]);
      expect(door.texts[0]).not.toContain(WRITE_KEY);
    },
  );

  it("/v1/batch takes the good events in order and refuses the bad ones by their place", async () => {
    door.texts.length = 0;
    const batch = [track, { ...track, type: "tracks" }, { ...track, message_id: "m2" }, null, "x", { type: "page" }];
    const response = await door.post("/v1/batch", { batch });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      success: true,
      accepted: 3,
      rejected: [
        { index: 1, code: "invalid_event", message: expect.stringMatching(/^type: /) },
        { index: 3, code: "invalid_event", message: "an event must be a JSON object" },
        { index: 4, code: "invalid_event", message: "an event must be a JSON object" },
      ],
    });
    expect(door.events().map((e) => e.message_id)).toEqual(["m1", "m2", expect.stringMatching(/^[0-9a-f-]{36}$/)]);
  });

  it("gives every event of a batch the batch's context, integrations and sent_at, where it has none of its own", async () => {
    door.texts.length = 0;
    await door.post("/v1/batch", {
      context: { locale: "en-GB", ip: "192.0.2.1" },
      integrations: { All: false },
      sentAt: "2026-11-20T12:00:00+02:00",
      batch: [
        track,
        {
          ...track,
          message_id: "m2",
          context: { ip: "192.0.2.2" },
          integrations: { All: true },
          sentAt: "2026-11-20T11:00:00Z",
        },
        { ...track, message_id: "m3", context: null },
      ],
    });
    const given = { context: { locale: "en-GB", ip: "192.0.2.1" }, integrations: { All: false } };
    expect(door.events()).toEqual([
      expect.objectContaining({ ...given, sent_at: "2026-11-20T10:00:00.000Z" }),
      expect.objectContaining({
        context: { locale: "en-GB", ip: "192.0.2.2" },
        integrations: { All: true },
        sent_at: "2026-11-20T11:00:00.000Z",
      }),
      expect.objectContaining(given),
    ]);
  });

  it.each([
    ["a batch's context", { context: "x", batch: [track] }],
    ["an event's context", { context: { locale: "en" }, batch: [{ ...track, context: "x" }] }],
    ["an event's list of contexts", { context: { locale: "en" }, batch: [{ ...track, context: [{}] }] }],
  ])("refuses %s that is no object", async (_, body) => {
    const { error } = await expectRefusal(await door.post("/v1/batch", body), 400, "no_valid_events");
    expect(error.message).toMatch(/^context: /);
  });

  it("takes keys that JavaScript treats as its own, but for the one that no property has", async () => {
    door.texts.length = 0;
    const own = { constructor: { prototype: { polluted: 1 } }, toString: 1, hasOwnProperty: "x" };
    expect((await door.post("/v1/track", { ...track, properties: own })).status).toBe(200);
    expect(door.events()[0]!.properties).toEqual(own);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe("the write key", () => {
  let door: Door;
  beforeAll(async () => {
    door = await aDoor();
  });
  const send = (headers: Record<string, string>, body: object = {}, path = "/v1/track") =>
    door.fetch(path, { method: "POST", headers, body: JSON.stringify({ ...track, ...body }) });

  it.each<[string, Record<string, string>, object]>([
    ["by Basic authentication", { authorization: basic(WRITE_KEY) }, {}],
    ["by Basic authentication in small letters", { authorization: basic(WRITE_KEY).replace("Basic", "basic") }, {}],
    ["by Basic authentication with a password", { authorization: `Basic ${btoa(`${WRITE_KEY}:x:y`)}` }, {}],
    ["by Basic authentication without a colon", { authorization: `Basic ${btoa(WRITE_KEY)}` }, {}],
    ["in x-write-key", { "x-write-key": WRITE_KEY }, {}],
    ["in x-write-key beside another scheme", { authorization: "Bearer x", "x-write-key": WRITE_KEY }, {}],
    ["as write_key in the body", {}, { write_key: WRITE_KEY }],
    ["as writeKey in the body", {}, { writeKey: WRITE_KEY }],
    ["of a server", { authorization: basic(SERVER_KEY) }, {}],
  ])("comes %s", async (_, headers, body) => {
    expect((await send(headers, body)).status).toBe(200);
  });

  it.each<[string, Record<string, string>, object]>([
    ["is missing", {}, {}],
    ["is unknown", { "x-write-key": "wk_unknown" }, {}],
    ["was revoked", { "x-write-key": REVOKED_KEY }, {}],
    ["is of a source that was deleted", { "x-write-key": KEYS.ORPHAN_KEY }, {}],
    ["is empty", { authorization: basic("") }, {}],
    ["is no base64", { authorization: "Basic %%%" }, {}],
    ["is no text", {}, { write_key: { $ne: null } }],
    ["is called like a method", {}, { write_key: "constructor" }],
  ])("opens nothing when it %s", async (_, headers, body) => {
    door.texts.length = 0;
    await expectRefusal(await send({ ...headers, origin: ORIGIN }, body), 401, "unknown_write_key");
    expect(door.texts).toEqual([]);
  });

  it("is refused in the same words whether it was revoked or never existed", async () => {
    const [revoked, unknown] = await Promise.all([
      send({ "x-write-key": REVOKED_KEY }),
      send({ "x-write-key": "wk_unknown" }),
    ]);
    expect(await revoked.text()).toBe(await unknown.text());
    expect(unknown.headers.get("www-authenticate")).toBe('Basic realm="write key"');
  });
});

describe("the body", () => {
  let door: Door;
  beforeAll(async () => {
    door = await aDoor();
  });
  const send = (body: BodyInit | null, headers: Record<string, string> = {}) =>
    door.fetch("/v1/batch", {
      method: "POST",
      body,
      headers: { "x-write-key": WRITE_KEY, origin: ORIGIN, ...headers },
    });
  const streamed = (text: string) => {
    const chunks = new Blob([text]).stream();
    return send(chunks as BodyInit);
  };
  const padded = (bytes: number) => {
    const body = JSON.stringify({ batch: [track], padding: "" });
    return body.replace('"padding":""', `"padding":"${"x".repeat(bytes - body.length)}"`);
  };

  it.each([
    "application/json",
    "application/json; charset=utf-8",
    "Application/JSON",
    "text/plain",
    "text/plain;charset=UTF-8",
  ])("may be %s", async (type) => {
    expect((await send(JSON.stringify({ batch: [track] }), { "content-type": type })).status).toBe(200);
  });

  it.each([
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "application/json-seq",
    "text/plainer",
  ])("may not be %s", async (type) => {
    await expectRefusal(await send("{}", { "content-type": type }), 415, "unsupported_media_type");
  });

  it.each<[string, BodyInit | null, number, string]>([
    ["is empty", "", 400, "invalid_json"],
    ["is absent", null, 400, "invalid_json"],
    ["is cut", '{"batch":[{"type":"track"', 400, "invalid_json"],
    ["is no JSON", "batch=1", 400, "invalid_json"],
    ["is no UTF-8", new Uint8Array([0xff, 0xfe, 0x7b]), 400, "invalid_encoding"],
    ["is a list", JSON.stringify([track]), 400, "invalid_request"],
    ["is null", "null", 400, "invalid_request"],
    ["is text", '"x"', 400, "invalid_request"],
    ["has no batch", JSON.stringify(track), 400, "invalid_request"],
    ["has a batch that is an object", JSON.stringify({ batch: { 0: track, length: 1 } }), 400, "invalid_request"],
    ["has an empty batch", JSON.stringify({ batch: [] }), 400, "no_valid_events"],
    [
      "has over 2,500 events",
      JSON.stringify({ batch: Array(LIMITS.BATCH_EVENTS + 1).fill({}) }),
      413,
      "request_too_large",
    ],
  ])("is refused when it %s", async (_, body, status, code) => {
    await expectRefusal(await send(body), status, code);
  });

  it("is refused with every reason when no event in it is valid", async () => {
    const body = await expectRefusal(await send(JSON.stringify({ batch: [{}, null] })), 400, "no_valid_events");
    expect(body.rejected).toEqual([
      { index: 0, code: "invalid_event", message: expect.stringMatching(/^type: /) },
      { index: 1, code: "invalid_event", message: "an event must be a JSON object" },
    ]);
    expect(body.error.message).toMatch(/^type: /);
  });

  it("may have 500 KB, whether its length is told or not", async () => {
    const body = padded(LIMITS.REQUEST_BYTES);
    expect((await send(body, { "content-length": String(LIMITS.REQUEST_BYTES) })).status).toBe(200);
    expect((await streamed(body)).status).toBe(200);
  });

  it("may not have a byte more, whether its length is told or not", async () => {
    const body = padded(LIMITS.REQUEST_BYTES + 1);
    const told = await send(body, { "content-length": String(LIMITS.REQUEST_BYTES + 1) });
    await expectRefusal(told, 413, "request_too_large");
    await expectRefusal(await streamed(body), 413, "request_too_large");
  });

  it("without a length is not read to its end when it is too long", async () => {
    let pulled = 0;
    const endless = new ReadableStream({
      pull: (controller) => {
        pulled++;
        controller.enqueue(new Uint8Array(64 * 1024).fill(32));
      },
    });
    await expectRefusal(await send(endless as BodyInit), 413, "request_too_large");
    expect(pulled).toBeLessThan(12);
  });

  it("without a length may be cut anywhere, even inside a letter", async () => {
    door.texts.length = 0;
    const bytes = new TextEncoder().encode(JSON.stringify({ batch: [{ ...track, properties: { bird: "żółw 🦆" } }] }));
    const drops = new ReadableStream({
      start: (controller) => {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    expect((await send(drops as BodyInit)).status).toBe(200);
    expect(door.events()[0]!.properties).toEqual({ bird: "żółw 🦆" });
  });

  it("may have 2,500 events", async () => {
    const response = await send(JSON.stringify({ batch: tracks(LIMITS.BATCH_EVENTS) }));
    expect(await response.json()).toMatchObject({ accepted: LIMITS.BATCH_EVENTS });
  });

  it.each([
    ["letters", "x".repeat(LIMITS.EVENT_BYTES)],
    ["bytes, not letters", "ż".repeat(LIMITS.EVENT_BYTES / 2)],
  ])("refuses an event of over 32 KB by its place, counted in %s", async (_, long) => {
    const response = await send(
      JSON.stringify({
        batch: [track, { ...track, message_id: "m2", properties: { long } }, { ...track, message_id: "m3" }],
      }),
    );
    expect(await response.json()).toEqual({
      success: true,
      accepted: 2,
      rejected: [{ index: 1, code: "event_too_large", message: "an event may have 32 KB, this one has 33" }],
    });
  });

  it("refuses an event that nests 100,000 levels deep by its place", async () => {
    const deep = `{"type":"track","event":"x","properties":{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}}`;
    const response = await send(`{"batch":[${deep},${JSON.stringify(track)}]}`);
    expect(await response.json()).toMatchObject({ accepted: 1, rejected: [{ index: 0, code: "invalid_event" }] });
  });
});

describe("a source that sends too fast", () => {
  const ofSource = { "cf-connecting-ip": "198.51.100.1", origin: ORIGIN };
  it.each([
    ["source", "SOURCE_LIMIT", "src_test", "This source sends faster than it may", 100],
    ["address", "ADDRESS_LIMIT", "198.51.100.1", "This address sends faster than it may", 10],
  ])("is told to wait, before anything is queued: its %s", async (_, binding, key, message, asked) => {
    const limit = vi.fn(async () => ({ success: false }));
    const door = await aDoor({}, { [binding]: { limit } });
    for (let i = 1; i < asked; i++) {
      const response = await door.post("/v1/track", track, ofSource);
      expect(response.status).toBe(200);
      expect(Number(response.headers.get("x-ratelimit-remaining"))).toBeLessThan(6_000);
    }
    expect(limit).not.toHaveBeenCalled();
    const response = await door.post("/v1/track", track, ofSource);
    const { error } = await expectRefusal(response, 429, "too_many_requests");
    expect(error.message).toBe(message);
    expect(response.headers.get("retry-after")).toMatch(/^([1-9]|10)$/);
    expect(response.headers.get("x-ratelimit-remaining")).toBe("0");
    expect(limit).toHaveBeenCalledExactlyOnceWith({ key });
    expect(door.texts.length).toBe(asked - 1);
  });

  it("is told so too when it tries keys that are none", async () => {
    const door = await aDoor({}, { ADDRESS_LIMIT: { limit: async () => ({ success: false }) } });
    const guess = (i: number) => door.post("/v1/track", { ...track, write_key: `wk_guess_${i}` }, ofSource);
    for (let i = 1; i < 10; i++) expect((await guess(i)).status).toBe(401);
    await expectRefusal(await guess(10), 429, "too_many_requests");
  });
});

describe("a page on another site", () => {
  let door: Door;
  beforeAll(async () => {
    door = await aDoor();
  });

  const readable = {
    "access-control-allow-origin": ORIGIN,
    "access-control-allow-credentials": "true",
    "access-control-expose-headers": "retry-after, x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset",
    vary: "origin",
  };

  it.each<[number, string, RequestInit]>([
    [200, "/v1/track", { method: "POST", body: JSON.stringify({ ...track, write_key: WRITE_KEY }) }],
    [400, "/v1/track", { method: "POST", body: "{" }],
    [401, "/v1/track", { method: "POST", body: JSON.stringify(track) }],
    [404, "/v1/nothing", { method: "POST", body: "{}" }],
    [404, "/nothing", {}],
    [405, "/v1/batch", { method: "PUT", body: "{}" }],
    [405, "/v1/track", {}],
    [413, "/v1/batch", { method: "POST", body: "{}", headers: { "content-length": "512001" } }],
    [415, "/v1/batch", { method: "POST", body: "{}", headers: { "content-type": "text/html" } }],
  ])("can read a %d from %s", async (status, path, { headers, ...init }) => {
    const response = await door.fetch(path, { ...init, headers: { ...(headers as object), origin: ORIGIN } });
    expect(response.status).toBe(status);
    const { "access-control-expose-headers": _, vary: __, ...least } = readable;
    expect(Object.fromEntries(response.headers)).toMatchObject(status === 200 ? least : readable);
    if (status >= 400) expect(await response.json()).toMatchObject({ error: { code: expect.any(String) } });
    if (status === 405) expect(response.headers.get("allow")).toBe("POST, OPTIONS");
  });

  it("can read our own mistakes, which say nothing of themselves", async () => {
    vi.spyOn(console, "error").mockImplementationOnce(() => {});
    const broken = await aDoor(
      {},
      { CONFIG: { get: () => Promise.reject(new Error("kv-secret")) } as unknown as KVNamespace },
    );
    const response = await broken.post("/v1/track", track, { origin: ORIGIN });
    expect(Object.fromEntries(response.headers)).toMatchObject(readable);
    const { error } = await expectRefusal(response, 500, "internal");
    expect(error.message).not.toContain("kv-secret");
  });

  it.each(["/v1/batch", "/v1/track", "/v1/page"])("may ask before it sends to %s", async (path) => {
    const response = await door.fetch(path, {
      method: "OPTIONS",
      headers: {
        origin: ORIGIN,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-custom",
      },
    });
    expect(response.status).toBe(204);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      ...readable,
      "access-control-allow-methods": "POST, GET, OPTIONS",
      "access-control-allow-headers": "authorization,content-type,x-custom",
      "access-control-max-age": "86400",
    });
  });

  it("is told nothing of CORS where there is no origin: that is a server", async () => {
    const response = await door.post("/v1/track", track);
    expect([...response.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  });
});
