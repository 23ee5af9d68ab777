/**
 * Remembers which signatures and tokens were used, and which payments came, so that none works twice. One instance is a share of one environment's;
 * named `{environment_id}/{0…f}`, by a hash of the id. One row for each id, kept no longer than the id is valid.
 */
import { DurableObject } from "cloudflare:workers";
import { hash64 } from "../core/hash.ts";
import { migrate } from "./migrate.ts";

const migrations = [
  // Keyed by what was used; `half_hour` groups them, so that the old go without an index on time.
  "CREATE TABLE used (half_hour INTEGER NOT NULL, id TEXT NOT NULL, PRIMARY KEY (half_hour, id)) WITHOUT ROWID",
];

const HALF_HOUR_MS = 30 * 60_000;

export class OnceOnly extends DurableObject {
  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env as never);
    ctx.blockConcurrencyWhile(() => migrate(ctx.storage, migrations));
  }

  /**
   * True the first time, false ever after. `validUntil` in epoch milliseconds must be the same at every attempt, as the
   * expiry of a token or the time in a signature is: what is no longer valid by itself need not be remembered.
   */
  async claim(id: string, validUntil: number): Promise<boolean> {
    const halfHour = Math.floor(validUntil / HALF_HOUR_MS);
    const { rowsWritten } = this.ctx.storage.sql.exec(
      "INSERT INTO used (half_hour, id) VALUES (?, ?) ON CONFLICT DO NOTHING",
      halfHour,
      id,
    );
    if (rowsWritten === 0) return false;
    const over = (halfHour + 1) * HALF_HOUR_MS;
    const alarm = await this.ctx.storage.getAlarm();
    // What is over sooner than all before must not wait for them.
    if (alarm === null || alarm > over) await this.ctx.storage.setAlarm(over);
    return true;
  }

  /** Whether it was claimed, without claiming it. With the `validUntil` of the claim. */
  async isClaimed(id: string, validUntil: number): Promise<boolean> {
    const halfHour = Math.floor(validUntil / HALF_HOUR_MS);
    return (
      this.ctx.storage.sql.exec("SELECT 1 FROM used WHERE half_hour = ? AND id = ?", halfHour, id).toArray().length > 0
    );
  }

  /** Takes a claim back: what it was claimed for did not happen. With the `validUntil` of the claim. */
  async release(id: string, validUntil: number): Promise<void> {
    this.ctx.storage.sql.exec(
      "DELETE FROM used WHERE half_hour = ? AND id = ?",
      Math.floor(validUntil / HALF_HOUR_MS),
      id,
    );
  }

  override async alarm(): Promise<void> {
    const { sql } = this.ctx.storage;
    sql.exec("DELETE FROM used WHERE half_hour < ?", Math.floor(Date.now() / HALF_HOUR_MS));
    const [next] = sql.exec<{ half_hour: number }>("SELECT half_hour FROM used ORDER BY half_hour LIMIT 1");
    if (next) await this.ctx.storage.setAlarm((next.half_hour + 1) * HALF_HOUR_MS);
  }
}

/** The instance that remembers `id`: sixteen of them share an environment's load. */
export function onceOnly(
  namespace: DurableObjectNamespace<OnceOnly>,
  environmentId: string,
  id: string,
): DurableObjectStub<OnceOnly> {
  return namespace.getByName(`${environmentId}/${(hash64(id).high % 16).toString(16)}`);
}
