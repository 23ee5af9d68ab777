import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, it, type MockInstance, vi } from "vitest";
import { sha256 } from "../../core/hash.ts";
import { seal } from "../../core/vault.ts";
import { aDoor, type Door, publishKey, SERVER_KEY, WRITE_KEY } from "../../test/a-door.ts";
import { aSource } from "../../test/an-environment.ts";
import { GIVEN, type Hostile, track } from "./hostile-requests/asking.ts";
import { NOISE } from "./hostile-requests/noise.ts";
import { HOSTILE } from "./hostile-requests.ts";
import ingest from "./index.ts";

/** What no answer may say. */
const SECRETS = [SERVER_KEY, GIVEN.listedServerKey, GIVEN.secret, env.DOOR_KEY];
/** On a machine of two busy cores. None should come near it. */
const LONGEST_MS = 1_000;

let door: Door;
let stored: string[];
let logged: MockInstance;
const fetch = (request: Request) => Promise.resolve(ingest.fetch(request, door.env));

/** Where events wait that the queue did not take, and files that are to be imported. */
async function storedNow(): Promise<string[]> {
  const lists = await Promise.all(["spill/", "imports/env_hostile/"].map((prefix) => env.LAKE.list({ prefix })));
  return lists.flatMap(({ objects }) => objects.map(({ key }) => key));
}

beforeAll(async () => {
  const listed = { allowed_origins: [...GIVEN.pages], allowed_ips: [...GIVEN.servers] };
  await aDoor({ id: "env_hostile_listed", sources: [aSource({ id: "src_listed", ...listed })] });
  const linked_hosts = ["shop.example", "blog.example"];
  door = await aDoor({ id: "env_hostile", sources: [aSource(), aSource({ id: "src_linked", linked_hosts })] });
  const of = { environment_id: "env_hostile" };
  const ofListed = { environment_id: "env_hostile_listed", source_id: "src_listed" };
  await publishKey(GIVEN.listedKey, ofListed);
  await publishKey(GIVEN.listedServerKey, { ...ofListed, kind: "server" });
  await publishKey(GIVEN.linkedKey, { ...of, source_id: "src_linked" });
  await publishKey(GIVEN.website, of);
  const secret_hash = sha256(GIVEN.secret);
  const sealed_secret = await seal(env.DOOR_KEY, sha256(GIVEN.appKey), GIVEN.secret);
  await publishKey(GIVEN.appKey, { ...of, kind: "server", secret_hash, sealed_secret });
  await publishKey(GIVEN.unsealedKey, { ...of, kind: "server", secret_hash });
  stored = await storedNow();
});
beforeEach(() => {
  door.texts.length = 0;
  logged = vi.spyOn(console, "error").mockImplementation(() => {});
});
afterEach(() => {
  logged.mockRestore();
});

