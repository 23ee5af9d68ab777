import { describe, expect, it } from "vitest";
import { anIntegration } from "../test/an-environment.ts";
import { cookieDomain } from "./cookie-domain.ts";
import { setCookie } from "./cookies.ts";
import { type VendorIds, vendorIds } from "./event.ts";
import { type Given, readVendorIds, VENDOR_COOKIES } from "./vendor-ids.ts";

const NOW = Date.parse("2026-11-20T10:00:00.000Z");
const SECONDS = NOW / 1_000;
const DAY_S = 86_400;
const NAMES = [...new Set([...VENDOR_COOKIES.map((one) => one.destination), "webhook"])];
const ALL = NAMES.map((destination) => anIntegration({ destination }));
const only = (...names: string[]) => names.map((destination) => anIntegration({ destination }));
const GA4 = [anIntegration({ destination: "ga4", settings: { measurement_id: "G-ABC123" } })];
const HOST = cookieDomain("collect.shop.example", { cookie_scope: "host" });
const UUID = "0b5b9b5e-4c1f-4d6a-8f57-1f2e3d4c5b6a";
const HEX = "3b950470bdb311efb223c50782cf097f";

const from = (cookies: Record<string, string>, given: Partial<Given> = {}) =>
  readVendorIds(new Map(Object.entries(cookies)), {
    integrations: ALL,
    nowMs: NOW,
    clickIds: {},
    domain: HOST,
    ...given,
  });

describe("a cookie in its vendor's format is read, and never set again", () => {
  it.each([
    ["_ga", "GA1.1.1718000000.1763632000", "ga_client_id", "1718000000.1763632000"],
    ["_ga", "GA1.2.318596131.1556642125", "ga_client_id", "318596131.1556642125"],
    // Where gtag.js was given a cookie_path, and where AMP began the visit.
    ["_ga", "GA1.2-2.318596131.1556642125", "ga_client_id", "318596131.1556642125"],
    ["_ga", "GA1.1.amp-UaFdasfd2xQ_tzJsA-Yw8aJw", "ga_client_id", "amp-UaFdasfd2xQ_tzJsA-Yw8aJw"],
    ["_fbp", "fb.1.1596403881668.1116446470", "fbp", "fb.1.1596403881668.1116446470"],
    ["_fbp", "fb.2.1596403881668.1116446470.AQ", "fbp", "fb.2.1596403881668.1116446470.AQ"],
    ["_fbp", "fb.1.1596403881668.1116446470.AQMCAQIA", "fbp", "fb.1.1596403881668.1116446470.AQMCAQIA"],
    ["_fbp", "fb.1.1776758682757.354532818192485209", "fbp", "fb.1.1776758682757.354532818192485209"],
    ["_fbc", "fb.1.1554763741205.AbCdEf-gh_ij.k", "fbc", "fb.1.1554763741205.AbCdEf-gh_ij.k"],
    ["_ttp", "2JAlvs1pkTDvx5BCtPRkTTaT2aE", "ttp", "2JAlvs1pkTDvx5BCtPRkTTaT2aE"],
    ["_ttp", "01JCP7Z0HV0ZQ5C3_.tt.1", "ttp", "01JCP7Z0HV0ZQ5C3_.tt.1"],
    ["ttclid", "E.C.P.v3fQ2RHacdksKfPPb", "ttclid", "E.C.P.v3fQ2RHacdksKfPPb"],
    ["_gcl_aw", "GCL.1760654196.CjwKCAjw-r8_BwE", "gclid", "CjwKCAjw-r8_BwE"],
    ["_gcl_aw", "GCL.1760654196.~CjwKCAjw", "gclid", "CjwKCAjw"],
    ["_gcl_aw", "GCL.1760654196.CjwKCAjw.label-1", "gclid", "CjwKCAjw"],
    ["_gcl_dc", "GCL.1760654196.CjwKCAjw", "dclid", "CjwKCAjw"],
    ["_gcl_gb", "GCL.1790219714.Probe_Wbraid-003", "wbraid", "Probe_Wbraid-003"],
    ["_gcl_ag", "2.1.k0AAAAADixm5AS_XrvJ$i1746060892$buYg0CJ6", "gbraid", "0AAAAADixm5AS_XrvJ"],
    ["_gcl_ag", "2.1.kProbe_Gbraid-002$i1790219695", "gbraid", "Probe_Gbraid-002"],
    ["_uetmsclkid", "_uetb1240587f865192a03586c5b000314f5", "msclkid", "b1240587f865192a03586c5b000314f5"],
    ["_uetvid", HEX, "uetvid", HEX],
    ["_epik", "dj0yJnU9UkhoUFppdFgwTXdG", "epik", "dj0yJnU9UkhoUFppdFgwTXdG"],
    ["_scid", UUID, "scid", UUID],
    ["_scid", "9LVd1yPd6f1KSk8K_0gppcjKGVzfLCFX", "scid", "9LVd1yPd6f1KSk8K_0gppcjKGVzfLCFX"],
    ["li_fat_id", UUID, "li_fat_id", UUID],
    ["_rdt_cid", "3141592653589793238", "rdt_cid", "3141592653589793238"],
    ["_rdt_uuid", `1769785218948.${UUID}`, "rdt_uuid", `1769785218948.${UUID}`],
  ])("%s=%s", (cookie, value, id, expected) => {
    const { vendor_ids, set } = from({ [cookie]: value });
    expect(vendor_ids[id]).toBe(expected);
    expect(set.map((one) => one.cookie)).not.toContain(cookie);
  });
});

