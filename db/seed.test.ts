import { env } from "cloudflare:workers";
import { drizzle } from "drizzle-orm/d1";
import { beforeEach, describe, expect, it } from "vitest";
import { openCredentials as open } from "../core/credentials.ts";
import { sha256 } from "../core/hash.ts";
import { emptyDatabase } from "../test/empty-database.ts";
import { forgetConfiguration, readEnvironment, readSecrets, readWriteKey } from "../workers/config.ts";
import { destinationNamed } from "../workers/delivery/destinations/index.ts";
import * as schema from "./schema.ts";
import { type SeedSecrets, seed } from "./seed.ts";

const db = drizzle(env.DB, { schema });
const secrets: SeedSecrets = {
  write_key: "wk_public",
  server_key: "sk_server",
  webhook_secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  credentials_key: env.CREDENTIALS_KEY,
};

async function dump(): Promise<Record<string, unknown[]>> {
  const tables = ["organisations", "sources", "write_keys", "integrations", "integration_sources"];
  const rows = await Promise.all(tables.map((table) => env.DB.prepare(`SELECT * FROM ${table} ORDER BY 1`).all()));
  return Object.fromEntries(tables.map((table, i) => [table, rows[i]!.results]));
}

beforeEach(async () => {
  forgetConfiguration();
  await emptyDatabase();
});

describe("the seed", () => {
  it("makes an environment that the Workers can run on: keys that open, secrets that complete the settings", async () => {
    const environment = await seed(db, env.CONFIG, secrets, 2);
    expect(environment).toMatchObject({ id: "env_demo", version: 1, shard_map: { shards: ["s0", "s1"] } });
    expect(await readEnvironment(env.CONFIG, "env_demo")).toEqual(environment);
    expect(await readWriteKey(env.CONFIG, sha256("wk_public"))).toMatchObject({
      source_id: "src_shop",
      kind: "public",
    });
    expect(await readWriteKey(env.CONFIG, sha256("sk_server"))).toMatchObject({
      source_id: "src_shop",
      kind: "server",
    });
    expect(environment.integrations.map(({ destination }) => destination)).toEqual(["ga4", "meta", "webhook"]);
    for (const { id, destination, settings } of environment.integrations) {
      const { sealed } = (await readSecrets(env.CONFIG, id))!;
      const opened = (await open(env.CREDENTIALS_KEY, id, sealed)) as object;
      const parsed = destinationNamed(destination)!.settings.safeParse({ ...settings, ...opened });
      expect(parsed.success).toBe(true);
      for (const key of Object.keys(opened)) expect(settings).not.toHaveProperty(key);
    }
  });

  it("run again changes no row, and publishes again", async () => {
    await seed(db, env.CONFIG, secrets, 2);
    const before = await dump();
    const { version } = (await readEnvironment(env.CONFIG, "env_demo"))!;
    const environment = await seed(db, env.CONFIG, secrets, 2);
    expect(await dump()).toEqual(before);
    expect(environment.version).toBe(version + 1);
  });

  it("does not undo what somebody changed meanwhile", async () => {
    await seed(db, env.CONFIG, secrets, 2);
    await env.DB.exec("UPDATE integrations SET enabled = 0 WHERE id = 'int_meta'");
    const environment = await seed(db, env.CONFIG, secrets, 8);
    expect(environment.integrations.find(({ id }) => id === "int_meta")!.enabled).toBe(false);
    expect(environment.shard_map.shards).toHaveLength(2);
  });
});
