import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  aBatch,
  aDelivery,
  aDeliveryEnv,
  aMessage,
  anItem,
  defineTestVendor,
  environmentOf,
  fakeVendor,
  publishIntegration,
  someItems,
} from "../../../test/a-delivery.ts";
import { aKeyPair, newKeyPair, vendorNetwork } from "../../../test/a-vendor-network.ts";
import { datasets } from "../../../test/vendor-sink/bigquery.ts";
import { accessTokens, refreshTokens, serviceAccounts } from "../../../test/vendor-sink/google-oauth.ts";
import { schemas, users } from "../../../test/vendor-sink/snowflake.ts";
import { forgetTokens } from "../../delivery/credentials-for.ts";
import { deliver } from "../../delivery/deliver.ts";
import { splitSecrets } from "../../delivery/destination.ts";
import { destinationNamed } from "../../delivery/destinations/index.ts";
import { api } from "../index.ts";

beforeEach(() => {
  forgetTokens();
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
    expect(await env.INTEGRATION_GATE.getByName(integration.id).stats()).toMatchObject({
      received: 0,
      state: "open_for_business",
    });
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

describe("the test button of a vendor that wants more than a setting", async () => {
  const { privateKey, publicKey } = await aKeyPair();
  let count = 0;

  /** Saved as the API saves it: with the defaults of its settings, and its secrets apart. */
  async function saved(destination: string, settings: Record<string, unknown>) {
    const { open, secrets } = splitSecrets(destinationNamed(destination)!.settings, settings);
    return publishIntegration({ destination, settings: open, secrets });
  }

  const googleAds = () =>
    saved("google_ads", {
      customer_id: "1234567890",
      conversion_actions: { "Order Completed": "987" },
      client_id: "app.apps.googleusercontent.com",
      client_secret: "client-secret-nobody-sees",
    });

  /** A person said yes; the token that came of it has nearly expired, so that the gate gets another from the stand-in. */
  async function connect({ id }: { id: string }) {
    const refresh_token = `1//refresh-of-the-test-${++count}`;
    refreshTokens.add(refresh_token);
    const gate = env.INTEGRATION_GATE.getByName(id);
    await gate.beginConsent("state", "https://api.example/callback");
    vendorNetwork(() => Response.json({ access_token: "ya29.first", refresh_token, expires_in: 30 }));
    const client = { client_id: "app.apps.googleusercontent.com", client_secret: "client-secret-nobody-sees" };
    const completed = gate.completeConsent(
      "state",
      "code",
      { scheme: "oauth2", provider: "google", scopes: [], ...client },
      id,
    );
    expect(await completed).toEqual({ ok: true });
    return { refresh_token };
  }

  async function bigQuery(key = privateKey) {
    const client_email = `tester-${++count}@shop.iam.gserviceaccount.com`;
    serviceAccounts.set(client_email, publicKey);
    const dataset = `tested${count}`;
    datasets.set(`my-shop-123/${dataset}`, new Map());
    const integration = await saved("bigquery", {
      project_id: "my-shop-123",
      dataset,
      table: "events",
      service_account: JSON.stringify({ client_email, private_key: key }),
    });
    return { integration, tables: datasets.get(`my-shop-123/${dataset}`)! };
  }

  const hosts = (calls: { url: string }[]) => calls.map(({ url }) => new URL(url).hostname);

  it("gets its OAuth token from the gate, as a delivery does, and the vendor takes the event", async () => {
    const integration = await googleAds();
    const { refresh_token } = await connect(integration);
    const calls = vendorNetwork();
    const { body } = await ask(integration, "POST", "/test");
    expect(hosts(calls)).toEqual(["oauth2.googleapis.com", "datamanager.googleapis.com"]);
    expect(body).toMatchObject({ outcome: "delivered", reason: null, response: { status: 200 } });
    expect(JSON.stringify(body)).not.toMatch(new RegExp(`client-secret-nobody-sees|ya29|${refresh_token}`));
  });

  it("blanks a token that the vendor repeats", async () => {
    const integration = await googleAds();
    await connect(integration);
    const shown: string[] = [];
    vendorNetwork(({ url, headers }) => {
      if (url.hostname !== "datamanager.googleapis.com") return undefined;
      shown.push(headers.authorization!.replace("Bearer ", ""));
      const error = { status: "PERMISSION_DENIED", message: `${shown[0]} may not` };
      return Response.json({ error }, { status: 403 });
    });
    const { body } = await ask(integration, "POST", "/test");
    expect(body).toMatchObject({ outcome: "unauthorised", reason: expect.stringContaining("••• may not") });
    expect(shown).toEqual([expect.stringMatching(/^ya29\./)]);
    expect(JSON.stringify(body)).not.toContain(shown[0]);
  });

  it("replaces a token that the vendor no longer takes", async () => {
    const integration = await googleAds();
    await connect(integration);
    vendorNetwork();
    await ask(integration, "POST", "/test");
    accessTokens.clear();
    const calls = vendorNetwork();
    expect((await ask(integration, "POST", "/test")).body).toMatchObject({ outcome: "delivered" });
    expect(calls.map(({ status }) => status)).toEqual([401, 200, 200]);
  });

  it("says where nobody has connected it yet, and sends nothing", async () => {
    const integration = await googleAds();
    const calls = vendorNetwork();
    const { status, body } = await ask(integration, "POST", "/test");
    expect(status).toBe(200);
    expect(body).toMatchObject({
      payload: { conversion_action: "987" },
      outcome: "unauthorised",
      reason: expect.stringMatching(/^not connected: nobody has authorised this at google/),
    });
    expect(body).not.toHaveProperty("request");
    expect(calls).toEqual([]);
    expect(await env.INTEGRATION_GATE.getByName(integration.id).stats()).toMatchObject({
      received: 0,
      state: "open_for_business",
    });
  });

  it("makes a warehouse's table, and its row where the warehouse takes one at once", async () => {
    vendorNetwork();
    users.set("MYORG-ACCOUNT1.TESTER", publicKey);
    schemas.set("TESTED.PUBLIC", new Map());
    const integration = await saved("snowflake", {
      account: "myorg-account1",
      user: "tester",
      warehouse: "LOADING",
      database: "TESTED",
      private_key: privateKey,
    });
    const { body } = await ask(integration, "POST", "/test");
    expect(body).toMatchObject({ outcome: "delivered", response: { status: 200 } });
    const rows = schemas.get("TESTED.PUBLIC")!.get("EVENTS")!.rows;
    expect(rows.map((row) => row.MESSAGE_ID)).toEqual([body.event.message_id]);
  });

  it("says of a table that was just made that it takes no rows yet; the next test is a row", async () => {
    vendorNetwork();
    const { integration, tables } = await bigQuery();
    expect((await ask(integration, "POST", "/test")).body).toMatchObject({
      outcome: "retry",
      response: { status: 404 },
    });
    expect(tables.get("events")!.rows.size).toBe(0);
    let last: { event: { message_id: string } } | undefined;
    for (let time = 0; time < 2 && !tables.get("events")!.rows.size; time++)
      last = (await ask(integration, "POST", "/test")).body;
    expect(last).toMatchObject({ outcome: "delivered" });
    expect([...tables.get("events")!.rows.keys()]).toEqual([last!.event.message_id]);
  });

  it("is unauthorised where the account's key is another, and shows none of it", async () => {
    const calls = vendorNetwork();
    const { privateKey: other } = await newKeyPair();
    const { integration } = await bigQuery(other);
    const { body } = await ask(integration, "POST", "/test");
    expect(body).toMatchObject({ outcome: "unauthorised", reason: expect.stringContaining("Invalid JWT Signature") });
    expect(hosts(calls)).toEqual(["oauth2.googleapis.com"]);
    expect(JSON.stringify(body)).not.toContain(other.slice(60, 120));
  });

  it("sends a file's bytes, signed, and shows words for them", async () => {
    const puts: { bytes: unknown; authorization: string | undefined }[] = [];
    vi.spyOn(globalThis, "fetch").mockImplementation(async (_, init) => {
      const { authorization } = init!.headers as Record<string, string>;
      puts.push({ bytes: init!.body, authorization });
      return new Response(null, { status: 200 });
    });
    const integration = await saved("s3", {
      bucket: "shop-events",
      region: "eu-central-1",
      access_key_id: "AKIAEXAMPLE",
      secret_access_key: "example-secret-access-key",
    });
    const { body } = await ask(integration, "POST", "/test");
    expect(body).toMatchObject({ outcome: "delivered", request: { method: "PUT", body: expect.any(String) } });
    expect(puts).toEqual([
      { bytes: expect.any(Uint8Array), authorization: expect.stringMatching(/^AWS4-HMAC-SHA256 .*Signature=/) },
    ]);
    expect(JSON.stringify(body)).not.toMatch(/example-secret-access-key|Signature=/);
  });

  it("refuses a payload that no request can be made of, as delivery does, and sends nothing", async () => {
    const destination = defineTestVendor({
      request: () => {
        throw new Error("no request with this");
      },
    });
    const fetch = vi.spyOn(globalThis, "fetch");
    const { body } = await ask(await publishIntegration({ destination }), "POST", "/test");
    expect(body).toMatchObject({ outcome: "rejected", reason: expect.stringContaining("no request with this") });
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
