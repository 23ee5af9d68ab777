import type { Page } from "playwright-core";
import { describe, expect } from "vitest";
import { serveShop } from "../demo/serve-shop.ts";
import { walkThrough } from "../demo/walk-through.ts";
import { flush, NO_PAGE_VIEWS, names, test } from "./a-site.ts";
import type { Millrace } from "./client.ts";
import type { ReceivedEvent } from "./fake-ingest.ts";

declare const millrace: Millrace;

/** What this page keeps for the next one. */
const kept = (page: Page): Promise<ReceivedEvent[]> =>
  page.evaluate(() =>
    Object.keys(localStorage)
      .filter((key) => key.startsWith("millrace.queue."))
      .flatMap((key) => JSON.parse(localStorage.getItem(key)!)),
  );
const ids = (events: ReceivedEvent[]) => events.map(({ message_id }) => message_id);

describe("events", () => {
  test("a page view goes out by itself, with all that the envelope needs", async ({ site }) => {
    const page = await site.open("/paper?size=a4#top");
    await flush(page);

    const [request] = site.ingest.requests;
    expect(request!.headers["content-type"]).toMatch(/^text\/plain/);
    expect(request!.body).toMatchObject({ write_key: "wk_1", sent_at: expect.stringMatching(/^20.*Z$/) });
    expect(request!.body.batch).toEqual([
      {
        message_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        anonymous_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        type: "page",
        properties: {},
        context: {
          page: {
            url: `${new URL(page.url()).origin}/paper?size=a4`,
            path: "/paper",
            search: "?size=a4",
            title: "/paper?size=a4",
            referrer: "",
          },
          locale: "de-BE",
          timezone: "Europe/Brussels",
          screen: { width: 1280, height: 720 },
          library: { name: "millrace.js", version: expect.any(String) },
        },
        timestamp: expect.stringMatching(/^20.*Z$/),
      },
    ]);
  });

  test("every navigation of a single-page application is one page view, referred by the one before", async ({
    site,
  }) => {
    const page = await site.open("/");
    await page.evaluate(async () => {
      const settle = () => new Promise((resolve) => setTimeout(resolve, 150));
      history.pushState({}, "", "/shoes");
      document.title = "Shoes"; // as routers do: after the URL
      await settle();
      history.replaceState({ scroll: 10 }, "", "/shoes");
      location.hash = "reviews";
      history.replaceState({}, "", "/shoes?size=42");
      await settle();
      history.go(-2);
      await settle();
      millrace.track("Looked Around");
      await millrace.flush();
    });

    const { origin } = new URL(page.url());
    const seen = site.ingest.events().map(({ type, context: { page } }) => [type, page.url, page.title, page.referrer]);
    expect(seen).toEqual([
      ["page", `${origin}/`, "/", ""],
      ["page", `${origin}/shoes`, "Shoes", `${origin}/`],
      ["page", `${origin}/shoes?size=42`, "Shoes", `${origin}/shoes`],
      ["page", `${origin}/`, "Shoes", `${origin}/shoes?size=42`],
      ["track", `${origin}/`, "Shoes", `${origin}/shoes?size=42`],
    ]);
  });

  test("track, page, identify and group fill the fields of the envelope", async ({ site }) => {
    const page = await site.open("/", NO_PAGE_VIEWS);
    await page.evaluate(() => {
      const order = { order_id: "o1", total: 12.5 };
      millrace.page("Start", { section: "home" });
      millrace.track("Order Completed", order);
      order.total = 0;
      millrace.identify("u1", { email: "a@example.com" });
      millrace.identify({ plan: "free" });
      millrace.group("g1", { name: "Acme" });
      return millrace.flush();
    });
    await site.open("/next", { ...NO_PAGE_VIEWS, tab: page });
    await page.evaluate(() => {
      millrace.track("Came Back");
      return millrace.flush();
    });

    expect(site.ingest.events()).toMatchObject([
      { type: "page", properties: { name: "Start", section: "home" } },
      { type: "track", event: "Order Completed", properties: { order_id: "o1", total: 12.5 } },
      { type: "identify", user_id: "u1", traits: { email: "a@example.com" } },
      { type: "identify", user_id: "u1", traits: { plan: "free" } },
      { type: "group", user_id: "u1", group_id: "g1", traits: { name: "Acme" } },
      { type: "track", user_id: "u1", event: "Came Back", context: { page: { path: "/next" } } },
    ]);
    expect(new Set(site.ingest.events().map(({ anonymous_id }) => anonymous_id)).size).toBe(1);
  });

  test("click ids and the campaign of the landing page stay with the visit", async ({ site }) => {
    const page = await site.open(
      "/?gclid=G1&ScCid=S1&other=1&utm_source=newsletter&utm_medium=email&utm_campaign=autumn&utm_id=7",
    );
    await site.open("/product", { tab: page });
    await page.evaluate(() => millrace.track("Product Viewed"));
    await site.open("/again?fbclid=F1&utm_source=social", { tab: page });
    await flush(page);

    const campaign = { source: "newsletter", medium: "email", name: "autumn", id: "7" };
    const found = site.ingest.events().map(({ context: { campaign, click_ids } }) => ({ campaign, click_ids }));
    expect(found).toEqual([
      { campaign, click_ids: { gclid: "G1", ScCid: "S1" } },
      { campaign, click_ids: { gclid: "G1", ScCid: "S1" } },
      { campaign, click_ids: { gclid: "G1", ScCid: "S1" } },
      { campaign: { source: "social" }, click_ids: { gclid: "G1", ScCid: "S1", fbclid: "F1" } },
    ]);
  });

  test("a name or an id that the server would refuse is cut, and the event is not lost", async ({ site }) => {
    const page = await site.open("/", NO_PAGE_VIEWS);
    await page.evaluate(() => {
      millrace.identify("u".repeat(300));
      millrace.track("e".repeat(300));
      return millrace.flush();
    });
    expect(site.ingest.events()).toMatchObject([
      { type: "identify", user_id: "u".repeat(256) },
      { type: "track", user_id: "u".repeat(256), event: "e".repeat(256) },
    ]);
  });

  test("arguments of any kind never throw, and spoil nothing but themselves", async ({ site }) => {
    const page = await site.open("/", NO_PAGE_VIEWS);
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await page.evaluate(() => {
      const cycle: Record<string, unknown> = { price: 1 };
      cycle.self = cycle;
      const trap = new Proxy({}, { ownKeys: () => JSON.parse("{") });
      const weird = [undefined, null, 0, Number.NaN, "", [], {}, Symbol("s"), 10n, () => {}, window, cycle, trap];
      const anything = millrace as unknown as Record<string, (...args: unknown[]) => unknown>;
      for (const method of ["page", "track", "identify", "group", "consent", "ready", "push", "init"]) {
        for (const first of weird) for (const second of weird) anything[method]!(first, second);
      }
    });
    await flush(page);
    const before = site.ingest.events().length;

    await page.evaluate(() => {
      const properties: Record<string, unknown> = { price: 1, big: 10n, at: new Date(0), call: () => {} };
      properties.self = properties;
      millrace.track("Odd", properties);
      return millrace.flush();
    });
    expect(site.ingest.events().slice(before)).toMatchObject([{ event: "Odd" }]);
    expect(site.ingest.events().at(-1)!.properties).toEqual({ price: 1, at: "1970-01-01T00:00:00.000Z" });
    expect(errors).toEqual([]);
  });
});

