/**
 * The secret salts by which visitors without cookies are told apart; one instance is one environment's, named by its id. A salt
 * is made for a UTC day, serves the events of that day, and is destroyed 48 hours after the day began: from then on nobody,
 * ourselves included, can say whose hash an id was.
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

  /** Today's salt and yesterday's. `now` in epoch milliseconds. */
  async salts(now = Date.now()): Promise<DailySalt[]> {
    const today = Math.floor(now / DAY_MS);
    this.#destroyBefore(today);
    const { sql } = this.ctx.storage;
    for (const day of [today, today - 1]) {
      const salt = crypto.getRandomValues(new Uint8Array(32));
      sql.exec("INSERT INTO salts (day, salt) VALUES (?, ?) ON CONFLICT DO NOTHING", day, salt);
    }
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm((today + 1) * DAY_MS);
    return sql.exec<{ day: number; salt: ArrayBuffer }>("SELECT day, salt FROM salts ORDER BY day DESC").toArray();
  }

  override async alarm(): Promise<void> {
    const today = Math.floor(Date.now() / DAY_MS);
    this.#destroyBefore(today);
    const { n } = this.ctx.storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM salts").one();
    if (n > 0) await this.ctx.storage.setAlarm((today + 1) * DAY_MS);
  }

  #destroyBefore(today: number): void {
    this.ctx.storage.sql.exec("DELETE FROM salts WHERE day <= ?", today - KEPT_DAYS);
  }
}
