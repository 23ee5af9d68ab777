import { describe, expect, it } from "vitest";
import { aLogLine } from "./a-log-line.ts";
import { parseLine, parseLogTime } from "./combined-log.ts";

function parsed(text: string) {
  const result = parseLine(text);
  if (!result.ok) throw new Error(`${result.reason}: ${text}`);
  return result.line;
}

describe("parseLine", () => {
  it("reads every field of a combined line", () => {
    const text =
      '83.149.9.67 - - [17/May/2015:10:05:03 +0000] "GET /blog?page=2 HTTP/1.1" 200 203023 "http://semicomplete.com/" "Mozilla/5.0 (X11)"';
    expect(parsed(text)).toEqual({
      client: "83.149.9.67",
      at: new Date("2015-05-17T10:05:03Z"),
      method: "GET",
      target: "/blog?page=2",
      status: 200,
      referrer: "http://semicomplete.com/",
      user_agent: "Mozilla/5.0 (X11)",
    });
  });

  it("reads a common line, which ends after the size", () => {
    expect(parsed('10.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.html HTTP/1.0" 200 -')).toMatchObject({
      at: new Date("2000-10-10T20:55:36Z"),
      referrer: undefined,
      user_agent: undefined,
    });
  });

  it.each([
    ["an IPv6 client", aLogLine({ client: "2001:db8::1" }), { client: "2001:db8::1" }],
    ["a user name with a space", aLogLine().replace("- - [", "- Ada L [") /* HTTP auth */, { client: "203.0.113.9" }],
    ["a header that was absent", aLogLine({ user_agent: "-" }), { user_agent: undefined }],
    ["a header that was empty", aLogLine({ referrer: "" }), { referrer: undefined }],
    ["Apache's escaped quote", aLogLine({ user_agent: String.raw`a \"b\" c` }), { user_agent: 'a "b" c' }],
    ["nginx's escaped quote", aLogLine({ user_agent: String.raw`a \x22b\x22 c` }), { user_agent: 'a "b" c' }],
    ["an escaped backslash before a quote", aLogLine({ user_agent: String.raw`a\\` }), { user_agent: "a\\" }],
    ["UTF-8 in escapes", aLogLine({ referrer: String.raw`http://x/caf\xC3\xA9` }), { referrer: "http://x/café" }],
    ["a request of HTTP/0.9", aLogLine({ request: "GET /old" }), { target: "/old" }],
    ["HTTP/2", aLogLine({ request: "GET /new HTTP/2.0" }), { target: "/new" }],
    ["a space inside the path", aLogLine({ request: "GET /a b HTTP/1.1" }), { target: "/a b" }],
    ["fields after the user agent", `${aLogLine()} "10.1.1.1" 0.003`, { user_agent: "Mozilla/5.0" }],
    ["a carriage return at the end", `${aLogLine()}\r`, { user_agent: "Mozilla/5.0" }],
  ])("reads %s", (_, text, expected) => {
    expect(parsed(text)).toMatchObject(expected);
  });

  it.each([
    ["an empty line", ""],
    ["prose", "server restarted"],
    ["a line cut off inside its user agent", aLogLine().slice(0, -4)],
    ["a line without a status", '10.0.0.1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1"'],
    ["a day that no month has", aLogLine({ time: "31/Feb/2015:10:05:03 +0000" })],
    ["a month that no year has", aLogLine({ time: "17/Mai/2015:10:05:03 +0000" })],
  ])("refuses %s", (_, text) => {
    expect(parseLine(text)).toEqual({ ok: false, reason: "unparseable_line" });
  });

  it.each([
    ["a TLS handshake", String.raw`\x16\x03\x01\x02`],
    ["no request at all", "-"],
    ["an empty request", ""],
  ])("knows that %s is no HTTP request", (_, request) => {
    expect(parseLine(aLogLine({ request, status: 400 }))).toEqual({ ok: false, reason: "malformed_request" });
  });

  it("takes no longer than a blink over a hostile line", () => {
    const started = performance.now();
    parseLine(`1.1.1.1 - ${"[a] ".repeat(20_000)}${'"\\" '.repeat(20_000)}`);
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe("parseLogTime", () => {
  it.each([
    ["17/May/2015:10:05:03 +0000", "2015-05-17T10:05:03.000Z"],
    ["17/May/2015:10:05:03 +0200", "2015-05-17T08:05:03.000Z"],
    ["01/Jan/2016:00:30:00 +0530", "2015-12-31T19:00:00.000Z"],
    ["31/Dec/2015:20:00:00 -0930", "2016-01-01T05:30:00.000Z"],
    ["29/Feb/2016:12:00:00 +0000", "2016-02-29T12:00:00.000Z"],
    ["31/Dec/2016:23:59:60 +0000", "2017-01-01T00:00:00.000Z"],
  ])("reads %s with its zone", (text, iso) => {
    expect(parseLogTime(text)?.toISOString()).toBe(iso);
  });
});
