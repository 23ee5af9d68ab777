/**
 * A share of one environment's people; named `{environment_id}/{shard}`, e.g. `env_prod/p3` (core/shard-map.ts). A record for each
 * identifier that lives here, of up to three parts:
 *
 *   root      whose cluster it belongs to; absent where nothing links it with another
 *   cluster   of a root: all links between identifiers that any link connects (core/identity-cluster.ts)
 *   part      of an identifier that people are known by (user id, e-mail, phone): what events that came by it said (core/profile.ts)
 *
 * A part never moves: a person is the join of the parts of all their identifiers, so a merge and its undoing touch clusters alone. A cluster
 * moves to the root that comes first when two become one, and leaves a pointer. All that a shard is asked by another one is decided at once, without
 * asking a third, so no two ever wait for each other; and everything may be asked twice. An event is added last, when all that it says of
 * links is durable: where anything fails before, the queue brings it again.
 *
 * Nothing but an index and a cache is in memory, so an eviction changes nothing. Buckets of identifiers go from shard to shard while all this
 * happens (profile-moves.ts): so `ask` is how shards and Workers call, and whoever is not here is asked for where they are.
 */
import { DurableObject } from "cloudflare:workers";
import { type BucketRanges, each, rangesOf } from "../core/buckets.ts";
import type { ComputedTrait } from "../core/computed-traits.ts";
import { sha256 } from "../core/hash.ts";
import { type Added, Cluster } from "../core/identity-cluster.ts";
import {
  type Cancellation,
  canonicalIn,
  compare,
  type Edge,
  identifierOf,
  keyOf,
  moves,
  type Person,
  personIdOf,
} from "../core/identity-graph.ts";
import type { IdentityReason, IdentityRules } from "../core/identity-rules.ts";
import { Profile } from "../core/profile.ts";
import type { ProfileChangeKind } from "../core/profile-change.ts";
import { HOMES, type ProfileEvent } from "../core/profile-event.ts";
import { BUCKETS, ownerOf, type ShardMap } from "../core/shard-map.ts";
import {
  type AnswerTo,
  type Asked,
  askOwner,
  askOwners,
  type Hit,
  type ProfileShards,
  type Question,
} from "./ask-profile-owners.ts";
import {
  BucketMoves,
  type HandOver,
  type HandOverRequest,
  MOVES_TABLE,
  type Peer,
  type Released,
} from "./bucket-moves.ts";
import { migrate } from "./migrate.ts";
import { bucketOf, hashOf, hashOfId, idOf } from "./profile-keys.ts";
import {
  type ProfileContent,
  type ProfileCursor,
  type ProfileLegacy,
  type ProfileMoveHooks,
  profileMoves,
} from "./profile-moves.ts";
import { ProfileRecord, type StoredRecord } from "./profile-record.ts";
import { RecordStore, recordTable } from "./record-store.ts";
import { searchableOf } from "./searchable-traits.ts";
import { SeenEvents, seenTable } from "./seen-events.ts";
import { type Scanned, type SegmentScan, scanForSegment } from "./segment-scan.ts";

const migrations = [
  `${recordTable}
   ${seenTable}
   CREATE TABLE search (value TEXT NOT NULL, home TEXT NOT NULL, PRIMARY KEY (value, home)) WITHOUT ROWID;
   CREATE TABLE state (id INTEGER PRIMARY KEY, body TEXT NOT NULL);`,
  MOVES_TABLE,
];

/** Records kept parsed; the least recently used go first. */
const KEEP_IN_MEMORY = 2_000;
/** Links brought elsewhere that are remembered. */
const MOST_BROUGHT = 10_000;
/** A root that has moved so often is in a circle, which the order of roots excludes. */
const MOST_MOVES = 32;
const MOVED_MEANWHILE = "the cluster moved meanwhile";
/** Of a shard that has not heard of any map. */
const NO_MAP: ShardMap = { epoch: 0, shards: ["-"] };
/** A step of a move that failed is taken again after this long. */
const MOVE_AGAIN_AFTER_MS = 2_000;

export interface ProfileBatch {
  events: ProfileEvent[];
  map: ShardMap;
  rules: IdentityRules;
  computed: ComputedTrait[];
  searchable: string[];
  /** Whether anybody wants to hear of changes. */
  publishes: boolean;
  now: number;
}

export type ProfileAnswer =
  | {
      verdict: "added" | "redelivered";
      /** By what this shard knows: of a person whose cluster lies elsewhere, the home's own. */
      person_id: string;
      changes: ProfileChangeKind[];
      /** Links that were not made, and why. */
      refused?: IdentityReason[];
    }
  /** It was said before the person was deleted. */
  | { verdict: "deleted" }
  /** Whoever it came by is not here: to be asked there; null: just on the way, to be asked again. */
  | { verdict: "elsewhere"; shard: string | null };

/** What is remembered of an event that was added. */
type Remembered = [personId: string, changes: ProfileChangeKind[], refused?: IdentityReason[]];

interface ShardState {
  parts: number;
  clusters: number;
  events: number;
  redelivered: number;
  /** Links that were not made, by reason. */
  refused: Partial<Record<IdentityReason | "deleted", number>>;
  /** Which number the next blob of records has, where the last ones went to another shard. */
  next_blob?: number;
}

