/** Making, rotating and revoking the keys of a source. A key is shown once, when it is made; stored is its hash. */
import { and, asc, eq, isNull } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import type * as z from "zod";
import { ApiError } from "../core/api-error.ts";
import { sourceSettings } from "../core/environment.ts";
import { sha256 } from "../core/hash.ts";
import { seal } from "../core/vault.ts";
import { publishEnvironment } from "./publish-environment.ts";
import * as schema from "./schema.ts";

type Database = DrizzleD1Database<typeof schema>;

/** `app` is a server key in two parts: a name that may be seen, and a secret that signs requests or stands as password. */
export type KeyForm = "public" | "server" | "app";

export interface MadeKey {
  id: string;
  source_id: string;
  kind: "public" | "server";
  key: string;
  /** Only for the form `app`. */
  secret?: string;
}

/** A key as it can be shown at any time. */
export interface KnownKey {
  id: string;
  source_id: string;
  form: KeyForm;
  /** The last four characters. */
  hint: string;
  created_at: string;
  revoked: boolean;
  expires_at: string | null;
}

const PREFIXES = { public: "wk_", server: "sk_", app: "ak_" };

/** Public keys are seen by everyone, so theirs need no more than to be different; the others cannot be guessed. */
export function newKey(form: KeyForm): string {
  return PREFIXES[form] + random(form === "server" ? 24 : 12);
}

/** The row of a key, whose id follows from the key. */
export function keyRow(
  source_id: string,
  kind: "public" | "server",
  key: string,
): typeof schema.writeKeys.$inferInsert {
  const key_hash = sha256(key);
  return {
    key_hash,
    id: `key_${key_hash.slice(0, 16)}`,
    hint: key.slice(-4),
    source_id,
    kind,
    revoked: false,
    created_at: new Date().toISOString(),
  };
}

/** What a source was told. Throws `not_found`. */
export async function settingsOf(db: Database, sourceId: string): Promise<z.infer<typeof sourceSettings>> {
  return sourceSettings.parse((await sourceRow(db, sourceId)).settings);
}

export async function listKeys(db: Database, sourceId: string): Promise<KnownKey[]> {
  await environmentOf(db, sourceId);
  const rows = await db
    .select()
    .from(schema.writeKeys)
    .where(eq(schema.writeKeys.source_id, sourceId))
    .orderBy(asc(schema.writeKeys.created_at));
  return rows.map(shown);
}

/** Makes a key and publishes it. `doorKey` seals the secret of the form `app`. Throws `not_found`. */
export async function makeKey(
  db: Database,
  kv: KVNamespace,
  doorKey: string,
  sourceId: string,
  form: KeyForm,
): Promise<MadeKey> {
  const environmentId = await environmentOf(db, sourceId);
  const { made, row } = await draw(doorKey, sourceId, form);
  await db.insert(schema.writeKeys).values(row);
  await publishEnvironment(db, kv, environmentId);
  return made;
}

/** A new key of the same form; the old one opens for `graceS` seconds more. Throws `not_found`, `invalid_request`. */
export async function rotateKey(
  db: Database,
  kv: KVNamespace,
  doorKey: string,
  keyId: string,
  graceS: number,
): Promise<MadeKey & { old_key_expires_at: string }> {
  const old = await find(db, keyId);
  if (old.revoked) throw new ApiError("invalid_request", `${keyId} was revoked`);
  if (old.expires_at) throw rotatedAlready(keyId);
  const environmentId = await environmentOf(db, old.source_id);
  const { made, row } = await draw(doorKey, old.source_id, shown(old).form);
  const expires_at = new Date(Date.now() + graceS * 1_000).toISOString();
  const expire = db
    .update(schema.writeKeys)
    .set({ expires_at })
    .where(and(eq(schema.writeKeys.id, keyId), isNull(schema.writeKeys.expires_at)))
    .returning({ id: schema.writeKeys.id });
  const [, expired] = await db.batch([db.insert(schema.writeKeys).values(row), expire]);
  if (expired.length === 0) {
    // Another rotation came between: of two new keys, nobody would know which one follows the old.
    await db.delete(schema.writeKeys).where(eq(schema.writeKeys.key_hash, row.key_hash));
    throw rotatedAlready(keyId);
  }
  await publishEnvironment(db, kv, environmentId);
  return { ...made, old_key_expires_at: expires_at };
}

/** From now on the key opens nothing: everywhere within a minute (workers/config.ts). Throws `not_found`. */
export async function revokeKey(db: Database, kv: KVNamespace, keyId: string): Promise<KnownKey> {
  const row = await find(db, keyId);
  await db.update(schema.writeKeys).set({ revoked: true }).where(eq(schema.writeKeys.id, keyId));
  await publishEnvironment(db, kv, await environmentOf(db, row.source_id));
  return shown({ ...row, revoked: true });
}

const rotatedAlready = (keyId: string) => new ApiError("invalid_request", `${keyId} was rotated already`);

async function draw(doorKey: string, sourceId: string, form: KeyForm) {
  const key = newKey(form);
  const kind = form === "public" ? "public" : "server";
  const row = keyRow(sourceId, kind, key);
  const made: MadeKey = { id: row.id, source_id: sourceId, kind, key };
  if (form !== "app") return { made, row };
  const secret = `as_${random(32)}`;
  const sealed_secret = await seal(doorKey, row.key_hash, secret);
  return { made: { ...made, secret }, row: { ...row, secret_hash: sha256(secret), sealed_secret } };
}

async function find(db: Database, keyId: string): Promise<typeof schema.writeKeys.$inferSelect> {
  const [row] = await db.select().from(schema.writeKeys).where(eq(schema.writeKeys.id, keyId));
  if (!row) throw new ApiError("not_found", `There is no key ${keyId}`);
  return row;
}

async function environmentOf(db: Database, sourceId: string): Promise<string> {
  return (await sourceRow(db, sourceId)).environment_id;
}

async function sourceRow(db: Database, sourceId: string): Promise<typeof schema.sources.$inferSelect> {
  const [row] = await db.select().from(schema.sources).where(eq(schema.sources.id, sourceId));
  if (!row) throw new ApiError("not_found", `There is no source ${sourceId}`);
  return row;
}

function shown(row: typeof schema.writeKeys.$inferSelect): KnownKey {
  const { id, source_id, kind, hint, created_at, revoked, expires_at, secret_hash } = row;
  return { id, source_id, form: secret_hash ? "app" : kind, hint, created_at, revoked, expires_at };
}

function random(bytes: number): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString("hex");
}
