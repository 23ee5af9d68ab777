import { expect } from "vitest";
import { flush, NO_PAGE_VIEWS, names, test, track } from "./a-site.ts";
import type { Millrace } from "./client.ts";

declare const millrace: Millrace;

test("two tabs that could not send do not overwrite what the other one keeps", async ({ site }) => {
  const tabs = [await site.open("/", NO_PAGE_VIEWS), await site.open("/", NO_PAGE_VIEWS)];
  const refused = { status: 503, headers: { "retry-after": "60" } };
  site.ingest.failures.push(refused, refused);
  await track(tabs[0]!, "In The First");
  await track(tabs[1]!, "In The Second");
  for (const tab of tabs) await tab.close({ runBeforeUnload: true });
  const page = await site.open("/", NO_PAGE_VIEWS);
  await flush(page);
  expect(names(site.ingest.events().slice(2)).sort()).toEqual(["In The First", "In The Second"]);
  expect(await page.evaluate(() => Object.keys(localStorage).filter((key) => key.includes("queue")))).toEqual([]);
});

test("what one source could not send never goes with another source's key", async ({ site }) => {
  const page = await site.open("/", NO_PAGE_VIEWS);
  site.ingest.failures.push({ status: 503 });
  await track(page, "Left");
  await site.open("/", { attributes: 'data-write-key="wk_2" data-auto="page"', tab: page });
  await flush(page);
  await site.open("/", { ...NO_PAGE_VIEWS, tab: page });
  await flush(page);
  expect(site.ingest.requests.map(({ body }) => [body.write_key, ...names(body.batch)])).toEqual([
    ["wk_1", "Left"],
    ["wk_2", "page"],
    ["wk_1", "Left"],
  ]);
});

test("what lies in storage and is no event harms nobody", async ({ site }) => {
  const page = await site.open("/", NO_PAGE_VIEWS);
  await page.evaluate(() => {
    const left = { null: null, number: 7, text: "x", events: [null, 7, {}, { message_id: "m1" }], broken: undefined };
    for (const [key, value] of Object.entries(left)) {
      localStorage.setItem(`millrace.queue.wk_1.${key}`, JSON.stringify(value) ?? "{");
    }
  });
  await site.open("/", { ...NO_PAGE_VIEWS, tab: page });
  await track(page, "Fine");
  // The server says of each what is wrong with it. The page before may have found it too, and sent it as it was left.
  const sent = new Map(site.ingest.events().map((event) => [JSON.stringify(event), event]));
  expect([...sent.values()]).toEqual([7, {}, { message_id: "m1" }, expect.objectContaining({ event: "Fine" })]);
});

test("what is recorded offline is kept when the page is left", async ({ site }) => {
  const page = await site.open("/", NO_PAGE_VIEWS);
  await site.context.setOffline(true);
  await page.evaluate(() => millrace.track("In The Tunnel"));
  const closed = page.waitForEvent("close");
  await page.close({ runBeforeUnload: true });
  await closed;
  await site.context.setOffline(false);
  await flush(await site.open("/", NO_PAGE_VIEWS));
  expect(names(site.ingest.events())).toEqual(["In The Tunnel"]);
});

test("a Retry-After of 35 days does not make it try at once", async ({ site }) => {
  const page = await site.open("/", NO_PAGE_VIEWS);
  site.ingest.failures.push({ status: 429, headers: { "retry-after": "3000000" } });
  await track(page, "Patient");
  await page.waitForTimeout(300);
  expect(site.ingest.requests.length).toBe(1);
});
