import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { Environment } from "../../core/environment.ts";
import { shardOf } from "../../core/shard-map.ts";
import { aDoor, type Door, SERVER_KEY } from "../../test/a-door.ts";
import { anEnvironment, anIntegration, aSource } from "../../test/an-environment.ts";

const KNOWN = "0b5b9b5e-4c1f-4d6a-8f57-1f2e3d4c5b6a";
const OTHER = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const AGE = "Max-Age=34560000; Path=/";

const track = { type: "track", event: "Signed Up" };
const source = (given: Partial<Environment["sources"][0]>): Partial<Environment> => ({
  sources: [aSource(given)],
});

/** The cookies that an answer sets: their whole headers, by name. */
async function cookiesOf(response: Response): Promise<Record<string, string>> {
  await response.body?.cancel();
  return Object.fromEntries(response.headers.getSetCookie().map((header) => [header.split("=")[0]!, header]));
}
const dfidOf = async (response: Response) => (await cookiesOf(response))._dfid?.match(/^_dfid=([^;]*)/)?.[1];

describe("_dfid", () => {
  let door: Door;
  beforeAll(async () => {
    door = await aDoor();
  });

  it("is minted for a browser that has none, for 400 days", async () => {
    const cookies = await cookiesOf(await door.post("/v1/batch", { batch: [track] }));
    expect(Object.keys(cookies)).toEqual(["_dfid"]);
    const [value, ...attributes] = cookies._dfid!.split("; ");
    expect(value!.slice("_dfid=".length)).toMatch(UUID);
    expect(attributes.join("; ")).toBe(`${AGE}; Secure; SameSite=Lax`);
    expect(door.events().at(-1)!.anonymous_id).toBe(value!.slice("_dfid=".length));
  });

  it("is another one for every browser", async () => {
    const answers = await Promise.all([door.post("/v1/track", track), door.post("/v1/track", track)]);
    const [first, second] = await Promise.all(answers.map(dfidOf));
    expect(first).not.toBe(second);
  });

  it("stays what it was, and lives 400 days from the last visit", async () => {
    const response = await door.post("/v1/track", track, { cookie: `other=1; _dfid=${KNOWN}; more=2` });
    expect(await cookiesOf(response)).toEqual({ _dfid: `_dfid=${KNOWN}; ${AGE}; Secure; SameSite=Lax` });
    expect(door.events().at(-1)!.anonymous_id).toBe(KNOWN);
  });

  it.each<[string, string, object]>([
    ["the first event of a batch", "/v1/batch", { batch: [{ ...track, anonymous_id: KNOWN }, track] }],
    ["Segment's spelling", "/v1/batch", { batch: [{ ...track, anonymousId: KNOWN }] }],
    ["a single event", "/v1/track", { ...track, anonymous_id: KNOWN }],
  ])("adopts the UUID that the browser made for itself: %s", async (_, path, body) => {
    expect(await dfidOf(await door.post(path, body))).toBe(KNOWN);
    expect(door.events().at(-1)!.anonymous_id).toBe(KNOWN);
  });

  it.each<[string, object, Record<string, string>]>([
    ["an id that is no UUID", { anonymous_id: "a1" }, {}],
    ["an id that would end the header", { anonymous_id: `${KNOWN}\r\nSet-Cookie: x=1` }, {}],
    ["a cookie that is no UUID", {}, { cookie: "_dfid=evil; Path=/" }],
    ["an empty cookie", {}, { cookie: "_dfid=" }],
  ])("is minted instead of %s", async (_, body, headers) => {
    const response = await door.post("/v1/track", { ...track, ...body }, headers);
    expect(await dfidOf(response)).toMatch(UUID);
    expect(await dfidOf(response)).not.toBe(KNOWN);
  });

  it("that scripts can read leaves an event the visitor it names", async () => {
    const headers = { cookie: `_dfid=${KNOWN}` };
    const batch = [{ ...track, anonymous_id: OTHER }, { ...track, anonymous_id: "a1" }, track];
    expect(await dfidOf(await door.post("/v1/batch", { batch }, headers))).toBe(KNOWN);
    expect(
      door
        .events()
        .slice(-3)
        .map((e) => e.anonymous_id),
    ).toEqual([OTHER, "a1", KNOWN]);
  });

  it("survives a batch that begins with rubbish", async () => {
    const response = await door.post("/v1/batch", { batch: [null, "x", 1, { ...track, anonymous_id: {} }, track] });
    expect(await dfidOf(response)).toMatch(UUID);
  });

  it("is valid for the domain that the source names", async () => {
    const shared = await aDoor(source({ cookie_domain: ".shop.example" }));
    const response = await shared.post("/v1/track", track, { cookie: `_dfid=${KNOWN}` });
    expect(await cookiesOf(response)).toEqual({
      _dfid: `_dfid=${KNOWN}; ${AGE}; Domain=.shop.example; Secure; SameSite=Lax`,
    });
  });
});