export interface ProfileShardStats extends Omit<ShardState, "next_blob"> {
  records: number;
  index_bytes: number;
  dedupe: { ids: number; bytes: number };
  storage_bytes: number;
  /** By this instance since it was started. */
  rows_written: number;
  /** Buckets that come from other shards. */
  moves: { from: string; state: string; buckets: number }[];
  /** Whether other shards still fetch what was given to them. */
  is_giving: boolean;
}

/** Where an identifier's cluster is, as far as this shard knows. */
export interface Found {
  key: string;
  /** Where to ask on; absent where the cluster, if any, is here. */
  root?: string;
  /** `ClusterJson` and `ProfileJson` as text. */
  cluster?: string;
  part?: string;
  deleted_at?: number;
}

export interface Claimed {
  /** The root that the identifier belongs to now: the claimant's, unless it had one. */
  root: string;
  has_part: boolean;
}

export interface LinkedHere {
  /** Why links were not made, or had to give way. */
  refused: IdentityReason[];
  /** Whether people who were known by more than a browser have become one. */
  joined: boolean;
}
/** What became of links that were brought to a cluster. */
export type Linked = { moved: string } | LinkedHere;

/** By what links are made. */
export type Terms = Pick<ProfileBatch, "map" | "rules" | "now">;

/** What an event says of links, of which something is new to us. */
interface Open {
  i: number;
  edges: Edge[];
  home: string;
  ends: string[];
  root: string;
  at: number;
}

export interface ProfileShardEnv {
  PROFILE_SHARD: DurableObjectNamespace<ProfileShard>;
}