describe("what is not in its vendor's format is not told to the vendor", () => {
  it.each([
    ["_ga", "GA1.1.x.y"],
    ["_ga", "1718000000.1763632000"],
    ["_ga", "GA1.1.1.2; evil=1"],
    ["_fbp", "fb.1.123.456"],
    ["_fbp", "fb.1.1596403881668.1116446470.abc"],
    ["_fbp", "<script>"],
    ["_fbc", "fb.1.1554763741205."],
    ["_ttp", "short"],
    ["_gcl_aw", "GCL.1.x"],
    ["_gcl_ag", "GCL.1760654196.abc"],
    ["_uetmsclkid", "b1240587f865192a03586c5b000314f5"],
    ["_uetvid", UUID],
    ["_scid", "short"],
    ["li_fat_id", "not-a-uuid"],
    ["_rdt_uuid", UUID],
  ])("%s=%s", (cookie, value) => {
    expect(Object.values(from({ [cookie]: value }).vendor_ids)).not.toContain(value);
  });
});

describe("a click on an ad", () => {
  it.each([
    ["fbclid", "IwAR0abc_DEF-1", "_fbc", `fb.2.${NOW}.IwAR0abc_DEF-1`, 90, "fbc", `fb.2.${NOW}.IwAR0abc_DEF-1`],
    ["ttclid", "E.C.P.abc", "ttclid", "E.C.P.abc", 395, "ttclid", "E.C.P.abc"],
    ["gclid", "Cj0-x_Y", "_gcl_aw", `GCL.${SECONDS}.Cj0-x_Y`, 90, "gclid", "Cj0-x_Y"],
    ["dclid", "CDc1", "_gcl_dc", `GCL.${SECONDS}.CDc1`, 90, "dclid", "CDc1"],
    ["wbraid", "Cl8K", "_gcl_gb", `GCL.${SECONDS}.Cl8K`, 90, "wbraid", "Cl8K"],
    ["gbraid", "0AAA", "_gcl_ag", `2.1.k0AAA$i${SECONDS}`, 90, "gbraid", "0AAA"],
    ["msclkid", HEX, "_uetmsclkid", `_uet${HEX}`, 90, "msclkid", HEX],
    ["epik", "dj0yJnU9", "_epik", "dj0yJnU9", 365, "epik", "dj0yJnU9"],
    ["li_fat_id", UUID, "li_fat_id", UUID, 30, "li_fat_id", UUID],
    ["rdt_cid", "314159", "_rdt_cid", "314159", 90, "rdt_cid", "314159"],
  ])("with %s=%s becomes the cookie %s=%s for %i days", (name, click, cookie, value, days, id, expected) => {
    const first = from({}, { clickIds: { [name]: click } });
    expect(first.set).toContainEqual({ cookie, value, maxAgeS: days * DAY_S });
    expect(first.vendor_ids[id]).toBe(expected);
    const second = from({ [cookie]: value }, { clickIds: { [name]: click }, nowMs: NOW + 60_000 });
    expect(second.vendor_ids[id]).toBe(expected);
    expect(second.set.map((one) => one.cookie)).not.toContain(cookie);
    const newer = from({ [cookie]: value }, { clickIds: { [name]: click.replace(/.$/, "0").replace(/^.../, "fff") } });
    expect(newer.set.map((one) => one.cookie)).toContain(cookie);
    expect(newer.vendor_ids[id]).not.toBe(expected);
  });

  it.each([
    ["the same click", "IwAR0abc", "fb.1.1596403881668.IwAR0abc", false],
    ["the same click, signed by Meta's library", "IwAR0abc", "fb.1.1596403881668.IwAR0abc.AQMCAQIA", false],
    ["no click", undefined, "fb.1.1596403881668.IwAR0abc", false],
    ["an empty click", "", "fb.1.1596403881668.IwAR0abc", false],
    ["a newer click", "IwAR0new", "fb.1.1596403881668.IwAR0abc", true],
    ["a newer click that the older contains", "IwAR0", "fb.1.1596403881668.IwAR0abc", true],
    ["what is no click id", "<script>", "fb.1.1596403881668.IwAR0abc", false],
    ["what would end the header", "a\r\nSet-Cookie: x=1", "fb.1.1596403881668.IwAR0abc", false],
  ])("with %s, a cookie that is there is replaced: %s", (_, fbclid, cookie, replaced) => {
    const { vendor_ids, set } = from(
      { _fbp: "fb.1.1596403881668.1", _fbc: cookie },
      { integrations: only("meta"), clickIds: fbclid === undefined ? {} : { fbclid } },
    );
    expect(set.map((one) => one.cookie)).toEqual(replaced ? ["_fbc"] : []);
    expect(vendor_ids.fbc === cookie).toBe(!replaced);
  });

  it("is never made up, and is nothing that could be lost", () => {
    const cookies = { _fbp: "fb.1.1596403881668.1", _fbc: "rubbish" };
    expect(from(cookies, { integrations: only("meta") })).toEqual({
      vendor_ids: { fbp: cookies._fbp },
      set: [],
      lost: false,
    });
  });

  it("at a vendor that is not enabled sets nothing", () => {
    const { set } = from({}, { integrations: only("webhook"), clickIds: { gclid: "Cj0", fbclid: "IwAR0" } });
    expect(set).toEqual([]);
  });
});

