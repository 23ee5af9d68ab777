/**
 * Who is one person, as a pure rule: a set of edges, each saying that two identifiers are the same person's, and a set
 * of cancellations give the people. The order in which they came, and how often, plays no part: they are sorted by what
 * they say before anything is decided. So a queue may deliver late, twice and shuffled, and a store that was lost gives
 * the same people when it is read in again.
 *
 * What joins whom follows what the field has learnt:
 * - Two people who each have a user id are never joined by an event. PostHog refuses that for `identify` and for
 *   `alias`, and keeps a call of its own for it (`$merge_dangerously`); Segment Unify, with its limit of one user id,
 *   gives up the weaker identifier instead
 *   (https://segment.com/docs/unify/identity-resolution/identity-resolution-onboarding/#priority). Ours stays with whom
 *   it was first seen: the link is refused (`two_people`), and both people stay who they were. An alias from one user
 *   id to another is a program's clear statement and does join; an alias from an anonymous id says only who was at the
 *   device, which two people can be.
 * - Tight links come before loose ones, as in Segment's priorities: what a person of the customer said, then who logged
 *   in, then who left an address, then who used a device. A family's tablet never takes a login away from its owner.
 * - A person has at most so many ids of a kind, as with Segment's limits and RudderStack's cardinality rules
 *   (https://www.rudderstack.com/docs/profiles/dev-docs/advanced-id-stitcher-features/id-graph-cardinality-rules/):
 *   beyond, links are quarantined.
 * - Everything can be undone. Mixpanel's merges cannot (https://docs.mixpanel.com/reference/identity-merge); a wrong
 *   one then stays for ever.
 *
 * All times are epoch milliseconds.
 */
import { sha256 } from "./hash.ts";
import type { Caps, IdentityReason, IdentityRules } from "./identity-rules.ts";
import { isConfusable } from "./look-alikes.ts";

export type IdentifierKind = "user_id" | "anonymous_id" | "email" | "phone" | "device_id" | `external:${string}`;

/** In the form that `readIdentifier` (identifiers-of-event.ts) makes. */
export interface Identifier {
  kind: IdentifierKind;
  value: string;
}

/**
 * What made the link: the API; an alias event; an identify; another event that carried a user id; an event without a
 * user id; two ids of which one is a device's. Stored by place in this list: append only.
 */
export const EDGE_KINDS = ["merge", "alias", "identify", "event", "contact", "device"] as const;
export type EdgeKind = (typeof EDGE_KINDS)[number];

/** Where and when something was said. */
export interface Evidence {
  at: number;
  message_id: string;
  source_id: string;
}

/** `a` is the smaller of the two by `keyOf`. */
export interface Edge extends Evidence {
  kind: EdgeKind;
  a: Identifier;
  b: Identifier;
}

/**
 * Undoes what was said until `at`: by one message, of one pair, or of everything that an identifier is linked with (a
 * split). What a later event says counts again, because people do come back to a device; `keeps_apart` undoes that as
 * well, for good, until somebody merges.
 */
export interface Cancellation {
  target: { message_id: string } | { pair: [Identifier, Identifier] } | { identifier: Identifier };
  at: number;
  /** Who did it, as an audit record names them. */
  by: string;
  keeps_apart?: true;
}

/** Unique to an identifier. A kind holds no space. */
export function keyOf({ kind, value }: Identifier): string {
  return `${kind} ${value}`;
}

export function identifierOf(key: string): Identifier {
  const end = key.indexOf(" ");
  return { kind: key.slice(0, end) as IdentifierKind, value: key.slice(end + 1) };
}

export function edgeOf(kind: EdgeKind, a: Identifier, b: Identifier, evidence: Evidence): Edge {
  const [first, second] = keyOf(a) < keyOf(b) ? [a, b] : [b, a];
  return { kind, a: first, b: second, ...evidence, message_id: messageKey(evidence.message_id) };
}

