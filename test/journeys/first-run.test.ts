/** What the dashboard is for: somebody without an account sees their site's first event, and then a destination take one. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launchBrowser } from "../browser.ts";
import { devStack, eventually } from "./dev-stack.ts";

let stack: Awaited<ReturnType<typeof devStack>>;
let browser: Browser;
let site: Server;
let snippet = "";

beforeAll(async () => {
  site = createServer((_, response) =>
    response.setHeader("content-type", "text/html").end(`<title>Shop</title>${snippet}`),
  );
  await new Promise<void>((listening) => site.listen(0, "localhost", listening));
  [stack, browser] = await Promise.all([devStack(), launchBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  site?.close();
  await stack?.stop();
});

it("leads from sign-up to the first event, and to a destination that has taken one", async () => {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  const siteUrl = `http://localhost:${(site.address() as AddressInfo).port}/`;
  await page.goto(`${stack.url}/app/`);
  await page.getByRole("link", { name: "Create an account" }).click();
  await page.getByLabel("Your name").fill("Mia Miller");
  await page.getByLabel("E-mail").fill("mia@example.com");
  await page.getByLabel("Password").fill("a-long-password-1");
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByLabel("Organisation").fill("Mia's mill");
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByLabel("Name of the site or app").fill("Mia's shop");
  await page.getByRole("button", { name: "Show me the snippet" }).click();

  await page.getByText("Waiting for your first event").waitFor();
  await page.getByText("This page is watching").waitFor();
  snippet = (await page.getByRole("region", { name: "script tag" }).textContent()) ?? "";
  expect(snippet).toMatch(
    /^<script defer src="http:\/\/localhost:\d+\/millrace\.js" data-write-key="wk_\w+"><\/script>$/,
  );
  const visitor = await browser.newPage();
  await visitor.goto(siteUrl);
  await page.getByText("Your first event has arrived: page").waitFor();

  await page.getByRole("link", { name: "Send it to a destination" }).click();
  await page.getByRole("link", { name: "Webhook" }).click();
  await page.getByLabel("URL", { exact: true }).fill("https://hooks.example.com/mia");
  await page.getByLabel("Secret").fill(`whsec_${btoa("a secret of the test, 32 bytes!!")}`);
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByRole("button", { name: "Send a test event" }).click();
  await page
    .getByRole("dialog", { name: "Test event" })
    .getByText("delivered", { exact: true })
    .first()
    .waitFor({ timeout: 70_000 });
  await page.getByRole("button", { name: "Close" }).click();

  await page.getByRole("link", { name: "Live" }).first().click();
  await page.getByText("Live", { exact: true }).nth(1).waitFor();
  // The door and the processor learn of the destination within half a minute.
  await eventually(
    async () => {
      await visitor.goto(`${siteUrl}?again=${Date.now()}`);
      await visitor.waitForTimeout(2_000);
      return page.getByText("1 of 1 delivered").count();
    },
    (count) => count > 0,
    60_000,
  );
  await page.getByRole("button", { name: "page" }).first().click();
  const path = page.getByRole("dialog", { name: "page" });
  await path.getByText("Received", { exact: true }).waitFor();
  await path.getByText("HTTP 200").first().waitFor();
}, 180_000);
