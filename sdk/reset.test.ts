import { expect } from "vitest";
import { NO_PAGE_VIEWS, names, test, track } from "./a-site.ts";
import type { Millrace } from "./client.ts";

declare const millrace: Millrace;

test.for(["readable", "http_only"] as const)(
  "after a reset the server's own cookie is a new one, and only events from after it go with the word (%s)",
  async (cookies, { site }) => {
    site.ingest.cookies = cookies;
    const page = await site.open("/", NO_PAGE_VIEWS);
    await track(page, "Known");
    await page.evaluate(() => {
      millrace.track("Logging Out");
      millrace.reset();
      millrace.track("Somebody Else");
      return millrace.flush();
    });
    await track(page, "Still");

    expect(site.ingest.requests.map(({ body }) => [body.reset, ...names(body.batch)])).toEqual([
      [undefined, "Known"],
      [undefined, "Logging Out"],
      [true, "Somebody Else"],
      [undefined, "Still"],
    ]);
    const [known, leaving, other, still] = site.ingest.events();
    expect(leaving!.anonymous_id).toBe(known!.anonymous_id);
    expect(other!.anonymous_id).not.toBe(known!.anonymous_id);
    expect(still!.anonymous_id).toBe(other!.anonymous_id);
    expect(await site.context.cookies()).toMatchObject([{ name: "_dfid", value: other!.anonymous_id }]);
  },
);

test("the word is repeated until it was heard, by the next page too", async ({ site }) => {
  site.ingest.cookies = "http_only";
  const page = await site.open("/", NO_PAGE_VIEWS);
  await track(page, "Known");
  site.ingest.failures.push({ status: 503 }, { status: 400 });
  await page.evaluate(() => millrace.reset());
  await track(page, "Unanswered");
  await site.open("/next", { ...NO_PAGE_VIEWS, tab: page });
  await expect.poll(() => site.ingest.requests.length).toBe(3);
  await track(page, "Heard");
  await track(page, "Over");
  expect(site.ingest.requests.map(({ body }) => [body.reset, ...names(body.batch)])).toEqual([
    [undefined, "Known"],
    [true, "Unanswered"],
    [true, "Unanswered"],
    [true, "Heard"],
    [undefined, "Over"],
  ]);
});

test("a beacon says it as well", async ({ site }) => {
  const page = await site.open("/", NO_PAGE_VIEWS);
  await page.evaluate(() => {
    millrace.track("Before");
    millrace.reset();
    millrace.track("After");
  });
  await page.close({ runBeforeUnload: true });
  await expect.poll(() => site.ingest.requests.length).toBe(2);
  const told = site.ingest.requests.map(({ body }) => [...names(body.batch), body.reset]).sort();
  expect(told).toEqual([
    ["After", true],
    ["Before", undefined],
  ]);
});

test("every visitor between two resets is told of, and a reset without events leaves nothing behind", async ({
  site,
}) => {
  const page = await site.open("/", NO_PAGE_VIEWS);
  await page.evaluate(() => {
    millrace.reset();
    millrace.track("One");
    millrace.reset();
    millrace.reset();
    millrace.track("Two");
    return millrace.flush();
  });
  expect(site.ingest.requests.map(({ body }) => [body.reset, ...names(body.batch)])).toEqual([
    [true, "One"],
    [true, "Two"],
  ]);
  const ids = site.ingest.events().map(({ anonymous_id }) => anonymous_id);
  expect(new Set(ids).size).toBe(2);
  expect(await page.evaluate(() => localStorage.getItem("millrace.reset"))).toBeNull();
});

test("a cookie of the visitor before that comes late changes nothing", async ({ site }) => {
  const page = await site.open("/", NO_PAGE_VIEWS);
  await page.evaluate(() => millrace.reset());
  await site.context.addCookies([{ name: "_dfid", value: "d1", url: page.url() }]);
  await track(page, "Somebody Else");
  expect(site.ingest.events()[0]!.anonymous_id).not.toBe("d1");
});
