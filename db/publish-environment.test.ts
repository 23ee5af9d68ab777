import { env } from "cloudflare:workers";
import { drizzle } from "drizzle-orm/d1";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { configKey } from "../core/environment.ts";
import { profileSettings } from "../core/profile-settings.ts";
import { firstProfileShardMap, firstShardMap } from "../core/shard-map.ts";
import { aSource } from "../test/an-environment.ts";
import { emptyDatabase } from "../test/empty-database.ts";
import { forgetConfiguration, readEnvironment, readSecrets, readWriteKey } from "../workers/config.ts";
import { publishEnvironment } from "./publish-environment.ts";
import * as schema from "./schema.ts";

const db = drizzle(env.DB, { schema });
const publish = (id: string, kv = env.CONFIG) => publishEnvironment(db, kv, id);

beforeAll(async () => {
  await emptyDatabase();
  await db.insert(schema.organisations).values({ id: "org", name: "Org", created_at: "2026-11-20T10:00:00.000Z" });
});
beforeEach(() => forgetConfiguration());
afterEach(() => vi.restoreAllMocks());

let environments = 0;
/** An environment with two sources, a key for each, and two integrations, of which the first is fed by one source. */
async function anEnvironment() {
  const id = `env_publish_${++environments}`;
  await db.insert(schema.environments).values({
    id,
    organisation_id: "org",
    name: "prod",
    version: 7,
    shard_map: firstShardMap(4),
    session_timeout_s: 600,
    consent_default: "denied",
  });
  const source = (name: string) => ({
    id: `${id}_${name}`,
    environment_id: id,
    name,
    settings: { cookie_http_only: name === "app" },
  });
  await db
    .insert(schema.sources)
    .values([{ ...source("web"), settings: { cookie_domain: "example.com" } }, source("app")]);
  const created_at = "2026-11-20T10:00:00.000Z";
  await db.insert(schema.writeKeys).values([
    {
      id: `${id}_key1`,
      hint: "1234",
      key_hash: `${id}_hash1`,
      source_id: `${id}_web`,
      kind: "public",
      revoked: false,
      created_at,
    },
    {
      id: `${id}_key2`,
      hint: "5678",
      key_hash: `${id}_hash2`,
      source_id: `${id}_app`,
      kind: "server",
      revoked: true,
      created_at,
    },
  ]);
  const integration = { environment_id: id, destination: "webhook", settings: { url: "https://x.example" } };
  await db.insert(schema.integrations).values([
    {
      ...integration,
      id: `${id}_a`,
      name: "a",
      enabled: true,
      lane: 2,
      purpose: "marketing",
      sealed_secrets: "v1.iv.AAA",
    },
    { ...integration, id: `${id}_b`, name: "b", enabled: false, sealed_secrets: "v1.iv.BBB" },
  ]);
  await db.insert(schema.integrationSources).values({ integration_id: `${id}_a`, source_id: `${id}_app` });
  return id;
}

