import { describe, expect, it } from "vitest";
import { gaSession, isGaSession, laterGaSession } from "./ga-session.ts";

const NOW = 1_795_168_800;
const GS2 = (t: number) => `GS2.1.s1795160000$o3$g1$t${t}$j24$l0$h1396503129`;
const GS1 = (t: number) => `GS1.1.1795160000.3.1.${t}.24.0.295082955`;
const session = (cookie: string | undefined) => gaSession(cookie, NOW, 1);

describe("a session that goes on", () => {
  it.each([
    ["GS2", GS2(NOW - 5)],
    ["GS1", GS1(NOW - 5)],
    ["GS1 of six fields", `GS1.1.1795160000.3.0.${NOW - 59}`],
    ["a path depth", GS2(NOW).replace("GS2.1", "GS2.2-2")],
    ["fields in another order", `GS2.1.t${NOW}$o3$s1795160000`],
    ["fields that we do not know", `GS2.1.s1795160000$o3$t${NOW}$dAbc-_=$k`],
    ["a clock that is ahead", GS2(NOW + 7_200)],
  ])("is read from a cookie with %s, which then stays as it is", (_, cookie) => {
    expect(session(cookie)).toEqual({ id: "1795160000", number: "3" });
  });

  it.each([
    ["a minute", GS2(NOW - 60), `GS2.1.s1795160000$o3$g1$t${NOW}$j24$l0$h1396503129`],
    ["29 minutes", GS2(NOW - 1_799), `GS2.1.s1795160000$o3$g1$t${NOW}$j24$l0$h1396503129`],
    ["two minutes, in the old format", GS1(NOW - 120), `GS2.1.s1795160000$o3$g1$t${NOW}$j24$l0$h295082955`],
    [
      "two minutes, with a field of tomorrow",
      `GS2.1.s1795160000$o3$t${NOW - 120}$dAbc`,
      `GS2.1.s1795160000$o3$t${NOW}$dAbc`,
    ],
  ])("has its last hit written again after %s, and nothing else changed", (_, cookie, value) => {
    expect(session(cookie)).toEqual({ id: "1795160000", number: "3", value });
  });
});

describe("the next session", () => {
  it.each([
    ["30 minutes after the last hit", GS2(NOW - 1_800), "4", `GS2.1.s${NOW}$o4$g0$t${NOW}$j60$l0$h1396503129`],
    ["after a cookie in the old format", GS1(NOW - 86_400), "4", `GS2.1.s${NOW}$o4$g0$t${NOW}$j60$l0$h295082955`],
    ["where there is no cookie", undefined, "1", `GS2.1.s${NOW}$o1$g0$t${NOW}$j60$l0$h0`],
    ["where the cookie is another's", "GA1.1.1.2", "1", `GS2.1.s${NOW}$o1$g0$t${NOW}$j60$l0$h0`],
    [
      "after the last number",
      `GS2.1.s1795160000$o999999$t1795160000`,
      "999999",
      `GS2.1.s${NOW}$o999999$g0$t${NOW}$j60$l0$h0`,
    ],
  ])("begins %s", (_, cookie, number, value) => {
    expect(session(cookie)).toEqual({ id: String(NOW), number, value });
    expect(session(value)).toEqual({ id: String(NOW), number });
  });

  it("names the depth of the domain that the cookie is for", () => {
    expect(gaSession(undefined, NOW, 3).value).toMatch(/^GS2\.3\.s/);
  });
});

describe("a session whose cookie is lost", () => {
  const lost = (id: string | undefined, number: string | undefined) => gaSession(undefined, NOW, 1, { id, number });

  it("goes on where the server remembers that it began within 30 minutes", () => {
    const value = `GS2.1.s${NOW - 600}$o7$g0$t${NOW}$j60$l0$h0`;
    expect(lost(String(NOW - 600), "7")).toEqual({ id: String(NOW - 600), number: "7", value });
  });

  it("is followed by the next number otherwise", () => {
    expect(lost(String(NOW - 7_200), "7")).toMatchObject({ id: String(NOW), number: "8" });
  });

  it.each([
    ["nothing", undefined, undefined],
    ["a number alone", undefined, "7"],
    ["what would end the header", `${NOW}\r\n`, "7"],
    ["what is no number", String(NOW), "x$t1"],
  ])("is the first one where the server remembers %s", (_, id, number) => {
    expect(lost(id, number)).toMatchObject({ id: String(NOW), number: "1" });
  });
});

it.each([
  "",
  "GS1.1",
  "GS1.1.x.1.1.1795168800",
  "GS2.1.s1795160000$o3",
  "GS2.1.s1795160000$o0$t1795168800",
  `GS2.1.s1795160000$o3$t1795168800$d${"x".repeat(400)}`,
  "GS3.1.s1795160000$o3$t1795168800",
  "GS2.1.s1795160000$o3$t1795168800 evil",
])("%j is no session of Google", (cookie) => {
  expect(isGaSession(cookie)).toBe(false);
});

it.each([
  ["the later hit", GS2(NOW - 900), GS2(NOW), GS2(NOW)],
  ["the later hit in either order", GS2(NOW), GS1(NOW - 900), GS2(NOW)],
  ["what is readable", "rubbish", GS2(NOW), GS2(NOW)],
  ["the first where neither is", "rubbish", "more", "rubbish"],
  ["the first where both are alike", GS2(NOW), GS1(NOW), GS2(NOW)],
])("of two cookies of one name the later session is %s", (_, first, second, expected) => {
  expect(laterGaSession(first, second)).toBe(expected);
});
