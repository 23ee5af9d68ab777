/**
 * What an environment's events look like, and how they differ from the tracking plan; named by the environment's id. The processor tells
 * it at most once a batch, already added up: one row for each event that has something new.
 */
import { DurableObject } from "cloudflare:workers";
import { mergeShape, type Shapes } from "../core/tracking-plan/shape.ts";
import { migrate } from "./migrate.ts";

const migrations = [
  `CREATE TABLE shapes (event TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
   CREATE TABLE violations (event TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;`,
];

export interface ViolationCount {
  /** As `shapeName` writes it. */
  event: string;
  /** `properties.products.*.price`: places in lists are one. */
  path: string;
  keyword: string;
  count: number;
  /** What stood there, redacted; absent where something was missing. */
  sample?: string;
}

interface Counted {
  count: number;
  first_seen: string;
  last_seen: string;
  sample?: string;
}

/** Who sends names that never come again must not fill an object. */
const MOST_EVENTS = 1_000;
const MOST_OF_AN_EVENT = 200;

export class SchemaWatch extends DurableObject<object> {
  readonly #sql: SqlStorage;

  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    ctx.blockConcurrencyWhile(() => migrate(ctx.storage, migrations));
  }

  async report(shapes: Shapes, violations: ViolationCount[]): Promise<void> {
    for (const [event, shape] of Object.entries(shapes)) {
      const before = this.#body<Shapes[string]>("shapes", event);
      this.#put("shapes", event, before ? mergeShape(before, shape) : shape, before === undefined);
    }
    const now = new Date().toISOString();
    for (const [event, found] of Map.groupBy(violations, (one) => one.event)) {
      const before = this.#body<Record<string, Counted>>("violations", event);
      const counted = before ?? {};
      for (const { path, keyword, count, sample } of found) {
        const name = `${path} ${keyword}`;
        const known = Object.hasOwn(counted, name) ? counted[name] : undefined;
        if (!known && Object.keys(counted).length >= MOST_OF_AN_EVENT) continue;
        counted[name] = {
          ...(sample !== undefined && { sample }),
          ...known,
          count: (known?.count ?? 0) + count,
          first_seen: known?.first_seen ?? now,
          last_seen: now,
        };
      }
      this.#put("violations", event, counted, before === undefined);
    }
  }

  /** The most frequent first. */
  async violations(): Promise<(ViolationCount & Omit<Counted, "count" | "sample">)[]> {
    const rows = this.#sql.exec<{ event: string; body: string }>("SELECT event, body FROM violations").toArray();
    return rows
      .flatMap(({ event, body }) =>
        Object.entries(JSON.parse(body) as Record<string, Counted>).map(([name, counted]) => {
          const end = name.lastIndexOf(" ");
          return { event, path: name.slice(0, end), keyword: name.slice(end + 1), ...counted };
        }),
      )
      .sort((a, b) => b.count - a.count);
  }

  async shapes(): Promise<Shapes> {
    const rows = this.#sql.exec<{ event: string; body: string }>("SELECT event, body FROM shapes").toArray();
    return Object.fromEntries(rows.map(({ event, body }) => [event, JSON.parse(body)]));
  }

  /** After a new plan the old counts say nothing. */
  async forgetViolations(): Promise<void> {
    this.#sql.exec("DELETE FROM violations");
  }

  #body<T>(table: "shapes" | "violations", event: string): T | undefined {
    const [row] = this.#sql.exec<{ body: string }>(`SELECT body FROM ${table} WHERE event = ?`, event);
    return row && (JSON.parse(row.body) as T);
  }

  #put(table: "shapes" | "violations", event: string, body: unknown, isNew: boolean): void {
    if (isNew) {
      const { count } = this.#sql.exec<{ count: number }>(`SELECT count(*) AS count FROM ${table}`).one();
      if (count >= MOST_EVENTS) return;
    }
    this.#sql.exec(`INSERT OR REPLACE INTO ${table} (event, body) VALUES (?, ?)`, event, JSON.stringify(body));
  }
}
