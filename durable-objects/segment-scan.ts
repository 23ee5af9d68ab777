/**
 * Goes through all records of a ProfileShard and judges whoever it can alone: people who are known by one identifier that has a part. Who has
 * parts under several identifiers, which may be other shards', is named and judged by the caller. It happens between two calls of the shard,
 * blob by blob, so that nobody is counted twice and memory holds 64 KB of records at a time.
 */
import type { ComputedTrait } from "../core/computed-traits.ts";
import { Cluster } from "../core/identity-cluster.ts";
import { identifierOf, keyOf, personIdOf } from "../core/identity-graph.ts";
import type { IdentityRules } from "../core/identity-rules.ts";
import { Profile } from "../core/profile.ts";
import { HOMES } from "../core/profile-event.ts";
import { compileSegment } from "../core/segments/compile.ts";
import type { Condition } from "../core/segments/definition.ts";
import type { StoredRecord } from "./profile-record.ts";

export interface SegmentScan {
  definition: Condition;
  /** The segments that it speaks of, and those that these do. */
  others: Record<string, Condition>;
  computed_traits: ComputedTrait[];
  rules: IdentityRules;
  /** How many ids are told, and behind which one. */
  limit: number;
  after: string;
  now: number;
}

export interface Scanned {
  /** People that were judged here. */
  people: number;
  included: number;
  /** The first `limit` ids of those that are included. */
  ids: string[];
  /** Identifiers of people whom the caller has to judge; one may be named under each of theirs. */
  open: string[];
}

/** Throws where the segment does not compile, which whoever asks has tried. */
export function scanForSegment(blobs: Iterable<{ records: StoredRecord[] }>, wanted: SegmentScan): Scanned {
  const { others, computed_traits, rules, limit, after, now } = wanted;
  const compiled = compileSegment(wanted.definition, {
    computed_traits,
    segment: (id) => (Object.hasOwn(others, id) ? others[id] : undefined),
  });
  if (!compiled.ok) throw new Error(compiled.reason);
  const scanned: Scanned = { people: 0, included: 0, ids: [], open: [] };
  const first = new FirstIds(limit, after);
  for (const { records } of blobs) {
    for (const record of records) {
      if (!record.part) continue;
      const person = soleHolder(record, rules);
      if (!person) {
        scanned.open.push(record.key);
        continue;
      }
      scanned.people++;
      if (!compiled.segment.includes(person, now)) continue;
      scanned.included++;
      first.add(person.person_id);
    }
  }
  scanned.ids = first.sorted();
  return scanned;
}

/** The person whose only part this is; undefined where they may have others. */
function soleHolder({ key, root, cluster, part }: StoredRecord, rules: IdentityRules) {
  if (root !== undefined) return undefined;
  const person =
    cluster &&
    Cluster.fromJSON(cluster)
      .resolve(rules)
      .people.find(({ identifiers }) => has(identifiers, key));
  if (person && person.identifiers.filter(({ kind }) => (HOMES as readonly string[]).includes(kind)).length > 1)
    return undefined;
  let id: string | undefined;
  return {
    profile: Profile.fromJSON(part!),
    // Hashed only for who is included, or where a bucket asks.
    get person_id() {
      id ??= person?.id ?? personIdOf(identifierOf(key));
      return id;
    },
  };
}

const has = (identifiers: readonly { kind: string; value: string }[], key: string) =>
  identifiers.some((one) => keyOf(one as Parameters<typeof keyOf>[0]) === key);

/** The first ids in order behind one, of as many as come. */
export class FirstIds {
  readonly #limit: number;
  readonly #after: string;
  #ids: string[] = [];

  constructor(limit: number, after: string) {
    this.#limit = limit;
    this.#after = after;
  }

  add(id: string): void {
    if (id <= this.#after) return;
    this.#ids.push(id);
    if (this.#ids.length > 2 * this.#limit) this.#ids = this.sorted();
  }

  sorted(): string[] {
    return this.#ids.sort().slice(0, this.#limit);
  }
}