describe("is refused by name, before anything is stored", () => {
  it("in more than 150 ways, each told apart", () => {
    expect(HOSTILE.length).toBeGreaterThan(150);
    const told = HOSTILE.map(({ what }) => what);
    expect(told.filter((what, i) => told.indexOf(what) !== i)).toEqual([]);
  });

  it.each(HOSTILE.map((row): [string, Hostile] => [row.what, row]))("%s", async (_, row) => {
    if (row.again) {
      await fetch(row.request());
      door.texts.length = 0;
    }
    const request = row.request();
    const origin = request.headers.get("origin");
    const began = performance.now();
    const response = await fetch(request);
    const text = await response.text();
    expect(performance.now() - began).toBeLessThan(LONGEST_MS);

    const { error } = JSON.parse(text) as { error: { code: string; message: string } };
    expect({ status: response.status, code: error.code }).toEqual({ status: row.status, code: row.code });
    expect(error.message).toMatch(row.says ?? /\w+ \w+/);
    expect(error.message.length).toBeLessThan(300 + new URL(request.url).pathname.length);
    for (const secret of SECRETS) expect(text).not.toContain(secret);

    expect(response.headers.get("content-type")).toMatch("application/json");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.getSetCookie()).toEqual([]);
    const isRepeated = origin && origin.length <= 512;
    expect(response.headers.get("access-control-allow-origin")).toBe(isRepeated ? origin : null);
    expect(response.headers.get("access-control-allow-credentials")).toBe(isRepeated ? "true" : null);

    expect(door.texts).toEqual([]);
    expect(await storedNow()).toEqual(stored);
    // Whatever is logged for a request that anybody can send, anybody can fill the logs with.
    expect(logged).not.toHaveBeenCalled();
  });

  it("also where only the head of an answer was asked for", async () => {
    for (const path of ["/v1/track", "/v1/batch"]) {
      const response = await door.fetch(path, { method: "HEAD" });
      expect([response.status, await response.text()]).toEqual([405, ""]);
    }
    expect((await door.fetch("/v1/pixel/track", { method: "HEAD" })).status).toBe(400);
  });

  it("and says of the write key only to servers that Basic authentication would do: a browser would ask its user", async () => {
    const challenge = async (headers: Record<string, string>) =>
      (await door.fetch("/v1/track", { method: "POST", headers, body: "{}" })).headers.get("www-authenticate");
    expect(await challenge({})).toBe('Basic realm="write key"');
    expect(await challenge({ origin: GIVEN.page })).toBeNull();
    expect(await challenge({ "sec-fetch-mode": "no-cors" })).toBeNull();
  });

  it.each(["/v1/projects/wk_guess/settings", "/sourceConfig?writeKey=wk_guess"])(
    "and who tries keys at %s is soon too fast",
    async (path) => {
      const counting = await aDoor(
        { id: "env_hostile" },
        { ADDRESS_LIMIT: { limit: async () => ({ success: false }) } },
      );
      const guess = async () => (await counting.fetch(path, { headers: { "cf-connecting-ip": "192.0.2.78" } })).status;
      const answers: number[] = [];
      for (let i = 0; i < 10; i++) answers.push(await guess());
      expect(answers).toEqual([...Array(9).fill(401), 429]);
    },
  );

  it.each([`/v1/projects/${WRITE_KEY}/settings`, `/sourceConfig?writeKey=${WRITE_KEY}`])(
    "and no cache keeps for pages what %s answered to nobody's",
    async (path) => {
      for (const headers of [{}, { origin: GIVEN.page }]) {
        const response = await door.fetch(path, { headers });
        expect([response.status, response.headers.get("vary")]).toEqual([200, "origin"]);
      }
    },
  );

  it("and makes no answer of its own too large, whatever a preflight asks for", async () => {
    const headers = { origin: GIVEN.page, "access-control-request-headers": "x".repeat(100_000) };
    const response = await door.fetch("/v1/track", { method: "OPTIONS", headers });
    expect(response.status).toBe(204);
    expect(response.headers.get("access-control-allow-headers")).toBe("content-type, authorization");
    expect(response.headers.getSetCookie()).toEqual([]);
  });
});