describe("_dfid that is hidden from scripts", () => {
  let door: Door;
  beforeAll(async () => {
    door = await aDoor(source({ cookie_http_only: true }));
  });

  it("is HttpOnly", async () => {
    const response = await door.post("/v1/track", track, { cookie: `_dfid=${KNOWN}` });
    expect(await cookiesOf(response)).toEqual({ _dfid: `_dfid=${KNOWN}; ${AGE}; Secure; SameSite=Lax; HttpOnly` });
  });

  it("outranks the visitor that events name, since no script can know the true one", async () => {
    const batch = [{ ...track, anonymous_id: OTHER }, { ...track, anonymousId: "a1" }, track];
    await door.post("/v1/batch", { batch }, { cookie: `_dfid=${KNOWN}` });
    expect(
      door
        .events()
        .slice(-3)
        .map((e) => e.anonymous_id),
    ).toEqual([KNOWN, KNOWN, KNOWN]);
  });

  it("is adopted from the browser at first, so that all of a first page belongs to one visitor", async () => {
    const batch = [{ ...track, anonymous_id: KNOWN }, track];
    expect(await dfidOf(await door.post("/v1/batch", { batch }))).toBe(KNOWN);
    expect(
      door
        .events()
        .slice(-2)
        .map((e) => e.anonymous_id),
    ).toEqual([KNOWN, KNOWN]);
  });
});

describe("vendors' cookies", () => {
  const integrations = [
    anIntegration({ destination: "ga4" }),
    anIntegration({ destination: "meta" }),
    anIntegration({ destination: "tiktok" }),
    anIntegration({ destination: "webhook" }),
  ];

  it("are set for the enabled destinations in each vendor's format, and travel with the events", async () => {
    const door = await aDoor({ integrations });
    const cookies = await cookiesOf(await door.post("/v1/track", track));
    expect(cookies).toEqual({
      _dfid: expect.any(String),
      _ga: expect.stringMatching(/^_ga=GA1\.1\.\d{1,10}\.\d{10}; Max-Age=34560000; Path=\/; Secure; SameSite=Lax$/),
      _fbp: expect.stringMatching(/^_fbp=fb\.2\.\d{13}\.\d{1,10}; Max-Age=34560000; Path=\/; Secure; SameSite=Lax$/),
      _ttp: expect.stringMatching(/^_ttp=[0-9a-f]{32}; Max-Age=34560000; Path=\/; Secure; SameSite=Lax$/),
    });
    const { ga_client_id, fbp, ttp } = door.messages()[0]!.vendor_ids;
    expect(cookies._ga).toContain(`GA1.1.${ga_client_id};`);
    expect(cookies._fbp).toContain(`=${fbp};`);
    expect(cookies._ttp).toContain(`=${ttp};`);
  });

  it("are never HttpOnly, since the vendors' own scripts read them, and share the domain of _dfid", async () => {
    const door = await aDoor({ integrations, ...source({ cookie_http_only: true, cookie_domain: ".shop.example" }) });
    const { _dfid, ...vendors } = await cookiesOf(await door.post("/v1/track", track));
    expect(_dfid).toContain("HttpOnly");
    for (const header of Object.values(vendors)) {
      expect(header).toContain("; Domain=.shop.example;");
      expect(header).not.toContain("HttpOnly");
    }
  });

  it("are never set again where the browser has a valid one", async () => {
    const door = await aDoor({ integrations });
    const cookie =
      "_ga=GA1.2.111.222; _fbp=fb.1.1596403881668.333; _fbc=fb.1.1596403881668.AbC; _ttp=2JAlvs1pkTDvx5BCtPRkTTaT2aE";
    const response = await door.post("/v1/track", track, { cookie });
    expect(Object.keys(await cookiesOf(response))).toEqual(["_dfid"]);
    expect(door.messages()[0]!.vendor_ids).toEqual({
      ga_client_id: "111.222",
      fbp: "fb.1.1596403881668.333",
      fbc: "fb.1.1596403881668.AbC",
      ttp: "2JAlvs1pkTDvx5BCtPRkTTaT2aE",
    });
  });

  it.each([
    ["as our script carries it", { click_ids: { fbclid: "IwAR0abc" } }],
    ["in the page's address", { page: { search: "?utm_source=x&fbclid=IwAR0abc&y=1" } }],
  ])("remember a click on an ad at Meta, %s", async (_, context) => {
    const door = await aDoor({ integrations });
    const cookies = await cookiesOf(
      await door.post("/v1/batch", {
        batch: [
          { ...track, type: "track" },
          { ...track, type: "track", context },
        ],
      }),
    );
    expect(cookies._fbc).toMatch(/^_fbc=fb\.2\.\d{13}\.IwAR0abc; Max-Age=7776000;/);
    expect(door.messages()[0]!.vendor_ids.fbc).toMatch(/\.IwAR0abc$/);
  });

  it("replace one that no vendor could read", async () => {
    const door = await aDoor({ integrations });
    const cookies = await cookiesOf(
      await door.post("/v1/track", track, { cookie: "_fbp=undefined; _ga=GA1.2.111.222" }),
    );
    expect(Object.keys(cookies)).toEqual(["_dfid", "_fbp", "_ttp"]);
  });

  it("are not set, and not read, for a destination that is disabled or absent", async () => {
    const disabled = [anIntegration({ destination: "ga4", enabled: false }), anIntegration({ destination: "webhook" })];
    const door = await aDoor({ integrations: disabled });
    const response = await door.post("/v1/track", track, { cookie: "_ga=GA1.2.111.222; _fbp=fb.1.1596403881668.333" });
    expect(Object.keys(await cookiesOf(response))).toEqual(["_dfid"]);
    expect(door.messages()[0]!.vendor_ids).toEqual({});
  });

  it("are set once for a destination that has two integrations", async () => {
    const two = [anIntegration({ destination: "meta" }), anIntegration({ destination: "meta", id: "int_second" })];
    const door = await aDoor({ integrations: two });
    const response = await door.post("/v1/track", track);
    expect(response.headers.getSetCookie()).toHaveLength(2);
  });
});

