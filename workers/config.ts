/**
 * Published configuration, read from KV through a cache in the isolate: fresh for 30 seconds, then refreshed, and used up
 * to 5 minutes old while KV fails. After that it fails closed. That nothing was there is never used so: it may just have been
 * made, and events would be refused for it. Plain values only are cached: a promise belongs to a request.
 */
import type { z } from "zod";
import { configKey, environment, integrationSecrets, writeKey } from "../core/environment.ts";

const FRESH_MS = 30_000;
const STALE_MS = 5 * 60_000;
/** A key that is not there is asked for again sooner. */
const MISSING_FRESH_MS = 5_000;
const MOST_ENTRIES = 5_000;

const cache = new Map<string, { value: unknown; at: number }>();

export const readEnvironment = (kv: KVNamespace, id: string) => read(kv, configKey.environment(id), environment);
export const readWriteKey = (kv: KVNamespace, keyHash: string) => read(kv, configKey.writeKey(keyHash), writeKey);
export const readSecrets = (kv: KVNamespace, id: string) => read(kv, configKey.integration(id), integrationSecrets);

/** The document, or null where there is none. Throws where KV fails and nothing young enough is at hand. */
async function read<T>(kv: KVNamespace, key: string, schema: z.ZodType<T>): Promise<T | null> {
  const known = cache.get(key);
  const now = Date.now();
  if (known && now - known.at < (known.value === null ? MISSING_FRESH_MS : FRESH_MS)) return known.value as T | null;
  try {
    const stored = await kv.get(key, { type: "json", cacheTtl: 30 });
    const value = stored === null ? null : schema.parse(stored);
    if (cache.size >= MOST_ENTRIES) cache.clear();
    cache.set(key, { value, at: now });
    return value;
  } catch (error) {
    if (known && known.value !== null && now - known.at < STALE_MS) return known.value as T;
    throw error;
  }
}

/** For tests that change configuration in the middle. */
export function forgetConfiguration(): void {
  cache.clear();
}
