import type { BrowserContext, Page } from "playwright-core";
import { describe, expect } from "vitest";
import { flush, names, test, track } from "./a-site.ts";
import type { Millrace } from "./client.ts";

declare const millrace: Millrace;

const COOKIELESS = { attributes: 'data-write-key="wk_1" data-auto="page" data-consent="cookieless"' };
const UUID = /^[0-9a-f-]{36}$/;

/** From now on, every page of the context writes down whoever touches its storage or its cookies, and how. */
async function watch(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const touched: string[] = [];
    Object.assign(window, { touched });
    for (const method of ["getItem", "setItem", "removeItem", "clear", "key"] as const) {
      const original = Storage.prototype[method] as (...args: unknown[]) => unknown;
      Storage.prototype[method] = function (this: Storage, ...args: unknown[]) {
        touched.push(`${method} ${args}`);
        return original.apply(this, args);
      } as never;
    }
    for (const [holder, name] of [
      [window, "localStorage"],
      [window, "sessionStorage"],
      [Document.prototype, "cookie"],
    ] as const) {
      const { get, set } = Object.getOwnPropertyDescriptor(holder, name)!;
      Object.defineProperty(holder, name, {
        configurable: true,
        get() {
          touched.push(name);
          return get!.call(this);
        },
        set(value) {
          touched.push(`${name} = ${value}`);
          set?.call(this, value);
        },
      });
    }
  });
}
const touched = (page: Page) => page.evaluate(() => (window as unknown as { touched: string[] }).touched);
const stored = (page: Page) =>
  page.evaluate(() => Object.keys(localStorage).concat(Object.keys(sessionStorage)).sort());
const consent = (page: Page, analytics: boolean) =>
  page.evaluate((allowed) => millrace.consent({ analytics: allowed }), analytics);

describe("until analytics are allowed", () => {
  test("nothing in the browser is read or written, and events have no id", async ({ site }) => {
    await watch(site.context);
    site.ingest.cookies = "readable";
    site.ingest.failures.push({ status: 503 });
    const page = await site.open("/?gclid=G1&utm_source=news", COOKIELESS);
    await page.evaluate(async () => {
      millrace.consent({ marketing: true });
      millrace.identify("u1");
      history.pushState({}, "", "/shoes");
      for (let n = 1; n <= 12; n++) millrace.track(`Event ${n}`);
      await millrace.flush();
      millrace.reset();
      millrace.track("Somebody Else");
      window.dispatchEvent(new Event("pagehide"));
    });
    await expect.poll(() => names(site.ingest.events())).toContain("Somebody Else");
    await expect.poll(() => names(site.ingest.events()).filter((name) => name === "page").length).toBe(4);
    await flush(page);

    expect(await touched(page)).toEqual([]);
    expect(await stored(page)).toEqual([]);
    expect(await site.context.cookies()).toEqual([]);
    for (const event of site.ingest.events()) expect(event).not.toHaveProperty("anonymous_id");
    for (const { body, headers } of site.ingest.requests) {
      expect(headers).not.toHaveProperty("cookie");
      expect(body.reset).toBeUndefined();
    }
    const [landing, identify] = site.ingest.events();
    expect(landing!.context).toMatchObject({ campaign: { source: "news" }, click_ids: { gclid: "G1" } });
    expect(identify).toMatchObject({ user_id: "u1", context: { consent: { marketing: true } } });
    expect(site.ingest.events().find(({ event }) => event === "Somebody Else")).not.toHaveProperty("user_id");
  });

  test("cookies that are there are not sent, also not by the last request of a page", async ({ site }) => {
    await site.context.addCookies([{ name: "_dfid", value: "d1", url: site.origin }]);
    const page = await site.open("/", COOKIELESS);
    await flush(page);
    await page.evaluate(() => millrace.track("Goodbye"));
    await page.close({ runBeforeUnload: true });
    await expect.poll(() => names(site.ingest.events())).toEqual(["page", "Goodbye"]);
    expect(site.ingest.requests.map(({ headers }) => headers.cookie)).toEqual([undefined, undefined]);
  });

  test("what an earlier page stored stays unread, and holds again once they are", async ({ site }) => {
    const page = await site.open("/", COOKIELESS);
    await consent(page, true);
    await page.evaluate(() => {
      millrace.consent({ marketing: false });
      millrace.identify("u1");
      return millrace.flush();
    });
    await watch(site.context);
    await site.open("/next", { ...COOKIELESS, tab: page });
    await track(page, "Unknown");
    expect(await touched(page)).toEqual([]);
    await consent(page, true);
    await track(page, "Known");
    expect(await touched(page)).toContain("getItem millrace.user_id");

    const [, identify, , unknown, known] = site.ingest.events();
    expect(unknown).not.toHaveProperty("anonymous_id");
    expect(unknown).not.toHaveProperty("user_id");
    expect(known).toMatchObject({
      anonymous_id: identify!.anonymous_id,
      user_id: "u1",
      context: { consent: { analytics: true, marketing: false } },
    });
  });
});

