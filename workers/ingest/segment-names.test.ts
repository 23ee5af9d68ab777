import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { aDoor, type Door, WRITE_KEY } from "../../test/a-door.ts";

let door: Door;
beforeAll(async () => {
  door = await aDoor();
});
beforeEach(() => {
  door.texts.length = 0;
});

const call = { event: "Signed Up", anonymousId: "a1", userId: "u1", messageId: "m1" };
const base64 = (value: unknown) => btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(value))));

describe("the names that Segment's SDKs call by", () => {
  it.each([
    ["t", "track"],
    ["p", "page"],
    ["i", "identify"],
    ["g", "group"],
    ["a", "alias"],
    ["s", "screen"],
  ])("/v1/%s is %s", async (letter, type) => {
    expect((await door.post(`/v1/${letter}`, call)).status).toBe(200);
    expect(door.events()).toMatchObject([{ type, anonymous_id: "a1", message_id: "m1" }]);
  });

  it.each(["b", "import"])("/v1/%s takes a batch, old events too", async (name) => {
    const batch = [{ ...call, type: "track", timestamp: "2019-03-01T00:00:00Z" }];
    expect(await (await door.post(`/v1/${name}`, { batch })).json()).toMatchObject({ accepted: 1 });
    expect(door.events()).toMatchObject([{ type: "track", timestamp: "2019-03-01T00:00:00.000Z" }]);
  });

  it("/v1/m is answered and goes nowhere", async () => {
    expect((await door.post("/v1/m", { series: [] })).status).toBe(204);
    expect(door.texts).toEqual([]);
  });

  it.each(["t", "b", "import"])("GET /v1/%s says which method it takes", async (name) => {
    expect((await door.fetch(`/v1/${name}`)).status).toBe(405);
  });
});

describe("the settings that Segment's browser bundle starts with", () => {
  it("name this host as the only destination", async () => {
    const answer = await door.fetch(`/v1/projects/${WRITE_KEY}/settings`, {
      headers: { origin: "https://shop.example" },
    });
    expect(answer.headers.get("access-control-allow-origin")).toBe("https://shop.example");
    expect(await answer.json()).toMatchObject({
      integrations: { "Segment.io": { apiKey: WRITE_KEY, apiHost: "collect.shop.example/v1", protocol: "https" } },
    });
  });

  it("are kept from an unknown key", async () => {
    expect((await door.fetch("/v1/projects/wk_nobody/settings")).status).toBe(401);
  });
});

describe("the pixel", () => {
  const pixel = (body: unknown, name = "track") =>
    door.fetch(`/v1/pixel/${name}?data=${encodeURIComponent(base64(body))}`);

  it("takes an event and answers an invisible picture that nobody caches", async () => {
    const answer = await pixel({ ...call, event: "Opened ✉", writeKey: WRITE_KEY });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("image/gif");
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(new TextDecoder().decode((await answer.bytes()).slice(0, 6))).toBe("GIF89a");
    expect(door.events()).toMatchObject([{ type: "track", event: "Opened ✉", user_id: "u1" }]);
  });

  it("reads the alphabet that is safe in addresses, and pluses that became spaces", async () => {
    const data = base64({ ...call, writeKey: WRITE_KEY, properties: { note: "~~~???>>>" } });
    expect((await door.fetch(`/v1/pixel/t?data=${data.replaceAll("+", "-").replaceAll("/", "_")}`)).status).toBe(200);
    expect((await door.fetch(`/v1/pixel/t?data=${data}`)).status).toBe(200);
    expect(door.events()).toHaveLength(2);
  });

  it.each([
    ["no data", "/v1/pixel/track", 400, "invalid_request"],
    ["no base64", "/v1/pixel/track?data=%%%", 400, "invalid_encoding"],
    ["no JSON", `/v1/pixel/track?data=${btoa("{")}`, 400, "invalid_json"],
    ["no object", `/v1/pixel/track?data=${btoa("[1]")}`, 400, "invalid_request"],
    ["no key", `/v1/pixel/track?data=${btoa("{}")}`, 401, "unknown_write_key"],
    ["no such call", `/v1/pixel/nothing?data=${btoa("{}")}`, 404, "not_found"],
  ])("with %s is refused by name", async (_, path, status, code) => {
    const answer = await door.fetch(path);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ error: { code } });
    expect(door.texts).toEqual([]);
  });
});
