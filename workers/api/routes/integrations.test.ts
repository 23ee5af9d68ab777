import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  aBatch,
  aDelivery,
  aDeliveryEnv,
  aMessage,
  anItem,
  environmentOf,
  fakeVendor,
  publishIntegration,
  someItems,
} from "../../../test/a-delivery.ts";
import { deliver } from "../../delivery/deliver.ts";
import { api } from "../index.ts";

beforeEach(() => {
  for (const method of ["error", "warn"] as const) vi.spyOn(console, method).mockImplementation(() => {});
});
afterEach(() => vi.restoreAllMocks());

async function ask(integration: { id: string }, method: string, path: string, query = {}, body?: unknown) {
  const all = { environment_id: environmentOf(integration), ...query };
  const url = `/api/v1/integrations/${integration.id}${path}?${new URLSearchParams(all)}`;
  const headers = { authorization: "Bearer test-admin-token" };
  const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
  const response = await api.request(url, init, env);
  // biome-ignore lint/suspicious/noExplicitAny: as an outsider reads it.
  return { status: response.status, body: (await response.json()) as any };
}

describe("the delivery board", () => {
  it("tells what became of events, by hour and by name, with why and a sample that hides secrets", async () => {
    const integration = await publishIntegration({ secrets: { token: "tk-very-secret" } });
    fakeVendor(({ ids }) =>
      ids.includes("bad") ? new Response("order 123456 has no currency", { status: 400 }) : 200,
    );
    const received_at = new Date(Date.now() - 3_000).toISOString();
    const items = [
      ...someItems(8, { event: "Product Viewed", received_at }),
      anItem({
        message_id: "bad",
        event: "Order Completed",
        received_at,
        payload: { id: "bad", text: "tk-very-secret" },
      }),
    ];
    const { env: deliveryEnv } = aDeliveryEnv();
    await deliver(aBatch([aMessage(aDelivery(integration, { items }))]), deliveryEnv);
    await deliver(aBatch([aMessage(aDelivery(integration, { items: someItems(1, { purposes: [] }) }))]), deliveryEnv);

    const { body } = await ask(integration, "GET", "/deliveries");
    expect(body).toMatchObject({
      by: "hour",
      state: "open_for_business",
      total: { received: 10, delivered: 8, failed: 1, filtered: 1, retried: 0, success_rate: 8 / 9 },
    });
    expect(body.total.latency_ms.p50).toBeGreaterThan(2_000);
    expect(body.total.latency_ms.p95).toBeLessThan(6_000);
    expect(body.total.why).toEqual({ filtered: { no_consent: 1 }, failed: { "HTTP 400: order # has no currency": 1 } });
    expect(body.failed_samples).toMatchObject([
      { event: "Order Completed", message_id: "bad", reason: "HTTP 400: order 123456 has no currency" },
    ]);
    expect(body.failed_samples[0].payload).toBe('{"id":"bad","text":"•••"}');

    const byEvent = (await ask(integration, "GET", "/deliveries", { by: "event" })).body.lines;
    expect(byEvent).toMatchObject([
      { event: "Product Viewed", received: 8, delivered: 8, success_rate: 1 },
      { event: expect.any(String), received: 1 },
      { event: expect.any(String), received: 1 },
    ]);
    const past = { from: "2020-01-01T00:00:00.000Z", to: "2020-01-02T00:00:00.000Z" };
    expect((await ask(integration, "GET", "/deliveries", past)).body).toMatchObject({
      total: { received: 0, success_rate: null, latency_ms: { p50: null } },
      lines: [],
      failed_samples: [],
    });
  });

  it("tells an ad vendor's match quality: which identifiers the delivered events held", async () => {
    const integration = await publishIntegration({
      destination: "meta",
      settings: { pixel_id: "1234567890" },
      secrets: { access_token: "EAAexample" },
    });
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => Response.json({ events_received: 2 }));
    const payload = (user_data: object) => ({
      event_name: "Purchase",
      event_time: 1,
      event_id: "m",
      action_source: "website",
      user_data,
    });
    const items = [anItem({ payload: payload({ em: ["x"], fbp: "y" }) }), anItem({ payload: payload({ fbp: "y" }) })];
    await deliver(aBatch([aMessage(aDelivery(integration, { items }))]), aDeliveryEnv().env);
    const { body } = await ask(integration, "GET", "/deliveries");
    expect(body.match_quality).toMatchObject([{ events: 2, with: { em: 0.5, fbp: 1 } }]);
  });

  it.each([
    { by: "year" },
    { from: "yesterday" },
    { from: "2026-11-20T00:00:00.000Z", to: "2026-11-19T00:00:00.000Z" },
  ])("refuses %o", async (query) => {
    const integration = await publishIntegration();
    expect((await ask(integration, "GET", "/deliveries", query as object)).status).toBe(400);
  });
});

describe("the test button", () => {
  const meta = () =>
    publishIntegration({
      destination: "meta",
      settings: { pixel_id: "1234567890" },
      secrets: { access_token: "EAAexample-very-secret" },
    });

  it("sends a sample and answers with what the vendor really said, without secrets", async () => {
    const integration = await meta();
    const asked: string[] = [];
    vi.spyOn(globalThis, "fetch").mockImplementation(async (_, init) => {
      asked.push(init!.body as string);
      const error = { code: 190, message: "Token EAAexample-very-secret has expired", type: "OAuthException" };
      return Response.json({ error }, { status: 400 });
    });
    const { status, body } = await ask(integration, "POST", "/test");
    expect(status).toBe(200);
    expect(JSON.parse(asked[0]!).data).toMatchObject([{ event_name: "Purchase", event_id: body.event.message_id }]);
    expect(body).toMatchObject({ outcome: "unauthorised", response: { status: 400 }, request: { method: "POST" } });
    expect(body.response.body).toContain("has expired");
    expect(JSON.stringify(body)).not.toContain("very-secret");
    // Nothing of it is counted, and nothing pauses for it.
    expect((await ask(integration, "GET", "")).body).toMatchObject({ received: 0, state: "open_for_business" });
  });

  it("takes an event of one's own, and says where the destination has no use for it", async () => {
    const integration = await meta();
    const fetch = vi.spyOn(globalThis, "fetch");
    const event = { type: "identify", event: "identify" };
    expect((await ask(integration, "POST", "/test", {}, { event })).body).toMatchObject({
      outcome: "filtered",
      reason: "event_not_mapped",
    });
    expect((await ask(integration, "POST", "/test", {}, { event: { type: "nonsense" } })).status).toBe(400);
    expect(fetch).not.toHaveBeenCalled();
  });

  it("names what is missing before it asks anybody", async () => {
    const integration = await publishIntegration({ destination: "meta", settings: { pixel_id: "1234567890" } });
    const fetch = vi.spyOn(globalThis, "fetch");
    expect((await ask(integration, "POST", "/test")).body).toMatchObject({
      outcome: "credentials_missing",
      reason: expect.stringContaining("access_token"),
    });
    expect(fetch).not.toHaveBeenCalled();
  });
});

it("an integration that is not there is not found", async () => {
  const integration = await publishIntegration();
  const url = `/api/v1/integrations/int_none?environment_id=${environmentOf(integration)}`;
  const headers = { authorization: "Bearer test-admin-token" };
  for (const path of [url, url.replace("?", "/deliveries?")]) {
    expect((await api.request(path, { headers }, env)).status).toBe(404);
  }
});
