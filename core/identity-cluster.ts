/**
 * What a store keeps together: all links between identifiers that any edge connects, refused and cancelled ones
 * included, because an edge that arrives late may turn who was refused. A cluster is one row, and is decided anew when
 * it changes; no edge touches any other.
 *
 * It is bounded, and by rules that look at what the edges say, never at when they arrive, so the same edges in any
 * order leave the same cluster, byte for byte, above the bounds too:
 * - `LINKS` are kept, the tightest and earliest. A page that makes a new anonymous id with every view costs one
 *   comparison a view from then on.
 * - An anonymous id, address or device keeps `USER_LINKS` to user ids. Without that one kiosk would connect everybody
 *   who ever used it, and whoever came last would lose the links of their own to the bound above. RudderStack limits
 *   ids by the other end's kind for the same reason.
 * - Where either has dropped a link, what was said again (`Link.last`) is not kept either: it could not be had back
 *   with the link.
 */
import {
  type Cancellation,
  cancellationKey,
  cancellationOf,
  compare,
  compareEdges,
  EDGE_KINDS,
  type Edge,
  edgeOf,
  extended,
  type Identifier,
  identifierOf,
  isOfOneEnd,
  keyOf,
  type Link,
  linkKey,
  outranks,
  type Resolution,
  resolveLinks,
} from "./identity-graph.ts";
import type { IdentityReason, IdentityRules } from "./identity-rules.ts";

export const CLUSTER_LIMITS = {
  LINKS: 2_000,
  /** A pair has up to three: by identify, by other events, by alias. */
  USER_LINKS: 40,
  CANCELLATIONS: 256,
} as const;

/**
 * `changed`: the row is to be written. Only after `linked` may other people come out of it, or after anything where
 * there are cancellations.
 */
export type Added =
  | { outcome: "known"; changed: false }
  | { outcome: "said_again"; changed: true }
  /** `displaced` gave way to it, and is connected here no longer. */
  | { outcome: "linked"; changed: true; displaced?: { edge: Edge; reason: IdentityReason } }
  | { outcome: "refused"; changed: boolean; reason: IdentityReason };

const VERSION = 1;

/**
 * Version, ids, sources, links, cancellations, then the ids that are shared by too many, and 1 where links were
 * dropped.
 */
export type ClusterJson = [
  v: typeof VERSION,
  ids: string[],
  sources: string[],
  links: PackedLink[],
  cancellations: PackedCancellation[],
  shared: number[],
  full: 0 | 1,
];
/** Place in EDGE_KINDS, a, b, then time, message and source of the first, and of the last where there is one. */
type PackedLink = [number, number, number, number, string, number, ...([] | [number, string, number])];
/** Who, when, 1 for good, then a message, or one or two ids. */
type PackedCancellation =
  | [string, number, 0 | 1, string]
  | [string, number, 0 | 1, number]
  | [string, number, 0 | 1, number, number];

export class Cluster {
  readonly #links = new Map<string, Link>();
  readonly #cancellations = new Map<string, Cancellation>();
  /** Key of an identifier that is no user id → keys of its links to user ids. */
  readonly #userLinks = new Map<string, Set<string>>();
  /** Those of them of which links were dropped. Empty where the cluster is full: then it would say nothing more. */
  readonly #shared = new Set<string>();
  #full = false;
  /**
   * The first edge of every link, the loosest last: sorted once there is no room, and forgotten when a link's first
   * edge changes.
   */
  #order: Edge[] | undefined;

  get size(): number {
    return this.#links.size;
  }

  /** Whether links were dropped for want of room. */
  get isFull(): boolean {
    return this.#full;
  }

  /** Whether there is a link of this pair and kind. */
  has(edge: Edge): boolean {
    return this.#links.has(linkKey(edge));
  }

