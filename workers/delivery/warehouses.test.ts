/** Warehouses end to end: queue message → token → table → rows, against stand-ins that keep tables and check signatures. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Integration } from "../../core/environment.ts";
import type { Event } from "../../core/event.ts";
import {
  aBatch,
  aDelivery,
  aDeliveryEnv,
  aMessage,
  anItem,
  gateOf,
  publishIntegration,
} from "../../test/a-delivery.ts";
import { aKeyPair, newKeyPair, vendorNetwork } from "../../test/a-vendor-network.ts";
import { anEvent } from "../../test/an-event.ts";
import { datasets } from "../../test/vendor-sink/bigquery.ts";
import { accessTokens, serviceAccounts } from "../../test/vendor-sink/google-oauth.ts";
import { topics } from "../../test/vendor-sink/kafka-proxy.ts";
import { schemas, users } from "../../test/vendor-sink/snowflake.ts";
import { forgetConfiguration } from "../config.ts";
import { forgetTokens } from "./credentials-for.ts";
import { deliver } from "./deliver.ts";
import { splitSecrets } from "./destination.ts";
import { destinationNamed } from "./destinations/index.ts";

beforeEach(() => {
  forgetConfiguration();
  forgetTokens();
});
afterEach(() => vi.restoreAllMocks());

/** An integration with these settings, saved as the API would save them. */
async function integrationOf(destination: string, settings: Record<string, unknown>): Promise<Integration> {
  const { open, secrets } = splitSecrets(destinationNamed(destination)!.settings, settings);
  return publishIntegration({ destination, settings: open, secrets });
}

function itemOf(event: Event, integration: Integration) {
  const payload = destinationNamed(integration.destination)!.map(event, integration.settings as never);
  return anItem({ message_id: event.message_id, event: event.event, payload });
}

/** Delivers the events in one message; what comes back to the lanes is returned, and delivered no further. */
async function deliverAll(integration: Integration, events: Event[]) {
  const given = aDeliveryEnv();
  const items = events.map((event) => itemOf(event, integration));
  await deliver(aBatch([aMessage(aDelivery(integration, { items }))]), given.env);
  return given;
}

let count = 0;
const events = (n: number, given: Partial<Event> = {}) => Array.from({ length: n }, () => anEvent(given));