describe("what is missing", () => {
  const minted: [string, string, RegExp, number | undefined][] = [
    ["ga4", "_ga", /^GA1\.1\.\d{1,10}\.1795168800$/, undefined],
    ["meta", "_fbp", /^fb\.2\.1795168800000\.\d{1,10}$/, undefined],
    ["tiktok", "_ttp", /^[0-9a-f]{32}$/, undefined],
    ["microsoft-uet", "_uetvid", /^[0-9a-f]{32}$/, 390],
    ["snapchat", "_scid", /^[0-9a-f-]{36}$/, 395],
    ["reddit", "_rdt_uuid", /^1795168800000\.[0-9a-f-]{36}$/, 90],
  ];

  it.each(minted)("is minted for %s as %s, and read as valid the next time", (destination, cookie, format, days) => {
    const first = from({}, { integrations: only(destination) });
    const { value, ...rest } = first.set[0]!;
    expect(first.set).toHaveLength(1);
    expect(value).toMatch(format);
    expect(rest).toEqual({ cookie, ...(days && { maxAgeS: days * DAY_S }) });
    const second = from({ [cookie]: value }, { integrations: only(destination) });
    expect(second).toEqual({ vendor_ids: first.vendor_ids, set: [], lost: false });
  });

  it("is minted for no other vendor", () => {
    expect(from({}).set.map((one) => one.cookie)).toEqual(minted.map(([, cookie]) => cookie));
  });

  it("is another one for every visitor", () => {
    expect(from({}).vendor_ids).not.toEqual(from({}).vendor_ids);
  });

  it.each([
    ["shop.example", "site", "GA1.2.", "fb.1."],
    ["www.shop.co.uk", "site", "GA1.3.", "fb.2."],
    ["www.shop.example", "host", "GA1.1.", "fb.2."],
    ["localhost:8787", "site", "GA1.1.", "fb.0."],
    ["127.0.0.1", "site", "GA1.1.", "fb.0."],
  ] as const)("names the domain that the cookie is for: on %s with scope %s", (host, cookie_scope, ga, meta) => {
    const { set } = from({}, { integrations: only("ga4", "meta"), domain: cookieDomain(host, { cookie_scope }) });
    expect(set[0]!.value.startsWith(ga)).toBe(true);
    expect(set[1]!.value.startsWith(meta)).toBe(true);
  });
});

