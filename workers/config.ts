/**
 * Published configuration, read from KV through a cache in the isolate: fresh for 30 seconds, then refreshed, and used up
 * to 5 minutes old while KV fails. After that it fails closed. That nothing was there is never used so: it may just have been
 * made, and events would be refused for it. Plain values only are cached: a promise belongs to a request.
 */
import type { z } from "zod";
import {
  configKey,
  environment,
  integrationSecrets,
  paymentWebhook,
  scriptPath,
  writeKey,
} from "../core/environment.ts";
import { currencyRates } from "../core/money/currency-rates.ts";
import { record } from "../core/values.ts";

const FRESH_MS = 30_000;
const KEY_FRESH_MS = 20_000;
const STALE_MS = 5 * 60_000;
/** A key that is not there is asked for again sooner. */
const MISSING_FRESH_MS = 5_000;
const MOST_ENTRIES = 5_000;

const cache = new Map<string, { value: unknown; at: number }>();
/** When it was seen that a key is not there. Apart, so that somebody who tries many keys pushes out nothing that is. */
const missing = new Map<string, number>();

export const readEnvironment = (kv: KVNamespace, id: string) => read(kv, configKey.environment(id), environment);
/** Fresher than the rest: with the 30 seconds that KV itself may lag, a revoked key opens nothing after a minute at most. */
export const readWriteKey = (kv: KVNamespace, keyHash: string) =>
  read(kv, configKey.writeKey(keyHash), writeKey, KEY_FRESH_MS);
export const readScriptPath = (kv: KVNamespace, path: string) => read(kv, configKey.scriptPath(path), scriptPath);
export const readSecrets = (kv: KVNamespace, id: string) => read(kv, configKey.integration(id), integrationSecrets);
export const readPaymentWebhook = (kv: KVNamespace, id: string) =>
  read(kv, configKey.paymentWebhook(id), paymentWebhook, KEY_FRESH_MS);
export const readCurrencyRates = (kv: KVNamespace, environmentId: string) =>
  read(kv, configKey.currencyRates(environmentId), currencyRates);

/** The document, or null where there is none. Throws where KV fails and nothing young enough is at hand. */
async function read<T>(
  kv: KVNamespace,
  key: string,
  schema: z.ZodType<T>,
  freshMs: number = FRESH_MS,
): Promise<T | null> {
  const known = cache.get(key);
  const now = Date.now();
  if (known && now - known.at < freshMs) return known.value as T;
  if (!known && now - (missing.get(key) ?? Number.NEGATIVE_INFINITY) < MISSING_FRESH_MS) return null;
  try {
    const stored = await kv.get(key, { type: "json", cacheTtl: 30 });
    if (stored === null) {
      cache.delete(key);
      if (missing.size >= MOST_ENTRIES) missing.clear();
      missing.set(key, now);
      return null;
    }
    // The same snapshot stays the same object, so that what was compiled of it lives as long as its version.
    const value = known && isSameSnapshot(known.value, stored) ? (known.value as T) : schema.parse(stored);
    if (cache.size >= MOST_ENTRIES) cache.clear();
    cache.set(key, { value, at: now });
    return value;
  } catch (error) {
    if (known && now - known.at < STALE_MS) return known.value as T;
    throw error;
  }
}

function isSameSnapshot(known: unknown, stored: unknown): boolean {
  const [one, other] = [record(known), record(stored)];
  return one.published_at !== undefined && one.version === other.version && one.published_at === other.published_at;
}

/** For tests that change configuration in the middle. */
export function forgetConfiguration(): void {
  cache.clear();
  missing.clear();
}
