import { afterAll, beforeAll, expect, it } from "vitest";
import { type BundlePage, bundlePage } from "./bundle-page.ts";
import { devStack, eventually } from "./dev-stack.ts";

/** A page with Segment's own browser SDK, unmodified, told to load its settings from us. */
const PAGE = `import { AnalyticsBrowser } from "@segment/analytics-next";
  window.start = (writeKey, host) => {
    window.analytics = AnalyticsBrowser.load({ writeKey, cdnURL: host });
    return window.analytics.page("Pricing").then(() => window.analytics.track("Plan Chosen", { plan: "pro" }));
  };`;

let stack: Awaited<ReturnType<typeof devStack>>;
let page: BundlePage;
beforeAll(async () => {
  [stack, page] = await Promise.all([devStack(), bundlePage(PAGE)]);
});
afterAll(async () => {
  await page?.close();
  await stack?.stop();
});

it("Segment's own browser SDK starts on our settings and sends its events to us", async () => {
  await page.start(stack.write_key, stack.url);
  const received = await eventually(
    async () =>
      (await (await fetch(`${stack.sink}/requests?integration=webhook`)).json()) as {
        body: { data: { event: string; context: { page?: { url: string } } } };
      }[],
    (requests) => requests.length >= 2,
  );
  expect(received.map(({ body }) => body.data.event).sort()).toEqual(["Plan Chosen", "page"]);
  expect(page.requestsElsewhere()).toEqual([]);
});