describe("what a browser lost", () => {
  const known: VendorIds = {
    ga_client_id: "1718000000.1763632000",
    fbp: "fb.1.1596403881668.1116446470",
    fbc: `fb.1.${NOW - 10 * DAY_S * 1_000}.IwAR0abc`,
    ttp: "2JAlvs1pkTDvx5BCtPRkTTaT2aE",
    uetvid: HEX,
    scid: UUID,
    rdt_uuid: `1769785218948.${UUID}`,
  };

  it("is said to be lost as long as nobody has looked whether the server remembers it", () => {
    expect(from({}).lost).toBe(true);
    expect(from({}, { remembered: {} }).lost).toBe(false);
    expect(from({ _ga: "GA1.1.1.2" }, { integrations: only("ga4", "meta") }).lost).toBe(true);
    expect(from({ _ga: "GA1.1.1.2" }, { integrations: only("ga4") }).lost).toBe(false);
    expect(from({ _ga: "GA1.1.1.2" }, { integrations: GA4 }).lost).toBe(true);
  });

  it("is put back in the vendors' formats", () => {
    const { vendor_ids, set } = from({}, { remembered: known });
    expect(vendor_ids).toEqual(known);
    expect(Object.fromEntries(set.map((one) => [one.cookie, one.value]))).toEqual({
      _ga: "GA1.1.1718000000.1763632000",
      _fbp: known.fbp,
      _fbc: known.fbc,
      _ttp: known.ttp,
      _uetvid: HEX,
      _scid: UUID,
      _rdt_uuid: known.rdt_uuid,
    });
    expect(set.find((one) => one.cookie === "_fbc")!.maxAgeS).toBe(80 * DAY_S);
  });

  it("is not put in the place of what the browser has, nor of a newer click", () => {
    const cookies = { _ga: "GA1.1.1.2", _fbp: "fb.1.1596403881668.9" };
    const { vendor_ids } = from(cookies, { remembered: known, clickIds: { fbclid: "IwAR0new" } });
    expect(vendor_ids).toMatchObject({ ga_client_id: "1.2", fbp: cookies._fbp, fbc: `fb.2.${NOW}.IwAR0new` });
  });

  it.each([
    ["a click that is too old", { fbc: `fb.1.${NOW - 91 * DAY_S * 1_000}.IwAR0abc` }],
    ["a click whose time nobody knows", { gclid: "Cj0", ttclid: "E.C.P.x" }],
  ])("stays lost where it is %s", (_, remembered) => {
    const { set } = from({}, { remembered });
    expect(set.map((one) => one.cookie)).not.toContain("_fbc");
    expect(set.map((one) => one.cookie)).not.toContain("_gcl_aw");
    expect(set.map((one) => one.cookie)).not.toContain("ttclid");
  });

  it("counts for a click of tomorrow no longer than for one of now", () => {
    const { set } = from({}, { remembered: { fbc: `fb.1.${NOW + 10 * DAY_S * 1_000}.IwAR0abc` } });
    expect(set.find((one) => one.cookie === "_fbc")!.maxAgeS).toBe(90 * DAY_S);
  });

  it("is minted anew where the server remembers what no vendor wrote, as any client may have told it", () => {
    const evil = "1.2\r\nSet-Cookie: a=b";
    const remembered = Object.fromEntries(VENDOR_COOKIES.map((one) => [one.id, evil]));
    const { vendor_ids, set } = from({}, { remembered });
    expect(set).toHaveLength(6);
    for (const { cookie, value } of set) expect(setCookie(cookie, value)).not.toContain("a=b");
    expect(Object.values(vendor_ids)).not.toContain(evil);
  });
});