describe("starting", () => {
  const STUB = `<script>
    window.millrace || (window.millrace = [], ["init", "page", "track", "identify", "group", "consent", "reset", "ready"].forEach(function (method) {
      millrace[method] = function () { millrace.push([method].concat([].slice.call(arguments))); };
    }));
  </script>`;

  test("calls made before the script has loaded happen after the first page view", async ({ site }) => {
    const page = await site.open("/", {
      before: `${STUB}<script>
        var kept = millrace;
        millrace.track("First", { n: 1 });
        millrace.push(["track", "Second", { n: 2 }]);
        millrace.ready(function () { millrace.track("Ready"); kept.push(["track", "Kept"]); });
      </script>`,
    });
    await page.evaluate(() => new Promise<void>((resolve) => millrace.ready(resolve)));
    await flush(page);
    expect(names(site.ingest.events())).toEqual(["page", "First", "Second", "Ready", "Kept"]);
    expect(site.ingest.events()[2]!.properties).toEqual({ n: 2 });
  });

  test("a tag without a write key waits for init, and keeps what is called until then", async ({ site }) => {
    const page = await site.open("/", { attributes: "" });
    await page.evaluate(() => {
      millrace.track("Early");
      millrace.init({ writeKey: "wk_2", auto: [] });
      millrace.init({ writeKey: "wk_3" });
      millrace.track("Later");
      return millrace.flush();
    });
    expect(site.ingest.requests.map(({ body }) => [body.write_key, names(body.batch)])).toEqual([
      ["wk_2", ["Early", "Later"]],
    ]);
  });

  test("a page that the browser renders ahead of a visit says nothing until it is visited", async ({ site }) => {
    await site.context.addInitScript(() => {
      Object.defineProperty(document, "prerendering", { value: true, configurable: true });
    });
    const page = await site.open("/");
    await page.evaluate(() => {
      millrace.track("Early");
      return millrace.flush();
    });
    expect(await page.evaluate(() => localStorage.length)).toBe(0);
    await page.evaluate(() => {
      Object.defineProperty(document, "prerendering", { value: false });
      document.dispatchEvent(new Event("prerenderingchange"));
      return millrace.flush();
    });
    expect(site.ingest.requests.map(({ body }) => names(body.batch))).toEqual([["page", "Early"]]);
  });

  test("a second tag on the page changes nothing", async ({ site }) => {
    const page = await site.open("/");
    await page.evaluate(async (src) => {
      const tag = document.createElement("script");
      tag.src = src;
      tag.dataset.writeKey = "wk_2";
      await new Promise((resolve) => {
        tag.onload = resolve;
        document.head.append(tag);
      });
    }, `${site.ingest.origin}/millrace.js?again`);
    await flush(page);
    expect(names(site.ingest.events())).toEqual(["page"]);
  });

  test("it writes nothing to the console and causes no preflight", async ({ site }) => {
    const page = await site.context.newPage();
    const said: string[] = [];
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(error.message));
    await site.open("/", { tab: page });
    await page.evaluate(() => millrace.track("Quiet"));
    await flush(page);
    await page.evaluate(() => millrace.track("Goodbye"));
    await site.open("/next", { tab: page });
    await flush(page);
    expect(said).toEqual([]);
    expect(site.ingest.requests.map(({ method }) => method)).toEqual(["POST", "POST", "POST"]);
  });
});

