/**
 * Compiles an environment's rows into the documents that the Workers read, and puts them into KV.
 * Called after every change of configuration; nothing is published that does not validate.
 */
import { and, eq, inArray } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import {
  configKey,
  type Environment,
  environment as environmentSchema,
  integrationSecrets,
  scriptPath,
  writeKey as writeKeySchema,
} from "../core/environment.ts";
import { compiledPipelines, compiledTables } from "./pipelines.ts";
import * as schema from "./schema.ts";
import { compiledSegments } from "./segments.ts";

type Database = DrizzleD1Database<typeof schema>;

/**
 * Raises the version and publishes. Of two that publish at once, whoever may have written something old over something new
 * publishes again, so that a key that was revoked stays so. Throws where the environment does not exist or a document does not
 * validate.
 */
export async function publishEnvironment(db: Database, kv: KVNamespace, environmentId: string): Promise<Environment> {
  for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
    const compiled = await compile(db, environmentId);
    const { version } = compiled.environment;
    if (!(await raiseVersion(db, environmentId, version))) continue;
    await Promise.all(compiled.parts.map(({ key, document }) => kv.put(key, JSON.stringify(document))));
    // Last, so that whoever reads the new environment finds the secrets and keys that belong to it.
    await kv.put(configKey.environment(environmentId), JSON.stringify(compiled.environment));
    if ((await versionOf(db, environmentId)) === version) return compiled.environment;
  }
  throw new Error(`${environmentId} is being changed by many at once; publish it again`);
}

const MOST_ATTEMPTS = 10;

/** False where somebody else has raised it in between: what was compiled may be old. */
async function raiseVersion(db: Database, environmentId: string, version: number): Promise<boolean> {
  const { environments } = schema;
  const raised = await db
    .update(environments)
    .set({ version })
    .where(and(eq(environments.id, environmentId), eq(environments.version, version - 1)))
    .returning({ version: environments.version });
  return raised.length > 0;
}

async function versionOf(db: Database, environmentId: string): Promise<number | undefined> {
  const { environments } = schema;
  const [row] = await db
    .select({ version: environments.version })
    .from(environments)
    .where(eq(environments.id, environmentId));
  return row?.version;
}

interface Compiled {
  environment: Environment;
  parts: { key: string; document: unknown }[];
}

async function compile(db: Database, environmentId: string): Promise<Compiled> {
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

  const pipelines = await compiledPipelines(db, environmentId);
  const tables = await compiledTables(db, environmentId);
  const segments = await compiledSegments(db, environmentId);

  const version = row.version + 1;
  const snapshot = environmentSchema.parse({
    ...withoutNulls(row),
    version,
    published_at: new Date().toISOString(),
    sources: sources.map(({ id, name, settings }) => ({ ...(settings as object), id, name })),
    integrations: integrations.map(({ sealed_secrets: _, ...integration }) => {
      const fedBy = feeds.filter((f) => f.integration_id === integration.id).map((f) => f.source_id);
      return withoutNulls({ ...integration, source_ids: fedBy.length ? fedBy : null });
    }),
    ...(pipelines.length && { pipelines }),
    ...(Object.keys(tables).length && { lookup_tables: tables }),
    ...(segments.length && { segments }),
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

  return { environment: snapshot, parts: [...secrets, ...writeKeys, ...scripts] };
}

function withoutNulls<T extends Record<string, unknown>>(row: T) {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null));
}
