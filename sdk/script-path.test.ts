import { expect } from "vitest";
import { flush, names, test } from "./a-site.ts";
import type { Millrace } from "./client.ts";

declare const millrace: Millrace;

test.for([
  { script: "/millrace.js", path: "/v1/batch" },
  { script: "/millrace.js?v=2", path: "/v1/batch" },
  { script: "/q7/shop.js", path: "/q7/e" },
  { script: "/q7/shop.1a2b3c4d.js?v=2#x", path: "/q7/e" },
  { script: "/a/b/millrace.js", path: "/a/b/e" },
  { script: "/shop.js", path: "/e" },
])("the script at $script posts to $path", async ({ script, path }, { site }) => {
  const page = await site.open("/deep/page", { script });
  await flush(page);
  expect(site.ingest.requests.map((request) => [request.path, ...names(request.body.batch)])).toEqual([[path, "page"]]);
});

test("what a source says of its script holds where the tag says nothing", async ({ site }) => {
  const before = `<script>self.millraceSettings = { auto: "page vitals", consent: "wait", hash: "true" };</script>`;
  const page = await site.open("/#a", { before, attributes: 'data-write-key="wk_1" data-auto="page"' });
  await page.evaluate(() => {
    millrace.ready(() => {
      location.hash = "b";
    });
  });
  await page.waitForTimeout(2_500); // longer than a batch waits
  expect(site.ingest.requests).toEqual([]); // it waits for an answer

  await page.evaluate("millrace.consent({ analytics: true })");
  await flush(page);
  // Two views, and no web vitals of the first: the tag has only page views.
  expect(names(site.ingest.events())).toEqual(["page", "page"]);
});

test("data-host outranks where the script came from", async ({ site }) => {
  const { origin } = site.ingest;
  const page = await site.open("/", {
    script: "/q7/shop.js",
    attributes: `data-write-key="wk_1" data-auto="page" data-host="${origin}/"`,
  });
  await flush(page);
  expect(site.ingest.requests.map(({ path }) => path)).toEqual(["/v1/batch"]);
});
