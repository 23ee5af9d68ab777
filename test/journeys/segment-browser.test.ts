import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { build } from "esbuild";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launchBrowser } from "../browser.ts";
import { devStack, eventually } from "./dev-stack.ts";

/** A page with Segment's own browser SDK, unmodified, told to load its settings from us. */
const PAGE = `import { AnalyticsBrowser } from "@segment/analytics-next";
  window.start = (writeKey, host) => {
    window.analytics = AnalyticsBrowser.load({ writeKey, cdnURL: host });
    return window.analytics.page("Pricing").then(() => window.analytics.track("Plan Chosen", { plan: "pro" }));
  };`;

let stack: Awaited<ReturnType<typeof devStack>>;
let browser: Browser;
beforeAll(async () => {
  [stack, browser] = await Promise.all([devStack(), launchBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await stack?.stop();
});

it("Segment's own browser SDK starts on our settings and sends its events to us", async () => {
  const resolveDir = resolve(import.meta.dirname, "../..");
  const bundle = await build({
    stdin: { contents: PAGE, resolveDir },
    bundle: true,
    write: false,
    format: "iife",
    define: { "process.env.NODE_ENV": '"production"' },
  });
  const script = bundle.outputFiles[0]!.text;
  const server = createServer((request, response) =>
    request.url === "/bundle.js"
      ? response.end(script)
      : response.setHeader("content-type", "text/html").end('<script src="/bundle.js"></script>'),
  );
  await new Promise<void>((listening) => server.listen(0, "localhost", listening));
  try {
    const page = await browser.newPage();
    const others: string[] = [];
    page.on("request", (request) => {
      if (!request.url().startsWith("http://localhost:")) others.push(request.url());
    });
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
    await page.evaluate(
      ([key, host]) => (globalThis as unknown as { start(k: string, h: string): Promise<unknown> }).start(key!, host!),
      [stack.write_key, stack.url],
    );
    const received = await eventually(
      async () =>
        (await (await fetch(`${stack.sink}/requests?integration=webhook`)).json()) as {
          body: { data: { event: string; context: { page?: { url: string } } } };
        }[],
      (requests) => requests.length >= 2,
    );
    expect(received.map(({ body }) => body.data.event).sort()).toEqual(["Plan Chosen", "page"]);
    expect(others).toEqual([]);
  } finally {
    server.close();
  }
});
