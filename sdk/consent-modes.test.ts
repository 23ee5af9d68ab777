import type { Page } from "playwright-core";
import { describe, expect } from "vitest";
import { flush, names, test, track } from "./a-site.ts";
import type { Millrace } from "./client.ts";

declare const millrace: Millrace;

const mode = (name: string) => ({ attributes: `data-write-key="wk_1" data-auto="page" data-consent="${name}"` });
const say = (page: Page, analytics: boolean) =>
  page.evaluate((allowed) => millrace.consent({ analytics: allowed, marketing: false }), analytics);
const stored = (page: Page) => page.evaluate(() => Object.keys(localStorage).concat(Object.keys(sessionStorage)));

describe("wait", () => {
  test("nothing is sent or stored before the answer; a yes sends everything, with an id and the landing page's campaign", async ({
    site,
  }) => {
    const page = await site.open("/?utm_source=news&gclid=G1", mode("wait"));
    await page.evaluate(() => {
      for (let n = 1; n <= 12; n++) millrace.track(`Event ${n}`);
    });
    await page.waitForTimeout(2_500); // longer than a batch waits
    expect(site.ingest.requests).toEqual([]);
    expect(await stored(page)).toEqual([]);

    await say(page, true);
    await flush(page);
    const events = site.ingest.events();
    expect(names(events)).toEqual(["page", ...Array.from({ length: 12 }, (_, n) => `Event ${n + 1}`)]);
    expect(new Set(events.map(({ anonymous_id }) => anonymous_id))).toEqual(
      new Set([expect.stringMatching(/^[0-9a-f-]{36}$/)]),
    );
    for (const { context } of events) {
      expect(context).toMatchObject({
        consent: { analytics: true, marketing: false },
        campaign: { source: "news" },
        click_ids: { gclid: "G1" },
      });
    }
  });

  test("a no drops what waited and what comes, until it becomes a yes", async ({ site }) => {
    const page = await site.open("/", mode("wait"));
    await say(page, false);
    await track(page, "Refused");
    expect(site.ingest.requests).toEqual([]);

    await say(page, true);
    await track(page, "Allowed");
    expect(names(site.ingest.events())).toEqual(["Allowed"]);
  });

  test("a page that is left without an answer has told nothing", async ({ site }) => {
    const page = await site.open("/", mode("wait"));
    await page.goto("about:blank");
    await page.waitForTimeout(300);
    expect(site.ingest.requests).toEqual([]);
  });
});

describe("deny", () => {
  test("nothing is recorded before a yes, and the campaign of the landing page is not lost", async ({ site }) => {
    const page = await site.open("/?utm_source=news", mode("deny"));
    await track(page, "Before");
    expect(site.ingest.requests).toEqual([]);

    await say(page, true);
    await track(page, "After");
    expect(site.ingest.events()).toMatchObject([{ event: "After", context: { campaign: { source: "news" } } }]);

    await say(page, false);
    await track(page, "Withdrawn");
    expect(names(site.ingest.events())).toEqual(["After"]);
    expect(await stored(page)).toEqual([]);
  });
});