describe("publishing", () => {
  it("writes all that the Workers read, and answers with it", async () => {
    const id = await anEnvironment();
    const published = await publish(id);
    expect(published).toEqual({
      id,
      organisation_id: "org",
      name: "prod",
      version: 8,
      published_at: expect.any(String),
      shard_map: firstShardMap(4),
      session_timeout_s: 600,
      new_session_on_campaign: false,
      consent_default: "denied",
      profile_shard_map: firstProfileShardMap(),
      profiles: profileSettings.parse({}),
      sources: [
        aSource({ id: `${id}_web`, name: "web", cookie_domain: "example.com" }),
        aSource({ id: `${id}_app`, name: "app", cookie_http_only: true }),
      ],
      integrations: [
        {
          id: `${id}_a`,
          name: "a",
          destination: "webhook",
          enabled: true,
          purpose: "marketing",
          lane: 2,
          source_ids: [`${id}_app`],
          settings: { url: "https://x.example" },
        },
        { id: `${id}_b`, name: "b", destination: "webhook", enabled: false, settings: { url: "https://x.example" } },
      ],
    });
    expect(await readEnvironment(env.CONFIG, id)).toEqual(published);
    expect(await readSecrets(env.CONFIG, `${id}_a`)).toEqual({ environment_id: id, version: 8, sealed: "v1.iv.AAA" });
    const key = { id: `${id}_key1`, environment_id: id, source_id: `${id}_web`, kind: "public", revoked: false };
    expect(await readWriteKey(env.CONFIG, `${id}_hash1`)).toEqual(key);
    expect(await readWriteKey(env.CONFIG, `${id}_hash2`)).toMatchObject({ kind: "server", revoked: true });
  });

  it("puts no secret, sealed or not, into the environment's document", async () => {
    const id = await anEnvironment();
    await publish(id);
    const text = await env.CONFIG.get(configKey.environment(id));
    for (const part of ["sealed", "AAA", "BBB", "hash1"]) expect(text).not.toContain(part);
  });

  it("ends with what is true now, whoever of several at once is the last to write", async () => {
    const id = await anEnvironment();
    // The first to publish is held up in the middle, until a second has revoked a key and published that.
    const { put } = env.CONFIG;
    let isFirst = true;
    vi.spyOn(env.CONFIG, "put").mockImplementation(async (...args: Parameters<typeof put>) => {
      if (isFirst) {
        isFirst = false;
        await env.DB.prepare("UPDATE write_keys SET revoked = 1 WHERE source_id = ?").bind(`${id}_web`).run();
        await publish(id);
      }
      return put.apply(env.CONFIG, args);
    });
    const first = await publish(id);
    expect(first.version).toBe(10);
    expect(await env.CONFIG.get(configKey.writeKey(`${id}_hash1`), "json")).toMatchObject({ revoked: true });
    expect(await env.CONFIG.get(configKey.environment(id), "json")).toMatchObject({ version: 10 });
  });

  it("raises the version each time", async () => {
    const id = await anEnvironment();
    expect([(await publish(id)).version, (await publish(id)).version]).toEqual([8, 9]);
  });

  it("leaves other environments alone", async () => {
    const [one, other] = [await anEnvironment(), await anEnvironment()];
    await publish(one);
    expect(await readEnvironment(env.CONFIG, other)).toBeNull();
    expect(await readSecrets(env.CONFIG, `${other}_a`)).toBeNull();
    const [row] = await db.query.environments.findMany({ where: (table, { eq }) => eq(table.id, other) });
    expect(row!.version).toBe(7);
  });

  it("writes the environment last, so that whoever reads it finds its secrets and keys", async () => {
    const id = await anEnvironment();
    const put = vi.spyOn(env.CONFIG, "put");
    await publish(id);
    expect(put.mock.calls.map(([key]) => key).at(-1)).toBe(configKey.environment(id));
    expect(put).toHaveBeenCalledTimes(5);
  });

  it("takes an environment without sources and integrations", async () => {
    const id = await anEnvironment();
    for (const table of ["integration_sources", "integrations", "write_keys", "sources"]) {
      await env.DB.exec(`DELETE FROM ${table}`);
    }
    expect(await publish(id)).toMatchObject({ sources: [], integrations: [] });
  });
});

describe("nothing is published, and no version raised,", () => {
  it("where there is no such environment", async () => {
    await expect(publish("env_nowhere")).rejects.toThrow("no environment env_nowhere");
  });

  it.each([
    ["the environment", "UPDATE environments SET session_timeout_s = 1 WHERE id = ?1"],
    ["a source", "UPDATE sources SET settings = json('{\"cookie_http_only\":7}') WHERE environment_id = ?1"],
    ["an integration", "UPDATE integrations SET lane = 9 WHERE environment_id = ?1"],
    ["a write key", "UPDATE write_keys SET kind = 'skeleton' WHERE source_id = ?1 || '_app'"],
    ["a secret", "UPDATE integrations SET sealed_secrets = x'00' WHERE id = ?1 || '_b'"],
  ])("where %s does not validate", async (_, sql) => {
    const id = await anEnvironment();
    await env.DB.prepare(sql).bind(id).run();
    const put = vi.spyOn(env.CONFIG, "put");
    await expect(publish(id)).rejects.toThrow();
    expect(put).not.toHaveBeenCalled();
    const [row] = await db.query.environments.findMany({ where: (table, { eq }) => eq(table.id, id) });
    expect(row!.version).toBe(7);
  });
});
