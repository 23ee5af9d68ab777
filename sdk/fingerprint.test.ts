import { join } from "node:path";
import { build } from "esbuild";
import { beforeAll, expect } from "vitest";
import { flush, type Site, test } from "./a-site.ts";

let script: string;
beforeAll(async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: `import { createMillrace, fingerprint, pageViews } from "./index.ts";
        window.millrace = createMillrace();
        window.start = (options) => millrace.init({ writeKey: "wk_1", auto: [fingerprint, pageViews], ...options });`,
      resolveDir: join(import.meta.dirname),
    },
    bundle: true,
    write: false,
    format: "iife",
    tsconfig: join(import.meta.dirname, "tsconfig.json"),
  });
  script = outputFiles[0]!.text;
});

/** A page with the bundle; `before` is run above it, e.g. to deny something. */
async function aPage(site: Site, { before = "", consent = "" } = {}) {
  const options = JSON.stringify({ host: site.ingest.origin, ...(consent && { consent }) });
  const page = await site.context.newPage();
  await page.addInitScript(`
    self.drawn = 0;
    const { toDataURL } = HTMLCanvasElement.prototype;
    HTMLCanvasElement.prototype.toDataURL = function (...args) { drawn++; return toDataURL.apply(this, args); };
    ${before}`);
  await page.goto(`${site.origin}/`);
  await page.evaluate(`${script}; start(${options})`);
  return page;
}
const fingerprints = (site: Site) => site.ingest.events().map(({ context }) => context.fingerprint);

test("every event has the same one, also in another visit without any storage", async ({ site }) => {
  const page = await aPage(site);
  await page.evaluate("millrace.track('Bought')");
  await flush(page);
  await page.evaluate("localStorage.clear(), sessionStorage.clear()");
  await flush(await aPage(site));

  const all = fingerprints(site);
  expect(all).toEqual([expect.stringMatching(/^[0-9a-f]{16}$/), all[0], all[0]]);
});

test("another device has another one", async ({ site }) => {
  await flush(await aPage(site));
  const before = `Object.defineProperty(navigator, "hardwareConcurrency", { value: 96 });`;
  await flush(await aPage(site, { before }));
  const [one, other] = fingerprints(site);
  expect(other).toMatch(/^[0-9a-f]{16}$/);
  expect(other).not.toBe(one);
});

test("a browser that lets nobody read a canvas has one of what is left", async ({ site }) => {
  const before = `HTMLCanvasElement.prototype.toDataURL = () => { throw new Error("denied"); };`;
  await flush(await aPage(site, { before }));
  expect(fingerprints(site)).toEqual([expect.stringMatching(/^[0-9a-f]{16}$/)]);
});

test.for(["wait", "cookieless", "deny"])("nothing is read before a yes (%s)", async (consent, { site }) => {
  const page = await aPage(site, { consent });
  await page.evaluate("millrace.track('Before')");
  expect(await page.evaluate("drawn")).toBe(0);

  await page.evaluate("millrace.consent({ analytics: true }), millrace.track('After')");
  await flush(page);
  expect(await page.evaluate("drawn")).toBe(1);
  const told = site.ingest.events().map(({ event, context }) => [event, typeof context.fingerprint]);
  expect(told.filter(([event]) => event)).toEqual([
    ...(consent === "deny" ? [] : [["Before", "undefined"]]),
    ["After", "string"],
  ]);
});