describe("Google's session", () => {
  const active = `GS2.1.s1795160000$o3$g1$t${SECONDS - 5}$j24$l0$h0`;
  const _ga = "GA1.1.1.2";

  it("is read from the cookie of the stream that the integration sends to", () => {
    expect(from({ _ga, _ga_ABC123: active, _ga_OTHER: "GS2.1.s1$o1$t1" }, { integrations: GA4 })).toEqual({
      vendor_ids: { ga_client_id: "1.2", ga_session_id: "1795160000", ga_session_number: "3" },
      set: [],
      lost: false,
    });
  });

  it("is begun where it is missing", () => {
    const { vendor_ids, set } = from({ _ga }, { integrations: GA4 });
    expect(vendor_ids).toMatchObject({ ga_session_id: "1795168800", ga_session_number: "1" });
    expect(set).toEqual([{ cookie: "_ga_ABC123", value: "GS2.1.s1795168800$o1$g0$t1795168800$j60$l0$h0" }]);
  });

  it("that ended is followed by the next, and is nothing lost", () => {
    const ended = active.replace(`t${SECONDS - 5}`, `t${SECONDS - 1_800}`);
    const { vendor_ids, lost } = from({ _ga, _ga_ABC123: ended }, { integrations: GA4 });
    expect(vendor_ids).toMatchObject({ ga_session_id: "1795168800", ga_session_number: "4" });
    expect(lost).toBe(false);
  });

  it("goes on from what the server remembers", () => {
    const remembered = { ga_session_id: String(SECONDS - 600), ga_session_number: "7" };
    expect(from({ _ga }, { integrations: GA4, remembered }).vendor_ids).toMatchObject(remembered);
  });

  it("of each further stream has ids that name it", () => {
    const integrations = ["G-ABC123", "G-XYZ9", "G-ABC123", "not a stream"].map((measurement_id, i) =>
      anIntegration({ destination: "ga4", id: `int_${i}`, settings: { measurement_id } }),
    );
    const cookies = { _ga, _ga_ABC123: active, _ga_XYZ9: active.replace("o3", "o9") };
    expect(from(cookies, { integrations }).vendor_ids).toEqual({
      ga_client_id: "1.2",
      ga_session_id: "1795160000",
      ga_session_number: "3",
      ga_session_id_XYZ9: "1795160000",
      ga_session_number_XYZ9: "9",
    });
  });

  it("of a disabled integration is neither read nor begun", () => {
    expect(from({ _ga_ABC123: active }, { integrations: [{ ...GA4[0]!, enabled: false }] })).toEqual({
      vendor_ids: {},
      set: [],
      lost: false,
    });
  });
});

it("never gives more ids than an event takes", () => {
  const streams = Array.from({ length: 40 }, (_, i) =>
    anIntegration({ destination: "ga4", id: `int_${i}`, settings: { measurement_id: `G-S${i}` } }),
  );
  const clickIds = Object.fromEntries(VENDOR_COOKIES.flatMap((one) => (one.click ? [[one.click, UUID]] : [])));
  const { vendor_ids, set } = from({}, { integrations: [...ALL, ...streams], clickIds });
  expect(set.length).toBeGreaterThan(VENDOR_COOKIES.length);
  expect(vendorIds.safeParse(vendor_ids).success).toBe(true);
});

it.each<[string, (n: number) => string]>([
  ["_ga", (n) => `GA1.99-99.amp-${"x".repeat(n)}`],
  ["_fbp", (n) => `fb.1.1596403881668.${"1".repeat(n)}.AQMCAQIA`],
  ["_fbc", (n) => `fb.1.1596403881668.${"x".repeat(n)}`],
  ["_ttp", (n) => "x".repeat(n)],
  ["ttclid", (n) => "x".repeat(n)],
  ["_gcl_aw", (n) => `GCL.1760654196.${"x".repeat(n)}`],
  ["_gcl_ag", (n) => `2.1.k${"x".repeat(n)}$i1746060892`],
  ["_uetmsclkid", (n) => `_uet${"x".repeat(n)}`],
  ["_epik", (n) => "x".repeat(n)],
  ["_rdt_cid", (n) => "x".repeat(n)],
])(
  "the longest %s that is read fits into an event: otherwise its whole queue message could not be read",
  (name, value) => {
    const { id, read } = VENDOR_COOKIES.find(({ cookie }) => cookie === name)!;
    const found = Array.from({ length: 1_000 }, (_, n) => read(value(n))).filter((one) => one !== undefined);
    expect(found.length).toBeGreaterThan(10);
    for (const one of found) expect(vendorIds.safeParse({ [id]: one }).success).toBe(true);
  },
);
