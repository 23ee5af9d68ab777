/** A visitor who says nothing, and then yes: one visitor, one session, and not a byte in the browser before. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launchBrowser } from "../browser.ts";
import { devStack, eventually } from "./dev-stack.ts";

interface Delivered {
  event: string;
  anonymous_id: string;
  context: { session: { id: string; number: number }; cookieless?: boolean; ip?: string };
}

let stack: Awaited<ReturnType<typeof devStack>>;
let browser: Browser;
let site: ReturnType<typeof createServer>;
beforeAll(async () => {
  [stack, browser] = await Promise.all([devStack(), launchBrowser()]);
  const page = `<!doctype html><title>Shop</title>
    <script src="${stack.url}/millrace.js" data-write-key="${stack.write_key}" data-consent="cookieless"></script>`;
  site = createServer((_, response) => response.setHeader("content-type", "text/html").end(page));
  await new Promise<void>((listening) => site.listen(0, "localhost", listening));
});
afterAll(async () => {
  await browser?.close();
  site?.close();
  await stack?.stop();
});

const api = async (method: string, path: string, body?: object) => {
  const headers = { authorization: `Bearer ${stack.admin_token}` };
  const answer = await fetch(`${stack.url}/api/v1/${path}`, {
    method,
    headers,
    ...(body && { body: JSON.stringify(body) }),
  });
  expect(answer.status).toBe(200);
  return (await answer.json()) as { visitors: number; sessions: number };
};

it("goes on with the session when consent comes, without a reload", async () => {
  await api("PATCH", "environments/env_demo", {
    organisation: { id: "org_demo", name: "Mill & Race" },
    name: "dev",
    sources: [{ id: "src_shop", name: "Demo shop", cookieless: "until_consent" }],
    integrations: [],
  });
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`http://localhost:${(site.address() as AddressInfo).port}/`);
  const run = (script: string) => page.evaluate(script);
  const stored = async () => [
    ...(await context.cookies()).map(({ name }) => name),
    ...((await run("Object.keys(localStorage).concat(Object.keys(sessionStorage))")) as string[]),
  ];

  await run(`millrace.track("Before"); millrace.flush()`);
  expect(await stored()).toEqual([]);
  await run(`millrace.consent({ analytics: true, marketing: true }); millrace.track("With Consent"); millrace.flush()`);
  await run(`millrace.track("After"); millrace.flush()`);
  expect(await stored()).toContain("_dfid");

  const names = ["page", "Before", "With Consent", "After"];
  const delivered = await eventually(
    async () => {
      const requests = await (await fetch(`${stack.sink}/requests?integration=webhook`)).json();
      return (requests as { body: { data: Delivered } }[]).map(({ body }) => body.data);
    },
    (events) => names.every((name) => events.some(({ event }) => event === name)),
  );
  const [first, before, consented, after] = names.map((name) => delivered.find(({ event }) => event === name)!);
  expect([first, before].map((event) => event!.context.cookieless)).toEqual([true, true]);
  expect(first!.context).not.toHaveProperty("ip");
  expect(before!.anonymous_id).toBe(first!.anonymous_id);
  expect(consented!.anonymous_id).not.toBe(before!.anonymous_id);
  expect(after!.anonymous_id).toBe(consented!.anonymous_id);
  const dfid = (await context.cookies()).find(({ name }) => name === "_dfid")!.value;
  expect(after!.anonymous_id).toBe(dfid);
  expect(new Set(delivered.map((event) => event.context.session.id)).size).toBe(1);
  expect(await api("GET", "status")).toMatchObject({ visitors: 1, sessions: 1 });
});
