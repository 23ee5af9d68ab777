import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, test as base, beforeAll, describe, expect } from "vitest";
import { launchBrowser } from "../browser.ts";
import { devStack, eventually } from "./dev-stack.ts";

/**
 * Chromium resolves every name below `localhost` to this machine, trusts it as if it came by https, and takes two of them for two
 * sites. Each page sends to a collector on its own host, as a customer's would; the hub is a third name of the same Worker.
 */
let stack: Awaited<ReturnType<typeof devStack>>;
let browser: Browser;
let pages: Server;
let pagesPort: string;
let workerPort: string;

const host = (name: string) => `${name}.localhost:${pagesPort}`;
const address = (name: string, path = "/") => `http://${host(name)}${path}`;
const collector = (name: string) => `http://${name}.localhost:${workerPort}`;

/** What the tag says beside the key, by the path of the page. */
const TAGS: Record<string, () => string> = {
  "/plain": () => "",
  "/frame": () => `data-hub="${collector("id")}"`,
  "/links": () => `data-linked="${host("a")}, ${host("b")}"`,
};

function html(name: string, path: string): string {
  const tag = (TAGS[path] ?? TAGS["/links"]!)();
  return `<!doctype html><title>${name}</title>
    <a id="b" href="${address("b", "/links?x=%20y&flag#top")}">to b</a> <a id="evil" href="${address("evil")}">away</a>
    <script defer src="${collector(name)}/millrace.js" data-write-key="${stack.write_key}" ${tag}></script>`;
}

beforeAll(async () => {
  [stack, browser] = await Promise.all([devStack(), launchBrowser()]);
  workerPort = new URL(stack.url).port;
  pages = createServer((request, response) => {
    const { hostname, pathname } = new URL(request.url!, `http://${request.headers.host}`);
    response.setHeader("content-type", "text/html").end(html(hostname.split(".")[0]!, pathname));
  });
  await new Promise<void>((listening) => pages.listen(0, "localhost", listening));
  pagesPort = String((pages.address() as AddressInfo).port);

  const linked_hosts = [host("a"), host("b"), `id.localhost:${workerPort}`];
  const response = await fetch(`${stack.url}/api/v1/environments/env_demo`, {
    method: "PATCH",
    headers: { authorization: `Bearer ${stack.admin_token}` },
    body: JSON.stringify({
      organisation: { id: "org_demo", name: "Mill & Race" },
      name: "dev",
      sources: [{ id: "src_shop", name: "Demo shop", linked_hosts }],
      integrations: [],
    }),
  });
  if (!response.ok) throw new Error(await response.text());
});
afterAll(async () => {
  pages?.close();
  await browser?.close();
  await stack?.stop();
});

const test = base.extend<{ context: BrowserContext }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the dependencies of a fixture from the pattern
  context: async ({}, use) => {
    const context = await browser.newContext();
    await use(context);
    await context.close();
  },
});

const cookie = async (context: BrowserContext, name: string, cookieName = /^_dfid$/) =>
  (await context.cookies(`${collector(name)}/v1/hub/`)).find((one) => cookieName.test(one.name))?.value;
const cookieThere = (context: BrowserContext, name: string, cookieName?: RegExp) =>
  eventually(
    () => cookie(context, name, cookieName),
    (value) => value !== undefined,
    10_000,
  ) as Promise<string>;
const flush = (page: Page) =>
  page.evaluate(() => (globalThis as unknown as { millrace: { flush(): Promise<void> } }).millrace.flush());

/** From inside the page, with whatever cookies the browser adds. */
const post = (page: Page, url: string, body: string): Promise<{ token?: string; error?: { code: string } }> =>
  page.evaluate(
    `fetch("${url}", { method: "POST", credentials: "include", body: ${JSON.stringify(body)} }).then((r) => r.json())`,
  );
const CLICK = "document.querySelector('#b').click()";

interface Sent {
  type: string;
  anonymous_id: string;
  previous_id?: string;
  context: { page: { url: string; search: string } };
}

/** What the webhook was told of this visitor on pages that begin so, once it was told of so many events. */
async function eventsOf(anonymousId: string, atLeast = 1, pages = "http://", type?: string): Promise<Sent[]> {
  return eventually(
    async () => {
      const response = await fetch(`${stack.sink}/requests?integration=webhook`);
      const requests = (await response.json()) as { body: { data: Sent } }[];
      return requests
        .map(({ body }) => body.data)
        .filter((sent) => sent.anonymous_id === anonymousId && sent.context.page.url.startsWith(pages))
        .filter((sent) => type === undefined || sent.type === type);
    },
    (events) => events.length >= atLeast,
  );
}