describe("once analytics are allowed", () => {
  test("what waits is sent at once, storage begins, and the id is the server's without a reload", async ({ site }) => {
    site.ingest.cookies = "readable";
    const page = await site.open("/?gclid=G1", COOKIELESS);
    await consent(page, true);
    await expect.poll(() => names(site.ingest.events()), { timeout: 1_000 }).toEqual(["page"]);
    expect(await page.evaluate(() => document.cookie)).toBe("");
    await track(page, "First");
    const cookie = await page.evaluate(() => document.cookie);
    await site.context.addCookies([{ name: "_dfid", value: "the-servers", url: page.url() }]);
    await track(page, "Second");

    const [view, first, second] = site.ingest.events();
    expect(view).not.toHaveProperty("anonymous_id");
    expect(view!.context).not.toHaveProperty("consent");
    expect(first!.anonymous_id).toMatch(UUID);
    expect(cookie).toBe(`_dfid=${first!.anonymous_id}`);
    expect(second!.anonymous_id).toBe("the-servers");
    expect(await stored(page)).toEqual(["millrace.anonymous_id", "millrace.click_ids", "millrace.consent"]);
  });

  test("events from before never share a request with events from after", async ({ site }) => {
    const page = await site.open("/", COOKIELESS);
    await page.evaluate(() => {
      millrace.track("Before");
      millrace.consent({ analytics: true });
      millrace.track("After");
      return millrace.flush();
    });
    expect(site.ingest.requests.map(({ body }) => names(body.batch))).toEqual([["page", "Before"], ["After"]]);
  });

  test("an answer from before the script has loaded lets the first page view have an id", async ({ site }) => {
    const page = await site.open("/", {
      ...COOKIELESS,
      before: `<script>window.millrace = [["consent", { analytics: true }]];</script>`,
    });
    await flush(page);
    expect(site.ingest.events()).toMatchObject([{ type: "page", anonymous_id: expect.stringMatching(UUID) }]);
  });

  test("what an earlier page could not send is sent", async ({ site }) => {
    const page = await site.open("/", COOKIELESS);
    await consent(page, true);
    await flush(page);
    site.ingest.failures.push({ status: 503 });
    await track(page, "Left");
    await site.open("/next", { ...COOKIELESS, tab: page });
    await flush(page);
    expect(names(site.ingest.events())).toEqual(["page", "Left", "page"]);
    await consent(page, true);
    await expect.poll(() => names(site.ingest.events())).toEqual(["page", "Left", "page", "Left"]);
  });
});

describe("when that is withdrawn", () => {
  test("nothing of ours stays, the server takes its cookie back, and later events have no id", async ({ site }) => {
    site.ingest.cookies = "http_only";
    const page = await site.open("/?gclid=G1", COOKIELESS);
    await page.evaluate(() => localStorage.setItem("theirs", "1"));
    await consent(page, true);
    await page.evaluate(() => millrace.identify("u1"));
    await flush(page);
    expect(await site.context.cookies()).toHaveLength(1);
    await consent(page, false);
    expect(await stored(page)).toEqual(["theirs"]);
    await track(page, "Withdrawn");
    await track(page, "Later");

    const [withdrawn, later] = site.ingest.requests.slice(-2);
    expect(withdrawn!.body.reset).toBe(true);
    expect(withdrawn!.headers.cookie).toMatch(/^_dfid=/);
    expect(later!.body.reset).toBeUndefined();
    expect(later!.headers).not.toHaveProperty("cookie");
    for (const { body } of [withdrawn!, later!]) {
      expect(body.batch[0]).not.toHaveProperty("anonymous_id");
      expect(body.batch[0]).not.toHaveProperty("user_id");
      expect(body.batch[0]!.context).toMatchObject({ consent: { analytics: false } });
      expect(body.batch[0]!.context).not.toHaveProperty("click_ids");
    }
    expect(await site.context.cookies()).toEqual([]);
    expect(await stored(page)).toEqual(["theirs"]);
  });

  test("and given again, the visitor is a new one", async ({ site }) => {
    site.ingest.cookies = "readable";
    const page = await site.open("/", COOKIELESS);
    for (const [analytics, event] of [
      [true, "Given"],
      [false, ""],
      [true, "Again"],
    ] as const) {
      await consent(page, analytics);
      if (event) await track(page, event);
    }
    await track(page, "Still");
    const [, given, again, still] = site.ingest.events();
    expect(again!.anonymous_id).toMatch(UUID);
    expect(again!.anonymous_id).not.toBe(given!.anonymous_id);
    expect(still!.anonymous_id).toBe(again!.anonymous_id);
    expect(site.ingest.requests.map(({ body }) => body.reset)).toEqual([undefined, undefined, true, undefined]);
  });

  test("in one tab, another one stores nothing any more", async ({ site }) => {
    const first = await site.open("/", COOKIELESS);
    const second = await site.open("/", COOKIELESS);
    await consent(first, true);
    await consent(second, true);
    await consent(second, false);
    await track(first, "Elsewhere");
    const elsewhere = site.ingest.events().find(({ event }) => event === "Elsewhere")!;
    expect(elsewhere.context.consent).toEqual({ analytics: false });
    expect(elsewhere).not.toHaveProperty("anonymous_id");
    expect(await stored(first)).toEqual([]);
  });
});
