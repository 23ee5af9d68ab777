/**
 * Moves buckets between the objects of one class while they are in use (core/buckets.ts says who has what meanwhile). The new owner
 * fetches: page after page of what the owner before has stored, who answers for it until the last pages, when it stops and hands over
 * the rest. Every page is taken in together with how far it reaches, so an eviction or a failed call at any step is followed by the
 * same step again, and what came twice changes nothing.
 *
 * Table `moves`: one document, {@link StoredBuckets} and what was left to others.
 */
import { type BucketRanges, Buckets, type Pull, type StoredBuckets, type Where } from "../core/buckets.ts";
import type { ShardMap } from "../core/shard-map.ts";

export const MOVES_TABLE = "CREATE TABLE moves (id INTEGER PRIMARY KEY, body TEXT NOT NULL);";

export interface HandOverRequest<Cursor> {
  map: ShardMap;
  /** Who asks. */
  to: string;
  buckets: BucketRanges;
  /** What lies behind it is wanted; null: from the beginning. */
  cursor: Cursor | null;
  /** From now on the buckets are the asker's. */
  take: boolean;
}

export interface Page<Content, Cursor> {
  content: Content;
  cursor: Cursor;
  /** Nothing lies behind the cursor at this moment; of buckets that were taken: nothing ever will. */
  done: boolean;
}

export type HandOver<Content, Cursor, Legacy> =
  | (Page<Content, Cursor> & { outcome: "page"; legacy?: Legacy })
  /** Not yet, or no more: try again later. */
  | { outcome: "stale" | "not_here" };

export interface Released {
  to: string;
  epoch: number;
  buckets: BucketRanges;
}

/** The other side of a move, as it is reached by RPC. */
export interface Peer<Content, Cursor, Legacy> {
  handOver(request: HandOverRequest<Cursor>): Promise<HandOver<Content, Cursor, Legacy>>;
  release(released: Released): Promise<void>;
}

/** What an object must do for its buckets to move. */
export interface Movable<Content, Cursor, Legacy> {
  peer(name: string): Peer<Content, Cursor, Legacy>;
  transaction<T>(work: () => T): T;
  /** Stores all that only memory and a log know, so that pages hold it. Called in a transaction. */
  save(): void;
  /** Brings to its end what still happens with events that came before now. Called when the buckets are given already. */
  drain(): Promise<void>;
  /** A page of what is stored of these buckets, of a few megabytes. */
  read(buckets: BucketRanges, cursor: Cursor | null): Page<Content, Cursor>;
  /** Called in a transaction. What is known already must not count again. */
  take(content: Content, from: string): void;
  /** Deletes what is stored of these buckets, which are another's. Called again after a failure. */
  drop(buckets: BucketRanges): Promise<void>;
  /** Counters of a shard that has nothing any more and goes, set to zero here. Called in a transaction. */
  legacy(): Legacy;
  inherit(legacy: Legacy): void;
}

/** Steps at one alarm: other work waits for them. */
const STEPS = 16;

interface Stored<Cursor, Legacy> extends StoredBuckets<Cursor> {
  /** Counters that were left, so that a call that is repeated brings the same. */
  left?: { to: string; epoch: number; legacy: Legacy };
}

export class BucketMoves<Content, Cursor, Legacy> {
  readonly #me: string;
  readonly #sql: SqlStorage;
  readonly #object: Movable<Content, Cursor, Legacy>;
  #buckets!: Buckets<Cursor>;
  #left: Stored<Cursor, Legacy>["left"];
  /** The map that is followed; the pulls' steps name it to the owners before. */
  #map: ShardMap | undefined;
  /** Whose buckets' events have come to their end here: `epoch/to`. */
  readonly #drained = new Set<string>();
  #stepping: Promise<void> | undefined;

  constructor(me: string, sql: SqlStorage, object: Movable<Content, Cursor, Legacy>) {
    this.#me = me;
    this.#sql = sql;
    this.#object = object;
  }

  /** As it is stored: at first, when the table is there, and again where a transaction failed. */
  load(): void {
    const [row] = this.#sql.exec<{ body: string }>("SELECT body FROM moves WHERE id = 1");
    const stored = row && (JSON.parse(row.body) as Stored<Cursor, Legacy> & { map?: ShardMap });
    this.#buckets = new Buckets(this.#me, stored);
    this.#left = stored?.left;
    this.#map = stored?.map;
  }

  hasAll(map: ShardMap): boolean {
    return this.#buckets.hasAll(map);
  }

  where(bucket: number, map: ShardMap): Where {
    return this.#buckets.where(bucket, map);
  }

  /** Of this map and the one that is followed here, whichever came later. */
  newest(map: ShardMap): ShardMap {
    return this.#map && this.#map.epoch > map.epoch ? this.#map : map;
  }

  /** Pulls that are not at their end. */
  get pulls(): readonly Pull<Cursor>[] {
    return this.#buckets.pulls;
  }