describe("through the hub", () => {
  test("a visitor of one host is the same on another, from the first event on", async ({ context }) => {
    const page = await context.newPage();
    await page.goto(address("a", "/frame"));
    await flush(page);
    const onA = await cookieThere(context, "a");
    expect(await cookieThere(context, "id", /^_dfid_hub_/)).toBe(onA);

    await page.goto(address("b", "/frame"));
    await flush(page);
    expect(await cookie(context, "b")).toBe(onA);
    const urls = (await eventsOf(onA, 2, "http://", "page")).map(({ context: { page } }) => page.url);
    expect(urls.sort()).toEqual([address("a", "/frame"), address("b", "/frame")]);
    expect(await page.locator("iframe").count()).toBe(0);
  });

  test("a visitor whom both hosts knew by different ids is joined by an alias", async ({ context }) => {
    const page = await context.newPage();
    await page.goto(address("b", "/plain"));
    await flush(page);
    const before = await cookieThere(context, "b");
    await page.goto(address("a", "/frame"));
    await flush(page);
    const onA = await cookieThere(context, "a");
    await cookieThere(context, "id", /^_dfid_hub_/);
    expect(before).not.toBe(onA);

    await page.goto(address("b", "/frame"));
    await flush(page);
    expect(await cookie(context, "b")).toBe(onA);
    const sent = await eventsOf(onA, 1, "http://", "alias");
    expect(sent).toEqual([expect.objectContaining({ previous_id: before })]);
    expect((await eventsOf(before, 1, "http://", "page")).map(({ context: { page } }) => page.url)).toEqual([
      address("b", "/plain"),
    ]);
  });

  test("the hub is asked once a day, and never after a reset, which it hears of", async ({ context }) => {
    const asked: string[] = [];
    context.on("request", (request) => {
      if (request.url().startsWith(collector("id"))) asked.push(new URL(request.url()).pathname);
    });
    const page = await context.newPage();
    await page.goto(address("a", "/frame"));
    await cookieThere(context, "id", /^_dfid_hub_/);
    await page.goto(address("a", "/frame"));
    await flush(page);
    expect(asked).toEqual(["/v1/hub/frame", "/v1/hub/exchange"]);

    await page.evaluate(() => (globalThis as unknown as { millrace: { reset(): void } }).millrace.reset());
    await eventually(
      () => cookie(context, "id", /^_dfid_hub_/),
      (value) => value === undefined,
    );
    await page.evaluate(() => localStorage.removeItem("millrace.hub_asked_at"));
    await page.goto(address("a", "/frame"));
    await flush(page);
    expect(asked).toEqual(["/v1/hub/frame", "/v1/hub/exchange", "/v1/hub/forget"]);
  });

  test("a hub that never answers holds up events for a moment, and loses none", async ({ context }) => {
    await context.route(`${collector("id")}/**`, () => {});
    const page = await context.newPage();
    const start = Date.now();
    await page.goto(address("a", "/frame")); // resolves with the page's load event
    await flush(page);
    expect(Date.now() - start).toBeLessThan(5_000);
    const onA = await cookieThere(context, "a");
    expect((await eventsOf(onA)).map(({ type }) => type)).toEqual(["page"]);
  });
});

