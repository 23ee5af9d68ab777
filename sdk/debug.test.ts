import { expect } from "vitest";
import { NO_PAGE_VIEWS, test } from "./a-site.ts";
import type { Millrace } from "./client.ts";

declare const millrace: Millrace;

const lines = `[...document.querySelector("millrace-debug").shadowRoot.querySelectorAll("li")].map((line) => line.textContent.replace(/ \\d\\d:\\d\\d:\\d\\d/, ""))`;

test("debug shows what was recorded and what became of it, on the next page of the visit too, until it is switched off", async ({
  site,
}) => {
  site.ingest.failures.push({ status: 503 });
  const page = await site.open("/", NO_PAGE_VIEWS);
  await page.evaluate(() => millrace.debug(true));
  await page.waitForSelector("millrace-debug", { state: "attached" });
  await page.evaluate(() => {
    millrace.track("Signed Up");
    return millrace.flush();
  });
  expect(await page.evaluate(lines)).toEqual(["↻ failed, will be sent again Signed Up"]);
  await expect.poll(() => page.evaluate(lines), { timeout: 5_000 }).toEqual(["✓ sent Signed Up"]);

  await site.open("/next", { ...NO_PAGE_VIEWS, tab: page });
  await page.waitForSelector("millrace-debug", { state: "attached" });
  await page.evaluate(() => millrace.debug(false));
  await expect.poll(() => page.evaluate(`document.querySelector("millrace-debug")`)).toBeNull();
  await site.open("/last", { ...NO_PAGE_VIEWS, tab: page });
  await page.waitForTimeout(300);
  expect(await page.evaluate(`document.querySelector("millrace-debug")`)).toBeNull();
});
