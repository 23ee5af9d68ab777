import { beforeAll, describe, expect, it } from "vitest";
import { aDoor, type Door, publishKey, SERVER_KEY } from "../../../test/a-door.ts";

const WEBSITE = "3f1f3a0e-7d0a-4d6e-9d43-0a1c5b1f2e3d";
const VISITOR = "0b5b9b5e-4c1f-4d6a-8f57-1f2e3d4c5b6a";

let door: Door;
beforeAll(async () => {
  door = await aDoor();
  await publishKey(WEBSITE);
});
const track = (body: object, headers: Record<string, string> = {}) =>
  door.fetch("/track", { method: "POST", headers, body: JSON.stringify({ website_id: WEBSITE, ...body }) });

describe("POST /track", () => {
  const view = {
    event_type: "pageview",
    visitor_id: VISITOR,
    page_url: "https://shop.example/a?x=1",
    timestamp: 1.76e12,
  };

  it("answers 202 with the event's id, and sets the visitor's cookie", async () => {
    const answer = await track({ ...view, utm_source: "news", referrer: "" }, { origin: "https://shop.example" });
    expect(answer.status).toBe(202);
    const { id, ...rest } = (await answer.json()) as { id: string };
    expect([id, rest]).toEqual([expect.stringMatching(/^evt_[0-9a-f]{32}$/), {}]);
    expect(answer.headers.get("access-control-allow-origin")).toBe("https://shop.example");
    expect(answer.headers.getSetCookie()[0]).toContain(`_dfid=${VISITOR};`);
    expect(door.events().at(-1)).toMatchObject({
      message_id: id,
      type: "page",
      anonymous_id: VISITOR,
      context: { page: { path: "/a", search: "?x=1" }, campaign: { source: "news" } },
    });
  });

  it("gives the same event the same id, for the same browser", async () => {
    const ids = await Promise.all(
      [{ "user-agent": "A" }, { "user-agent": "A" }, { "user-agent": "B" }].map(async (headers) => {
        const { id } = (await (await track(view, headers)).json()) as { id: string };
        return id;
      }),
    );
    expect(ids[0]).toBe(ids[1]);
    expect(ids[0]).not.toBe(ids[2]);
  });

  it.each([
    ["a website that is none", { website_id: "7c9e6679-7425-40de-944b-e07fc1f90ae7" }, 401, "unknown_write_key"],
    ["a website_id that is no uuid", { website_id: "wk_public" }, 400, "invalid_request"],
    ["another type", { event_type: "click" }, 400, "invalid_request"],
    ["no page", { page_url: undefined }, 400, "invalid_request"],
  ])("refuses %s by name", async (_, change, status, code) => {
    const answer = await track({ ...view, ...change });
    expect([answer.status, await answer.json()]).toMatchObject([status, { error: { code } }]);
  });
});

describe("a server's calls", () => {
  const post = async (path: string, body: object) => {
    door.texts.length = 0;
    const headers = { authorization: `Basic ${btoa(`${SERVER_KEY}:`)}` };
    const answer = await door.fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
    return { status: answer.status, body: (await answer.json()) as { accepted: number; rejected: object[] } };
  };

  it("take events, users and devices, one or many", async () => {
    expect((await post("/v1/events", { event_name: "Paid", user_id: 7, attributes: { value: 3 } })).status).toBe(200);
    expect(door.events()).toMatchObject([{ type: "track", event: "Paid", user_id: "7", properties: { value: 3 } }]);
    await post("/v1/users", { users: [{ user_id: "u1", email: "ada@example.com" }, { user_id: "u2" }] });
    expect(door.events()).toMatchObject([
      { type: "identify", user_id: "u1", traits: { email: "ada@example.com" } },
      { type: "identify", user_id: "u2" },
    ]);
    await post("/v1/devices", { user_id: "u1", device_id: "d1", token: "t1", platform: "ios" });
    expect(door.events()).toMatchObject([
      { type: "identify", context: { device: { id: "d1", token: "t1", type: "ios" } } },
    ]);
  });

  it("say what is wrong with each thing that they refuse, and take the others", async () => {
    const device = { user_id: "u1", device_id: "d1", token: "t1", platform: "ios" };
    const { body } = await post("/v1/devices", { devices: [device, { ...device, platform: "toaster" }, 7] });
    expect(body).toMatchObject({
      accepted: 1,
      rejected: [
        { index: 1, code: "invalid_event", message: expect.stringMatching(/^platform: /) },
        { index: 2, code: "invalid_event" },
      ],
    });
  });
});

describe("RudderStack's scripts", () => {
  it("are told of a source that is enabled, and of no destination of their own", async () => {
    const answer = await door.fetch("/sourceConfig/?p=cdn&v=3&writeKey=wk_public", {
      headers: { origin: "https://a.example" },
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("access-control-allow-origin")).toBe("https://a.example");
    expect(await answer.json()).toMatchObject({ source: { enabled: true, writeKey: "wk_public", destinations: [] } });
    const refused = await door.fetch("/sourceConfig?writeKey=wk_none");
    expect([refused.status, await refused.json()]).toMatchObject([401, { error: { code: "unknown_write_key" } }]);
  });

  it("may send their last events as a beacon, with the key in the address", async () => {
    const batch = [{ type: "track", event: "Left", anonymousId: "a1", messageId: "beacon-1" }];
    const answer = await door.fetch("/beacon/v1/batch?writeKey=wk_public", {
      method: "POST",
      body: JSON.stringify({ batch }),
    });
    expect(answer.status).toBe(200);
    expect(door.events().at(-1)).toMatchObject({ message_id: "beacon-1" });
  });
});