describe("BigQuery", async () => {
  const { privateKey, publicKey } = await aKeyPair();

  async function setUp(columns = {}) {
    const dataset = `d${++count}`;
    const client_email = `loader-${count}@shop.iam.gserviceaccount.com`;
    serviceAccounts.set(client_email, publicKey);
    datasets.set(`my-shop-123/${dataset}`, new Map());
    const service_account = JSON.stringify({ client_email, private_key: privateKey });
    const settings = { project_id: "my-shop-123", dataset, table: "events", service_account, columns };
    return {
      settings,
      tables: datasets.get(`my-shop-123/${dataset}`)!,
      integration: await integrationOf("bigquery", settings),
    };
  }

  it("makes the table, lets the events wait until it takes rows, and has each of them once", async () => {
    vendorNetwork();
    const { integration, tables } = await setUp();
    const some = events(3, { properties: { a: [1] } });
    const first = await deliverAll(integration, some);
    expect(first.sent).toMatchObject([{ body: { attempt: 2, items: [{}, {}, {}] } }]);
    expect(first.sent[0]!.delaySeconds).toBeGreaterThanOrEqual(120);
    expect(tables.get("events")!.rows.size).toBe(0);

    for (let time = 0; time < 2; time++) expect((await deliverAll(integration, some)).sent).toEqual([]);
    expect([...tables.get("events")!.rows.keys()]).toEqual(some.map((event) => event.message_id));
    const [row] = tables.get("events")!.rows.values();
    expect(row).toMatchObject({
      event: "Button Clicked",
      properties: '{"a":[1]}',
      received_at: "2026-11-20T10:00:01.000Z",
    });
    expect(await gateOf(integration)).toMatchObject({ state: "open_for_business", delivered: 6 });
  });

  it("adds the columns that are new, and keeps those of others", async () => {
    vendorNetwork();
    const { integration, tables, settings } = await setUp();
    await deliverAll(integration, events(1));
    tables.get("events")!.fields.push({ name: "somebody_elses", type: "STRING" });

    const wider = await integrationOf("bigquery", { ...settings, columns: { plan: "string", seats: "integer" } });
    const some = events(1, { properties: { plan: "pro", seats: 5 } });
    expect((await deliverAll(wider, some)).sent).toMatchObject([{ body: { attempt: 2 } }]);
    expect((await deliverAll(wider, some)).sent).toEqual([]);
    expect(tables.get("events")!.fields.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["somebody_elses", "plan", "seats"]),
    );
    expect([...tables.get("events")!.rows.values()]).toMatchObject([{ plan: "pro", seats: 5 }]);
  });

  it("names a column of another type, pauses, and holds the events", async () => {
    vendorNetwork();
    const { integration, tables, settings } = await setUp();
    await deliverAll(integration, events(1));
    const table = tables.get("events")!;
    table.fields = table.fields.map((field) => (field.name === "revenue" ? { ...field, type: "STRING" } : field));
    const wider = await integrationOf("bigquery", { ...settings, columns: { plan: "string" } });
    const { sent } = await deliverAll(wider, events(2, { properties: { plan: "pro" } }));
    expect(sent).toMatchObject([{ body: { items: [{}, {}] } }]);
    expect(await gateOf(wider)).toMatchObject({
      state: "unauthorised",
      reason: "type conflict: the column revenue of events is STRING, and FLOAT is written to it",
    });
  });

  it("says so where the dataset is not there", async () => {
    vendorNetwork();
    const { settings } = await setUp();
    const integration = await integrationOf("bigquery", { ...settings, dataset: "nowhere" });
    await deliverAll(integration, events(1));
    expect(await gateOf(integration)).toMatchObject({
      state: "unauthorised",
      reason: expect.stringContaining("there is no dataset nowhere in my-shop-123"),
    });
  });

  it("gets one token for many requests, and another when Google no longer takes it", async () => {
    const calls = vendorNetwork();
    const { integration, tables } = await setUp();
    await deliverAll(integration, events(1));
    const tokenCalls = () => calls.filter(({ url }) => url.includes("oauth2.googleapis.com")).length;
    expect(tokenCalls()).toBe(1);
    forgetTokens();
    await Promise.all([deliverAll(integration, events(2)), deliverAll(integration, events(2))]);
    expect(tokenCalls()).toBe(1);
    accessTokens.clear();
    expect((await deliverAll(integration, events(1))).sent).toEqual([]);
    expect(tokenCalls()).toBe(2);
    expect(tables.get("events")!.rows.size).toBe(5);
  });

  it("is unauthorised where the account's key is another, and shows none of it", async () => {
    vendorNetwork();
    const { settings } = await setUp();
    const { privateKey: other } = await newKeyPair();
    const account = { ...JSON.parse(settings.service_account), private_key: other };
    const integration = await integrationOf("bigquery", { ...settings, service_account: JSON.stringify(account) });
    const { sent, live } = await deliverAll(integration, events(1));
    const stats = await gateOf(integration);
    expect(stats).toMatchObject({ state: "unauthorised", reason: expect.stringContaining("Invalid JWT Signature") });
    expect(sent).toHaveLength(1);
    expect(JSON.stringify([stats, sent, live])).not.toContain(other.slice(60, 120));
  });
});

