import type { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { bucketOf } from "../../core/shard-map.ts";
import { aDoor, type Door } from "../../test/a-door.ts";
import { anIntegration, aSource } from "../../test/an-environment.ts";
import { dailySalts } from "./cookieless.ts";

const UUID_8 = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const ada = { "cf-connecting-ip": "198.51.100.1", "user-agent": "Firefox" };
const bob = { "cf-connecting-ip": "198.51.100.2", "user-agent": "Firefox" };
const eve = { "cf-connecting-ip": "198.51.100.1", "user-agent": "Safari" };
const integrations = [anIntegration({ destination: "ga4" }), anIntegration({ destination: "meta" })];
const at = (iso: string) => vi.useFakeTimers({ toFake: ["Date"], now: Date.parse(iso) });
afterEach(() => void vi.useRealTimers());

let door: Door;
let events = 0;
async function send(headers: Record<string, string>, given: object = {}, where = door) {
  const event = { type: "track", event: "x", message_id: `cookieless-${events++}`, ...given };
  const response = await where.post("/v1/batch", { batch: [event] }, headers);
  expect(response.status).toBe(200);
  const message = where.messages().at(-1)!;
  return { message, event: message.events[0]!, cookies: response.headers.getSetCookie() };
}

describe("a source without cookies", () => {
  beforeAll(async () => {
    door = await aDoor({ id: "env_cookieless", integrations, sources: [aSource({ cookieless: "always" })] });
  });

  it("sets none, and knows a visitor for the day by address, browser and source", async () => {
    const first = await send(ada);
    expect(first.cookies).toEqual([]);
    expect(first.event.anonymous_id).toMatch(UUID_8);
    expect((await send(ada)).event.anonymous_id).toBe(first.event.anonymous_id);
    for (const other of [bob, eve]) expect((await send(other)).event.anonymous_id).not.toBe(first.event.anonymous_id);
    expect(first.message).not.toHaveProperty("previous_id");
  });

  it("believes no id that the browser brings, and reads none of its cookies", async () => {
    const own = "0b5b9b5e-4c1f-4d6a-8f57-1f2e3d4c5b6a";
    const { event, message } = await send(
      { ...ada, cookie: `_dfid=${own}; _ga=GA1.1.1.2; _fbp=fb.1.1700000000000.5` },
      { anonymous_id: own },
    );
    expect(event.anonymous_id).toMatch(UUID_8);
    expect(message.vendor_ids).toEqual({});
    expect(JSON.stringify(message)).not.toContain(own);
  });

  it("keeps nothing that tells the visitor from others for longer", async () => {
    const context = { ip: "198.51.100.1", vendor_ids: { fbp: "fb.1.1.1" }, click_ids: { gclid: "g" }, locale: "en" };
    const { message, event } = await send(ada, { context });
    expect(event.context).toEqual({ locale: "en", cookieless: true });
    expect(JSON.stringify(message)).not.toContain("198.51.100");
  });

  it("knows the visitor by another id the next day, and by yesterday's for what happened yesterday", async () => {
    at("2026-11-20T23:59:00Z");
    const before = await send(ada, { timestamp: "2026-11-20T23:58:00Z" });
    at("2026-11-21T00:01:00Z");
    const late = await send(ada, { timestamp: "2026-11-20T23:59:30Z" });
    const after = await send(ada, { timestamp: "2026-11-21T00:00:30Z" });
    expect(late.event.anonymous_id).toBe(before.event.anonymous_id);
    expect(after.event.anonymous_id).not.toBe(before.event.anonymous_id);
  });

  it("asks for the salts once a day", async () => {
    const salts = vi.fn(async () => [{ day: 1, salt: new ArrayBuffer(32) }]);
    const namespace = { getByName: () => ({ salts }) } as unknown as typeof env.DAILY_SALTS;
    for (const hour of [1, 13, 23]) await dailySalts(namespace, "env_once_a_day", hour * 3_600_000);
    expect(salts).toHaveBeenCalledTimes(1);
    await dailySalts(namespace, "env_once_a_day", 25 * 3_600_000);
    expect(salts).toHaveBeenCalledTimes(2);
  });
});

describe("a source without cookies until consent", () => {
  const yes = { context: { consent: { analytics: true } } };
  beforeAll(async () => {
    door = await aDoor({ id: "env_until", integrations, sources: [aSource({ cookieless: "until_consent" })] });
  });

  it.each([
    ["says nothing", {}],
    ["says no", { context: { consent: { analytics: false, marketing: true } } }],
    ["says something else", { context: { consent: { marketing: true } } }],
  ])("goes without for a visitor who %s", async (_, given) => {
    const { event, cookies } = await send(ada, given);
    expect(event.anonymous_id).toMatch(UUID_8);
    expect(cookies).toEqual([]);
  });

  const own = "0b5b9b5e-4c1f-4d6a-8f57-1f2e3d4c5b6a";

  it("sets them with the first yes, and tells the shard whose session goes on", async () => {
    const before = await send(ada);
    const { message, event, cookies } = await send(ada, { ...yes, anonymous_id: own });
    expect(message.previous_id).toBe(before.event.anonymous_id);
    expect(event.anonymous_id).not.toBe(before.event.anonymous_id);
    expect(bucketOf(event.anonymous_id)).toBe(bucketOf(before.event.anonymous_id));
    expect(cookies.map((cookie) => cookie.split("=")[0])).toEqual(["_dfid", "_ga", "_fbp"]);
    expect(cookies[0]).toContain(`_dfid=${event.anonymous_id};`);
    const later = await send({ ...ada, cookie: `_dfid=${event.anonymous_id}` }, { ...yes, anonymous_id: own });
    expect(later.event.anonymous_id).toBe(event.anonymous_id);
    expect(later.message).not.toHaveProperty("previous_id");
  });

  it("gives a browser whose second request overtakes the first answer one id, and another browser another", async () => {
    const ids = await Promise.all(
      [own, own, "7c9e6679-7425-40de-944b-e07fc1f90ae7"].map(
        async (anonymous_id) => (await send(bob, { ...yes, anonymous_id })).event.anonymous_id,
      ),
    );
    expect(ids[0]).toBe(ids[1]);
    expect(ids[0]).not.toBe(ids[2]);
  });

  it("goes without for a browser that says yes and keeps nothing, not even an id of its own", async () => {
    const { event, cookies } = await send(ada, yes);
    expect(event.anonymous_id).toMatch(UUID_8);
    expect(cookies).toEqual([]);
  });

  it("takes a yes from the request's header", async () => {
    const { cookies } = await send({ ...bob, "x-consent": "analytics=?1" }, { anonymous_id: own });
    expect(cookies.length).toBe(3);
  });

  it.each([
    ["says no", {}, { context: { consent: { analytics: false } } }],
    ["withdraws and says nothing more", { reset: true }, {}],
  ])("ends the life of its cookies, and the vendors', in a browser that %s", async (_, body, given) => {
    const event = { type: "track", event: "x", message_id: `withdrawn-${events++}`, ...given };
    const headers = { ...ada, cookie: `other=1; _dfid=${own}; _fbp=fb.1.1700000000000.5` };
    const response = await door.post("/v1/batch", { ...body, batch: [event] }, headers);
    expect(response.headers.getSetCookie()).toEqual([
      "_dfid=; Max-Age=0; Path=/; Secure; SameSite=Lax",
      "_fbp=; Max-Age=0; Path=/; Secure; SameSite=Lax",
    ]);
    expect(door.events().at(-1)!.anonymous_id).toMatch(UUID_8);
  });

  it("leaves them where an event says nothing: another page's script may know less", async () => {
    expect((await send({ ...ada, cookie: `_dfid=${own}` })).cookies).toEqual([]);
  });

  it("goes by the newest answer where a request has several", async () => {
    const post = async (...answers: boolean[]) => {
      const batch = answers.map((analytics, i) => ({
        anonymous_id: own,
        type: "track",
        event: "x",
        message_id: `several-${events++}-${i}`,
        context: { consent: { analytics } },
      }));
      return (await door.post("/v1/batch", { batch }, bob)).headers.getSetCookie().length;
    };
    expect(await post(false, true)).toBe(3);
    expect(await post(true, false)).toBe(0);
  });
});
