import { describe, expect } from "vitest";
import { flush, NO_PAGE_VIEWS, names, test, track } from "./a-site.ts";
import type { Millrace } from "./client.ts";
import type { FakeIngest } from "./fake-ingest.ts";

declare const millrace: Millrace;

/** Each event's name with the consent that it carries. */
const story = (ingest: FakeIngest) => ingest.events().map((event) => [names([event])[0], event.context.consent]);

describe("the visitor's own answer", () => {
  test("is on every event from then on, on later pages too, and on none from before", async ({ site }) => {
    const page = await site.open("/");
    await page.evaluate(() => {
      millrace.track("Before");
      millrace.consent({ analytics: true });
      millrace.track("Half");
      millrace.consent({ marketing: false });
      millrace.track("Whole");
      return millrace.flush();
    });
    await site.open("/next", { tab: page });
    await page.evaluate(() => millrace.consent({ marketing: true }));
    await track(page, "Changed");

    expect(story(site.ingest)).toEqual([
      ["page", undefined],
      ["Before", undefined],
      ["Half", { analytics: true }],
      ["Whole", { analytics: true, marketing: false }],
      ["page", { analytics: true, marketing: false }],
      ["Changed", { analytics: true, marketing: true }],
    ]);
  });

  test("given before the script has loaded is true of the first page view, and adds to that of earlier pages", async ({
    site,
  }) => {
    const say = (answer: string) => ({
      before: `<script>(window.millrace = window.millrace || []).push(["track", "Early"], ["consent", ${answer}]);</script>`,
    });
    const page = await site.open("/", say("{ analytics: true }"));
    await flush(page);
    await site.open("/next", { ...say("{ marketing: false }"), tab: page });
    await flush(page);
    const both = { analytics: true, marketing: false };
    expect(story(site.ingest)).toEqual([
      ["page", { analytics: true }],
      ["Early", { analytics: true }],
      ["page", both],
      ["Early", both],
    ]);
  });

  test("is a no where it is anything but true, and nothing where nothing was said", async ({ site }) => {
    const page = await site.open("/", NO_PAGE_VIEWS);
    await page.evaluate(() => {
      const consent = millrace.consent as (answer?: unknown) => void;
      for (const nothing of [undefined, null, 7, "yes", [], { other: true }, { analytics: null }]) consent(nothing);
      millrace.track("Nothing");
      consent({ analytics: "granted", marketing: 0 });
      millrace.track("No");
      return millrace.flush();
    });
    expect(story(site.ingest)).toEqual([
      ["Nothing", undefined],
      ["No", { analytics: false, marketing: false }],
    ]);
  });

  test("changes nothing about ids where the tag is not cookieless", async ({ site }) => {
    const page = await site.open("/", NO_PAGE_VIEWS);
    await track(page, "Before");
    await page.evaluate(() => millrace.consent({ analytics: false }));
    await track(page, "After");
    const [before, after] = site.ingest.events();
    expect(before!.anonymous_id).toMatch(/^[0-9a-f-]{36}$/);
    expect(after!.anonymous_id).toBe(before!.anonymous_id);
    expect(site.ingest.requests.map(({ body }) => body.reset)).toEqual([undefined, undefined]);
  });
});

describe("a consent manager's word", () => {
  /** A manager that answers later, as the framework's stub does: it keeps the callback. */
  const TCF = `<script>
    window.__tcfapi = function (command, version, callback) {
      if (command === "addEventListener" && version === 2) window.tell = callback;
    };
  </script>`;

  test("is the TC string of the moment, until the visitor answers here", async ({ site }) => {
    const page = await site.open("/", { ...NO_PAGE_VIEWS, before: TCF });
    await page.evaluate(() => {
      const { tell } = window as unknown as { tell?: (data: object | null, success: boolean) => void };
      millrace.track("Stub");
      const said = (data: object | null, success: boolean, name: string) => {
        ((window as unknown as { tell: typeof tell }).tell ?? tell)!(data, success);
        millrace.track(name);
      };
      said({ tcString: "CP-shown", gdprApplies: true, eventStatus: "cmpuishown" }, true, "Shown");
      said({ tcString: "CP-answered", gdprApplies: true, eventStatus: "useractioncomplete" }, true, "Answered");
      said(null, false, "Failed");
      millrace.consent({ marketing: false });
      millrace.track("Half");
      millrace.consent({ analytics: true });
      millrace.track("Own");
      return millrace.flush();
    });
    expect(story(site.ingest)).toEqual([
      ["Stub", undefined],
      ["Shown", { tcf: "CP-shown" }],
      ["Answered", { tcf: "CP-answered" }],
      ["Failed", { tcf: "CP-answered" }],
      ["Half", { tcf: "CP-answered", marketing: false }],
      ["Own", { analytics: true, marketing: false }],
    ]);
  });

  test("is heard where it comes after the script, and is nothing where the law does not apply", async ({ site }) => {
    const page = await site.open("/", NO_PAGE_VIEWS);
    await page.evaluate(() => {
      let tell: (data: object, success: boolean) => void = () => {};
      window.__tcfapi = (_command, _version, callback) => {
        tell = callback;
        callback({ tcString: "CP-late", gdprApplies: true }, true);
      };
      millrace.track("Late");
      tell({ tcString: "CP-late", gdprApplies: false }, true);
      millrace.track("Elsewhere");
      return millrace.flush();
    });
    expect(story(site.ingest)).toEqual([
      ["Late", { tcf: "CP-late" }],
      ["Elsewhere", undefined],
    ]);
  });

  test("is Google's consent mode as the page's calls leave it", async ({ site }) => {
    const page = await site.open("/", {
      ...NO_PAGE_VIEWS,
      before: `<script>
        window.dataLayer = [];
        function gtag() { dataLayer.push(arguments); }
        gtag("js", new Date());
        gtag("consent", "default", { ad_storage: "denied", analytics_storage: "denied", region: ["BE"] });
        gtag("consent", "default", { ad_storage: "granted", ad_user_data: "granted", security_storage: "granted" });
        dataLayer.push({ event: "gtm.js" }, null, undefined, "text", ["consent"], ["consent", "update", { ad_user_data: "perhaps" }]);
      </script>`,
    });
    await page.evaluate(() => {
      const gtag = (window as unknown as { gtag: (...args: unknown[]) => void }).gtag;
      millrace.track("Default");
      gtag("consent", "update", { analytics_storage: "granted", ad_user_data: "denied" });
      millrace.track("Updated");
      window.dataLayer!.splice(0); // as Tag Manager does with what is long ago
      millrace.track("Shortened");
      return millrace.flush();
    });
    const updated = { ad_storage: "denied", analytics_storage: "granted", ad_user_data: "denied" };
    expect(story(site.ingest)).toEqual([
      ["Default", { ad_storage: "denied", analytics_storage: "denied", ad_user_data: "granted" }],
      ["Updated", updated],
      ["Shortened", updated],
    ]);
  });

  test("cannot lose an event, however broken it is", async ({ site }) => {
    const page = await site.open("/", {
      ...NO_PAGE_VIEWS,
      before: `<script>
        window.__tcfapi = function () { throw new Error("broken"); };
        window.dataLayer = 7;
      </script>`,
    });
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await track(page, "Through");
    await page.evaluate(() => {
      window.dataLayer = [
        new Proxy([], {
          get() {
            throw new Error("broken");
          },
        }),
      ];
    });
    await track(page, "Through Again");
    expect(story(site.ingest)).toEqual([
      ["Through", undefined],
      ["Through Again", undefined],
    ]);
    expect(errors).toEqual([]);
  });
});