/** A message id of another script or of 256 characters would make a cluster's row outgrow what a row can hold. */
export function messageKey(messageId: string): string {
  return /^[\x20-\x7e]{1,64}$/.test(messageId) ? messageId : `sha256:${sha256(messageId).slice(0, 32)}`;
}

/**
 * The id of whoever has this identifier and no other, and of every person whose canonical identifier it is. It depends
 * on nothing else, so whoever is split from a person has the id again that they had before they were joined.
 */
export function personIdOf(identifier: Identifier): string {
  return `per_${sha256(keyOf(identifier)).slice(0, 24)}`;
}

/**
 * At least two identifiers that are one person's. An identifier that is in no person is one by itself: `personIdOf`.
 */
export class Person {
  /** The canonical one first, then by kind, first sighting and value. */
  readonly identifiers: readonly (Identifier & { since: number; confusable?: true })[];

  constructor(identifiers: Person["identifiers"]) {
    this.identifiers = identifiers;
  }

  /** Hashed only when asked for: it takes longer than everything else about a person. */
  get id(): string {
    return personIdOf(this.identifiers[0]!);
  }

  /** Every id that a part of this person ever had or may have had: what links to them are redirected by. */
  get merged_from(): string[] {
    return this.identifiers.slice(1).map(personIdOf).sort();
  }
}

export interface Resolution {
  /** By the key of the canonical identifier. */
  people: Person[];
  /** Links that join nobody, in the order in which they were decided. */
  refused: { edge: Edge; reason: IdentityReason }[];
  cancelled: { edge: Edge; cancellation: Cancellation }[];
  /** Who logged in with each anonymous id that several people did, oldest first. `ownerAt` reads it. */
  shared: { anonymous_id: string; logins: { at: number; user_id: string }[] }[];
}

/** One pair and kind: where it was said first, and where first in the latest hour in which it was said again. */
export interface Link {
  first: Edge;
  last?: Edge;
}

/** Says nothing: an alias of itself. */
export function isOfOneEnd({ a, b }: Edge): boolean {
  return a.kind === b.kind && a.value === b.value;
}

const HOUR_MS = 3_600_000;

/** What a link is known by. */
export function linkKey({ kind, a, b }: Edge): string {
  return `${EDGE_KINDS.indexOf(kind)} ${keyOf(a)}\n${keyOf(b)}`;
}

/**
 * A link with one more edge of its pair and kind; the very same object where the edge adds nothing. Everything between
 * the first and the latest hour is forgotten, or a person who is logged in would grow by every page. That is done by
 * time alone, so in any order the same is left.
 */
export function extended(link: Link, edge: Edge): Link {
  const first = compareEvidence(edge, link.first) < 0 ? edge : link.first;
  const again = [link.first, edge, ...(link.last ? [link.last] : [])].filter((one) => hourOf(one) > hourOf(first));
  const latest = Math.max(...again.map(hourOf));
  const last = again.filter((one) => hourOf(one) === latest).sort(compareEvidence)[0];
  const isKnown = (one: Edge | undefined, before: Edge | undefined) =>
    one === before || (one !== undefined && before !== undefined && compareEvidence(one, before) === 0);
  if (isKnown(first, link.first) && isKnown(last, link.last)) return link;
  return last ? { first, last } : { first };
}

function hourOf({ at }: Evidence): number {
  return Math.floor(at / HOUR_MS);
}

/** The tightest links first, among them the earliest. A total order: edges that compare as equal are the same. */
export function compareEdges(x: Edge, y: Edge): number {
  return strength(x) - strength(y) || compareEvidence(x, y) || compare(linkKey(x), linkKey(y));
}

function compareEvidence(x: Evidence, y: Evidence): number {
  return x.at - y.at || compare(x.message_id, y.message_id) || compare(x.source_id, y.source_id);
}

/** By UTF-16 units: the same on every machine, in every locale. */
export function compare(x: string, y: string): number {
  return x < y ? -1 : x > y ? 1 : 0;
}

const STRENGTH = { merge: 0, alias: 1, identify: 1, event: 1, contact: 2, device: 3 } satisfies Record<
  EdgeKind,
  number
