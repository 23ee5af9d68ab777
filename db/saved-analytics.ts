/** Goals, funnels and annotations in D1: documents with names, which nothing but the analyses reads. */
import { and, asc, count, eq } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { ApiError } from "../core/api-error.ts";
import { annotations, funnels, goals } from "./schema.ts";

const KINDS = {
  goal: { table: goals, prefix: "goal" },
  funnel: { table: funnels, prefix: "fun" },
  annotation: { table: annotations, prefix: "note" },
};
export type SavedKind = keyof typeof KINDS;
export type Saved = typeof goals.$inferSelect;

/** Of a kind, in an environment. */
export const MOST_SAVED = 1_000;

/** Of one kind and environment. */
export class SavedAnalytics {
  readonly #db: DrizzleD1Database;
  readonly #kind: SavedKind;
  readonly #environment: string;

  constructor(db: DrizzleD1Database, kind: SavedKind, environmentId: string) {
    this.#db = db;
    this.#kind = kind;
    this.#environment = environmentId;
  }

  get #table() {
    return KINDS[this.#kind].table;
  }

  #isIt(id: string) {
    return and(eq(this.#table.environment_id, this.#environment), eq(this.#table.id, id));
  }

  /** By name. */
  async list(): Promise<Saved[]> {
    const table = this.#table;
    return this.#db
      .select()
      .from(table)
      .where(eq(table.environment_id, this.#environment))
      .orderBy(asc(table.name), asc(table.id));
  }

  /** Throws `not_found`. */
  async get(id: string): Promise<Saved> {
    const [row] = await this.#db.select().from(this.#table).where(this.#isIt(id));
    if (!row) throw new ApiError("not_found", `No ${this.#kind} ${id.slice(0, 64)}`);
    return row;
  }

  async named(name: string): Promise<Saved | undefined> {
    const table = this.#table;
    const isNamed = and(eq(table.environment_id, this.#environment), eq(table.name, name));
    return (await this.#db.select().from(table).where(isNamed).orderBy(asc(table.id)).limit(1))[0];
  }

  /** Throws `conflict` where there are too many. */
  async create(name: string, document: object): Promise<Saved> {
    const table = this.#table;
    const [known] = await this.#db
      .select({ count: count() })
      .from(table)
      .where(eq(table.environment_id, this.#environment));
    if (known!.count >= MOST_SAVED)
      throw new ApiError("conflict", `An environment has at most ${MOST_SAVED} of a kind`);
    const random = Buffer.from(crypto.getRandomValues(new Uint8Array(12))).toString("base64url");
    const at = new Date().toISOString();
    const row = {
      environment_id: this.#environment,
      id: `${KINDS[this.#kind].prefix}_${random}`,
      name,
      document,
      created_at: at,
      updated_at: at,
    };
    await this.#db.insert(table).values(row);
    return row;
  }

  /** Throws `not_found`. */
  async replace(id: string, name: string, document: object): Promise<Saved> {
    const [row] = await this.#db
      .update(this.#table)
      .set({ name, document, updated_at: new Date().toISOString() })
      .where(this.#isIt(id))
      .returning();
    if (!row) throw new ApiError("not_found", `No ${this.#kind} ${id.slice(0, 64)}`);
    return row;
  }

  /** Throws `not_found`. */
  async delete(id: string): Promise<void> {
    const gone = await this.#db.delete(this.#table).where(this.#isIt(id)).returning({ id: this.#table.id });
    if (gone.length === 0) throw new ApiError("not_found", `No ${this.#kind} ${id.slice(0, 64)}`);
  }
}
