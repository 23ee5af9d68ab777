/**
 * The secret salts by which visitors without cookies are told apart; one instance is one environment's, named by its id. A salt
 * is made for a UTC day, serves the events of that day, and is destroyed 48 hours after the day began: from then on no query
 * says whose hash an id was. Cloudflare keeps the history of an object for 30 days more, from which only a deployment that asks
 * for it could restore one (https://developers.cloudflare.com/durable-objects/api/sqlite-storage-api/#pitr-point-in-time-recovery-api).
 */
import { DurableObject } from "cloudflare:workers";
import { migrate } from "./migrate.ts";

const migrations = ["CREATE TABLE salts (day INTEGER PRIMARY KEY, salt BLOB NOT NULL)"];

const DAY_MS = 86_400_000;
/** In days, the day itself included. */
const KEPT_DAYS = 2;

export interface DailySalt {
  /** Days since 1970, UTC. */
  day: number;
  /** 32 random bytes. */
  salt: ArrayBuffer;
}

export class DailySalts extends DurableObject {
  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env as never);
    ctx.blockConcurrencyWhile(() => migrate(ctx.storage, migrations));
  }

  /**
   * Today's salt and yesterday's. `now`, in epoch milliseconds, is the caller's: around midnight it may be on the other side of
   * it than our own clock, by which alone salts are destroyed.
   */
  async salts(now = Date.now()): Promise<DailySalt[]> {
    const today = Math.floor(now / DAY_MS);
    this.#destroyWhatIsOver();
    const { sql } = this.ctx.storage;
    for (const day of [today, today - 1]) {
      const salt = crypto.getRandomValues(new Uint8Array(32));
      sql.exec("INSERT INTO salts (day, salt) VALUES (?, ?) ON CONFLICT DO NOTHING", day, salt);
    }
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm((today + 1) * DAY_MS);
    const asked = "SELECT day, salt FROM salts WHERE day IN (?, ?) ORDER BY day DESC";
    return sql.exec<{ day: number; salt: ArrayBuffer }>(asked, today, today - 1).toArray();
  }

  override async alarm(): Promise<void> {
    const today = this.#destroyWhatIsOver();
    const { n } = this.ctx.storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM salts").one();
    if (n > 0) await this.ctx.storage.setAlarm((today + 1) * DAY_MS);
  }

  /** Answers with today, by our own clock. */
  #destroyWhatIsOver(): number {
    const today = Math.floor(Date.now() / DAY_MS);
    this.ctx.storage.sql.exec("DELETE FROM salts WHERE day <= ?", today - KEPT_DAYS);
    return today;
  }
}
