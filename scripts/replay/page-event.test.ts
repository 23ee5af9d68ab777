import { describe, expect, it } from "vitest";
import { parseEvent } from "../../core/event.ts";
import { aLogLine } from "./a-log-line.ts";
import { readPage } from "./page-event.ts";

const RULES = { site: "https://shop.example", all: false };

function page(text: string, number = 1, rules = RULES) {
  const reading = readPage(text, number, rules);
  if (reading.kind !== "page") throw new Error(`${reading.reason}: ${text}`);
  return reading;
}

function path(request: string) {
  return page(aLogLine({ request: `GET ${request} HTTP/1.1` })).event.context.page;
}

describe("readPage", () => {
  it("says what a page tag would have said", () => {
    const text = aLogLine({ request: "GET /shoes?size=42 HTTP/1.1", referrer: "https://www.google.com/" });
    const where = {
      url: "https://shop.example/shoes?size=42",
      path: "/shoes",
      search: "?size=42",
      referrer: "https://www.google.com/",
    };
    expect(page(text).event).toEqual({
      type: "page",
      message_id: expect.stringMatching(/^replay-[0-9a-f]{32}$/),
      anonymous_id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      timestamp: "2015-05-17T10:05:03.000Z",
      properties: { ...where, status: 200 },
      context: {
        ip: "203.0.113.9",
        user_agent: "Mozilla/5.0",
        page: where,
        library: { name: "millrace-replay" },
      },
    });
  });

  it.each([
    aLogLine(),
    aLogLine({ client: "crawl-1.example.net", user_agent: "-" }),
    aLogLine({ request: "GET /%zz?%E4 HTTP/1.1" }),
  ])("makes an event that the door takes: %s", (text) => {
    const received_at = "2026-11-20T10:00:00.000Z";
    const parsed = parseEvent(page(text).event, { received_at, message_id: () => "none" });
    expect(parsed).toMatchObject({ ok: true, event: { event: "page", timestamp: "2015-05-17T10:05:03.000Z" } });
  });

  it("gives a line the same message_id in every run, and another line another", () => {
    const id = (number: number, text = aLogLine()) => page(text, number).event.message_id;
    expect(id(7)).toBe(id(7));
    expect(id(8)).not.toBe(id(7));
    expect(id(7, aLogLine({ status: 304 }))).not.toBe(id(7));
    expect(page(aLogLine(), 7, { site: "https://other.example", all: true }).event.message_id).toBe(id(7));
  });

  it("knows a visitor by address and user agent", () => {
    const visitor = (given: Parameters<typeof aLogLine>[0]) => page(aLogLine(given)).event.anonymous_id;
    expect(visitor({ request: "GET /b HTTP/1.1" })).toBe(visitor({ request: "GET /a HTTP/1.1" }));
    expect(visitor({ client: "203.0.113.10" })).not.toBe(visitor({}));
    expect(visitor({ user_agent: "Lynx" })).not.toBe(visitor({}));
  });

  it("gives a client that is a host name no ip", () => {
    expect(page(aLogLine({ client: "crawl-1.example.net" })).event.context).not.toHaveProperty("ip");
  });

  it.each([
    ["/%zz%", { path: "/%zz%", search: "" }],
    ["/caf%C3%A9", { path: "/caf%C3%A9" }],
    [String.raw`/caf\xC3\xA9`, { path: "/caf%C3%A9" }],
    ["/a b", { path: "/a%20b" }],
    ["//evil.example/x", { url: "https://shop.example//evil.example/x", path: "//evil.example/x" }],
    ["/a#top", { url: "https://shop.example/a" }],
    ["http://www.shop.example/a?b", { url: "http://www.shop.example/a?b", path: "/a", search: "?b" }],
  ])("writes %s as an address bar would", (target, expected) => {
    expect(path(target)).toMatchObject(expected);
  });

  it.each([
    ["Mozilla/5.0 (compatible; Googlebot/2.1)", true],
    ["Baiduspider", true],
    ["Some Crawler", true],
    ["Mozilla/5.0 (Windows NT 10.0)", false],
  ])("sends %s, and says whether it is a bot", (user_agent, bot) => {
    expect(page(aLogLine({ user_agent })).bot).toBe(bot);
  });
});

describe("what is skipped", () => {
  const get = (target: string, status = 200) => aLogLine({ request: `GET ${target} HTTP/1.1`, status });

  it.each([
    ["unparseable_line", "garbage"],
    ["malformed_request", aLogLine({ request: "-", status: 408 })],
    ["malformed_request", get("*")],
    ["not_get", aLogLine({ request: "HEAD / HTTP/1.1" })],
    ["not_get", aLogLine({ request: "POST /login HTTP/1.1" })],
    ["redirect", get("/old", 301)],
    ["client_error", get("/gone", 404)],
    ["client_error", get("/impatient", 499)],
    ["server_error", get("/", 503)],
    ["other_status", get("/socket", 101)],
    ["feed", get("/?flav=rss20")],
    ["feed", get("/?feed=atom")],
    ["feed", get("/blog/feed/")],
    ["feed", get("/index.rdf")],
    ["feed", get("/atom.xml")],
    ["static_asset", get("/style.css?v=2")],
    ["static_asset", get("/favicon.ico")],
    ["static_asset", get("/robots.txt")],
    ["static_asset", get("/sitemap.xml")],
    ["static_asset", get("/IMG/LOGO.PNG")],
    ["static_asset", get("/paper.pdf")],
    ["static_asset", get("/app.js.map")],
    ["static_asset", get("/files/tool.tar.gz", 206)],
  ])("%s: %s", (reason, text) => {
    expect(readPage(text, 1, RULES)).toMatchObject({ kind: "skipped", reason });
  });

  it.each([
    get("/"),
    get("/about.html", 304),
    get("/index.php?page=2"),
    get("/docs/v1.2"),
    get("/node.js/"),
    get("/post.html?utm_medium=feed&utm_source=feedburner"),
    get("/post.html?source=rss20"),
    get("/feeding-cats"),
  ])("is not a page: %s", (text) => {
    expect(readPage(text, 1, RULES).kind).toBe("page");
  });

  it.each([get("/style.css"), get("/gone", 404), get("/?flav=rss20"), get("/old", 301)])(
    "is sent with --all: %s",
    (text) => {
      expect(readPage(text, 1, { ...RULES, all: true }).kind).toBe("page");
    },
  );

  it.each(["garbage", aLogLine({ request: "POST / HTTP/1.1" })])("is skipped even with --all: %s", (text) => {
    expect(readPage(text, 1, { ...RULES, all: true }).kind).toBe("skipped");
  });
});