describe("Snowflake", async () => {
  const { privateKey, publicKey } = await aKeyPair();

  async function setUp(columns = {}) {
    const database = `DB${++count}`;
    users.set("MYORG-ACCOUNT1.LOADER", publicKey);
    schemas.set(`${database}.PUBLIC`, new Map());
    const settings = {
      account: "myorg-account1",
      user: "loader",
      private_key: privateKey,
      warehouse: "LOADING",
      database,
      columns,
    };
    return {
      settings,
      tables: schemas.get(`${database}.PUBLIC`)!,
      integration: await integrationOf("snowflake", settings),
    };
  }

  it("makes the table and fills it at once; twice is once, in one message and over two", async () => {
    const calls = vendorNetwork();
    const { integration, tables } = await setUp();
    const some = events(3, { properties: { "it's": "a quote; drop table" } });
    expect((await deliverAll(integration, [...some, some[0]!])).sent).toEqual([]);
    expect((await deliverAll(integration, some)).sent).toEqual([]);
    expect(tables.get("EVENTS")!.rows.map((row) => row.MESSAGE_ID)).toEqual(some.map((event) => event.message_id));
    expect(tables.get("EVENTS")!.rows[0]).toMatchObject({
      PROPERTIES: { "it's": "a quote; drop table" },
      TYPE: "track",
    });
    for (const { body } of calls) expect(JSON.parse(body).statement).not.toContain("quote");
    expect(await gateOf(integration)).toMatchObject({ state: "open_for_business", delivered: 7 });
  });

  it("adds the columns that are new", async () => {
    vendorNetwork();
    const { integration, settings, tables } = await setUp();
    await deliverAll(integration, events(1));
    const wider = await integrationOf("snowflake", { ...settings, columns: { seats: "integer" } });
    expect((await deliverAll(wider, events(1, { properties: { seats: 5 } }))).sent).toEqual([]);
    expect(tables.get("EVENTS")!.rows).toMatchObject([{}, { SEATS: 5 }]);
  });

  it("names a column of another type, pauses, and holds the events", async () => {
    vendorNetwork();
    const { integration, tables } = await setUp();
    await deliverAll(integration, events(1));
    tables.get("EVENTS")!.columns.set("REVENUE", "NUMBER(38,0)");
    const { sent } = await deliverAll(integration, events(2));
    expect(sent).toMatchObject([{ body: { items: [{}, {}] } }]);
    expect(await gateOf(integration)).toMatchObject({
      state: "unauthorised",
      reason: expect.stringMatching(/type conflict.*expecting NUMBER\(38,0\) but got FLOAT for column REVENUE/s),
    });
  });

  it("is unauthorised with a key that the user does not have", async () => {
    vendorNetwork();
    const { settings } = await setUp();
    const integration = await integrationOf("snowflake", { ...settings, private_key: (await newKeyPair()).privateKey });
    expect((await deliverAll(integration, events(1))).sent).toHaveLength(1);
    expect(await gateOf(integration)).toMatchObject({
      state: "unauthorised",
      reason: expect.stringContaining("JWT token is invalid"),
    });
  });

  it("leaves the region out of the account's name, as Snowflake wants it in a token", async () => {
    vendorNetwork();
    const { settings } = await setUp();
    users.set("XY12345.LOADER", publicKey);
    const integration = await integrationOf("snowflake", { ...settings, account: "xy12345.eu-central-1" });
    expect((await deliverAll(integration, events(1))).sent).toEqual([]);
  });
});

describe("Kafka", () => {
  const settings = {
    url: "https://pkc-1.eu.confluent.example",
    cluster_id: "lkc-1",
    key: "user_id",
    credentials: "EXAMPLEKEY:example-secret",
  };

  it.each(["v2", "v3"])("through %s of the proxy: one refused record is refused alone", async (api) => {
    vendorNetwork((call) => (call.url.hostname.startsWith("cloudflare-dns") ? 500 : undefined));
    const topic = `events-${api}-${++count}`;
    topics.set(topic, []);
    const integration = await integrationOf("kafka", { ...settings, topic, api });
    const [large] = events(1, { properties: { text: "x".repeat(1_000_001) } });
    const { sent } = await deliverAll(integration, [...events(2, { user_id: "u1" }), large!, ...events(1)]);
    expect(sent).toEqual([]);
    expect(topics.get(topic)!.map(({ key }) => key)).toEqual(["u1", "u1", "a1"]);
    expect(await gateOf(integration)).toMatchObject({ delivered: 3, dead_lettered: 1 });
  });

  it("pauses where there is no such topic", async () => {
    vendorNetwork((call) => (call.url.hostname.startsWith("cloudflare-dns") ? 500 : undefined));
    const integration = await integrationOf("kafka", { ...settings, topic: "nowhere", api: "v3" });
    expect((await deliverAll(integration, events(1))).sent).toHaveLength(1);
    expect(await gateOf(integration)).toMatchObject({
      state: "unauthorised",
      reason: expect.stringContaining("40403"),
    });
  });
});

it("splits files by the day of arrival and never mixes two messages, so that a repetition overwrites", async () => {
  const puts: string[] = [];
  vendorNetwork((call) => {
    puts.push(`${call.method} ${call.url.pathname}`);
    return 200;
  });
  const integration = await integrationOf("s3", {
    bucket: "shop-events",
    region: "eu-central-1",
    access_key_id: "AKIAEXAMPLE",
    secret_access_key: "example-secret-access-key",
  });
  const late = { received_at: "2026-11-21T00:00:00.000Z" };
  const [a, b] = [[...events(2), ...events(1, late)], events(2)];
  const given = aDeliveryEnv();
  const messages = () =>
    [a, b].map((some) => aMessage(aDelivery(integration, { items: some.map((event) => itemOf(event, integration)) })));
  await deliver(aBatch(messages()), given.env);
  const first = [...puts].sort();
  expect(first.map((put) => put.replace(/[0-9a-f]{32}/, "…"))).toEqual([
    "PUT /events/dt=2026-11-20/….parquet",
    "PUT /events/dt=2026-11-20/….parquet",
    "PUT /events/dt=2026-11-21/….parquet",
  ]);
  puts.length = 0;
  await deliver(aBatch(messages().reverse()), given.env);
  expect(puts.sort()).toEqual(first);
});
