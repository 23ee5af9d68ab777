/**
 * Every page of the dashboard in both themes, at 1440 and 390 pixels, into `screenshots/`: for a person to look at. `READY` may hold
 * the line that a running `npm run dev` printed; else a stack of its own is started.
 */
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { launchBrowser } from "../test/browser.ts";
import { PLACES } from "../test/dashboard/places.ts";
import { signIn } from "../test/dashboard/sign-in.ts";
import { someTraffic } from "../test/dashboard/some-traffic.ts";
import { devStack, type Ready } from "../test/journeys/dev-stack.ts";

const FOLDER = resolve(import.meta.dirname, "../screenshots");
const WIDTHS = [1440, 390];
const only = process.argv.slice(2);

const given = process.env.READY;
const stack = given ? { ...(JSON.parse(given) as Ready), stop: async () => {} } : await devStack();
const browser = await launchBrowser();
try {
  await someTraffic(stack);
  await mkdir(FOLDER, { recursive: true });
  for (const theme of ["light", "dark"] as const) {
    const context = await browser.newContext({ colorScheme: theme, viewport: { width: 1440, height: 900 } });
    const page = await context.newPage();
    for (const path of ["sign-in", "sign-up"]) {
      if (only.length && !only.includes(path)) continue;
      await page.goto(`${stack.url}/app/${path}`);
      await shoot(path);
    }
    await signIn(page, stack.url, stack.owner);
    for (const place of PLACES) {
      if (only.length && !only.includes(place)) continue;
      await page.goto(`${stack.url}/app/env_demo/${place}`);
      await shoot(place.replaceAll(/[/:]/g, "-"));
    }
    await context.close();

    async function shoot(name: string) {
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 900 });
        await page.getByRole("heading", { level: 1 }).waitFor();
        await page.getByRole("status", { name: "Loading" }).first().waitFor({ state: "detached" });
        await page.screenshot({
          path: join(FOLDER, `${name}-${theme}-${width}.png`),
          fullPage: true,
          animations: "disabled",
        });
      }
    }
  }
} finally {
  await browser.close();
  await stack.stop();
}
