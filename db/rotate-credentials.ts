/**
 * Seals everything that CREDENTIALS_KEY seals under the first of its keys: the settings of integrations in D1 and what is published of
 * them, and the tokens in their gates. All keys open meanwhile, so nothing stops; whatever was done is done if it breaks off.
 */
import { and, asc, eq, gt } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { currentKeyId, rewrap } from "../core/credentials.ts";
import type { IntegrationGate } from "../durable-objects/integration-gate.ts";
import { publishEnvironment } from "./publish-environment.ts";
import * as schema from "./schema.ts";

/** Integrations of one call: each is a few requests to storage, of which a Worker has so many. */
const PAGE = 100;

export interface Rotated {
  /** Of the key that seals now. */
  key_id: string;
  /** Integrations looked at, and those whose settings or tokens were sealed by another key. */
  checked: number;
  resealed: number;
  /** Those that none of the keys opens, by id: their settings must be given anew. */
  unreadable: string[];
  /** Give it as `after` to go on; absent when this was all. */
  next?: string;
}

export async function rotateCredentials(
  db: DrizzleD1Database<typeof schema>,
  kv: KVNamespace,
  gates: DurableObjectNamespace<IntegrationGate>,
  keys: string,
  after = "",
): Promise<Rotated> {
  const { integrations } = schema;
  const rows = await db
    .select()
    .from(integrations)
    .where(gt(integrations.id, after))
    .orderBy(asc(integrations.id))
    .limit(PAGE);
  const result: Rotated = { key_id: currentKeyId(keys), checked: rows.length, resealed: 0, unreadable: [] };
  const changed = new Set<string>();
  for (const { id, environment_id, sealed_secrets } of rows) {
    try {
      const anew = await rewrap(keys, id, sealed_secrets);
      if (anew) {
        // Saved by somebody in between: then it is sealed by the newest key already.
        await db
          .update(integrations)
          .set({ sealed_secrets: anew })
          .where(and(eq(integrations.id, id), eq(integrations.sealed_secrets, sealed_secrets)));
        changed.add(environment_id);
      }
      const tokens = await gates.getByName(id).resealTokens(id);
      if (anew || tokens) result.resealed++;
    } catch (error) {
      // The message names keys and ids, never what is sealed.
      console.error(
        JSON.stringify({ level: "error", at: "credentials.rotate", integration_id: id, message: String(error) }),
      );
      result.unreadable.push(id);
    }
  }
  for (const id of changed) await publishEnvironment(db, kv, id);
  return rows.length === PAGE ? { ...result, next: rows.at(-1)!.id } : result;
}
