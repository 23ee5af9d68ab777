/** Where payment providers send their webhooks: rows, and the documents that the door reads. */
import { asc, eq } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { ApiError } from "../core/api-error.ts";
import { configKey, paymentWebhook } from "../core/environment.ts";
import { seal } from "../core/vault.ts";
import * as schema from "./schema.ts";

type Database = DrizzleD1Database<typeof schema>;

export interface KnownWebhook {
  id: string;
  source_id: string;
  provider: string;
  /** Where the provider is to send it, on the collecting host. */
  path: string;
  created_at: string;
}

export interface WebhookStore {
  db: Database;
  kv: KVNamespace;
  doorKey: string;
  environmentId: string;
}

/** Throws `not_found` for a source of another environment. */
export async function makeWebhook(
  { db, kv, doorKey, environmentId }: WebhookStore,
  { source_id, provider, secret }: { source_id: string; provider: string; secret: string },
): Promise<KnownWebhook> {
  const { sources } = schema;
  const [source] = await db.select().from(sources).where(eq(sources.id, source_id));
  if (source?.environment_id !== environmentId) throw new ApiError("not_found", `No source ${source_id}`);
  const id = `whk_${Buffer.from(crypto.getRandomValues(new Uint8Array(18))).toString("base64url")}`;
  const sealed_secret = await seal(doorKey, id, secret);
  const row = { id, source_id, provider, sealed_secret, created_at: new Date().toISOString() };
  await db.insert(schema.paymentWebhooks).values(row);
  await publish(kv, environmentId, row);
  return shown(row);
}

export async function listWebhooks({ db, environmentId }: WebhookStore): Promise<KnownWebhook[]> {
  const { paymentWebhooks, sources } = schema;
  const rows = await db
    .select({ webhook: paymentWebhooks })
    .from(paymentWebhooks)
    .innerJoin(sources, eq(sources.id, paymentWebhooks.source_id))
    .where(eq(sources.environment_id, environmentId))
    .orderBy(asc(paymentWebhooks.created_at));
  return rows.map(({ webhook }) => shown(webhook));
}

/** Another secret for the same address. Throws `not_found`. */
export async function setWebhookSecret(store: WebhookStore, id: string, secret: string): Promise<KnownWebhook> {
  const row = await rowOf(store, id);
  const sealed_secret = await seal(store.doorKey, id, secret);
  const table = schema.paymentWebhooks;
  await store.db.update(table).set({ sealed_secret }).where(eq(table.id, id));
  await publish(store.kv, store.environmentId, { ...row, sealed_secret });
  return shown(row);
}

/** What is sent there from now on is answered 404. Throws `not_found`. */
export async function deleteWebhook(store: WebhookStore, id: string): Promise<void> {
  await rowOf(store, id);
  await store.db.delete(schema.paymentWebhooks).where(eq(schema.paymentWebhooks.id, id));
  await store.kv.delete(configKey.paymentWebhook(id));
}

type Row = typeof schema.paymentWebhooks.$inferSelect;

async function rowOf({ db, environmentId }: WebhookStore, id: string): Promise<Row> {
  const { paymentWebhooks, sources } = schema;
  const [found] = await db
    .select({ webhook: paymentWebhooks, environment_id: sources.environment_id })
    .from(paymentWebhooks)
    .innerJoin(sources, eq(sources.id, paymentWebhooks.source_id))
    .where(eq(paymentWebhooks.id, id));
  if (found?.environment_id !== environmentId) throw new ApiError("not_found", `No payment webhook ${id}`);
  return found.webhook;
}

async function publish(kv: KVNamespace, environment_id: string, { id, source_id, provider, sealed_secret }: Row) {
  const document = paymentWebhook.parse({ environment_id, source_id, provider, sealed_secret });
  await kv.put(configKey.paymentWebhook(id), JSON.stringify(document));
}

const shown = ({ id, source_id, provider, created_at }: Row): KnownWebhook => ({
  id,
  source_id,
  provider,
  path: `/v1/webhooks/${provider}/${id}`,
  created_at,
});
