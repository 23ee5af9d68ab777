import { env } from "cloudflare:workers";
import { drizzle } from "drizzle-orm/d1";
import { beforeAll, describe, expect, it } from "vitest";
import { configKey } from "../../../core/environment.ts";
import * as schema from "../../../db/schema.ts";
import { anEnvironment } from "../../../test/an-environment.ts";
import type { ApiEnv } from "../../env.ts";
import { api } from "../index.ts";

const ID = "env_currency_rates";
const ask = (method: string, query: string, body?: string, type = "application/json") =>
  api.request(
    `/api/v1/currency-rates?environment_id=${ID}${query}`,
    {
      method,
      headers: { authorization: "Bearer test-admin-token", "content-type": type },
      ...(body !== undefined && { body }),
    },
    env as unknown as ApiEnv,
  );
const published = () => env.CONFIG.get(configKey.currencyRates(ID), "json");

beforeAll(async () => {
  const db = drizzle(env.DB, { schema });
  const { shard_map, session_timeout_s, consent_default } = anEnvironment();
  await db.insert(schema.organisations).values({ id: "org_rates", name: "Rates", created_at: "2026-11-20" });
  await db.insert(schema.environments).values({
    id: ID,
    organisation_id: "org_rates",
    name: "dev",
    version: 1,
    shard_map,
    session_timeout_s,
    consent_default,
  });
  await env.CONFIG.put(configKey.environment(ID), JSON.stringify(anEnvironment({ id: ID })));
});

describe("exchange rates", () => {
  it("come as CSV and as JSON, add up, and are published", async () => {
    expect((await ask("GET", "")).status).toBe(404);
    const csv = await ask("POST", "&base=EUR", "Date,USD,GBP\n2026-11-19,1.2,0.8\n2026-11-20,1.25,N/A\n", "text/csv");
    expect(await csv.json()).toEqual({
      base: "EUR",
      rates: 3,
      days: 2,
      first: "2026-11-19",
      last: "2026-11-20",
      currencies: ["GBP", "USD"],
    });
    const rates = [
      { date: "2026-11-20", currency: "GBP", rate: 0.81 },
      { date: "2026-11-19", currency: "USD", rate: 1.21 },
    ];
    expect((await ask("POST", "", JSON.stringify({ base: "EUR", rates }))).status).toBe(200);
    expect(await published()).toEqual({
      base: "EUR",
      days: { "2026-11-19": { USD: 1.21, GBP: 0.8 }, "2026-11-20": { USD: 1.25, GBP: 0.81 } },
    });
    expect(await (await ask("GET", "")).json()).toMatchObject({ rates: 4 });
  });

  it.each([
    ["&base=EUR", "date,USD\n2026-11-21,1,25\n20-11-2026,1.3", "text/csv", 400, /line 3/],
    ["", "date,USD\n2026-11-21,1.2", "text/csv", 400, /^base/],
    ["&base=EUR", "date,USD\n2026-11-21,N/A", "text/csv", 400, /no rate/],
    ["", '{"base":"EUR","rates":[{"date":"2026-11-21","currency":"USD","rate":-1}]}', "application/json", 400, /rate/],
    ["", '{"base":"euro","rates":[]}', "application/json", 400, /base/],
    ["", '{"base":"USD","rates":[{"date":"2026-11-21","currency":"EUR","rate":1}]}', "application/json", 409, /of EUR/],
  ])("that are wrong (%s %s) are refused and change nothing", async (query, body, type, status, message) => {
    const before = await published();
    const answer = await ask("POST", query, body, type);
    expect(answer.status).toBe(status);
    expect(((await answer.json()) as { error: { message: string } }).error.message).toMatch(message);
    expect(await published()).toEqual(before);
  });

  it("of another base take the place of all, when asked to", async () => {
    const body = '{"base":"USD","rates":[{"date":"2026-11-21","currency":"EUR","rate":0.8}]}';
    expect((await ask("POST", "&replace=true", body)).status).toBe(200);
    expect(await published()).toEqual({ base: "USD", days: { "2026-11-21": { EUR: 0.8 } } });
  });
});
