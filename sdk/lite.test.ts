import { expect } from "vitest";
import { names, test } from "./a-site.ts";

const LITE = { script: "/millrace.lite.js", attributes: 'data-write-key="wk_1"' };

test("the small script sends page views of every kind, goals and the campaign, and stores nothing", async ({
  site,
}) => {
  const page = await site.open("/?utm_source=news&utm_campaign=may#top", {
    ...LITE,
    before: `<script>millrace = [["goal", "Signed Up", 12.5]];</script>`,
  });
  await page.evaluate(() => {
    history.pushState({}, "", "/shoes");
    history.replaceState({ scroll: 1 }, "", "/shoes");
    (window as unknown as { millrace: { track(event: string): void } }).millrace.track("Looked");
  });
  await expect.poll(() => names(site.ingest.events())).toEqual(["page", "Signed Up", "page", "Looked"]);

  const [first, goal, second] = site.ingest.events();
  expect(first).toMatchObject({
    context: { campaign: { source: "news", name: "may" }, page: { path: "/", referrer: "" } },
  });
  expect(first!.context.page.url).not.toContain("#");
  expect(goal!.properties).toEqual({ value: 12.5 });
  expect(second).toMatchObject({
    context: { campaign: { source: "news" }, page: { path: "/shoes", referrer: first!.context.page.url } },
  });
  expect(new Set(site.ingest.events().map(({ message_id }) => message_id)).size).toBe(4);
  expect(
    site.ingest.requests.every(
      ({ method, headers }) => method === "POST" && /^text\/plain/.test(headers["content-type"]!),
    ),
  ).toBe(true);
  expect(await page.evaluate(() => localStorage.length + sessionStorage.length)).toBe(0);
});

test("a server that fails, and a page that throws, are not the page's trouble", async ({ site }) => {
  site.ingest.failures.push({ status: 503 }, { status: 0 });
  const page = await site.context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  await site.open("/", { ...LITE, tab: page });
  await page.evaluate(() => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const { millrace } = window as unknown as { millrace: { track(event: string, properties?: object): void } };
    millrace.track("Circle", circle);
    millrace.track("Fine");
  });
  await expect.poll(() => names(site.ingest.events())).toEqual(["page", "Fine"]);
  expect(errors).toEqual([]);
});
