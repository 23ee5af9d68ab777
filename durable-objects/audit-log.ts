/**
 * One organisation's audit; named by the organisation's id. Holds the head of the hash chain and what is not yet in D1: the record is
 * durable here before it is there, so that D1 being away loses none and the chain never forks.
 */
import { DurableObject } from "cloudflare:workers";
import { type AuditEntry, type AuditRow, auditRow, type ChainHead, firstHash, hashOf } from "../core/audit-chain.ts";
import { migrate } from "./migrate.ts";

const migrations = [
  "CREATE TABLE head (id INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, hash TEXT NOT NULL)",
  "CREATE TABLE waiting (sequence INTEGER PRIMARY KEY, row TEXT NOT NULL)",
];
const MOST_AT_ONCE = 50;
const TRY_AGAIN_MS = 10_000;

/** The columns in their order; the INSERT is made of them. */
const COLUMNS = Object.keys(auditRow.shape) as (keyof AuditRow)[];

export class AuditLog extends DurableObject<{ DB: D1Database }> {
  constructor(ctx: DurableObjectState, env: { DB: D1Database }) {
    super(ctx, env);
    ctx.blockConcurrencyWhile(() => migrate(ctx.storage, migrations));
  }

  /** Durable when it resolves, and in D1 unless that is away: then soon after. */
  async append({ before, after, ...entry }: AuditEntry): Promise<ChainHead> {
    const head = this.ctx.storage.transactionSync(() => {
      const { sequence, hash: previous } = this.#head(entry.organisation_id);
      const row = {
        ...entry,
        sequence: sequence + 1,
        at: new Date().toISOString(),
        before: before === undefined ? null : JSON.stringify(before),
        after: after === undefined ? null : JSON.stringify(after),
        previous,
      };
      const hash = hashOf(row);
      const { sql } = this.ctx.storage;
      sql.exec("INSERT OR REPLACE INTO head VALUES (1, ?, ?)", row.sequence, hash);
      sql.exec("INSERT INTO waiting VALUES (?, ?)", row.sequence, JSON.stringify({ ...row, hash }));
      return { sequence: row.sequence, hash };
    });
    await this.#write();
    return head;
  }

  /** Undefined before the first record. Writes what waits first, so that D1 is as far. */
  async head(): Promise<ChainHead | undefined> {
    await this.#write();
    return this.ctx.storage.sql
      .exec<{ sequence: number; hash: string }>("SELECT sequence, hash FROM head")
      .toArray()[0];
  }

  #head(organisationId: string): ChainHead {
    const [head] = this.ctx.storage.sql.exec<{ sequence: number; hash: string }>("SELECT * FROM head").toArray();
    return head ?? { sequence: 0, hash: firstHash(organisationId) };
  }

  /** Repeated it writes the same rows again, which changes nothing. */
  async #write(): Promise<void> {
    const { sql } = this.ctx.storage;
    const query = `SELECT sequence, row FROM waiting ORDER BY sequence LIMIT ${MOST_AT_ONCE}`;
    const waiting = sql.exec<{ sequence: number; row: string }>(query).toArray();
    if (waiting.length === 0) return;
    const marks = COLUMNS.map((name) => `value ->> '$.${name}'`).join();
    const insert = `INSERT INTO audit_log (${COLUMNS.join()}) SELECT ${marks} FROM json_each(?) WHERE true ON CONFLICT DO NOTHING`;
    try {
      await this.env.DB.prepare(insert)
        .bind(`[${waiting.map(({ row }) => row).join()}]`)
        .run();
      sql.exec("DELETE FROM waiting WHERE sequence <= ?", waiting.at(-1)!.sequence);
      if (waiting.length === MOST_AT_ONCE) await this.ctx.storage.setAlarm(Date.now());
    } catch (error) {
      console.error(JSON.stringify({ level: "error", at: "audit_log.write", message: String(error) }));
      await this.ctx.storage.setAlarm(Date.now() + TRY_AGAIN_MS);
    }
  }

  override async alarm(): Promise<void> {
    await this.#write();
  }
}
