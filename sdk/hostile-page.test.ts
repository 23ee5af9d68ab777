/** Pages that make it hard: policies, denied storage, a thousand calls at once, others' scripts. */
import type { Page } from "playwright-core";
import { describe, expect } from "vitest";
import { NO_PAGE_VIEWS, names, test, track } from "./a-site.ts";
import type { Millrace } from "./client.ts";

declare const millrace: Millrace;

/** What the page's console and its error handler got to hear. */
function listen(page: Page): string[] {
  const heard: string[] = [];
  page.on("pageerror", (error) => heard.push(error.message));
  page.on("console", (message) => heard.push(message.text()));
  return heard;
}

describe("a page with a policy", () => {
  test("that allows scripts by nonce, and connections to the collecting host, loses nothing and hears nothing", async ({
    site,
  }) => {
    const page = await site.context.newPage();
    const heard = listen(page);
    await site.open("/", {
      tab: page,
      attributes: 'nonce="n1" data-write-key="wk_1"',
      headers: {
        "content-security-policy": `default-src 'none'; script-src 'nonce-n1'; connect-src ${site.ingest.origin}`,
      },
    });
    await page.evaluate(() => millrace.track("Bought"));
    await page.evaluate(() => millrace.flush());
    expect(names(site.ingest.events())).toEqual(["page", "Bought"]);
    expect(heard).toEqual([]);
  });

  test("that demands Trusted Types works, and what cannot be loaded is done without", async ({ site }) => {
    const page = await site.context.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await site.open("/", {
      tab: page,
      attributes: `data-write-key="wk_1" data-hub="${site.ingest.origin}" data-consent-manager="tcf"`,
      headers: { "content-security-policy": "require-trusted-types-for 'script'" },
    });
    await page.evaluate(() => millrace.debug(true));
    await track(page, "Bought");
    expect(names(site.ingest.events())).toEqual(["page", "Bought"]);
    expect(errors).toEqual([]);
  });
});

test("a thousand calls in one tick all arrive, in their order", async ({ site }) => {
  const page = await site.open("/", NO_PAGE_VIEWS);
  await page.evaluate(() => {
    for (let n = 1; n <= 1_000; n++) millrace.track(`Event ${n}`);
    return millrace.flush();
  });
  expect(names(site.ingest.events())).toEqual(Array.from({ length: 1_000 }, (_, n) => `Event ${n + 1}`));
});

test("where cookies are denied the visitor is the same on the next page", async ({ site }) => {
  await site.context.addInitScript(() => {
    Object.defineProperty(Document.prototype, "cookie", {
      get() {
        throw new DOMException("denied", "SecurityError");
      },
    });
  });
  const page = await site.open("/", NO_PAGE_VIEWS);
  await track(page, "First");
  await site.open("/", { ...NO_PAGE_VIEWS, tab: page });
  await track(page, "Second");
  const [first, second] = site.ingest.events();
  expect(second!.anonymous_id).toBe(first!.anonymous_id);
});

test("two instances on a page each send with their own key, once", async ({ site }) => {
  const page = await site.open("/", NO_PAGE_VIEWS);
  await page.evaluate(async () => {
    const other = millrace.create();
    other.init({ writeKey: "wk_2", auto: [] });
    millrace.track("Ours");
    other.track("Theirs");
    await Promise.all([millrace.flush(), other.flush()]);
  });
  const sent = site.ingest.requests.map(({ body }) => [body.write_key, ...names(body.batch)]);
  expect(sent.toSorted()).toEqual([
    ["wk_1", "Ours"],
    ["wk_2", "Theirs"],
  ]);
  const [one, other] = site.ingest.events();
  expect(other!.anonymous_id).toBe(one!.anonymous_id);
});

test("the calls of a page written for Segment's snippet mean the same here", async ({ site }) => {
  const calls = `analytics.identify("u1", { plan: "pro" }); analytics.track("Signed Up", { via: "form" });
    analytics.page("Docs", { section: "api" }); analytics.group("g1", { name: "Acme" }); analytics.alias("u1", "old-1");`;
  const page = await site.open("/", {
    ...NO_PAGE_VIEWS,
    // Their stub, with our script in its place: an array of calls, each an array that begins with the method's name.
    before: `<script>window.millrace = window.analytics = [];
      for (const method of ["identify", "track", "page", "group", "alias"]) analytics[method] = (...args) => analytics.push([method, ...args]);
      ${calls}</script>`,
  });
  await page.evaluate(() => millrace.flush());
  expect(site.ingest.events().map(({ type, event, user_id }) => [event ?? type, user_id])).toEqual([
    ["identify", "u1"],
    ["Signed Up", "u1"],
    ["page", "u1"],
    ["group", "u1"],
    ["alias", "u1"],
  ]);
  expect(
    site.ingest
      .events()
      .map(({ properties, traits, group_id, previous_id }) => properties ?? traits ?? group_id ?? previous_id),
  ).toEqual([{ plan: "pro" }, { via: "form" }, { name: "Docs", section: "api" }, { name: "Acme" }, "old-1"]);
});

test("alias without an earlier id speaks of the anonymous one, and a goal is an event with its value", async ({
  site,
}) => {
  const page = await site.open("/", NO_PAGE_VIEWS);
  await page.evaluate(() => {
    millrace.alias("u1");
    millrace.goal("Newsletter", 2);
    return millrace.flush();
  });
  const [alias, goal] = site.ingest.events();
  expect(alias).toMatchObject({ type: "alias", user_id: "u1", previous_id: alias!.anonymous_id });
  expect(goal).toMatchObject({ event: "Newsletter", properties: { value: 2 } });
});

test("a listener may add to an event, and one that throws loses nothing", async ({ site }) => {
  const page = await site.open("/", NO_PAGE_VIEWS);
  await page.evaluate(() => {
    millrace.on("event", () => {
      throw new Error("the page's own");
    });
    millrace.on("event", (event) => {
      event.properties = { ...event.properties, added: true };
    });
    millrace.track("Bought");
    return millrace.flush();
  });
  expect(site.ingest.events()).toMatchObject([{ event: "Bought", properties: { added: true } }]);
});

test("events of before the network went away and of after it came back arrive in their order, once", async ({
  site,
}) => {
  const page = await site.open("/", NO_PAGE_VIEWS);
  await track(page, "Before");
  await site.context.setOffline(true);
  await page.evaluate(() => {
    millrace.track("While Offline");
    millrace.flush();
  });
  await page.waitForTimeout(300);
  await page.evaluate(() => millrace.track("Still Offline"));
  await site.context.setOffline(false);
  await expect
    .poll(() => names(site.ingest.events()), { timeout: 10_000 })
    .toEqual(["Before", "While Offline", "Still Offline"]);
});
