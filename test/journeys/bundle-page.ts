/** A web page around a bundled script, open in a real browser: for SDKs of others, as a site would ship them. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { build } from "esbuild";
import { launchBrowser } from "../browser.ts";

export interface BundlePage {
  /** Calls the script's `window.start(writeKey, host)`. */
  start(writeKey: string, host: string): Promise<unknown>;
  /** What the page asked of anybody who is not on this machine. */
  requestsElsewhere(): string[];
  close(): Promise<void>;
}

/** `contents` is an ES module that puts a `start` on window. It may import what package.json has. */
export async function bundlePage(contents: string): Promise<BundlePage> {
  const bundle = await build({
    stdin: { contents, resolveDir: resolve(import.meta.dirname, "../..") },
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
  const browser = await launchBrowser();
  const page = await browser.newPage();
  const elsewhere: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith("http://localhost:")) elsewhere.push(request.url());
  });
  await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
  return {
    start: (writeKey, host) =>
      page.evaluate(
        ([key, url]) => (globalThis as unknown as { start(k: string, h: string): Promise<unknown> }).start(key!, url!),
        [writeKey, host],
      ),
    requestsElsewhere: () => elsewhere,
    close: async () => {
      await browser.close();
      server.close();
    },
  };
}