describe("where third-party cookies are blocked", () => {
  /** As a person can, in the settings: for the page and for the frames in it. */
  async function blockedPage(context: BrowserContext): Promise<Page> {
    const page = await context.newPage();
    const session = await context.newCDPSession(page);
    await session.send("Network.enable");
    await session.send(
      "Network.setCookieControls" as never,
      {
        enableThirdPartyCookieRestriction: true,
        disableThirdPartyCookieMetadata: false,
        disableThirdPartyCookieHeuristics: false,
      } as never,
    );
    return page;
  }

  test("the hub cannot know anybody, and nothing breaks", async ({ context }) => {
    const page = await blockedPage(context);
    await page.goto(address("a", "/frame"));
    await page.reload();
    await flush(page);
    const onA = await cookieThere(context, "a");
    await page.goto(address("b", "/frame"));
    await flush(page);
    expect(await cookieThere(context, "b")).not.toBe(onA);
    expect(await cookie(context, "id", /^_dfid_hub_/)).toBeUndefined();
  });

  test("a link carries the visitor to another host, and its token is nowhere to be seen there", async ({ context }) => {
    const page = await blockedPage(context);
    await page.goto(address("a", "/links"));
    await flush(page);
    const onA = await cookieThere(context, "a");
    const followed = page.waitForRequest((request) => request.isNavigationRequest());
    await page.hover("#b");
    await page.waitForTimeout(300);
    await page.click("#b");
    expect((await followed).url()).toMatch(/\?x=%20y&flag&_mr=[\w.-]{200,}$/);

    await page.waitForURL(address("b", "/links?x=%20y&flag#top"));
    await flush(page);
    expect(await cookie(context, "b")).toBe(onA);
    const landed = await eventsOf(onA, 2, address("b"));
    const pageView = landed.find(({ type }) => type === "page");
    expect(pageView!.context.page).toMatchObject({ url: address("b", "/links?x=%20y&flag"), search: "?x=%20y&flag" });
    expect(JSON.stringify(landed)).not.toContain("_mr");
  });
});

describe("a link", () => {
  const ready = async (context: BrowserContext, path = "/links"): Promise<{ page: Page; onA: string }> => {
    const page = await context.newPage();
    await page.goto(address("a", path));
    await flush(page);
    return { page, onA: await cookieThere(context, "a") };
  };
  const sameOnB = (context: BrowserContext, id: string) =>
    eventually(
      () => cookie(context, "b"),
      (value) => value === id,
      10_000,
    );

  test("that opens a tab of its own carries the visitor, and is itself again afterwards", async ({ context }) => {
    const { page, onA } = await ready(context);
    await page.evaluate("document.querySelector('#b').target = '_blank'");
    const href = await page.getAttribute("#b", "href");
    await page.hover("#b");
    await page.waitForTimeout(300);
    const [tab] = await Promise.all([context.waitForEvent("page"), page.click("#b")]);
    await tab.waitForURL(address("b", "/links?x=%20y&flag#top"));
    await sameOnB(context, onA);
    expect(await page.getAttribute("#b", "href")).toBe(href);
    expect(page.url()).toBe(address("a", "/links"));
  });

  // Chromium's headless shell crashes in most tabs that are opened so, whatever the link: the request that leaves is all there is.
  test.for([
    ["Ctrl", { modifiers: ["Control" as const] }],
    ["the middle button", { button: "middle" as const }],
  ] as const)("that is opened with %s carries the visitor too", async ([, how], { context }) => {
    const { page, onA } = await ready(context);
    await page.hover("#b");
    await page.waitForTimeout(300);
    await context.route("**/links?*_mr=*", (route) => route.abort()); // its page would be quicker than we are
    const [request] = await Promise.all([
      context.waitForEvent("request", (one) => one.isNavigationRequest()),
      page.click("#b", how as object),
    ]);
    const response = await fetch(`${stack.url}/v1/hub/redeem`, {
      method: "POST",
      headers: { origin: new URL(request.url()).origin, "user-agent": request.headers()["user-agent"]! },
      body: JSON.stringify({
        write_key: stack.write_key,
        token: new URL(request.url()).searchParams.get("_mr"),
      }),
    });
    expect(await response.json()).toEqual({ anonymous_id: onA });
  });

  test("that is followed by keyboard carries the visitor", async ({ context }) => {
    const { page, onA } = await ready(context);
    await page.focus("#b");
    await page.waitForTimeout(300);
    await page.keyboard.press("Enter");
    await page.waitForURL(address("b", "/links?x=%20y&flag#top"));
    await sameOnB(context, onA);
  });

  test("that is clicked before its token is there waits for it, but not for long", async ({ context }) => {
    const { page, onA } = await ready(context);
    const delay = (ms: number) =>
      page.route("**/v1/hub/token", async (route) => {
        await new Promise((wait) => setTimeout(wait, ms));
        await route.continue();
      });
    await delay(100);
    await page.evaluate(CLICK);
    await page.waitForURL(address("b", "/links?x=%20y&flag#top"));
    await sameOnB(context, onA);

    const other = await ready(await browser.newContext());
    await other.page.route("**/v1/hub/token", () => {});
    const start = Date.now();
    await other.page.evaluate(CLICK);
    await other.page.waitForURL(address("b", "/links?x=%20y&flag#top"));
    expect(Date.now() - start).toBeLessThan(3_000);
    await other.page.context().close();
  });

  test("that leads elsewhere carries nothing", async ({ context }) => {
    const { page } = await ready(context);
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.hover("#evil");
    await page.waitForTimeout(200);
    await page.click("#evil");
    await page.waitForURL(address("evil"));
    expect(asked.filter((url) => /_mr|hub\/token/.test(url))).toEqual([]);
  });

  test("from a page that is not listed makes nobody into somebody else", async ({ context }) => {
    const { onA } = await ready(context);
    const stranger = await browser.newContext();
    const { page } = await ready(stranger);
    await stranger.addCookies([{ name: "_dfid", value: "33333333-3333-4333-8333-333333333333", url: collector("a") }]);
    const body = JSON.stringify({ write_key: stack.write_key, audience: host("b") });
    const { token } = await post(page, `${collector("a")}/v1/hub/token`, body);
    expect(token).toMatch(/^v1/);
    await stranger.close();

    const victim = await context.newPage();
    await victim.goto(address("evil"));
    await victim.evaluate(`location.assign("${address("b", `/links?_mr=${token}`)}")`);
    await victim.waitForURL(address("b", "/links"));
    await flush(victim);
    const onB = await cookieThere(context, "b");
    expect(onB).not.toBe("33333333-3333-4333-8333-333333333333");
    expect(onB).not.toBe(onA);
  });
});