  /** Whether nobody adds to these buckets here any more. */
  hasGiven(buckets: BucketRanges): boolean {
    return this.#buckets.hasNone(buckets);
  }

  /** Whether others are still fetching what was given to them: until then it stays as it is. */
  get isGiving(): boolean {
    return this.#buckets.isGiving;
  }

  hasSettled(map: ShardMap): boolean {
    return !map.previous || this.#buckets.settled >= map.epoch;
  }

  /** Begins to follow a map. The object's alarm should then call `advance`. */
  adopt(map: ShardMap): void {
    if (!map.previous || map.epoch <= this.#buckets.settled) return;
    this.#object.transaction(() => {
      if (!this.#buckets.adopt(map)) return;
      this.#map = map;
      this.#store();
    });
  }

  /** Takes some steps of the pulls, one after the other. Throws where a step fails: it is to be called again. */
  advance(): Promise<void> {
    this.#stepping ??= this.#advance().finally(() => {
      this.#stepping = undefined;
    });
    return this.#stepping;
  }

  async #advance(): Promise<void> {
    for (let step = 0; step < STEPS; step++) {
      const pull = this.#buckets.pulls.find((one) => one.state !== "done");
      if (!pull) return;
      if (pull.state === "releasing") await this.#letGo(pull);
      else await this.#fetchPage(pull);
    }
  }

  async #fetchPage(pull: Pull<Cursor>): Promise<void> {
    const take = pull.state === "taking";
    const { from, buckets, cursor } = pull;
    const page = await this.#object.peer(from).handOver({ map: this.#map!, to: this.#me, buckets, cursor, take });
    if (page.outcome !== "page") throw new Error(`${from} does not hand over to ${this.#me}: ${page.outcome}`);
    this.#object.transaction(() => {
      this.#object.take(page.content, from);
      if (page.legacy) this.#object.inherit(page.legacy);
      const next = !page.done ? pull.state : take ? "releasing" : "taking";
      this.#buckets.step(pull, next, page.cursor);
      this.#store();
    });
  }

  async #letGo(pull: Pull<Cursor>): Promise<void> {
    await this.#object.peer(pull.from).release({ to: this.#me, epoch: pull.epoch, buckets: pull.buckets });
    this.#object.transaction(() => {
      this.#buckets.step(pull, "done");
      this.#store();
    });
  }

  /** For the new owner. */
  async handOver({
    map,
    to,
    buckets,
    cursor,
    take,
  }: HandOverRequest<Cursor>): Promise<HandOver<Content, Cursor, Legacy>> {
    if (!take) {
      // Of buckets that are not here yet nothing may be copied: it could be old.
      const isHere = this.#buckets.owns(buckets) || this.#buckets.hasGiven(buckets, to, map.epoch);
      return isHere ? { outcome: "page", ...this.#object.read(buckets, cursor) } : { outcome: "not_here" };
    }
    if (!this.#buckets.hasGiven(buckets, to, map.epoch)) {
      // First what would keep the buckets waiting when they are nobody's.
      if (this.#buckets.owns(buckets)) await this.#object.drain();
      const given = this.#object.transaction(() => {
        const given = this.#buckets.give(buckets, to, map.epoch);
        if (given === "given") {
          this.#object.save();
          this.#store();
        }
        return given;
      });
      if (given !== "given") return { outcome: given };
    }
    const key = `${map.epoch}/${to}`;
    if (!this.#drained.has(key)) {
      await this.#object.drain();
      this.#drained.add(key);
    }
    const page = this.#object.read(buckets, cursor);
    const legacy = page.done ? this.#leave(map, to) : undefined;
    return { outcome: "page", ...page, ...(legacy !== undefined && { legacy }) };
  }

  /** A shard that goes leaves its counters to the last who fetches from it. */
  #leave(map: ShardMap, to: string): Legacy | undefined {
    const { epoch, shards, previous } = map;
    if (this.#left?.epoch === epoch) return this.#left.to === to ? this.#left.legacy : undefined;
    if (!previous || shards.includes(this.#me) || !this.#buckets.hasNothingOf(previous)) return undefined;
    return this.#object.transaction(() => {
      const legacy = this.#object.legacy();
      this.#left = { to, epoch, legacy };
      this.#store();
      return legacy;
    });
  }

  /** For the new owner, who has everything now. */
  async release({ to, epoch, buckets }: Released): Promise<void> {
    // If not, they have come back meanwhile, and this is the echo of a move that was.
    if (!this.#buckets.hasGiven(buckets, to, epoch)) return;
    await this.#object.drop(buckets);
    this.#object.transaction(() => {
      this.#buckets.release(buckets);
      this.#store();
    });
  }

  #store(): void {
    const stored: Stored<Cursor, Legacy> & { map?: ShardMap } = {
      ...this.#buckets.toJSON(),
      ...(this.#left && { left: this.#left }),
      ...(this.#map && { map: this.#map }),
    };
    this.#sql.exec("INSERT OR REPLACE INTO moves (id, body) VALUES (1, ?)", JSON.stringify(stored));
  }
}