>;

/**
 * 0 for those that may join two people. They come first: an anonymous id that somebody merged into a person stays
 * there, and a login that says otherwise is refused, rather than bringing a second person with it that nobody spoke of.
 */
function strength(edge: Edge): number {
  return joinsPeople(edge) ? 0 : STRENGTH[edge.kind];
}

function joinsPeople({ kind, a, b }: Edge): boolean {
  return kind === "merge" || (kind === "alias" && a.kind === "user_id" && b.kind === "user_id");
}

/** The people that these edges and cancellations make. Both are read as sets. Never throws. */
export function resolve(
  edges: Iterable<Edge>,
  cancellations: Iterable<Cancellation>,
  rules: IdentityRules,
): Resolution {
  const links = new Map<string, Link>();
  for (const edge of edges) {
    if (isOfOneEnd(edge)) continue;
    const key = linkKey(edge);
    const link = links.get(key);
    links.set(key, link ? extended(link, edge) : { first: edge });
  }
  return resolveLinks(links.values(), cancellations, rules);
}

export function resolveLinks(
  links: Iterable<Link>,
  cancellations: Iterable<Cancellation>,
  rules: IdentityRules,
): Resolution {
  const cancelledBy = lookUp(cancellations);
  const standing: { edge: Edge; ends: [number, number]; all: Edge[] }[] = [];
  const cancelled: Resolution["cancelled"] = [];
  const groups = new Groups(rules.caps);
  for (const { first, last } of links) {
    const ends: [number, number] = [groups.add(first.a), groups.add(first.b)];
    const all: Edge[] = [];
    for (const edge of last ? [first, last] : [first]) {
      const cancellation = cancelledBy(edge);
      if (cancellation) cancelled.push({ edge, cancellation });
      else all.push(edge);
    }
    if (all[0]) standing.push({ edge: all[0], ends, all });
  }

  const refused: Resolution["refused"] = [];
  const seen: Edge[] = [];
  for (const { edge, ends, all } of standing.sort((x, y) => compareEdges(x.edge, y.edge))) {
    const reason = groups.join(edge, ends);
    if (reason) refused.push({ edge, reason });
    if (!reason || reason === "two_people") seen.push(...all);
  }
  return {
    people: groups.people(),
    refused,
    cancelled: cancelled.sort((x, y) => compareEdges(x.edge, y.edge)),
    shared: sharedBy(seen),
  };
}

/** Union-find over identifiers, counting the ids of each kind in a group. */
class Groups {
  readonly #caps: Caps;
  readonly #index = new Map<IdentifierKind, Map<string, number>>();
  readonly #identifiers: Identifier[] = [];
  readonly #parent: number[] = [];
  /** Of roots only. */
  readonly #counts: Map<IdentifierKind, number>[] = [];
  /** The earliest edge that joined it to somebody. */
  readonly #since: (Edge | undefined)[] = [];

  constructor(caps: Caps) {
    this.#caps = caps;
  }

  add(identifier: Identifier): number {
    const ofKind = this.#index.get(identifier.kind) ?? new Map<string, number>();
    this.#index.set(identifier.kind, ofKind);
    const known = ofKind.get(identifier.value);
    if (known !== undefined) return known;
    const added = this.#identifiers.length;
    ofKind.set(identifier.value, added);
    this.#parent.push(added);
    this.#identifiers.push(identifier);
    this.#counts.push(new Map([[identifier.kind, 1]]));
    return added;
  }

