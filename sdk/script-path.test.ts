import { expect } from "vitest";
import { flush, names, test } from "./a-site.ts";

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

test("data-host outranks where the script came from", async ({ site }) => {
  const { origin } = site.ingest;
  const page = await site.open("/", {
    script: "/q7/shop.js",
    attributes: `data-write-key="wk_1" data-auto="page" data-host="${origin}/"`,
  });
  await flush(page);
  expect(site.ingest.requests.map(({ path }) => path)).toEqual(["/v1/batch"]);
});
