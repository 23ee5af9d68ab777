/** For tests in a real browser: a site of any pages, whose tag sends to an ingest on another origin. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, test as base, beforeAll } from "vitest";
import { launchBrowser } from "../test/browser.ts";
import type { Millrace } from "./client.ts";
import { type FakeIngest, listen, type ReceivedEvent, startIngest } from "./fake-ingest.ts";

declare const millrace: Millrace;

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

export interface Site {
  origin: string;
  ingest: FakeIngest;
  context: BrowserContext;
  /** Opens a page of the site, by default in a new tab. `before` is HTML above the tag, `script` the path of the tag's script. */
  open(
    path: string,
    options?: {
      attributes?: string;
      before?: string;
      script?: string;
      tab?: Page | undefined;
      /** Of the page's own answer, e.g. a policy. */
      headers?: Record<string, string>;
      status?: number;
      /** HTML after the tag. */
      after?: string;
    },
  ): Promise<Page>;
}

export const test = base.extend<{ site: Site }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the dependencies of a fixture from the pattern
  site: async ({}, use) => {
    const ingest = await startIngest();
    const context = await browser.newContext({ locale: "de-BE", timezoneId: "Europe/Brussels" });
    let html = "";
    let answer: { status: number; headers: Record<string, string> } = { status: 200, headers: {} };
    const pages = await listen((request, response) => {
      if (request.url === "/favicon.ico") response.writeHead(204).end();
      else {
        response.writeHead(answer.status, { "content-type": "text/html", ...answer.headers });
        response.end(`<!doctype html><title>${request.url}</title>${html}`);
      }
    });
    await use({
      origin: pages.origin,
      ingest,
      context,
      async open(path, options = {}) {
        const { attributes = 'data-write-key="wk_1" data-auto="page"', before = "", after = "", tab } = options;
        const script = ingest.origin + (options.script ?? "/millrace.js");
        html = `${before}<script defer src="${script}" ${attributes}></script>${after}`;
        answer = { status: options.status ?? 200, headers: options.headers ?? {} };
        const page = tab ?? (await context.newPage());
        await page.goto(pages.origin + path);
        return page;
      },
    });
    await context.close();
    await Promise.all([ingest.close(), pages.close()]);
  },
});

export const NO_PAGE_VIEWS = { attributes: 'data-write-key="wk_1" data-auto=""' };
export const flush = (page: Page) => page.evaluate(() => millrace.flush());
export const names = (events: ReceivedEvent[]) => events.map(({ type, event }) => event ?? type);
/** Records an event of that name and sends what is waiting. */
export const track = (page: Page, event: string) =>
  page.evaluate((name) => {
    millrace.track(name);
    return millrace.flush();
  }, event);
