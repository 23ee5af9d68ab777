/** The README's promises, once each, on the running stack: only HTTP from here on, as anybody outside would do it. */
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Analytics } from "@segment/analytics-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { devStack, eventually, outputOf, type Ready, runScript } from "./dev-stack.ts";

let stack: Awaited<ReturnType<typeof devStack>>;
beforeAll(async () => {
  stack = await devStack();
});
afterAll(() => stack?.stop());

interface Received {
  integration: string;
  message_ids: string[];
  answer: { status: number };
  validation?: unknown[];
}

let visitors = 0;
const visitor = () => `3f8a6c1e-0000-4000-8000-${String(++visitors).padStart(12, "0")}`;

function order(message_id: string, anonymous_id = visitor()) {
  return {
    message_id,
    anonymous_id,
    type: "track",
    event: "Order Completed",
    properties: {
      order_id: message_id,
      revenue: 20,
      currency: "EUR",
      products: [{ product_id: "p1", name: "Ink", price: 20, quantity: 1 }],
    },
    context: {
      user_agent: "Mozilla/5.0 (X11; Linux x86_64) Chrome/141.0.0.0 Safari/537.36",
      page: { url: "https://shop.example.com/thanks" },
    },
    timestamp: new Date().toISOString(),
  };
}

async function send({ url, server_key }: Ready, ...batch: object[]) {
  const headers = { authorization: `Basic ${btoa(`${server_key}:`)}`, "content-type": "application/json" };
  const answer = await fetch(`${url}/v1/batch`, { method: "POST", headers, body: JSON.stringify({ batch }) });
  return { status: answer.status, body: (await answer.json()) as { accepted: number } };
}

async function received({ sink }: Ready, integration: string): Promise<Received[]> {
  return (await (await fetch(`${sink}/requests?integration=${integration}`)).json()) as Received[];
}

/** Message ids that the vendor said yes to, in order, with repetitions. */
async function taken(integration: string, ids: string[]): Promise<string[]> {
  const requests = (await received(stack, integration)).filter(
    ({ answer }) => answer.status >= 200 && answer.status < 300,
  );
  return requests.flatMap(({ message_ids }) => message_ids).filter((id) => ids.includes(id));
}

const behave = (integration: string, mode: string, for_ms?: number) =>
  fetch(`${stack.sink}/behaviour`, { method: "POST", body: JSON.stringify({ integration, mode, for_ms }) });

const status = async () => {
  const answer = await fetch(`${stack.url}/api/v1/status`, {
    headers: { authorization: `Bearer ${stack.admin_token}` },
  });
  return (await answer.json()) as {
    events: number;
    duplicates: number;
    integrations: { name: string; state: string; dead_lettered: number }[];
  };
};

it("delivers an event to every vendor, in a form that each accepts, once though it was sent twice", async () => {
  const event = order("journey-1");
  expect((await send(stack, event)).body.accepted).toBe(1);
  expect((await send(stack, event)).body.accepted).toBe(1);
  for (const integration of ["ga4", "meta", "webhook"]) {
    await eventually(
      () => taken(integration, ["journey-1"]),
      (ids) => ids.length > 0,
    );
  }
  await eventually(status, ({ duplicates }) => duplicates === 1);
  for (const integration of ["ga4", "meta", "webhook"])
    expect(await taken(integration, ["journey-1"])).toEqual(["journey-1"]);
  // GA4 answers 204 to anything: what its validation server would have said is the proof.
  const [ga4] = await received(stack, "ga4");
  expect(ga4!.validation).toEqual([]);
});

it("takes what Segment's own Node SDK sends, by nothing but another host", async () => {
  const analytics = new Analytics({ writeKey: stack.server_key, host: stack.url, flushAt: 3 });
  const problems: unknown[] = [];
  analytics.on("error", (problem) => problems.push(problem));
  analytics.identify({ userId: "segment-1", traits: { email: "ada@example.com" } });
  analytics.track({
    userId: "segment-1",
    event: "Signed Up",
    properties: { plan: "pro" },
    messageId: "segment-track-1",
  });
  analytics.group({ userId: "segment-1", groupId: "g1" });
  await analytics.closeAndFlush();
  expect(problems).toEqual([]);
  const got = await eventually(
    () => taken("webhook", ["segment-track-1"]),
    (ids) => ids.length > 0,
  );
  expect(got).toEqual(["segment-track-1"]);
});

describe("a vendor in trouble", () => {
  it.each([
    ["429", "meta"],
    ["500", "meta"],
    ["close", "webhook"],
    ["partial", "webhook"],
    ["error-in-200", "meta"],
  ])("loses nothing when it answers %s for a while (%s)", async (mode, integration) => {
    const ids = Array.from({ length: 6 }, (_, i) => `${mode}-${integration}-${i}`);
    await behave(integration, mode, 2_500);
    await send(stack, ...ids.map((id) => order(id)));
    const got = await eventually(
      () => taken(integration, ids),
      (all) => new Set(all).size === ids.length,
      60_000,
    );
    expect(new Set(got)).toEqual(new Set(ids));
    await behave(integration, "ok");
  });

  it("holds up no other", async () => {
    await behave("meta", "hang", 8_000);
    const started = Date.now();
    await send(stack, order("hang-1"));
    await eventually(
      () => taken("webhook", ["hang-1"]),
      (ids) => ids.length === 1,
    );
    expect(Date.now() - started).toBeLessThan(7_000);
    await behave("meta", "ok");
    await eventually(
      () => taken("meta", ["hang-1"]),
      (ids) => ids.length >= 1,
      60_000,
    );
  });
});

describe("replay of an access log", () => {
  const line = (second: number, path: string, address = "192.0.2.1") =>
    `${address} - - [20/Nov/2026:10:00:${String(second).padStart(2, "0")} +0000] "GET ${path} HTTP/1.1" 200 512 "-" "Mozilla/5.0 (X11; Linux x86_64) Chrome/141.0.0.0"`;

  it("sends page views with their own times, and sends none twice when it is run again", async () => {
    const before = await status();
    const file = join(await mkdtemp(join(tmpdir(), "millrace-replay-")), "access.log");
    await writeFile(
      file,
      [line(1, "/"), line(2, "/style.css"), line(3, "/about"), line(4, "/", "192.0.2.2"), "not a log line"].join("\n"),
    );
    const args = [
      file,
      "--write-key",
      stack.server_key,
      "--host",
      stack.url,
      "--site",
      "https://shop.example.com",
      "--json",
    ];
    for (const _ of [1, 2]) {
      const { code, stdout, stderr } = await outputOf(runScript("scripts/replay.ts", [...args, "--restart"]));
      expect([code, stderr && code ? stderr : ""]).toEqual([0, ""]);
      expect(JSON.parse(stdout)).toMatchObject({ sent: 3 });
    }
    const after = await eventually(status, ({ duplicates }) => duplicates === before.duplicates + 3);
    expect(after.events).toBe(before.events + 3);
  });
});

it("runs a second stack beside the first, which knows nothing of it", async () => {
  const second = await devStack();
  try {
    expect(second.url).not.toBe(stack.url);
    expect((await send({ ...second, server_key: stack.server_key }, order("x"))).status).toBe(401);
    expect((await send(second, order("x"))).status).toBe(200);
  } finally {
    await second.stop();
  }
  await expect(fetch(`${second.url}/health/live`)).rejects.toThrow();
}, 120_000);