describe("a server", () => {
  it("gets no cookies, and none of what it sends is taken for a browser's", async () => {
    const door = await aDoor({ integrations: [anIntegration({ destination: "meta" })] });
    const headers = { cookie: `_dfid=${KNOWN}; _fbp=fb.1.1596403881668.333`, "x-write-key": SERVER_KEY };
    const body = JSON.stringify({ ...track, userId: "u1" });
    const response = await door.fetch("/v1/track", { method: "POST", headers, body });
    expect(response.status).toBe(200);
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(door.messages()[0]).toMatchObject({ request: {}, vendor_ids: {}, events: [{ anonymous_id: "u1" }] });
  });

  it("must say whom its events are about", async () => {
    const door = await aDoor();
    const headers = { "x-write-key": SERVER_KEY };
    const response = await door.fetch("/v1/track", { method: "POST", headers, body: JSON.stringify(track) });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { message: expect.stringMatching(/^anonymous_id: /) } });
  });
});

describe("what the server remembers of a browser", () => {
  const integrations = [
    anIntegration({ destination: "ga4", settings: { measurement_id: "G-SHOP1" } }),
    anIntegration({ destination: "meta" }),
  ];
  const remembered = {
    ga_client_id: "111.222",
    fbp: "fb.1.1596403881668.333",
    fbc: `fb.1.${Date.now() - 86_400_000}.AbC`,
  };
  const visitor = "3f1f3a0e-7d0a-4d6e-9d43-0a1c5b1f2e3d";
  const remember = async (environment: Environment) => {
    const shard = env.VISITOR_SHARD.getByName(`${environment.id}/${shardOf(environment.shard_map, visitor)}`);
    await shard.apply({
      events: [
        {
          message_id: `remembered-${environment.id}`,
          anonymous_id: visitor,
          at: 0,
          delivery: "d:0",
          vendor_ids: remembered,
        },
      ],
      lines: [JSON.stringify({ source_id: "src_test", event: {}, receipt: {} })],
      session_timeout_ms: 1_800_000,
      now: Date.now(),
    });
  };

  it("is set again where the vendors' cookies are gone and _dfid is not", async () => {
    const environment = anEnvironment({ id: "env_remembers", integrations });
    const door = await aDoor(environment);
    await remember(environment);
    const cookies = await cookiesOf(await door.post("/v1/track", track, { cookie: `_dfid=${visitor}` }));
    expect(cookies._ga).toMatch(/^_ga=GA1\.1\.111\.222; /);
    expect(cookies._fbp).toMatch(/^_fbp=fb\.1\.1596403881668\.333; /);
    // Of a click, for the 89 days that it has left.
    expect(cookies._fbc).toMatch(new RegExp(`^_fbc=${remembered.fbc}; Max-Age=76(90|89)\\d{3};`));
    expect(door.messages()[0]!.vendor_ids).toMatchObject(remembered);
  });

  it("is asked for only then: not with all cookies, not of a browser that is new", async () => {
    const vendorIds = vi.fn(async () => ({}));
    const whereIs = async () => ({ at: "here" });
    const shards = { getByName: () => ({ vendorIds, whereIs }) } as unknown as typeof env.VISITOR_SHARD;
    const door = await aDoor({ id: "env_asks", integrations }, { VISITOR_SHARD: shards });
    await door.post("/v1/track", track);
    const all = `_dfid=${visitor}; _ga=GA1.2.1.2; _fbp=fb.1.1596403881668.333; _ga_SHOP1=GS2.1.s${now()}$o1$g0$t${now()}$j60$l0$h0`;
    await door.post("/v1/track", track, { cookie: all });
    expect(vendorIds).not.toHaveBeenCalled();
    await door.post("/v1/track", track, { cookie: `_dfid=${visitor}; _ga=GA1.2.1.2` });
    expect(vendorIds).toHaveBeenCalledExactlyOnceWith(visitor);
  });

  it.each([
    ["fails", () => Promise.reject(new Error("overloaded"))],
    ["hangs", () => new Promise<never>(() => {})],
  ])("is done without where the shard %s: the visitor gets new ids, and an answer", async (_, vendorIds) => {
    const whereIs = async () => ({ at: "here" });
    const shards = { getByName: () => ({ vendorIds, whereIs }) } as unknown as typeof env.VISITOR_SHARD;
    const door = await aDoor({ id: "env_forgets", integrations }, { VISITOR_SHARD: shards });
    const response = await door.post("/v1/track", track, { cookie: `_dfid=${visitor}` });
    expect(response.status).toBe(200);
    expect(Object.keys(await cookiesOf(response))).toEqual(["_dfid", "_ga", "_fbp", "_ga_SHOP1"]);
  });
});