describe("the hub's routes", () => {
  const ask = async (path: string, body: object, origin: string) => {
    const response = await fetch(`${stack.url}/v1/hub${path}`, {
      method: "POST",
      headers: { origin },
      body: JSON.stringify({ write_key: stack.write_key, ...body }),
    });
    const answer = (await response.json()) as { token?: string; error?: { code: string } };
    return { status: response.status, code: answer.error?.code, token: answer.token };
  };
  const token = async (audience: string) => (await ask("/token", { audience }, address("a").slice(0, -1))).token!;
  const onB = () => `http://${host("b")}`;

  test("refuse a token that was used, changed or made for another host, and pages that are not listed, by name", async () => {
    const used = await token(host("b"));
    expect((await ask("/redeem", { token: used }, onB())).status).toBe(200);
    expect(await ask("/redeem", { token: used }, onB())).toMatchObject({ status: 401, code: "token_used" });

    const fresh = await token(host("b"));
    const changed = fresh.slice(0, 40) + (fresh[40] === "A" ? "B" : "A") + fresh.slice(41);
    expect(await ask("/redeem", { token: changed }, onB())).toMatchObject({ status: 401, code: "invalid_token" });
    const ofA = address("a").slice(0, -1);
    expect(await ask("/redeem", { token: fresh }, ofA)).toMatchObject({ status: 403, code: "wrong_audience" });
    const evil = address("evil").slice(0, -1);
    expect(await ask("/redeem", { token: fresh }, evil)).toMatchObject({ status: 403, code: "origin_not_allowed" });
    expect(await ask("/token", { audience: host("b") }, evil)).toMatchObject({
      status: 403,
      code: "origin_not_allowed",
    });
    expect((await ask("/redeem", { token: fresh }, onB())).status).toBe(200);
  });

  test("give a page that is not listed neither frame nor token", async ({ context }) => {
    const page = await context.newPage();
    await page.goto(address("a", "/frame"));
    await cookieThere(context, "id", /^_dfid_hub_/); // there is somebody to steal

    await page.goto(address("evil", "/frame"));
    const said = await page.evaluate(`(async () => {
      const frame = document.createElement("iframe");
      frame.referrerPolicy = "no-referrer"; // it does not even say who it is
      frame.src = "${collector("id")}/v1/hub/frame?key=${stack.write_key}";
      document.body.append(frame);
      const said = [];
      addEventListener("message", ({ data }) => said.push(data));
      await new Promise((loaded) => frame.addEventListener("load", loaded));
      frame.contentWindow.postMessage({ millrace: "exchange", token: "x" }, "*");
      await new Promise((wait) => setTimeout(wait, 500));
      return said;
    })()`);
    expect(said).toEqual([]);
    const body = JSON.stringify({ write_key: stack.write_key, audience: host("evil") });
    for (const at of [collector("id"), collector("a"), collector("evil")]) {
      expect(await post(page, `${at}/v1/hub/token`, body)).toMatchObject({ error: { code: "origin_not_allowed" } });
    }
    const framed = page.frames().find((frame) => frame.parentFrame());
    expect(await framed?.content()).not.toContain("data-linked");
  });
});