describe("who the visitor is", () => {
  test("the server's cookie says it, once there is one", async ({ site }) => {
    const page = await site.open("/");
    await flush(page);
    await site.context.addCookies([{ name: "_dfid", value: "from-server", url: page.url() }]);
    await page.evaluate(() => millrace.track("Known"));
    await flush(page);
    const [first, second] = site.ingest.events();
    expect(first!.anonymous_id).not.toBe("from-server");
    expect(second!.anonymous_id).toBe("from-server");
    expect(await page.evaluate(() => document.cookie)).toBe("_dfid=from-server");
  });

  test.for([{ cookie: false }, { cookie: true }])(
    "reset makes it somebody else (cookie: $cookie)",
    async ({ cookie }, { site }) => {
      const page = await site.open("/?gclid=G1", NO_PAGE_VIEWS);
      if (cookie) await site.context.addCookies([{ name: "_dfid", value: "d1", url: page.url() }]);
      await page.evaluate(() => {
        millrace.identify("u1");
        millrace.reset();
        millrace.track("Anonymous");
        return millrace.flush();
      });
      await site.open("/next", { ...NO_PAGE_VIEWS, tab: page });
      await page.evaluate(() => millrace.track("Still Anonymous"));
      // Or its answer would come after the cookie below, with the one before.
      await flush(page);
      await site.context.addCookies([{ name: "_dfid", value: "d2", url: page.url() }]);
      // What the page before stored, and what was just set, may take a moment to be seen by this page's process.
      await page.waitForFunction(() => !localStorage.getItem("millrace.reset") && document.cookie.includes("d2"));
      await page.evaluate(() => millrace.track("Renewed By The Server"));
      await flush(page);

      const [known, anonymous, still, renewed] = site.ingest.events();
      expect(known).toMatchObject({ user_id: "u1", context: { click_ids: { gclid: "G1" } } });
      expect(anonymous!.anonymous_id).not.toBe(known!.anonymous_id);
      expect(anonymous).not.toHaveProperty("user_id");
      expect(anonymous!.context).not.toHaveProperty("click_ids");
      expect(still!.anonymous_id).toBe(anonymous!.anonymous_id);
      expect(renewed!.anonymous_id).toBe("d2");
    },
  );

  test("a browser that denies storage is the same visitor for as long as the page lives", async ({ site }) => {
    await site.context.addInitScript(() => {
      for (const name of ["localStorage", "sessionStorage"]) {
        Object.defineProperty(window, name, {
          get() {
            throw new DOMException("denied", "SecurityError");
          },
        });
      }
    });
    const page = await site.context.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    site.ingest.failures.push({ status: 503 });
    await site.open("/?gclid=G1", { tab: page });
    await page.evaluate(() => {
      millrace.identify("u1");
      millrace.track("Bought");
      return millrace.flush();
    });
    await expect.poll(() => site.ingest.requests.length, { timeout: 5_000 }).toBe(2);
    const events = site.ingest.requests[1]!.body.batch;
    expect(names(events)).toEqual(["page", "identify", "Bought"]);
    expect(new Set(events.map(({ anonymous_id }) => anonymous_id)).size).toBe(1);
    expect(events[2]).toMatchObject({ user_id: "u1", context: { click_ids: { gclid: "G1" } } });
    expect(errors).toEqual([]);
  });
});