describe("a browser that begins anew, as after a log-out,", () => {
  it.each([
    ["that scripts can read", false],
    ["that is hidden from them", true],
  ])("gets another _dfid: one %s", async (_, cookie_http_only) => {
    const door = await aDoor(source({ cookie_http_only }));
    const body = { reset: true, batch: [{ ...track, anonymous_id: OTHER }] };
    const response = await door.post("/v1/batch", body, { cookie: `_dfid=${KNOWN}` });
    expect(await dfidOf(response)).toBe(OTHER);
    expect(door.events().at(-1)!.anonymous_id).toBe(OTHER);
    const minted = await door.post("/v1/batch", { reset: true, batch: [track] }, { cookie: `_dfid=${KNOWN}` });
    expect(await dfidOf(minted)).not.toBe(KNOWN);
  });
});

describe("an address", () => {
  const from = { "cf-connecting-ip": "198.51.100.77" };
  const ip = "203.0.113.77";
  it.each([
    ["full", "198.51.100.77", "203.0.113.77"],
    ["truncated", "198.51.100.0", "203.0.113.0"],
    ["last_octet_hashed", expect.stringMatching(/^198\.51\.100\.\d+$/), expect.stringMatching(/^203\.0\.113\.\d+$/)],
    ["dropped", undefined, undefined],
  ] as const)(
    "is kept as the policy %s says, whoever named it, before anything is queued",
    async (ip_policy, ofRequest, ofEvent) => {
      const door = await aDoor({ id: `env_ip_${ip_policy}`, ...source({ ip_policy }) });
      await door.post("/v1/track", { ...track, context: { ip } }, from);
      expect(door.messages()[0]!.request.ip).toEqual(ofRequest);
      expect(door.events()[0]!.context.ip).toEqual(ofEvent);
      if (ip_policy !== "full") for (const whole of ["198.51.100.77", ip]) expect(door.texts[0]).not.toContain(whole);
    },
  );
});

const now = () => Math.floor(Date.now() / 1_000);
