/** A first organisation with one environment, one source and three integrations: what `npm run dev`, the demo and tests start with. */
import type { DrizzleD1Database } from "drizzle-orm/d1";
import type { Environment } from "../core/environment.ts";
import { sha256 } from "../core/hash.ts";
import { firstShardMap } from "../core/shard-map.ts";
import { seal } from "../core/vault.ts";
import { splitSecrets } from "../workers/delivery/destination.ts";
import { destinationNamed } from "../workers/delivery/destinations/index.ts";
import { publishEnvironment } from "./publish-environment.ts";
import * as schema from "./schema.ts";

export interface SeedSecrets {
  write_key: string;
  server_key: string;
  webhook_secret: string;
  /** 32 bytes as base64. */
  credentials_key: string;
}

const INTEGRATIONS = [
  {
    id: "int_ga4",
    name: "ga4",
    destination: "ga4",
    settings: { measurement_id: "G-MILLRACE01", api_secret: "demo-api-secret", identify_as: "login" },
  },
  {
    id: "int_meta",
    name: "meta",
    destination: "meta",
    settings: { pixel_id: "1234567890123456", access_token: "demo-access-token", identify_as: "CustomerIdentified" },
  },
  {
    id: "int_webhook",
    name: "webhook",
    destination: "webhook",
    settings: { url: "https://hooks.example.com/millrace" },
  },
];

/** Idempotent: rows that are there stay as they are, and the environment is published again. */
export async function seed(
  db: DrizzleD1Database<typeof schema>,
  kv: KVNamespace,
  secrets: SeedSecrets,
  shards = 8,
): Promise<Environment> {
  const created_at = new Date().toISOString();
  await db
    .insert(schema.organisations)
    .values({ id: "org_demo", name: "Mill & Race", created_at })
    .onConflictDoNothing();
  await db
    .insert(schema.environments)
    .values({
      id: "env_demo",
      organisation_id: "org_demo",
      name: "dev",
      version: 0,
      shard_map: firstShardMap(shards),
      session_timeout_s: 1_800,
      consent_default: "granted",
    })
    .onConflictDoNothing();
  await db
    .insert(schema.sources)
    .values({ id: "src_shop", environment_id: "env_demo", name: "Demo shop", cookie_http_only: false })
    .onConflictDoNothing();
  const keys = [
    { key: secrets.write_key, kind: "public" },
    { key: secrets.server_key, kind: "server" },
  ] as const;
  for (const { key, kind } of keys) {
    const row = { key_hash: sha256(key), source_id: "src_shop", kind, revoked: false, created_at };
    await db.insert(schema.writeKeys).values(row).onConflictDoNothing();
  }
  for (const integration of INTEGRATIONS) {
    const own = integration.name === "webhook" ? { secret: secrets.webhook_secret } : {};
    const { open, secrets: hidden } = splitSecrets(destinationNamed(integration.destination)!.settings, {
      ...integration.settings,
      ...own,
    });
    const sealed_secrets = await seal(secrets.credentials_key, integration.id, hidden);
    await db
      .insert(schema.integrations)
      .values({ ...integration, settings: open, environment_id: "env_demo", enabled: true, sealed_secrets })
      .onConflictDoNothing();
  }
  return publishEnvironment(db, kv, "env_demo");
}