describe("delivery", () => {
  test("ten events go at once, fewer two seconds after the first of them", async ({ site }) => {
    const page = await site.open("/", NO_PAGE_VIEWS);
    const started = Date.now();
    await page.evaluate(() => {
      for (let n = 1; n <= 12; n++) millrace.track(`Event ${n}`);
    });
    await expect.poll(() => site.ingest.requests.length).toBe(1);
    await expect.poll(() => site.ingest.requests.length, { timeout: 4_000 }).toBe(2);
    const [first, second] = site.ingest.requests;
    expect(names(first!.body.batch)).toEqual(Array.from({ length: 10 }, (_, index) => `Event ${index + 1}`));
    expect(names(second!.body.batch)).toEqual(["Event 11", "Event 12"]);
    expect(first!.at - started).toBeLessThan(1_000);
    expect(second!.at - started).toBeGreaterThanOrEqual(1_950);
  });

  test("no request is larger than 60 KB", async ({ site }) => {
    const page = await site.open("/", NO_PAGE_VIEWS);
    await page.evaluate(() => {
      for (let n = 1; n <= 6; n++) millrace.track(`Event ${n}`, { text: "é".repeat(11_000) });
      return millrace.flush();
    });
    expect(names(site.ingest.events())).toEqual([1, 2, 3, 4, 5, 6].map((n) => `Event ${n}`));
    expect(site.ingest.requests.map(({ body }) => body.batch.length)).toEqual([2, 2, 2]);
    for (const { bytes } of site.ingest.requests) expect(bytes).toBeLessThanOrEqual(60 * 1024);
  });

  test("what is waiting when the tab closes still arrives", async ({ site }) => {
    const page = await site.open("/");
    await page.evaluate(() => millrace.track("Last Words"));
    await page.close({ runBeforeUnload: true });
    await expect.poll(() => names(site.ingest.events())).toEqual(["page", "Last Words"]);
  });

  test("what is too much for the last moment goes with the next visit", async ({ site }) => {
    const page = await site.open("/", NO_PAGE_VIEWS);
    await page.evaluate(() => {
      for (let n = 1; n <= 4; n++) millrace.track(`Event ${n}`, { text: "é".repeat(11_000) });
    });
    await page.close({ runBeforeUnload: true });
    await expect.poll(() => names(site.ingest.events())).toEqual(["Event 1", "Event 2"]);
    await flush(await site.open("/", NO_PAGE_VIEWS));
    expect(names(site.ingest.events())).toEqual(["Event 1", "Event 2", "Event 3", "Event 4"]);
  });

  test("what a beacon does not take goes by fetch", async ({ site }) => {
    await site.context.addInitScript(() => {
      navigator.sendBeacon = () => false;
    });
    const page = await site.open("/");
    await page.evaluate(() => {
      window.dispatchEvent(new Event("pagehide"));
    });
    await expect.poll(() => names(site.ingest.events())).toEqual(["page"]);
    await expect.poll(() => kept(page)).toEqual([]);
  });

  test.for([
    { failure: "a 503", status: 503 },
    { failure: "a broken connection", status: 0 },
  ])("after $failure the same batch goes again, before what came later", async ({ status }, { site }) => {
    const page = await site.open("/", NO_PAGE_VIEWS);
    site.ingest.failures.push({ status }, { status });
    await page.evaluate(async () => {
      millrace.track("First");
      millrace.track("Second");
      await millrace.flush();
      millrace.track("Third");
    });
    await expect.poll(() => site.ingest.requests.length, { timeout: 8_000 }).toBe(4);
    const batches = site.ingest.requests.map(({ body }) => body.batch);
    expect(batches.map(names)).toEqual([["First", "Second"], ["First", "Second"], ["First", "Second"], ["Third"]]);
    expect(ids(batches[1]!)).toEqual(ids(batches[0]!));
    expect(ids(batches[2]!)).toEqual(ids(batches[0]!));
    const [first, second, third] = site.ingest.requests;
    expect(second!.body.sent_at > first!.body.sent_at).toBe(true);
    expect(second!.at - first!.at).toBeGreaterThanOrEqual(490);
    expect(third!.at - second!.at).toBeGreaterThanOrEqual(990);
  });

  test("a 429 is obeyed for as long as it asks", async ({ site }) => {
    const page = await site.open("/");
    site.ingest.failures.push({ status: 429, headers: { "retry-after": "2" } });
    await flush(page);
    await flush(page);
    await expect.poll(() => site.ingest.requests.length, { timeout: 4_000 }).toBe(2);
    const [first, second] = site.ingest.requests;
    expect(second!.at - first!.at).toBeGreaterThanOrEqual(1_990);
    expect(ids(second!.body.batch)).toEqual(ids(first!.body.batch));
  });

  test("what the server refuses is not sent again", async ({ site }) => {
    const page = await site.open("/");
    site.ingest.failures.push({ status: 400 });
    await flush(page);
    await page.evaluate(() => millrace.track("Next"));
    await flush(page);
    expect(site.ingest.requests.map(({ body }) => names(body.batch))).toEqual([["page"], ["Next"]]);
  });

  test("after ten tries a batch is given up, and the next one has its turn", async ({ site }) => {
    const page = await site.context.newPage();
    await page.clock.install();
    site.ingest.failures.push(...Array.from({ length: 10 }, () => ({ status: 500 })));
    await site.open("/", { ...NO_PAGE_VIEWS, tab: page });
    await page.evaluate(() => {
      millrace.track("Cursed");
      return millrace.flush();
    });
    await page.evaluate(() => millrace.track("Fine"));
    const anHourLater = async () => {
      await page.clock.runFor(3_600_000);
      return names(site.ingest.events());
    };
    const story = [...Array(10).fill("Cursed"), "Fine"];
    await expect.poll(anHourLater, { timeout: 10_000 }).toEqual(story);
    expect(await anHourLater()).toEqual(story);
  });

  test("what could not be sent on one page is sent by the next", async ({ site }) => {
    const page = await site.open("/one");
    site.ingest.failures.push({ status: 503 });
    await flush(page);
    await page.evaluate(() => millrace.track("Waited"));
    await site.open("/two", { tab: page });
    await flush(page);

    const [failed, ...sent] = site.ingest.requests;
    const events = sent.flatMap(({ body }) => body.batch);
    expect(names(events)).toEqual(["page", "Waited", "page"]);
    expect(events[0]).toEqual(failed!.body.batch[0]);
    await site.open("/three", { tab: page });
    await flush(page);
    expect(names(site.ingest.events().slice(4))).toEqual(["page"]);
  });

  test("no more than 1,000 events wait, the latest ones", async ({ site }) => {
    const page = await site.open("/", NO_PAGE_VIEWS);
    site.ingest.failures.push({ status: 503, headers: { "retry-after": "60" } });
    await page.evaluate(async () => {
      millrace.track("Blocked");
      await millrace.flush();
      for (let n = 1; n <= 1_050; n++) millrace.track(`Event ${n}`);
      window.dispatchEvent(new Event("pagehide"));
    });
    const events = await kept(page);
    expect(events.length).toBe(1_000);
    expect(events[0]!.event).toBe("Blocked");
    expect(events[1]!.event).toBe("Event 52");
    expect(events.at(-1)!.event).toBe("Event 1050");
  });
});

