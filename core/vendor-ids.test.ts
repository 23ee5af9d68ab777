import { describe, expect, it } from "vitest";
import { vendorIds } from "./event.ts";
import { VENDOR_COOKIES, vendorIdsFromCookies } from "./vendor-ids.ts";

const NOW = Date.parse("2026-11-20T10:00:00.000Z");
const ALL = new Set(["ga4", "meta", "tiktok", "webhook"]);

const from = (cookies: Record<string, string>, destinations: ReadonlySet<string> = ALL) =>
  vendorIdsFromCookies(new Map(Object.entries(cookies)), destinations, NOW);

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
    ["_fbp", "fb.3.1596403881668.1116446470", "fbp", "fb.3.1596403881668.1116446470"],
    ["_fbc", "fb.1.1554763741205.AbCdEf-gh_ij.k", "fbc", "fb.1.1554763741205.AbCdEf-gh_ij.k"],
    ["_ttp", "2JAlvs1pkTDvx5BCtPRkTTaT2aE", "ttp", "2JAlvs1pkTDvx5BCtPRkTTaT2aE"],
    ["_ttp", "01JCP7Z0HV0ZQ5C3_.tt.1", "ttp", "01JCP7Z0HV0ZQ5C3_.tt.1"],
  ])("%s=%s", (cookie, value, id, expected) => {
    const { vendor_ids, missing } = from({ [cookie]: value });
    expect(vendor_ids[id]).toBe(expected);
    expect(missing.map((m) => m.cookie)).not.toContain(cookie);
  });
});

describe("Meta's click id", () => {
  const clicked = (cookies: Record<string, string>, fbclid?: string) =>
    vendorIdsFromCookies(new Map(Object.entries(cookies)), new Set(["meta"]), NOW, fbclid);

  it("becomes a cookie with the time of the click, and an id of the event", () => {
    const { vendor_ids, missing } = clicked({ _fbp: "fb.1.1596403881668.1" }, "IwAR0abc_DEF-1");
    expect(missing).toEqual([{ cookie: "_fbc", value: `fb.1.${NOW}.IwAR0abc_DEF-1` }]);
    expect(vendor_ids.fbc).toBe(`fb.1.${NOW}.IwAR0abc_DEF-1`);
  });

  it.each([
    ["the same click", "IwAR0abc", "fb.1.1596403881668.IwAR0abc", false],
    ["no click", undefined, "fb.1.1596403881668.IwAR0abc", false],
    ["a newer click", "IwAR0new", "fb.1.1596403881668.IwAR0abc", true],
    ["what is no click id", "<script>", "fb.1.1596403881668.IwAR0abc", false],
  ])("with %s, a cookie that is there is replaced: %s", (_, fbclid, cookie, replaced) => {
    const { vendor_ids, missing } = clicked({ _fbp: "fb.1.1596403881668.1", _fbc: cookie }, fbclid);
    expect(missing.map((m) => m.cookie)).toEqual(replaced ? ["_fbc"] : []);
    expect(vendor_ids.fbc === cookie).toBe(!replaced);
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
  ])("%s=%s", (cookie, value) => {
    const { vendor_ids } = from({ [cookie]: value });
    expect(Object.values(vendor_ids)).not.toContain(value);
  });
});

it("mints what is missing in the vendor's own format, so that it is read as valid the next time", () => {
  const first = from({});
  expect(first.missing.map((m) => m.cookie)).toEqual(["_ga", "_fbp", "_ttp"]);
  const [ga, fbp, ttp] = first.missing.map((m) => m.value);
  expect(ga).toMatch(/^GA1\.1\.\d{1,10}\.1795168800$/);
  expect(fbp).toMatch(/^fb\.1\.1795168800000\.\d{1,10}$/);
  expect(ttp).toMatch(/^[0-9a-f]{32}$/);
  const second = from({ _ga: ga!, _fbp: fbp!, _ttp: ttp! });
  expect(second).toEqual({ vendor_ids: first.vendor_ids, missing: [] });
});

it("mints another id for every visitor", () => {
  expect(from({}).vendor_ids).not.toEqual(from({}).vendor_ids);
});

it("never mints a click id", () => {
  expect(from({}).vendor_ids).not.toHaveProperty("fbc");
  expect(from({ _fbc: "rubbish" }).missing.map((m) => m.cookie)).not.toContain("_fbc");
});

it.each([
  [["ga4"], ["_ga"]],
  [["meta"], ["_fbp"]],
  [["tiktok"], ["_ttp"]],
  [["webhook"], []],
  [[], []],
])("with the destinations %j only the cookies %j are set, and no others are read", (destinations, cookies) => {
  const { missing } = from({}, new Set(destinations));
  expect(missing.map((m) => m.cookie)).toEqual(cookies);
  const present = { _ga: "GA1.1.1.2", _fbp: "fb.1.1596403881668.1", _ttp: "x".repeat(20) };
  expect(Object.keys(from(present, new Set(destinations)).vendor_ids)).toHaveLength(cookies.length);
});

it.each<[string, (n: number) => string]>([
  ["_ga", (n) => `GA1.99-99.amp-${"x".repeat(n)}`],
  ["_fbp", (n) => `fb.1.1596403881668.${"1".repeat(n)}.AQMCAQIA`],
  ["_fbc", (n) => `fb.1.1596403881668.${"x".repeat(n)}`],
  ["_ttp", (n) => "x".repeat(n)],
])(
  "the longest %s that is read fits into an event: otherwise its whole queue message could not be read",
  (name, value) => {
    const { id, read } = VENDOR_COOKIES.find(({ cookie }) => cookie === name)!;
    const found = Array.from({ length: 1_000 }, (_, n) => read(value(n))).filter((one) => one !== undefined);
    expect(found.length).toBeGreaterThan(10);
    for (const one of found) expect(vendorIds.safeParse({ [id]: one }).success).toBe(true);
  },
);
