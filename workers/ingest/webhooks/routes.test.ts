import { env } from "cloudflare:workers";
import { drizzle } from "drizzle-orm/d1";
import { beforeAll, describe, expect, it } from "vitest";
import * as schema from "../../../db/schema.ts";
import { aDoor, type Door, publish } from "../../../test/a-door.ts";
import { anEnvironment, aSource } from "../../../test/an-environment.ts";
import { api } from "../../api/index.ts";
import { forgetConfiguration } from "../../config.ts";
import type { ApiEnv } from "../../env.ts";
import { hmac } from "./provider.ts";

const ID = "env_webhooks";
const SOURCE = aSource({ id: "src_webhooks" });
const SECRET = "whsec_of_the_shop";
const ask = (method: string, path = "", body?: object, environment = ID) =>
  api.request(
    `/api/v1/payment-webhooks${path}?environment_id=${environment}`,
    { method, headers: { authorization: "Bearer test-admin-token" }, ...(body && { body: JSON.stringify(body) }) },
    env as unknown as ApiEnv,
  );

let path: string;
let id: string;
let door: Door;

beforeAll(async () => {
  const db = drizzle(env.DB, { schema });
  const { shard_map, session_timeout_s, consent_default } = anEnvironment();
  await db.insert(schema.organisations).values({ id: "org_webhooks", name: "Shop", created_at: "2026-11-20" });
  const row = {
    organisation_id: "org_webhooks",
    name: "dev" as const,
    version: 1,
    shard_map,
    session_timeout_s,
    consent_default,
  };
  await db.insert(schema.environments).values([
    { id: ID, ...row },
    { id: "env_webhooks_other", ...row },
  ]);
  await db.insert(schema.sources).values({ id: SOURCE.id, environment_id: ID, name: "Shop", settings: {} });
  door = await aDoor({ id: ID, sources: [SOURCE] });
  await publish({ id: "env_webhooks_other" });
  const made = await ask("POST", "", { source_id: SOURCE.id, provider: "stripe", secret: SECRET });
  expect(made.status).toBe(201);
  ({ path, id } = (await made.json()) as { path: string; id: string });
  forgetConfiguration();
});

let number = 0;
const renewal = (given: object = {}) => ({
  id: `evt_${++number}`,
  type: "invoice.paid",
  created: Math.floor(Date.now() / 1_000),
  data: {
    object: {
      id: "in_1",
      billing_reason: "subscription_cycle",
      amount_paid: 1_999,
      currency: "eur",
      customer: "cus_1",
    },
  },
  ...given,
});

function send(event: object, { secret = SECRET, at = Math.floor(Date.now() / 1_000), to = path } = {}, given = door) {
  const body = JSON.stringify(event);
  const headers = {
    "stripe-signature": `t=${at},v1=${hmac(secret, "hex", `${at}.${body}`)}`,
    "content-type": "application/json",
  };
  return given.fetch(to, { method: "POST", headers, body });
}
const codeOf = async (response: Response) => ((await response.json()) as { error: { code: string } }).error.code;

describe("a payment webhook", () => {
  it("becomes an event in the queue of its source", async () => {
    const event = renewal();
    const response = await send(event);
    expect(await response.json()).toEqual({ success: true, accepted: 1 });
    const message = door.messages().at(-1)!;
    expect(message).toMatchObject({ environment_id: ID, source_id: SOURCE.id });
    expect(message.events).toMatchObject([
      { message_id: `stripe:${event.id}`, event: "Order Completed", properties: { revenue: 19.99, kind: "renewal" } },
    ]);
  });

  it("that comes again, also signed anew, is answered well and queued once", async () => {
    const event = renewal();
    await send(event);
    const queued = door.texts.length;
    const again = await send(event, { at: Math.floor(Date.now() / 1_000) - 60 });
    expect(await again.json()).toEqual({ success: true, accepted: 0 });
    expect(door.texts).toHaveLength(queued);
  });

  it("that could not be stored is not answered well, and is taken when it comes again", async () => {
    const broken = { send: () => Promise.reject(new Error("down")) } as unknown as Queue;
    const lake = { put: () => Promise.reject(new Error("down")) } as unknown as R2Bucket;
    const failing = await aDoor({ id: ID, sources: [SOURCE] }, { RAW_EVENTS: broken, LAKE: lake });
    const event = renewal();
    expect((await send(event, {}, failing)).status).toBe(503);
    expect(await (await send(event)).json()).toEqual({ success: true, accepted: 1 });
  });

  it("of a type that tells of no money is answered well and queues nothing", async () => {
    const queued = door.texts.length;
    const response = await send(renewal({ type: "product.created" }));
    expect(await response.json()).toEqual({ success: true, accepted: 0 });
    expect(door.texts).toHaveLength(queued);
  });

  it.each([
    ["signed with another secret", { secret: "another" }, {}, 401, "invalid_signature"],
    ["signed long ago", { at: 1_700_000_000 }, {}, 401, "stale_signature"],
    ["for nobody", { to: "/v1/webhooks/stripe/whk_unknown" }, {}, 404, "not_found"],
    ["of a provider that there is not", { to: "/v1/webhooks/acme/whk_unknown" }, {}, 404, "not_found"],
    ["without a time", {}, { created: "yesterday" }, 400, "invalid_request"],
    [
      "in no currency",
      {},
      { data: { object: { id: "in_1", amount_paid: 1, currency: "euro" } } },
      400,
      "invalid_request",
    ],
    ["without an id", {}, { id: undefined }, 400, "invalid_request"],
  ])("%s is refused by name, and queues nothing", async (_, how, given, status, code) => {
    const queued = door.texts.length;
    const response = await send(renewal(given), how);
    expect([response.status, await codeOf(response)]).toEqual([status, code]);
    expect(door.texts).toHaveLength(queued);
  });

  it("to another provider's address of ours is not found", async () => {
    expect((await send(renewal(), { to: path.replace("stripe", "paddle") })).status).toBe(404);
  });
});

describe("the addresses of payment webhooks", () => {
  it("are listed without their secrets, for their own environment alone", async () => {
    const text = await (await ask("GET")).text();
    expect(JSON.parse(text)).toMatchObject({ payment_webhooks: [{ id, provider: "stripe", path }] });
    expect(text).not.toContain("secret");
    expect(await (await ask("GET", "", undefined, "env_webhooks_other")).json()).toEqual({ payment_webhooks: [] });
    expect((await ask("DELETE", `/${id}`, undefined, "env_webhooks_other")).status).toBe(404);
    const stolen = { source_id: SOURCE.id, provider: "stripe", secret: SECRET };
    expect((await ask("POST", "", stolen, "env_webhooks_other")).status).toBe(404);
  });

  it("take another secret, and go", async () => {
    const made = await ask("POST", "", { source_id: SOURCE.id, provider: "stripe", secret: SECRET });
    const other = (await made.json()) as { id: string; path: string };
    expect((await ask("PATCH", `/${other.id}`, { secret: "whsec_new" })).status).toBe(200);
    forgetConfiguration();
    expect((await send(renewal(), { to: other.path })).status).toBe(401);
    expect((await send(renewal(), { to: other.path, secret: "whsec_new" })).status).toBe(200);
    expect((await ask("DELETE", `/${other.id}`)).status).toBe(204);
    forgetConfiguration();
    expect((await send(renewal(), { to: other.path, secret: "whsec_new" })).status).toBe(404);
  });
});