describe("is refused by its place, and its neighbours are taken", () => {
  const deep = JSON.parse(`${'{"a":'.repeat(40)}1${"}".repeat(40)}`) as object;
  it.each<[string, unknown, string, RegExp]>([
    ["null", null, "invalid_event", /JSON object/],
    ["text", "x", "invalid_event", /JSON object/],
    ["of no type", { event: "x" }, "invalid_event", /^type: /],
    ["with a name that is an object", { ...track, event: {} }, "invalid_event", /^event: /],
    ["with a negative time", { ...track, timestamp: -1 }, "invalid_event", /^timestamp: /],
    ["of the year 9999", { ...track, timestamp: "9999-01-01T00:00:00Z" }, "invalid_event", /^timestamp: /],
    ["that nests too deep", { ...track, properties: deep }, "invalid_event", /nests deeper/],
    [
      "with 5,000 keys",
      { ...track, properties: Object.fromEntries(Array(5_000).fill(0).entries()) },
      "invalid_event",
      /keys/,
    ],
    [
      "with purposes that overflow zod",
      { ...track, context: { purposes: Array(100_000).fill(0) } },
      "invalid_event",
      /keys/,
    ],
    ["of 33 KB", { ...track, properties: { long: "x".repeat(33 * 1_024) } }, "event_too_large", /32 KB/],
    ["with an id that came before", { ...track, message_id: "hostile-first" }, "duplicate_in_batch", /^message_id: /],
    ["with an id that came before as a number", { ...track, messageId: 7 }, "duplicate_in_batch", /^message_id: /],
  ])("an event %s", async (_, hostile, code, message) => {
    const first = { ...track, message_id: "hostile-first" };
    const second = { ...track, message_id: "7" };
    const last = { ...track, message_id: "hostile-last" };
    const response = await door.post("/v1/batch", { batch: [first, second, hostile, last] });
    expect(response.status).toBe(200);
    const rejected = [{ index: 2, code, message: expect.stringMatching(message) }];
    expect(await response.json()).toEqual({ success: true, accepted: 3, rejected });
    expect(door.events().map((event) => event.message_id)).toEqual(["hostile-first", "7", "hostile-last"]);
  });

  it("of a hundred copies of one event the first is taken", async () => {
    const response = await door.post("/v1/batch", { batch: Array(100).fill({ ...track, message_id: "hostile-copy" }) });
    const { accepted, rejected } = (await response.json()) as { accepted: number; rejected: { index: number }[] };
    expect(accepted).toBe(1);
    expect(rejected.map(({ index }) => index)).toEqual(Array.from({ length: 99 }, (_, i) => i + 1));
    expect(door.events()).toHaveLength(1);
  });
});

describe("keeps no good event from being taken", () => {
  it.each(NOISE)("%s", async (_, request) => {
    const began = performance.now();
    const response = await fetch(request());
    expect(performance.now() - began).toBeLessThan(LONGEST_MS);
    expect(await response.json()).toEqual({ success: true, accepted: 1, rejected: [] });
    expect(door.events()).toHaveLength(1);
    expect(door.events()[0]).toMatchObject({ event: track.event });
    for (const cookie of response.headers.getSetCookie()) expect(cookie).toMatch(/^\w+=[\w.$-]+; Max-Age=\d+; Path=\//);
    expect(logged).not.toHaveBeenCalled();
  });

  it("costs an event without cookies nothing, however long its browser's name is", async () => {
    const cookieless = await aDoor({ id: "env_hostile_cookieless", sources: [aSource({ cookieless: "always" })] });
    const began = performance.now();
    const batch = Array.from({ length: 2_500 }, (_, i) => ({ ...track, message_id: `long-name-${i}` }));
    const response = await cookieless.post("/v1/batch", { batch }, { "user-agent": "x".repeat(100_000) });
    expect(await response.json()).toMatchObject({ accepted: 2_500 });
    expect(performance.now() - began).toBeLessThan(LONGEST_MS);
    expect(new Set(cookieless.events().map((event) => event.anonymous_id)).size).toBe(1);
    await aDoor({ id: "env_hostile" });
  });
});

describe("leaves the door as it was", () => {
  it("which still takes a good event, on every route", async () => {
    const data = btoa(JSON.stringify({ ...track, write_key: WRITE_KEY }));
    const taken = [
      await door.post("/v1/track", track),
      await door.post("/v1/batch", { batch: [track] }),
      await door.post("/lib/e", { batch: [track] }),
      await door.fetch(`/v1/pixel/track?data=${data}`),
      await door.post("/v1/events", { event: "x", user_id: "u1" }),
    ];
    expect(taken.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(door.events()).toHaveLength(5);
  });

  it("and nothing that all objects share was touched", () => {
    const fresh = {} as Record<string, unknown>;
    expect(fresh.polluted).toBeUndefined();
    const own = Object.getOwnPropertyNames(Object.prototype).filter((name) => !COMMON.includes(name));
    expect(own).toEqual([]);
    expect(Object.keys(Array.prototype)).toEqual([]);
  });
});

const COMMON = (
  "constructor __defineGetter__ __defineSetter__ hasOwnProperty __lookupGetter__ __lookupSetter__ isPrototypeOf " +
  "propertyIsEnumerable toString valueOf __proto__ toLocaleString"
).split(" ");
