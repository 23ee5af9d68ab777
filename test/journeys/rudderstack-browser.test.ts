import { afterAll, beforeAll, expect, it } from "vitest";
import { type BundlePage, bundlePage } from "./bundle-page.ts";
import { devStack, eventually } from "./dev-stack.ts";

/** A page with RudderStack's own browser SDK, unmodified, told to load its configuration from us. */
const PAGE = `import { RudderAnalytics } from "@rudderstack/analytics-js/bundled";
  window.start = (writeKey, host) => {
    const analytics = new RudderAnalytics();
    analytics.load(writeKey, host, { configUrl: host });
    analytics.page("Pricing");
    analytics.identify("rudder-1", { plan: "pro" });
    analytics.track("Plan Chosen", { plan: "pro" });
    return new Promise((ready) => analytics.ready(() => ready()));
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

it("RudderStack's own browser SDK starts on our configuration and sends its events to us", async () => {
  await page.start(stack.write_key, stack.url);
  const received = await eventually(
    async () =>
      (await (await fetch(`${stack.sink}/requests?integration=webhook`)).json()) as {
        body: { data: { event: string; user_id?: string } };
      }[],
    (requests) => requests.length >= 3,
  );
  expect(received.map(({ body }) => body.data.event).sort()).toEqual(["Plan Chosen", "identify", "page"]);
  expect(received.find(({ body }) => body.data.event === "Plan Chosen")!.body.data.user_id).toBe("rudder-1");
  expect(page.requestsElsewhere()).toEqual([]);
});