  join(edge: Edge, ends: [number, number]): IdentityReason | undefined {
    const [a, b] = [this.#root(ends[0]), this.#root(ends[1])];
    if (a !== b) {
      const [counts, others] = [this.#counts[a]!, this.#counts[b]!];
      if (!joinsPeople(edge) && counts.has("user_id") && others.has("user_id")) return "two_people";
      for (const [kind, count] of others) if (count + (counts.get(kind) ?? 0) > this.#cap(kind)) return "too_many_ids";
      for (const [kind, count] of others) counts.set(kind, count + (counts.get(kind) ?? 0));
      this.#parent[b] = a;
    }
    for (const end of ends) {
      const since = this.#since[end];
      if (!since || compareEvidence(edge, since) < 0) this.#since[end] = edge;
    }
    return undefined;
  }

  people(): Person[] {
    const members = new Map<number, number[]>();
    for (let k = 0; k < this.#identifiers.length; k++) {
      if (!this.#since[k]) continue;
      const root = this.#root(k);
      const group = members.get(root);
      if (group) group.push(k);
      else members.set(root, [k]);
    }
    return [...members.values()]
      .filter((group) => group.length > 1)
      .map((group) => new Person(this.#ordered(group)))
      .sort((x, y) => compare(keyOf(x.identifiers[0]!), keyOf(y.identifiers[0]!)));
  }

  #ordered(group: number[]): Person["identifiers"] {
    return group
      .map((k) => ({ identifier: this.#identifiers[k]!, since: this.#since[k]! }))
      .sort(
        (x, y) =>
          canonicalRank(x.identifier.kind) - canonicalRank(y.identifier.kind) ||
          compareEvidence(x.since, y.since) ||
          compare(keyOf(x.identifier), keyOf(y.identifier)),
      )
      .map(({ identifier, since }) => ({
        ...identifier,
        since: since.at,
        ...(isConfusable(identifier.value) && { confusable: true as const }),
      }));
  }

  #cap(kind: IdentifierKind): number {
    return kind.startsWith("external:") ? this.#caps.external : this.#caps[kind as keyof Caps];
  }

  #root(k: number): number {
    let root = k;
    while (this.#parent[root] !== root) root = this.#parent[root]!;
    for (let at = k; at !== root; ) {
      const next = this.#parent[at]!;
      this.#parent[at] = root;
      at = next;
    }
    return root;
  }
}

const CANONICAL = ["user_id", "anonymous_id", "external", "email", "phone", "device_id"];

/** Which kind a person is named after: a visitor who logs in becomes the user that they are. */
function canonicalRank(kind: IdentifierKind): number {
  return CANONICAL.indexOf(kind.startsWith("external:") ? "external" : kind);
}

/** In one form, whichever way round a pair was given. */
export function cancellationOf({ target, at, by, keeps_apart }: Cancellation): Cancellation {
  const [a, b] = "pair" in target ? [...target.pair].sort((x, y) => compare(keyOf(x), keyOf(y))) : [];
  return {
    target:
      "message_id" in target
        ? { message_id: messageKey(target.message_id) }
        : "identifier" in target
          ? { identifier: target.identifier }
          : { pair: [a!, b!] },
    at,
    by,
    ...(keeps_apart && { keeps_apart }),
  };
}

/** What is known of a target: its latest cancellation, and its latest one for good. */
export function cancellationKey({ target, keeps_apart }: Cancellation): string {
  return `${keeps_apart ? "!" : ""}${targetKey(target)}`;
}

function targetKey(target: Cancellation["target"]): string {
  if ("message_id" in target) return `message ${messageKey(target.message_id)}`;
  if ("identifier" in target) return `identifier ${keyOf(target.identifier)}`;
  return `pair ${target.pair.map(keyOf).sort(compare).join("\n")}`;
}

/** Whether `one` is to stand for its target rather than `other`. */
export function outranks(one: Cancellation, other: Cancellation): boolean {
  return (one.at - other.at || compare(one.by, other.by)) > 0;
}

/** The cancellation that undoes an edge; of several, the one by the latest word. */
function lookUp(cancellations: Iterable<Cancellation>): (edge: Edge) => Cancellation | undefined {
  const byKey = new Map<string, Cancellation>();
  let [ofMessages, ofPairs, ofIdentifiers] = [false, false, false];
  for (const one of cancellations) {
    const key = cancellationKey(one);
    const known = byKey.get(key);
    if (!known || outranks(one, known)) byKey.set(key, cancellationOf(one));
    ofMessages ||= "message_id" in one.target;
    ofPairs ||= "pair" in one.target;
    ofIdentifiers ||= "identifier" in one.target;
  }
  return (edge) => {
    const targets: Cancellation["target"][] = [];
    if (ofMessages) targets.push({ message_id: edge.message_id });
    if (ofPairs) targets.push({ pair: [edge.a, edge.b] });
    if (ofIdentifiers) targets.push({ identifier: edge.a }, { identifier: edge.b });
    let latest: Cancellation | undefined;
    for (const key of targets.map(targetKey)) {
      for (const one of [byKey.get(key), byKey.get(`!${key}`)]) {
        if (!one || !(edge.at <= one.at || (one.keeps_apart && edge.kind !== "merge"))) continue;
        if (!latest || outranks(one, latest)) latest = one;
      }
    }
    return latest;
  };
}

function sharedBy(edges: Edge[]): Resolution["shared"] {
  const logins = new Map<string, Edge[]>();
  for (const edge of edges) {
    if (edge.a.kind !== "anonymous_id" || edge.b.kind !== "user_id") continue;
    const known = logins.get(edge.a.value);
    if (known) known.push(edge);
    else logins.set(edge.a.value, [edge]);
  }
  return [...logins]
    .filter(([, ofOne]) => ofOne.some(({ b }) => b.value !== ofOne[0]!.b.value))
    .sort(([x], [y]) => compare(x, y))
    .map(([anonymous_id, ofOne]) => ({
      anonymous_id,
      logins: ofOne
        .sort((x, y) => compareEvidence(x, y) || compare(linkKey(x), linkKey(y)))
        .map(({ at, b }) => ({ at, user_id: b.value })),
    }));
}

/**
 * What the person who has this identifier is named after. A merge is an edge between two of these: it is to join whole
 * people.
 */
export function canonicalIn({ people }: Resolution, sought: Identifier): Identifier {
  for (const { identifiers } of people) {
    if (!identifiers.some(({ kind, value }) => kind === sought.kind && value === sought.value)) continue;
    return { kind: identifiers[0]!.kind, value: identifiers[0]!.value };
  }
  return sought;
}

export function personIdIn(resolution: Resolution, sought: Identifier): string {
  return personIdOf(canonicalIn(resolution, sought));
}

/**
 * Whose an event without a user id is, where several people used one browser: whoever had logged in last before it, and
 * before the first login whoever was the first. An event that has a user id is that user's, whoever else was there.
 * True to the hour: of logins by the same person only the first and the first of their latest hour are known.
 */
export function ownerAt(resolution: Resolution, anonymousId: string, at: number): string {
  const logins = resolution.shared.find(({ anonymous_id }) => anonymous_id === anonymousId)?.logins;
  const login = logins?.findLast((one) => one.at <= at) ?? logins?.[0];
  return personIdIn(
    resolution,
    login ? { kind: "user_id", value: login.user_id } : { kind: "anonymous_id", value: anonymousId },
  );
}

/**
 * Which identifiers belong to somebody else now than before: what a store has to re-point, and which profiles it has to
 * join or to take apart. An identifier that was in no person had an id of its own. `before` may be the people of two
 * clusters that became one.
 */
export function moves(
  before: readonly Person[],
  after: readonly Person[],
): { identifier: Identifier; from: string; to: string }[] {
  const [then, now] = [canonicals(before), canonicals(after)];
  const moved = [];
  for (const key of [...new Set([...then.keys(), ...now.keys()])].sort(compare)) {
    const identifier = identifierOf(key);
    const [from, to] = [then.get(key) ?? identifier, now.get(key) ?? identifier];
    if (keyOf(from) !== keyOf(to)) moved.push({ identifier, from: personIdOf(from), to: personIdOf(to) });
  }
  return moved;
}

/** The key of each identifier that has company → what its person is named after. */
function canonicals(people: readonly Person[]): Map<string, Identifier> {
  return new Map(people.flatMap(({ identifiers }) => identifiers.map((one) => [keyOf(one), identifiers[0]!] as const)));
}