  /** All that belong here. An identifier that none of them is belongs to no cluster, or to another. */
  identifiers(): Identifier[] {
    const keys = new Set<string>();
    for (const { first } of this.#links.values()) keys.add(keyOf(first.a)).add(keyOf(first.b));
    return [...keys].sort(compare).map(identifierOf);
  }

  /** For `resolve`, or another cluster. */
  edges(): Edge[] {
    return [...this.#links.values()].flatMap(({ first, last }) => (last ? [first, last] : [first])).sort(compareEdges);
  }

  cancellations(): Cancellation[] {
    return [...this.#cancellations].sort(([x], [y]) => compare(x, y)).map(([, one]) => one);
  }

  resolve(rules: IdentityRules): Resolution {
    return resolveLinks(this.#links.values(), this.#cancellations.values(), rules);
  }

  add(edge: Edge): Added {
    if (isOfOneEnd(edge)) return { outcome: "refused", changed: false, reason: "self_alias" };
    const key = linkKey(edge);
    const known = this.#links.get(key);
    if (known) return this.#extend(key, known, edge);

    const shared = sharedEnd(edge);
    const ofShared = shared && this.#userLinks.get(shared);
    if (shared && ofShared && ofShared.size >= CLUSTER_LIMITS.USER_LINKS) {
      const changed = this.#markShared(shared);
      const loosest = [...ofShared]
        .map((one) => this.#links.get(one)!.first)
        .sort(compareEdges)
        .at(-1)!;
      return this.#replace(loosest, edge, "shared_by_too_many", changed);
    }
    if (this.#links.size >= CLUSTER_LIMITS.LINKS) {
      const changed = this.#markFull();
      this.#order ??= [...this.#links.values()].map(({ first }) => first).sort(compareEdges);
      return this.#replace(this.#order.at(-1)!, edge, "cluster_full", changed);
    }
    this.#put(key, { first: edge });
    return { outcome: "linked", changed: true };
  }

  /**
   * Takes an edge between an identifier of this cluster and one of another, and with it the other cluster, which is then
   * to be deleted. Where the edge is refused both stay apart: somebody who passes by a kiosk, or by ids that fill a row,
   * keeps what they had. Where that is `changed` nonetheless, both are to be written.
   */
  connect(edge: Edge, other: Cluster): Added {
    const reason = this.#tooMuchWith(other, 1);
    if (reason) return { outcome: "refused", changed: false, reason };
    const shared = sharedEnd(edge);
    const added = (shared && other.#userLinks.has(shared) ? other : this).add(edge);
    if (added.outcome !== "refused") this.join(other);
    return added;
  }

  /** Everything that the other one holds. Refused, and nothing done, where both together are too much. */
  join(other: Cluster): { ok: true } | { ok: false; reason: IdentityReason } {
    const reason = this.#tooMuchWith(other, 0);
    if (reason) return { ok: false, reason };
    for (const edge of other.edges()) this.add(edge);
    for (const one of other.#cancellations.values()) this.cancel(one);
    if (other.#full) this.#markFull();
    for (const shared of other.#shared) this.#markShared(shared);
    return { ok: true };
  }

  /** A link that is undone stays, with who undid it. Of one target only the latest cancellation counts. */
  cancel(cancellation: Cancellation): { ok: true; changed: boolean } | { ok: false; reason: IdentityReason } {
    const key = cancellationKey(cancellation);
    const known = this.#cancellations.get(key);
    if (known && !outranks(cancellation, known)) return { ok: true, changed: false };
    if (!known && this.#cancellations.size >= CLUSTER_LIMITS.CANCELLATIONS)
      return { ok: false, reason: "too_many_cancellations" };
    this.#cancellations.set(key, cancellationOf(cancellation));
    return { ok: true, changed: true };
  }

  /**
   * Erases an identifier, with every link of it and every cancellation that names it: nothing here knows of it then.
   */
  forget(identifier: Identifier): void {
    const gone = keyOf(identifier);
    for (const [key, { first }] of this.#links) {
      if (keyOf(first.a) === gone || keyOf(first.b) === gone) this.#remove(key);
    }
    for (const [key, { target }] of this.#cancellations) {
      const named = "pair" in target ? target.pair : "identifier" in target ? [target.identifier] : [];
      if (named.some((one) => keyOf(one) === gone)) this.#cancellations.delete(key);
    }
    for (const shared of this.#shared) if (!this.#userLinks.get(shared)?.size) this.#shared.delete(shared);
  }

  /** Sorted throughout: equal clusters are the same text. At most 2 MB, whatever is in it. */
  toJSON(): ClusterJson {
    const cancellations = this.cancellations();
    const ids = new Set(this.identifiers().map(keyOf));
    for (const { target } of cancellations) {
      if ("identifier" in target) ids.add(keyOf(target.identifier));
      if ("pair" in target) for (const one of target.pair) ids.add(keyOf(one));
    }
    const sources = new Set<string>();
    for (const { first, last } of this.#links.values()) sources.add(first.source_id).add((last ?? first).source_id);
    const [idAt, sourceAt] = [places(ids), places(sources)];
    const place = (one: Identifier) => idAt.get(keyOf(one))!;
    const links = [...this.#links.values()].sort((x, y) => compareEdges(x.first, y.first));
    return [
      VERSION,
      [...idAt.keys()],
      [...sourceAt.keys()],
      links.map(({ first, last }) => [
        EDGE_KINDS.indexOf(first.kind),
        place(first.a),
        place(first.b),
        first.at,
        first.message_id,
        sourceAt.get(first.source_id)!,
        ...(last ? ([last.at, last.message_id, sourceAt.get(last.source_id)!] as const) : ([] as const)),
      ]),
      cancellations.map(({ target, at, by, keeps_apart }): PackedCancellation => {
        const forGood = keeps_apart ? 1 : 0;
        if ("message_id" in target) return [by, at, forGood, target.message_id];
        if ("identifier" in target) return [by, at, forGood, place(target.identifier)];
        return [by, at, forGood, place(target.pair[0]), place(target.pair[1])];
      }),
      [...this.#shared].map((key) => idAt.get(key)!).sort((x, y) => x - y),
      this.#full ? 1 : 0,
    ];
  }

  /** Throws where the row is of a version that this code does not know. */
  static fromJSON([version, ids, sources, links, cancellations, shared, full]: ClusterJson): Cluster {
    if (version !== VERSION) throw new Error(`An identity cluster of version ${version} is not readable here`);
    const cluster = new Cluster();
    const identifiers = ids.map(identifierOf);
    for (const [kind, a, b, at, message_id, source, lastAt, lastMessageId, lastSource] of links) {
      const edge = (when: number, message: string, from: number): Edge =>
        edgeOf(EDGE_KINDS[kind]!, identifiers[a]!, identifiers[b]!, {
          at: when,
          message_id: message,
          source_id: sources[from]!,
        });
      const first = edge(at, message_id, source);
      cluster.#put(
        linkKey(first),
        lastAt === undefined ? { first } : { first, last: edge(lastAt, lastMessageId!, lastSource!) },
      );
    }
    for (const [by, at, forGood, of, and] of cancellations) {
      const target: Cancellation["target"] =
        typeof of === "string"
          ? { message_id: of }
          : and === undefined
            ? { identifier: identifiers[of]! }
            : { pair: [identifiers[of]!, identifiers[and]!] };
      cluster.cancel({ target, at, by, ...(forGood && { keeps_apart: true as const }) });
    }
    for (const place of shared) cluster.#shared.add(ids[place]!);
    cluster.#full = full === 1;
    return cluster;
  }

  #tooMuchWith(other: Cluster, more: number): IdentityReason | undefined {
    if (this.#links.size + other.#links.size + more > CLUSTER_LIMITS.LINKS) return "cluster_full";
    if (this.#cancellations.size + other.#cancellations.size > CLUSTER_LIMITS.CANCELLATIONS)
      return "too_many_cancellations";
    return undefined;
  }

  #extend(key: string, known: Link, edge: Edge): Added {
    const shared = sharedEnd(edge);
    const whole = extended(known, edge);
    const link = this.#full || (shared && this.#shared.has(shared)) ? { first: whole.first } : whole;
    if (link.first === known.first && link.last === known.last) return { outcome: "known", changed: false };
    this.#links.set(key, link);
    if (link.first === known.first) return { outcome: "said_again", changed: true };
    this.#order = undefined;
    return { outcome: "linked", changed: true };
  }

  /** Puts a new link where the loosest of many was, unless it is looser itself. */
  #replace(loosest: Edge, edge: Edge, reason: IdentityReason, changed: boolean): Added {
    if (compareEdges(edge, loosest) > 0) return { outcome: "refused", changed, reason };
    this.#remove(linkKey(loosest));
    this.#put(linkKey(edge), { first: edge });
    return { outcome: "linked", changed: true, displaced: { edge: loosest, reason } };
  }

  #put(key: string, link: Link): void {
    this.#links.set(key, link);
    this.#order?.splice(placeOf(link.first, this.#order), 0, link.first);
    const shared = sharedEnd(link.first);
    if (!shared) return;
    const links = this.#userLinks.get(shared);
    if (links) links.add(key);
    else this.#userLinks.set(shared, new Set([key]));
  }

  #remove(key: string): void {
    const { first } = this.#links.get(key)!;
    const shared = sharedEnd(first);
    if (shared) this.#userLinks.get(shared)!.delete(key);
    this.#links.delete(key);
    this.#order?.splice(placeOf(first, this.#order), 1);
  }

  #markShared(identifier: string): boolean {
    if (this.#full || this.#shared.has(identifier)) return false;
    this.#shared.add(identifier);
    this.#keepFirst(this.#userLinks.get(identifier) ?? []);
    return true;
  }

  #markFull(): boolean {
    if (this.#full) return false;
    this.#full = true;
    this.#shared.clear();
    this.#keepFirst(this.#links.keys());
    return true;
  }

  #keepFirst(keys: Iterable<string>): void {
    for (const key of keys) this.#links.set(key, { first: this.#links.get(key)!.first });
  }
}

/** How many of these, which are sorted, come before the edge. */
function placeOf(edge: Edge, sorted: readonly Edge[]): number {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (compareEdges(sorted[middle]!, edge) < 0) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Of a link between a user id and something else: the something else, which others may use too. */
function sharedEnd({ a, b }: Edge): string | undefined {
  if ((a.kind === "user_id") === (b.kind === "user_id")) return undefined;
  return keyOf(a.kind === "user_id" ? b : a);
}

function places(values: ReadonlySet<string>): Map<string, number> {
  return new Map([...values].sort(compare).map((value, place) => [value, place]));
}
