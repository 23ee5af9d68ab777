import type { Page } from "playwright-core";
import { describe, expect } from "vitest";
import { launchBrowser } from "../test/browser.ts";
import { flush, names, test } from "./a-site.ts";
import type { Millrace } from "./client.ts";
import type { ReceivedEvent } from "./fake-ingest.ts";

declare const millrace: Millrace;

const only = (auto: string) => ({ attributes: `data-write-key="wk_1" data-auto="${auto}"` });
const named = (events: ReceivedEvent[], name: string) => events.filter(({ event }) => event === name);
/** As when a tab is hidden: the browser says so, and nothing else happens. */
const hide = (page: Page) =>
  page.evaluate(() => {
    Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
const show = (page: Page) =>
  page.evaluate(() => {
    Object.defineProperty(document, "visibilityState", { value: "visible", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  });

describe("links", () => {
  const LINKS = `<body><a id="out" href="https://elsewhere.example/x">out</a> <a id="in" href="/inside">in</a>
    <a id="file" href="/prices.PDF?v=2">file</a> <a id="named" download href="/data">data</a> <a id="mail" href="mailto:a@b.example">m</a>
    <script>addEventListener("click", (event) => event.preventDefault());</script>`;

  test("a link to another host is one event with its address, a link inside or to a mailbox none", async ({ site }) => {
    const page = await site.open("/", { ...only("outbound"), after: LINKS });
    for (const id of ["out", "in", "mail", "file"]) await page.click(`#${id}`);
    await flush(page);

    expect(site.ingest.events().map(({ event, properties }) => [event, properties])).toEqual([
      ["Outbound Link Clicked", { url: "https://elsewhere.example/x", host: "elsewhere.example" }],
    ]);
  });

  test("a file is one, by its ending or because the link says so, also with the middle button", async ({ site }) => {
    const page = await site.open("/", { ...only("downloads"), after: LINKS });
    await page.click("#file");
    await page.click("#named");
    await page.click("#in");
    await page.$eval("#file", (link) =>
      link.dispatchEvent(new MouseEvent("auxclick", { button: 1, bubbles: true, composed: true })),
    );
    await flush(page);

    expect(site.ingest.events().map(({ event, properties }) => [event, properties.extension])).toEqual([
      ["File Downloaded", "PDF"],
      ["File Downloaded", undefined],
      ["File Downloaded", "PDF"],
    ]);
  });
});

test("a form that is sent is an event without anything that was written into it", async ({ site }) => {
  const page = await site.open("/", {
    ...only("forms"),
    after: `<form id="signup" name="join" action="/join"><input name="id" value="secret-1"><input name="email" value="a@b.example"><button>go</button></form>
      <script>addEventListener("submit", (event) => event.preventDefault());</script>`,
  });
  await page.click("button");
  await flush(page);

  const [sent] = site.ingest.events();
  expect(sent).toMatchObject({ event: "Form Submitted", properties: { id: "signup", name: "join", action: "/join" } });
  expect(JSON.stringify(sent)).not.toMatch(/secret-1|a@b/);
});

describe("when a page is left", () => {
  test("one event tells how long it was in front of somebody and how far down they came", async ({ site }) => {
    const page = await site.open("/", {
      ...only("page engagement scroll"),
      after: `<div style="height: 7200px"></div>`,
    });
    await page.evaluate(() => scrollTo(0, 2_880)); // of 7,200 pixels and a window of 720
    await page.waitForTimeout(1_200);
    await hide(page);
    await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pagehide")));
    await expect.poll(() => names(site.ingest.events())).toEqual(["page", "Page Left"]);

    const { properties } = site.ingest.events()[1]!;
    expect(properties.engagement_time_msec).toBeGreaterThan(1_000);
    expect(properties.engagement_time_msec).toBeLessThan(20_000);
    expect(properties.scroll_depth).toBe(50);
  });

  test("the time in the background does not count, and only what is new is told again", async ({ site }) => {
    const page = await site.open("/", only("page engagement scroll"));
    await page.waitForTimeout(1_100);
    await hide(page);
    await page.waitForTimeout(1_500);
    await show(page);
    await page.waitForTimeout(1_100);
    await hide(page);
    await expect.poll(() => named(site.ingest.events(), "Page Left").length).toBe(2);

    const [first, second] = named(site.ingest.events(), "Page Left").map(({ properties }) => properties);
    expect(first.engagement_time_msec + second.engagement_time_msec).toBeLessThan(3_400);
    expect(first.scroll_depth).toBe(100);
    expect(second).not.toHaveProperty("scroll_depth");
  });

  test("by a single-page application, the event is of the page before", async ({ site }) => {
    const page = await site.open("/first", only("page scroll"));
    await page.evaluate(() => history.pushState({}, "", "/second"));
    await flush(page);

    const seen = site.ingest.events().map(({ type, event, context }) => [event ?? type, context.page.path]);
    expect(seen).toEqual([
      ["page", "/first"],
      ["Page Left", "/first"],
      ["page", "/second"],
    ]);
  });

  test("its first event carries the web vitals, and no later one", async ({ site }) => {
    const page = await site.open("/", {
      ...only("page vitals"),
      after: `<h1>Millrace</h1><div id="late"></div><p style="height: 300px; background: tan">moves</p><button onclick="const end = performance.now() + 120; while (performance.now() < end);">slow</button>`,
    });
    await page.evaluate(() => {
      document.querySelector<HTMLElement>("#late")!.style.height = "300px";
    });
    await page.waitForTimeout(700); // what follows an input at once is no layout shift
    await page.click("button");
    await page.waitForTimeout(300);
    await hide(page);
    await show(page);
    await hide(page);
    await flush(page);

    const [left, ...others] = named(site.ingest.events(), "Page Left");
    expect(others).toEqual([]);
    expect(left!.properties).toMatchObject({
      lcp: expect.any(Number),
      fcp: expect.any(Number),
      ttfb: expect.any(Number),
    });
    expect(left!.properties.lcp).toBeGreaterThanOrEqual(left!.properties.fcp);
    expect(left!.properties.cls).toBeGreaterThan(0.01);
    expect(left!.properties.inp).toBeGreaterThanOrEqual(120);
  });
});

test("a page that the server does not have is an event beside its page view", async ({ site }) => {
  const page = await site.open("/gone", { ...only("page not-found"), status: 404 });
  await flush(page);
  await site.open("/there", { ...only("page not-found"), tab: page });
  await flush(page);

  expect(names(site.ingest.events())).toEqual(["page", "Page Not Found", "page"]);
});

test("with data-hash another fragment is another page", async ({ site }) => {
  const page = await site.open("/#/a", { attributes: 'data-write-key="wk_1" data-auto="page" data-hash' });
  await flush(page);
  await page.evaluate(async () => {
    location.hash = "/b";
    await new Promise((resolve) => setTimeout(resolve, 100));
    await millrace.flush();
  });

  expect(names(site.ingest.events())).toEqual(["page", "page"]);
});

test("a page that comes back as it was is seen once more", async ({ site }) => {
  const browser = await launchBrowser(["--disable-back-forward-cache"]);
  const context = await browser.newContext();
  const page = await context.newPage();
  await site.open("/", { tab: page });
  await flush(page);
  await page.goto("about:blank");
  await page.goBack();
  const isRestored = await page.evaluate(
    () => performance.getEntriesByType("navigation").length === 1 && "millrace" in window,
  );
  await page.evaluate(() => millrace.flush());
  await expect.poll(() => names(site.ingest.events())).toEqual(["page", "page"]);
  expect(isRestored).toBe(true);
  await browser.close();
});

test("a part that fails stops no other", async ({ site }) => {
  const page = await site.open("/", {
    ...only("vitals forms page"),
    before: `<script>performance.getEntriesByType = () => { throw new Error("broken page") };</script>`,
  });
  await flush(page);

  expect(names(site.ingest.events())).toEqual(["page"]);
});
