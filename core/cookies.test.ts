import { describe, expect, it } from "vitest";
import { parseCookies, setCookie } from "./cookies.ts";

describe("the Cookie header", () => {
  it.each<[string, string | null | undefined, [string, string][]]>([
    ["is absent", null, []],
    ["is undefined", undefined, []],
    ["is empty", "", []],
    ["holds one", "_dfid=abc", [["_dfid", "abc"]]],
    [
      "holds several",
      "a=1; b=2;c=3",
      [
        ["a", "1"],
        ["b", "2"],
        ["c", "3"],
      ],
    ],
    ["holds a value with equals signs", "a=b=c==", [["a", "b=c=="]]],
    ["holds an empty value", "a=", [["a", ""]]],
    ["holds something without a name", "=x; a=1", [["a", "1"]]],
    ["holds something without a value", "flag; a=1", [["a", "1"]]],
    [
      "holds white space",
      "  a = 1 ;\tb=2 ",
      [
        ["a", "1"],
        ["b", "2"],
      ],
    ],
    ["names one twice, the most specific first", "_dfid=host; _dfid=domain", [["_dfid", "host"]]],
    [
      "names Google's session twice, the later hit last",
      "_ga_A=GS2.1.s1795160000$o3$t1795160000; _ga_A=GS2.1.s1795168000$o4$t1795168800",
      [["_ga_A", "GS2.1.s1795168000$o4$t1795168800"]],
    ],
    [
      "names one as JavaScript does its own",
      "__proto__=x; constructor=y",
      [
        ["__proto__", "x"],
        ["constructor", "y"],
      ],
    ],
  ])("%s", (_, header, cookies) => {
    expect([...parseCookies(header)]).toEqual(cookies);
  });
});

describe("Set-Cookie", () => {
  it.each([
    ["alone", {}, "_dfid=abc; Max-Age=34560000; Path=/; Secure; SameSite=Lax"],
    [
      "for a domain",
      { domain: ".shop.example" },
      "_dfid=abc; Max-Age=34560000; Path=/; Domain=.shop.example; Secure; SameSite=Lax",
    ],
    ["for a shorter time", { maxAgeS: 60 }, "_dfid=abc; Max-Age=60; Path=/; Secure; SameSite=Lax"],
    [
      "for longer than browsers keep any",
      { maxAgeS: 999_999_999 },
      "_dfid=abc; Max-Age=34560000; Path=/; Secure; SameSite=Lax",
    ],
    ["hidden from scripts", { httpOnly: true }, "_dfid=abc; Max-Age=34560000; Path=/; Secure; SameSite=Lax; HttpOnly"],
    [
      "with no domain",
      { domain: undefined, httpOnly: false },
      "_dfid=abc; Max-Age=34560000; Path=/; Secure; SameSite=Lax",
    ],
  ])("%s", (_, options, header) => {
    expect(setCookie("_dfid", "abc", options)).toBe(header);
  });
});