export class ProfileShard
  extends DurableObject<ProfileShardEnv>
  implements Peer<ProfileContent, ProfileCursor, ProfileLegacy>
{
  readonly #sql: SqlStorage;
  readonly #environment: string;
  readonly #shard: string;
  readonly #moves: BucketMoves<ProfileContent, ProfileCursor, ProfileLegacy>;
  #store!: RecordStore<StoredRecord>;
  #seen!: SeenEvents<Remembered>;
  #state!: ShardState;
  #savedState = "";
  readonly #memory = new Map<string, ProfileRecord>();
  readonly #changed = new Set<ProfileRecord>();
  /** Links that were brought to a cluster elsewhere, and when they were said: a page view a minute later does not bring them again. */
  readonly #brought = new Map<string, number>();
  #rowsWritten = 0;
  /** When a move that failed is tried again. Epoch milliseconds. */
  #moveAgainAt = 0;
  #alarmAt = 0;

  constructor(ctx: DurableObjectState, env: ProfileShardEnv) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    [this.#environment = "unnamed", this.#shard = "p0"] = (ctx.id.name ?? "").split("/");
    this.#moves = new BucketMoves(this.#shard, this.#sql, profileMoves(this.#moveHooks()));
    ctx.blockConcurrencyWhile(async () => {
      await migrate(ctx.storage, migrations);
      this.#alarmAt = (await ctx.storage.getAlarm()) ?? 0;
      this.#load();
    });
  }

  /** Adds events, in any order and as often as they come. Answers in their order. Throws where another shard does not answer. */
  async apply(batch: ProfileBatch): Promise<ProfileAnswer[]> {
    const { events, map } = batch;
    this.#moves.adopt(map);
    this.#fetch(
      events.flatMap((event) => [keyOf(event.home), ...event.edges.flatMap(({ a, b }) => [keyOf(a), keyOf(b)])]),
    );
    const isAway = events.map(({ home }) => this.#elsewhere(keyOf(home), map));
    const links = await this.#linkAll(
      events.map(({ edges, home }, i) => ({ edges: isAway[i] ? [] : edges, home: keyOf(home) })),
      batch,
    );
    const answers = this.#write(() => {
      const people = new Map<string, string>();
      // They may have gone while their links were made. Who has come meanwhile has no links yet.
      const answers = events.map(
        (event, i) =>
          isAway[i] ?? this.#elsewhere(keyOf(event.home), map) ?? this.#add(event, links[i]!, batch, people),
      );
      this.#rowsWritten += this.#seen.write(batch.now);
      return answers;
    });
    await this.#schedule();
    return answers;
  }

  /** Answers as the method of that name does if all these identifiers, or ids of people, are here; otherwise tells where they are. */
  async ask<Q extends Question>(
    question: Q,
    args: Parameters<ProfileShard[Q]>,
    keys: string[],
    map: ShardMap,
  ): Promise<Asked<AnswerTo<Q>>> {
    try {
      this.#moves.adopt(map);
      const places = keys.map((key) => this.#elsewhere(key, map));
      if (places.some((place) => place)) {
        return { is_here: false, shards: places.map((place) => (place ? place.shard : this.#shard)) };
      }
      // Nothing may come between: it is decided before the first `await`.
      const answer = (this[question] as (...args: unknown[]) => Promise<AnswerTo<Q>>)(...args);
      return { is_here: true, answer: await answer };
    } finally {
      if (this.#moves.pulls.length) await this.#schedule();
    }
  }

  /** Begins to fetch what a new map gives to this shard, and tells whether all of it is here. */
  async follow(map: ShardMap): Promise<{ settled: boolean }> {
    this.#moves.adopt(map);
    await this.#schedule();
    return { settled: this.#moves.hasSettled(map) };
  }

  /** For the shard to which a new map gives some of these buckets. */
  async handOver(
    request: HandOverRequest<ProfileCursor>,
  ): Promise<HandOver<ProfileContent, ProfileCursor, ProfileLegacy>> {
    return this.#moves.handOver(request);
  }

  /** For the shard that now has all of these buckets. */
  async release(released: Released): Promise<void> {
    await this.#moves.release(released);
  }

  /** Makes links without an event: a merge by somebody's hand. Answers as `apply` does of links. Any shard may be asked. */
  async link(edges: Edge[], home: string, terms: Terms): Promise<LinkedHere> {
    this.#moves.adopt(terms.map);
    const [linked] = await this.#linkAll([{ edges, home }], terms);
    // No event follows that a cluster of ours would be written with.
    this.#write(() => {});
    return linked!;
  }

  /** What is known of an identifier, or of the one that a person's id was made from. */
  async find(keyOrPersonId: string): Promise<Found> {
    const entry = keyOrPersonId.startsWith("per_") ? this.#entryOf(keyOrPersonId) : this.#get(keyOrPersonId);
    if (!entry) return { key: keyOrPersonId.startsWith("per_") ? "" : keyOrPersonId };
    const root = entry.root === undefined ? entry : this.#isGone(entry.root) ? undefined : this.#get(entry.root);
    const { part, deleted_at } = entry.toJSON();
    return {
      key: entry.key,
      ...(root?.cluster
        ? { cluster: JSON.stringify(root.cluster) }
        : { ...(entry.root !== undefined && { root: root?.root ?? entry.root }) }),
      ...(part && { part: JSON.stringify(part) }),
      ...(deleted_at !== undefined && { deleted_at }),
    };
  }

  /** The parts of these identifiers, those that there are, as text. */
  async parts(keys: string[]): Promise<string[]> {
    this.#fetch(keys);
    const parts = keys.map((key) => this.#get(key)?.toJSON().part);
    return parts.filter((part) => part !== undefined).map((part) => JSON.stringify(part));
  }

  /** Sets what identifiers belong to, where nothing does yet. Undefined for one that was deleted after `at`. */
  async claim(wanted: [key: string, root: string, at: number][]): Promise<(Claimed | undefined)[]> {
    this.#fetch(wanted.map(([key]) => key));
    return this.#write(() => wanted.map(([key, root, at]) => this.#claim(key, root, at)));
  }

  /** Adds links to the cluster of this root, which may have none yet. */
  async extend(root: string, edges: Edge[]): Promise<Linked> {
    return this.#write(() => this.#extend(root, edges));
  }

  /** The cluster of a root, or where it went. `version` is what `leave` wants to hear. */
  async clusterOf(root: string): Promise<{ moved: string } | { cluster: string; version: string }> {
    const entry = this.#ensure(root);
    if (entry.root !== undefined) return { moved: entry.root };
    const cluster = JSON.stringify(entry.cluster ?? new Cluster());
    return { cluster, version: sha256(cluster) };
  }

  /** Takes in the cluster of another root, by a link between the two. */
  async absorb(root: string, edge: Edge, other: string, rules: IdentityRules): Promise<Linked> {
    return this.#write(() => {
      const entry = this.#ensure(root);
      if (entry.root !== undefined) return { moved: entry.root };
      const isNew = !entry.cluster;
      const cluster = entry.cluster ?? new Cluster();
      entry.cluster = cluster;
      const theirs = Cluster.fromJSON(JSON.parse(other));
      const before = [...cluster.resolve(rules).people, ...theirs.resolve(rules).people];
      const added = cluster.has(edge) ? this.#join(cluster, theirs) : cluster.connect(edge, theirs);
      if (added.outcome === "refused") {
        if (isNew) entry.cluster = undefined;
        if (added.changed) this.#changed.add(entry);
        this.#count(added.reason);
        return { refused: [added.reason], joined: false };
      }
      if (isNew) this.#state.clusters++;
      this.#changed.add(entry);
      return { refused: [], joined: joinsHomes(before, cluster.resolve(rules).people) };
    });
  }

  /** Leaves a pointer where a cluster was, unless it changed since it was read. */
  async leave(root: string, to: string, version: string): Promise<boolean> {
    return this.#write(() => {
      const entry = this.#ensure(root);
      if (entry.root !== undefined) return true;
      if (sha256(JSON.stringify(entry.cluster ?? new Cluster())) !== version) return false;
      if (entry.cluster) this.#state.clusters--;
      entry.cluster = undefined;
      entry.root = to;
      this.#changed.add(entry);
      return true;
    });
  }

  /** Undoes links. */
  async cancel(
    root: string,
    cancellation: Cancellation,
  ): Promise<{ moved: string } | { ok: true } | { ok: false; reason: IdentityReason }> {
    return this.#write(() => {
      const entry = this.#ensure(root);
      if (entry.root !== undefined) return { moved: entry.root };
      const cluster = entry.cluster ?? new Cluster();
      entry.cluster = cluster;
      const done = cluster.cancel(cancellation);
      if (!done.ok) return done;
      this.#changed.add(entry);
      return { ok: true as const };
    });
  }

  /** Forgets what these identifiers of a cluster are linked with. */
  async forgetLinks(root: string, keys: string[]): Promise<{ moved: string } | { ok: true }> {
    return this.#write(() => {
      const entry = this.#ensure(root);
      if (entry.root !== undefined) return { moved: entry.root };
      if (entry.cluster) {
        for (const key of keys) entry.cluster.forget(identifierOf(key));
        if (entry.cluster.size === 0 && entry.cluster.cancellations().length === 0) {
          entry.cluster = undefined;
          this.#state.clusters--;
        }
        this.#changed.add(entry);
      }
      return { ok: true as const };
    });
  }

  /** Forgets these identifiers: their parts, and whose they are. What was said until `at` does not bring them back. */
  async erase(keys: string[], at: number): Promise<void> {
    this.#fetch(keys);
    // Whoever comes back is to be linked anew.
    this.#brought.clear();
    this.#write(() => {
      for (const key of keys) {
        const entry = this.#ensure(key);
        if (entry.hasPart) this.#state.parts--;
        this.#makeFindable(entry, []);
        entry.part = undefined;
        if (entry.root !== undefined) entry.root = undefined;
        entry.deletedAt = Math.max(entry.deletedAt ?? 0, at);
        this.#changed.add(entry);
      }
    });
    await this.#schedule();
  }

  /**
   * People whose name, address and such begin with this, without regard to case; at most `limit`, after the last one of an earlier answer. Of
   * these buckets alone: others have the rest, by `map`.
   */
  async search(
    prefix: string,
    limit: number,
    after: Hit | undefined,
    map: ShardMap,
  ): Promise<{ hits: Hit[]; buckets: BucketRanges; map: ShardMap }> {
    this.#moves.adopt(map);
    const { here, buckets } = this.#bucketsHere(map);
    const hits: Hit[] = [];
    for (let from: Hit | undefined = after ?? { value: prefix, home: "" }; from && hits.length < limit; ) {
      const found: Hit[] = this.#sql
        .exec<{ value: string; home: string }>(
          "SELECT value, home FROM search WHERE (value, home) > (?, ?) AND value < ? ORDER BY value, home LIMIT ?",
          from.value,
          from.home,
          `${prefix}\u{10ffff}`,
          limit,
        )
        .toArray();
      hits.push(...found.filter(({ home }) => here[bucketOf(home)]));
      from = found.length < limit ? undefined : found.at(-1);
    }
    if (this.#moves.pulls.length) await this.#schedule();
    return { hits: hits.slice(0, limit), buckets, map: this.#moves.newest(map) };
  }

  /** Whom of these buckets' people a segment includes. Others have the rest, by `map`. */
  async scan(wanted: SegmentScan, map: ShardMap): Promise<Scanned & { buckets: BucketRanges; map: ShardMap }> {
    this.#moves.adopt(map);
    const { here, buckets } = this.#bucketsHere(map);
    const scanned = scanForSegment(
      this.#store.behind(0, ({ high }) => here[high % BUCKETS]!),
      wanted,
    );
    if (this.#moves.pulls.length) await this.#schedule();
    return { ...scanned, buckets, map: this.#moves.newest(map) };
  }

  async stats(): Promise<ProfileShardStats> {
    const { next_blob: _, ...counters } = this.#state;
    return {
      ...counters,
      records: this.#store.size,
      index_bytes: this.#store.indexBytes,
      dedupe: this.#seen.ids,
      storage_bytes: this.#sql.databaseSize,
      rows_written: this.#rowsWritten,
      moves: this.#moves.pulls.map(({ from, state, buckets }) => ({ from, state, buckets: [...each(buckets)].length })),
      is_giving: this.#moves.isGiving,
    };
  }

  /** For the watchdog: sets the alarm again where it was lost. */
  async tend(): Promise<{ rearmed: boolean }> {
    const before = this.#alarmAt;
    await this.#schedule();
    // One that is only brought forward was not lost.
    return { rearmed: before < Date.now() - 60_000 && this.#alarmAt !== before };
  }

  /** Makes durable all that each event says of links, and makes clusters one that it says are one. Answers in the order of the events. */
  async #linkAll(said: { edges: Edge[]; home: string }[], { map, rules, now }: Terms): Promise<LinkedHere[]> {
    const linked: LinkedHere[] = said.map(() => ({ refused: [], joined: false }));
    const open: Open[] = [];
    for (const [i, { edges, home }] of said.entries()) {
      if (!edges.length) continue;
      const ends = [...new Set(edges.flatMap(({ a, b }) => [keyOf(a), keyOf(b)]))];
      const root = await this.#rootOf(ends.includes(home) ? home : ends[0]!, map);
      const known = this.#extendKnown(root, edges);
      if (known) linked[i] = known;
      else if (!this.#wasBrought(root, edges, now))
        open.push({ i, edges, home, ends, root, at: Math.min(...edges.map(({ at }) => at)) });
    }
    if (!open.length) return linked;
    const claims = await this.#claimAll(open, map);
    for (const one of open) {
      linked[one.i] = await this.#linkOne(one, claims, map, rules);
      this.#remember(one, now);
    }
    return linked;
  }

  /** One call for each shard, for all the identifiers that are to belong to a cluster. */
  async #claimAll(open: Open[], map: ShardMap): Promise<Map<string, Claimed | undefined>> {
    const asked = new Map<string, [key: string, root: string, at: number]>();
    for (const { ends, root, at } of open) for (const key of ends) asked.set(`${key}\n${root}\n${at}`, [key, root, at]);
    const answers = new Map<string, Claimed | undefined>();
    const [ours, others] = [true, false].map((isOurs) =>
      [...asked].filter(([, [key]]) => this.#isOurs(key, map) === isOurs),
    ) as [[string, [string, string, number]][], [string, [string, string, number]][]];
    if (ours.length) {
      const claimed = await this.claim(ours.map(([, triple]) => triple));
      for (const [i, [name]] of ours.entries()) answers.set(name, claimed[i]);
    }
    await askOwners(
      this.#shards(map),
      "claim",
      others.map(([, [key]]) => key),
      (_, indices) => [indices.map((i) => others[i]![1])],
      (claimed, indices) => {
        for (const [at, i] of indices.entries()) answers.set(others[i]![0], claimed[at]);
      },
    );
    return answers;
  }

  /** Links the identifiers of one event, which are all linked with each other. */
  async #linkOne(
    { edges, home, ends, root: first, at }: Open,
    claims: Map<string, Claimed | undefined>,
    map: ShardMap,
    rules: IdentityRules,
  ): Promise<LinkedHere> {
    const result: LinkedHere = { refused: [], joined: false };
    const gone = new Set<string>();
    let root = first;
    for (const key of ends) {
      const claimed = claims.get(`${key}\n${first}\n${at}`);
      if (!claimed) {
        gone.add(key);
        this.#count("deleted");
        continue;
      }
      if (claimed.has_part && key !== home) result.joined = true;
      if (claimed.root === root) continue;
      const edge = edges.find(({ a, b }) => keyOf(a) === key || keyOf(b) === key)!;
      const united = await this.#unite(root, claimed.root, edge, map, rules);
      root = united.root;
      result.refused.push(...united.refused);
      result.joined ||= united.joined;
    }
    const standing = edges.filter(({ a, b }) => !gone.has(keyOf(a)) && !gone.has(keyOf(b)));
    if (standing.length) result.refused.push(...(await this.#extendAt(root, standing, map)).refused);
    return { refused: [...new Set(result.refused)], joined: result.joined };
  }

  /**
   * Of a cluster elsewhere: whether it has heard these links of that hour already, as said earlier. It keeps the first that was said in an hour, so
   * what was said before that is news.
   */
  #wasBrought(root: string, edges: Edge[], now: number): boolean {
    if (this.#memory.get(root)?.cluster) return false;
    return edges.every((edge) => (this.#brought.get(broughtAs(root, edge, now)) ?? Number.POSITIVE_INFINITY) < edge.at);
  }

  /** Only when they are durable there: what failed on its way comes again, and must be brought then. */
  #remember({ root, edges }: Open, now: number): void {
    if (this.#brought.size > MOST_BROUGHT) this.#brought.clear();
    for (const edge of edges) {
      const key = broughtAs(root, edge, now);
      this.#brought.set(key, Math.min(edge.at, this.#brought.get(key) ?? Number.POSITIVE_INFINITY));
    }
  }

  /** The very common case: the cluster is here and has these links, so nobody need be asked. */
  #extendKnown(root: string, edges: Edge[]): LinkedHere | undefined {
    if (this.#isGone(root)) return undefined;
    const entry = this.#memory.get(root);
    const cluster = entry?.root === undefined ? entry?.cluster : undefined;
    if (!cluster || !edges.every((edge) => cluster.has(edge) || cluster.isFull)) return undefined;
    const extended = this.#extend(root, edges);
    return "moved" in extended ? undefined : extended;
  }

  async #extendAt(root: string, edges: Edge[], map: ShardMap): Promise<{ refused: IdentityReason[] }> {
    let at = root;
    for (let tries = 0; tries < MOST_MOVES; tries++) {
      // Ours is written with the event: a cluster that grows by a batch is written once.
      const linked = this.#isOurs(at, map)
        ? this.#extend(at, edges)
        : await askOwner(this.#shards(map), at, "extend", at, edges);
      if (!("moved" in linked)) return linked;
      at = linked.moved;
    }
    throw new Error(MOVED_MEANWHILE);
  }

  /** Makes two clusters one, at the root that comes first. Answers with the root of `one` afterwards. */
  async #unite(
    one: string,
    other: string,
    edge: Edge,
    map: ShardMap,
    rules: IdentityRules,
  ): Promise<LinkedHere & { root: string }> {
    let [a, b] = [one, other];
    for (let tries = 0; tries < MOST_MOVES; tries++) {
      if (a === b) return { root: a, refused: [], joined: false };
      const [winner, loser] = comesBefore(a, b) ? [a, b] : [b, a];
      const source = await this.#at(loser, map, "clusterOf", loser);
      if ("moved" in source) {
        if (loser === a) a = source.moved;
        else b = source.moved;
        continue;
      }
      const linked = await this.#at(winner, map, "absorb", winner, edge, source.cluster, rules);
      if ("moved" in linked) {
        if (winner === a) a = linked.moved;
        else b = linked.moved;
        continue;
      }
      if (linked.refused.length) return { root: a, ...linked };
      const isLeft = await this.#at(loser, map, "leave", loser, winner, source.version);
      if (isLeft) return { root: winner, ...linked };
    }
    throw new Error(MOVED_MEANWHILE);
  }

  /** Both stand side by side already: the link was made, and then somebody did not come to an end. */
  #join(cluster: Cluster, theirs: Cluster): Added | { outcome: "refused"; changed: false; reason: IdentityReason } {
    const joined = cluster.join(theirs);
    return joined.ok
      ? { outcome: "said_again", changed: true }
      : { outcome: "refused", changed: false, reason: joined.reason };
  }

  #extend(root: string, edges: Edge[]): Linked {
    const entry = this.#ensure(root);
    if (entry.root !== undefined) return { moved: entry.root };
    if (!entry.cluster) {
      entry.cluster = new Cluster();
      this.#state.clusters++;
    }
    const refused: IdentityReason[] = [];
    for (const edge of edges) {
      const added = entry.cluster.add(edge);
      if (added.changed) this.#changed.add(entry);
      const reason =
        added.outcome === "refused" ? added.reason : "displaced" in added ? added.displaced?.reason : undefined;
      if (!reason) continue;
      refused.push(reason);
      this.#count(reason);
    }
    return { refused, joined: false };
  }

  #claim(key: string, root: string, at: number): Claimed | undefined {
    const entry = this.#ensure(key);
    if (entry.deletedAt !== undefined && entry.deletedAt >= at) return undefined;
    const has_part = entry.hasPart && (HOMES as readonly string[]).includes(identifierOf(key).kind);
    if (key === root) return { root: entry.root ?? key, has_part };
    // Pointers lead to what comes before, and so never in a circle: what would have to lead the other way is another root for now.
    if (entry.cluster || (entry.root === undefined && !comesBefore(root, key))) return { root: key, has_part };
    if (entry.root === undefined) {
      entry.root = root;
      this.#changed.add(entry);
    }
    return { root: entry.root, has_part };
  }

  /** `people`: who has which person's id, as far as it was asked in this call. */
  #add(event: ProfileEvent, linked: LinkedHere, batch: ProfileBatch, people: Map<string, string>): ProfileAnswer {
    const known = this.#seen.find(event.message_id);
    if (known) {
      this.#state.redelivered++;
      const [person_id, changes, refused] = known.answer;
      return { verdict: "redelivered", person_id, changes, ...(refused && { refused }) };
    }
    const entry = this.#ensure(keyOf(event.home));
    if (entry.deletedAt !== undefined && entry.deletedAt >= event.at) return { verdict: "deleted" };
    const isNew = !entry.part;
    const part = entry.part ?? new Profile();
    entry.part = part;
    part.add(event);
    this.#changed.add(entry);
    this.#state.events++;
    if (isNew) this.#state.parts++;
    if (event.traits) this.#makeFindable(entry, searchableOf(part, batch.searchable));
    const changes: ProfileChangeKind[] = [];
    if (isNew) changes.push("created");
    else if (event.traits || event.computed || event.consent) changes.push("updated");
    if (linked.joined) changes.push("merged");
    const all = [...(event.refused ?? []), ...linked.refused];
    for (const reason of event.refused ?? []) this.#count(reason);
    const refused = all.length ? [...new Set(all)] : undefined;
    const person_id = people.get(entry.key) ?? this.#personIdOf(entry, batch.rules);
    people.set(entry.key, person_id);
    this.#seen.add(
      event.message_id,
      [person_id, changes, ...(refused ? ([refused] as const) : ([] as const))],
      bucketOf(entry.key),
    );
    return { verdict: "added", person_id, changes, ...(refused && { refused }) };
  }

  /** A person is named after the canonical one of their identifiers; of a user id that is nearly always the user id itself. */
  #personIdOf(entry: ProfileRecord, rules: IdentityRules): string {
    const root = entry.root === undefined ? entry : this.#isGone(entry.root) ? undefined : this.#memory.get(entry.root);
    const own = identifierOf(entry.key);
    if (!root?.cluster || (own.kind === "user_id" && !hasOtherUsers(root.cluster, entry.key))) return personIdOf(own);
    return personIdOf(canonicalIn(root.cluster.resolve(rules), own));
  }

  #makeFindable(entry: ProfileRecord, values: string[]): void {
    for (const value of entry.foundBy) {
      if (!values.includes(value))
        this.#rowsWritten += this.#sql.exec(
          "DELETE FROM search WHERE value = ? AND home = ?",
          value,
          entry.key,
        ).rowsWritten;
    }
    for (const value of values) {
      if (!entry.foundBy.includes(value))
        this.#rowsWritten += this.#sql.exec(
          "INSERT OR IGNORE INTO search (value, home) VALUES (?, ?)",
          value,
          entry.key,
        ).rowsWritten;
    }
    entry.foundBy = values;
  }

  #count(reason: IdentityReason | "deleted"): void {
    this.#state.refused[reason] = (this.#state.refused[reason] ?? 0) + 1;
  }

  async #rootOf(key: string, map: ShardMap): Promise<string> {
    let at = key;
    for (let tries = 0; tries < MOST_MOVES; tries++) {
      const next = this.#isOurs(at, map)
        ? this.#get(at)?.root
        : (await askOwner(this.#shards(map), at, "find", at)).root;
      if (next === undefined) return at;
      at = next;
    }
    throw new Error(MOVED_MEANWHILE);
  }

  /** Whether the identifier is here at this moment. */
  #isOurs(key: string, map: ShardMap): boolean {
    return this.#has(bucketOf(key), map);
  }

  #bucketsHere(map: ShardMap): { here: boolean[]; buckets: BucketRanges } {
    const here = Array.from({ length: BUCKETS }, (_, bucket) => this.#has(bucket, map));
    return { here, buckets: rangesOf(here.flatMap((isHere, bucket) => (isHere ? [bucket] : []))) };
  }

  #has(bucket: number, map: ShardMap): boolean {
    const newest = this.#moves.newest(map);
    const owners = [newest, newest.previous ?? newest].map((one) => ownerOf(one, bucket));
    return owners.includes(this.#shard) && this.#moves.where(bucket, newest).at === "here";
  }

  /** Where somebody with this map, who believes that it is here, finds it. */
  #elsewhere(keyOrPersonId: string, map: ShardMap): { verdict: "elsewhere"; shard: string | null } | undefined {
    const place = this.#moves.where(bucketOf(keyOrPersonId), map);
    if (place.at === "here") return undefined;
    return { verdict: "elsewhere", shard: place.at === "elsewhere" ? place.shard : null };
  }

  /** Whether what is stored of an identifier is but a copy: it was given to another shard, or is still to come. */
  #isGone(key: string): boolean {
    return this.#moves.where(bucketOf(key), NO_MAP).at !== "here";
  }

  #shards(map: ShardMap): ProfileShards {
    return {
      environmentId: this.#environment,
      namespace: this.env.PROFILE_SHARD,
      map: this.#moves.newest(map),
    };
  }

  /** Asks whoever has the identifier: at once, where that is this shard. */
  async #at<Q extends Question>(
    key: string,
    map: ShardMap,
    question: Q,
    ...args: Parameters<ProfileShard[Q]>
  ): Promise<AnswerTo<Q>> {
    if (!this.#isOurs(key, map)) return askOwner(this.#shards(map), key, question, ...args);
    return (this[question] as (...args: unknown[]) => Promise<AnswerTo<Q>>)(...args);
  }

  #fetch(keys: string[]): void {
    const wanted = new Set(keys.filter((key) => !this.#memory.has(key)));
    for (const stored of this.#store.load(wanted)) this.#memory.set(stored.key, new ProfileRecord(stored));
  }

  #get(key: string): ProfileRecord | undefined {
    const known = this.#memory.get(key);
    if (known) return known;
    const stored = this.#store.get(hashOf(key));
    if (stored?.key !== key) return undefined;
    const entry = new ProfileRecord(stored);
    this.#memory.set(key, entry);
    return entry;
  }

  /** Nothing is stored of one that was never changed. */
  #ensure(key: string): ProfileRecord {
    const known = this.#get(key);
    if (known) return known;
    const entry = new ProfileRecord({ key });
    this.#memory.set(key, entry);
    return entry;
  }

  #entryOf(personId: string): ProfileRecord | undefined {
    const hash = hashOfId(personId);
    for (const entry of this.#changed) if (idOf(entry.key) === personId) return entry;
    const stored = this.#store.get(hash);
    if (!stored || idOf(stored.key) !== personId) return undefined;
    return this.#get(stored.key);
  }

  /** One transaction for what `work` changes in records, the state and elsewhere: all or nothing, for memory too. */
  #write<T>(work: () => T): T {
    try {
      return this.ctx.storage.transactionSync(() => {
        const result = work();
        if (this.#changed.size)
          this.#rowsWritten += this.#store.append([...this.#changed].map((entry) => entry.toJSON()));
        this.#changed.clear();
        const state = JSON.stringify(this.#state);
        if (state !== this.#savedState) {
          this.#rowsWritten += this.#sql.exec(
            "INSERT OR REPLACE INTO state (id, body) VALUES (1, ?)",
            state,
          ).rowsWritten;
          this.#savedState = state;
        }
        this.#trim();
        return result;
      });
    } catch (error) {
      this.#load();
      throw error;
    }
  }

  #trim(): void {
    if (this.#memory.size <= KEEP_IN_MEMORY) return;
    for (const [key, entry] of this.#memory) {
      if (this.#memory.size <= KEEP_IN_MEMORY / 2) break;
      if (!this.#changed.has(entry)) this.#memory.delete(key);
    }
  }

  #load(): void {
    const [stored] = this.#sql.exec<{ body: string }>("SELECT body FROM state WHERE id = 1");
    this.#savedState = stored?.body ?? "";
    this.#state = stored ? JSON.parse(stored.body) : { parts: 0, clusters: 0, events: 0, redelivered: 0, refused: {} };
    this.#store = this.#openStore();
    this.#seen = new SeenEvents(this.#sql);
    this.#moves.load();
    this.#memory.clear();
    this.#changed.clear();
    this.#brought.clear();
  }

  #openStore(): RecordStore<StoredRecord> {
    return new RecordStore(this.#sql, hashOf, this.#state.next_blob);
  }

  #moveHooks(): ProfileMoveHooks<StoredRecord, Remembered> {
    return {
      store: () => this.#store,
      seen: () => this.#seen,
      peer: (name) => this.env.PROFILE_SHARD.getByName(`${this.#environment}/${name}`) as never,
      transaction: (work) => this.#write(work),
      save: () => {
        // Whoever has these buckets is told when somebody in them is deleted, and this shard no more.
        this.#brought.clear();
        this.#state.next_blob = this.#store.nextBlob;
      },
      take: (record) => this.#take(record),
      dropped: (records) => {
        for (const record of records) this.#forget(record);
      },
      reindex: () => {
        this.#store = this.#openStore();
      },
      wrote: (rows) => {
        this.#rowsWritten += rows;
      },
      legacy: () => {
        const { events, redelivered, refused } = this.#state;
        Object.assign(this.#state, { events: 0, redelivered: 0, refused: {} });
        return { events, redelivered, refused };
      },
      inherit: ({ events, redelivered, refused }) => {
        this.#state.events += events;
        this.#state.redelivered += redelivered;
        for (const [reason, count] of Object.entries(refused) as [IdentityReason, number][])
          this.#state.refused[reason] = (this.#state.refused[reason] ?? 0) + count;
      },
    };
  }

  /** Replaces what is known of an identifier by what another shard had stored. */
  #take(stored: StoredRecord): void {
    const known = this.#get(stored.key);
    this.#state.parts += Number(stored.part !== undefined) - Number(known?.hasPart ?? false);
    this.#state.clusters += Number(stored.cluster !== undefined) - Number(known?.cluster !== undefined);
    const entry = new ProfileRecord({ ...stored, found_by: known?.foundBy ?? [] });
    this.#makeFindable(entry, stored.found_by ?? []);
    if (known) this.#changed.delete(known);
    this.#memory.set(entry.key, entry);
    this.#changed.add(entry);
  }

  /** Of a record that is another shard's and was deleted here. */
  #forget(stored: StoredRecord): void {
    this.#state.parts -= Number(stored.part !== undefined);
    this.#state.clusters -= Number(stored.cluster !== undefined);
    this.#makeFindable(new ProfileRecord(stored), []);
    this.#memory.delete(stored.key);
  }

  async #schedule(): Promise<void> {
    const now = Date.now();
    const wanted = this.#moves.pulls.length
      ? Math.max(now, this.#moveAgainAt)
      : this.#store.isWasteful
        ? now + 60_000
        : this.#seen.forgetAt;
    if (wanted === undefined || (this.#alarmAt > now - 60_000 && this.#alarmAt <= wanted)) return;
    this.#alarmAt = wanted;
    this.#rowsWritten++;
    await this.ctx.storage.setAlarm(wanted);
  }

  override async alarm(): Promise<void> {
    this.#alarmAt = 0;
    try {
      this.#write(() => {
        this.#rowsWritten += this.#seen.forget(Date.now()) + this.#store.clean();
      });
      await this.#moves.advance();
    } catch (error) {
      this.#moveAgainAt = Date.now() + MOVE_AGAIN_AFTER_MS;
      // An alarm that throws six times is dropped for good; ours is set again instead, and nothing is lost meanwhile.
      console.error(
        JSON.stringify({ level: "error", at: "profile_shard.alarm", shard: this.ctx.id.name, message: String(error) }),
      );
    } finally {
      await this.#schedule();
    }
  }
}

function broughtAs(root: string, { kind, a, b, at }: Edge, now: number): string {
  const [hour, saidIn] = [now, at].map((time) => Math.floor(time / 3_600_000));
  return `${hour}\n${root}\n${saidIn} ${kind} ${keyOf(a)}\n${keyOf(b)}`;
}

/** Which of two roots a cluster lies at: at a user id if it can, so that whoever is logged in is asked for in one place. */
function comesBefore(a: string, b: string): boolean {
  return (rank(a) - rank(b) || compare(a, b)) < 0;
}

function rank(key: string): number {
  const at = (HOMES as readonly string[]).indexOf(identifierOf(key).kind);
  return at < 0 ? HOMES.length : at;
}

function hasOtherUsers(cluster: Cluster, key: string): boolean {
  return cluster.identifiers().some((one) => one.kind === "user_id" && keyOf(one) !== key);
}

/** Whether people who are known by more than a browser have become one. */
function joinsHomes(before: readonly Person[], after: readonly Person[]): boolean {
  return moves(before, after).some(({ identifier }) => (HOMES as readonly string[]).includes(identifier.kind));
}
