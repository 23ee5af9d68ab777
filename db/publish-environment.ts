/**
 * Compiles an environment's rows into the documents that the Workers read, and puts them into KV.
 * Called after every change of configuration; nothing is published that does not validate.
 */
import { eq, inArray } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import {
  configKey,
  type Environment,
  environment as environmentSchema,
  integrationSecrets,
  scriptPath,
  writeKey as writeKeySchema,
} from "../core/environment.ts";
import * as schema from "./schema.ts";

type Database = DrizzleD1Database<typeof schema>;

/** Raises the version and publishes. Throws where the environment does not exist or a document does not validate. */
export async function publishEnvironment(db: Database, kv: KVNamespace, environmentId: string): Promise<Environment> {
  const [row] = await db.select().from(schema.environments).where(eq(schema.environments.id, environmentId));
  if (!row) throw new Error(`no environment ${environmentId}`);
  const sources = await db.select().from(schema.sources).where(eq(schema.sources.environment_id, environmentId));
  const integrations = await db
    .select()
    .from(schema.integrations)
    .where(eq(schema.integrations.environment_id, environmentId));
  const feeds = await db.select().from(schema.integrationSources);
  const keys = sources.length
    ? await db
        .select()
        .from(schema.writeKeys)
        .where(
          inArray(
            schema.writeKeys.source_id,
            sources.map((s) => s.id),
          ),
        )
    : [];

  const version = row.version + 1;
  const snapshot = environmentSchema.parse({
    ...row,
    version,
    published_at: new Date().toISOString(),
    sources: sources.map(({ id, name, settings }) => ({ ...(settings as object), id, name })),
    integrations: integrations.map(({ sealed_secrets: _, ...integration }) => {
      const fedBy = feeds.filter((f) => f.integration_id === integration.id).map((f) => f.source_id);
      return withoutNulls({ ...integration, source_ids: fedBy.length ? fedBy : null });
    }),
  });

  const secrets = integrations.map(({ id, sealed_secrets: sealed }) => ({
    key: configKey.integration(id),
    document: integrationSecrets.parse({ environment_id: environmentId, version, sealed }),
  }));
  const writeKeys = keys.map((key) => ({
    key: configKey.writeKey(key.key_hash),
    document: writeKeySchema.parse(withoutNulls({ ...key, environment_id: environmentId })),
  }));

  const scripts = snapshot.sources.flatMap(({ id, script_path }) =>
    script_path
      ? [
          {
            key: configKey.scriptPath(script_path),
            document: scriptPath.parse({ environment_id: environmentId, source_id: id }),
          },
        ]
      : [],
  );

  await db.update(schema.environments).set({ version }).where(eq(schema.environments.id, environmentId));
  const put = (key: string, document: unknown) => kv.put(key, JSON.stringify(document));
  await Promise.all([...secrets, ...writeKeys, ...scripts].map(({ key, document }) => put(key, document)));
  // Last, so that whoever reads the new environment finds the secrets and keys that belong to it.
  await put(configKey.environment(environmentId), snapshot);
  return snapshot;
}

function withoutNulls<T extends Record<string, unknown>>(row: T) {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null));
}