test("a walk through the demo shop tells the whole story of a purchase", async ({ site }) => {
  const shop = await serveShop({ port: 0, millraceHost: site.ingest.origin, writeKey: "wk_shop" });
  const { steps } = await walkThrough(await site.context.newPage(), shop.url);
  expect(steps.length).toBeGreaterThan(5);

  // Beacons and requests of neighbouring pages may overtake each other.
  const events = site.ingest.events().sort((a, b) => a.timestamp.localeCompare(b.timestamp));
  expect(events.map(({ type, event, context }) => (type === "page" ? context.page.path : (event ?? type)))).toEqual([
    ...["/", "Product List Viewed"],
    ...["/product", "Product Viewed", "Product Added"],
    ...["/cart", "Cart Viewed"],
    ...["/checkout", "Checkout Started", "Payment Info Entered"],
    ...["/thanks", "Order Completed", "identify"],
  ]);
  expect(events.at(-2)!.properties).toMatchObject({
    order_id: expect.stringMatching(/^order_/),
    total: 40.9,
    revenue: 29.75,
    tax: 6.25,
    shipping: 4.9,
    currency: "EUR",
    products: [
      { product_id: "NB-A5", sku: "NB-A5", category: "Notebooks", brand: "Mill & Race", price: 18, quantity: 2 },
    ],
  });
  expect(events.at(-1)).toMatchObject({
    user_id: expect.stringMatching(/^customer_/),
    traits: { email: "ada.rivers@example.com", first_name: "Ada", last_name: "Rivers", city: "Ghent", country: "BE" },
    context: {
      campaign: { source: "newsletter", medium: "email", name: "autumn" },
      click_ids: { gclid: expect.any(String), fbclid: expect.any(String) },
    },
  });
  expect(new Set(events.map(({ anonymous_id }) => anonymous_id)).size).toBe(1);
  await shop.close();
});
