import { expect, it } from "vitest";
import { Seeded } from "../test/seeded.ts";
import {
  type Cancellation,
  canonicalIn,
  EDGE_KINDS,
  type Edge,
  type EdgeKind,
  edgeOf,
  type Identifier,
  moves,
  ownerAt,
  personIdIn,
  personIdOf,
  type Resolution,
  resolve,
} from "./identity-graph.ts";
import { identityRules } from "./identity-rules.ts";

const RULES = identityRules.parse({});
const HOUR = 3_600_000;

const u1: Identifier = { kind: "user_id", value: "u1" };
const u2: Identifier = { kind: "user_id", value: "u2" };
const u3: Identifier = { kind: "user_id", value: "u3" };
const a1: Identifier = { kind: "anonymous_id", value: "a1" };
const a2: Identifier = { kind: "anonymous_id", value: "a2" };
const mail: Identifier = { kind: "email", value: "e".repeat(64) };
const tablet: Identifier = { kind: "device_id", value: "d1" };

/** An edge at an hour; its message is named after the hour. */
function edge(kind: EdgeKind, a: Identifier, b: Identifier, hour: number, message_id = `m${hour}`): Edge {
  return edgeOf(kind, a, b, { at: hour * HOUR, message_id, source_id: "s1" });
}

function undone(target: Cancellation["target"], hour: number, more: Partial<Cancellation> = {}): Cancellation {
  return { target, at: hour * HOUR, by: "ada", ...more };
}

/** The people as lists of values, canonical first; whoever is alone is not there. */
function people({ people }: Resolution): string[][] {
  return people.map(({ identifiers }) => identifiers.map(({ value }) => value.slice(0, 4)));
}

function reasons({ refused }: Resolution): string[] {
  return refused.map(({ edge: { a, b }, reason }) => `${a.value} ${b.value}: ${reason}`);
}

it("joins what a login says is one person's, named after the user id", () => {
  const found = resolve(
    [edge("identify", u1, a1, 2), edge("identify", u1, mail, 2), edge("device", a1, tablet, 1)],
    [],
    RULES,
  );
  expect(people(found)).toEqual([["u1", "a1", "eeee", "d1"]]);
  expect(found.people[0]!.id).toBe(personIdOf(u1));
  expect(found.people[0]!.id).toMatch(/^per_[0-9a-f]{24}$/);
  expect(found.people[0]!.merged_from).toEqual([a1, mail, tablet].map(personIdOf).sort());
});

it("never lets an event join two people who each have a user id: the device stays with whom it was first seen", () => {
  const found = resolve(
    [edge("identify", u2, a1, 5), edge("identify", u1, a1, 3), edge("event", u2, a2, 9)],
    [],
    RULES,
  );
  expect(people(found)).toEqual([
    ["u1", "a1"],
    ["u2", "a2"],
  ]);
  expect(reasons(found)).toEqual(["a1 u2: two_people"]);
});

it.each<[string, Edge[], string[][]]>([
  ["an alias from one user id to another joins two people", [edge("alias", u1, u2, 9)], [["u1", "a1", "u2", "a2"]]],
  [
    "what an alias says of an anonymous id does not",
    [edge("alias", u2, a1, 9)],
    [
      ["u1", "a1"],
      ["u2", "a2"],
    ],
  ],
  ["a merge of two people joins them", [edge("merge", u1, u2, 9)], [["u1", "a1", "u2", "a2"]]],
  [
    "a merge with a visitor takes the visitor, not whoever logs in there later",
    [edge("merge", u1, a2, 9)],
    [["u1", "a1", "a2"]],
  ],
  [
    "an address that both left does not",
    [edge("identify", u1, mail, 9), edge("identify", u2, mail, 10)],
    [
      ["u1", "a1", "eeee"],
      ["u2", "a2"],
    ],
  ],
  [
    "a tablet that both used does not, however early",
    [edge("device", a1, tablet, 0), edge("device", a2, tablet, 0)],
    [
      ["u1", "a1", "d1"],
      ["u2", "a2"],
    ],
  ],
  [
    "a circle of aliases is one person",
    [edge("alias", u1, u2, 9), edge("alias", u2, u3, 9), edge("alias", u3, u1, 9)],
    [["u1", "a1", "u2", "a2", "u3"]],
  ],
  ["an alias there and back is one", [edge("alias", u1, u2, 9), edge("alias", u2, u1, 10)], [["u1", "a1", "u2", "a2"]]],
])("%s", (_, more, expected) => {
  const found = resolve([edge("identify", u1, a1, 1), edge("identify", u2, a2, 2), ...more], [], RULES);
  expect(people(found).map((one) => one.toSorted())).toEqual(expected.map((one) => one.toSorted()));
});

it("lets a login outrank an earlier address, and an address an earlier device", () => {
  const found = resolve(
    [edge("contact", a1, mail, 1), edge("identify", u1, mail, 2), edge("identify", u2, a1, 3)],
    [],
    RULES,
  );
  expect(people(found)).toEqual([
    ["u1", "eeee"],
    ["u2", "a1"],
  ]);
  expect(reasons(found)).toEqual([`a1 ${mail.value}: two_people`]);
});

it("names a merged person after the user id that was seen first, whenever and however they were merged", () => {
  for (const kind of ["alias", "merge"] as const) {
    const found = resolve([edge(kind, u1, u2, 9), edge("identify", u1, a1, 5), edge("identify", u2, a2, 2)], [], RULES);
    expect(people(found)).toEqual([["u2", "u1", "a2", "a1"]]);
    expect(found.people[0]!.identifiers.map(({ since }) => since / HOUR)).toEqual([2, 5, 2, 5]);
  }
});

it("names what a merge is to join, by any identifier of the two people", () => {
  const found = resolve([edge("identify", u1, a1, 1), edge("identify", u2, a2, 2)], [], RULES);
  expect([a1, a2, tablet].map((one) => canonicalIn(found, one))).toEqual([u1, u2, tablet]);
});

it.each<["user_id" | "anonymous_id" | "email" | "phone" | "device_id" | `external:${string}`, EdgeKind, number]>([
  ["user_id", "alias", 5],
  ["anonymous_id", "identify", 100],
  ["email", "identify", 10],
  ["phone", "identify", 10],
  ["device_id", "device", 100],
  ["external:card", "identify", 20],
])("quarantines every %s beyond what one person may have, the earliest first", (kind, by, cap) => {
  const ids = Array.from({ length: 105 }, (_, k): Identifier => ({ kind, value: `i${1_000 + k}` }));
  const found = resolve(ids.map((one, k) => edge(by, u1, one, k)).reverse(), [], RULES);
  const ofKind = found.people[0]!.identifiers.filter((one) => one.kind === kind && one.value !== "u1");
  const kept = kind === "user_id" ? cap - 1 : cap;
  expect(ofKind.map(({ value }) => value)).toEqual(ids.slice(0, kept).map(({ value }) => value));
  expect(found.refused).toHaveLength(105 - kept);
  expect(new Set(found.refused.map(({ reason }) => reason))).toEqual(new Set(["too_many_ids"]));
});

it("counts every external id by itself", () => {
  const card: Identifier = { kind: "external:card", value: "1" };
  const crm: Identifier = { kind: "external:crm", value: "1" };
  const found = resolve(
    [edge("identify", u1, card, 1), edge("identify", u1, crm, 2)],
    [],
    identityRules.parse({ caps: { external: 1 } }),
  );
  expect(found.people[0]!.identifiers).toHaveLength(3);
});

it("gives back the people there were, and their ids, when a merge is undone", () => {
  const before = [edge("identify", u1, a1, 1), edge("identify", u2, a2, 2)];
  const merge = edge("merge", u1, u2, 5, "the-merge");
  const [apart, joined] = [resolve(before, [], RULES), resolve([...before, merge], [], RULES)];
  const split = resolve([...before, merge], [undone({ message_id: "the-merge" }, 6)], RULES);
  expect(joined.people.map(({ id }) => id)).toEqual([personIdOf(u1)]);
  expect(joined.people[0]!.merged_from).toContain(personIdOf(u2));
  expect(JSON.stringify(split.people)).toBe(JSON.stringify(apart.people));
  expect(split.cancelled).toEqual([{ edge: merge, cancellation: undone({ message_id: "the-merge" }, 6) }]);
  expect(moves(apart.people, joined.people)).toEqual([
    { identifier: a2, from: personIdOf(u2), to: personIdOf(u1) },
    { identifier: u2, from: personIdOf(u2), to: personIdOf(u1) },
  ]);
  expect(moves(joined.people, split.people).map(({ to }) => to)).toEqual([personIdOf(u2), personIdOf(u2)]);
});

it.each<[string, Cancellation, string[][]]>([
  ["one message", undone({ message_id: "m1" }, 9), [["u1", "eeee"]]],
  ["a message that said it before somebody undid it", undone({ message_id: "m1" }, 0), [["u1", "a1", "eeee"]]],
  ["a pair, either way round", undone({ pair: [u1, a1] }, 9), [["u1", "eeee"]]],
  ["a pair, given the other way", undone({ pair: [a1, u1] }, 9), [["u1", "eeee"]]],
  ["all of an identifier", undone({ identifier: u1 }, 9), []],
  ["all of an identifier until a time", undone({ identifier: u1 }, 1), [["u1", "eeee"]]],
])("undoes %s", (_, cancellation, expected) => {
  const found = resolve([edge("identify", u1, a1, 1), edge("identify", u1, mail, 2)], [cancellation], RULES);
  expect(people(found)).toEqual(expected);
});

it("believes a login after somebody undid the one before, unless they are to be kept apart until a merge", () => {
  const edges = [edge("identify", u1, a1, 1), edge("identify", u1, a1, 9)];
  const forGood = undone({ pair: [u1, a1] }, 5, { keeps_apart: true });
  expect(people(resolve(edges, [undone({ pair: [u1, a1] }, 5)], RULES))).toEqual([["u1", "a1"]]);
  expect(people(resolve(edges, [forGood], RULES))).toEqual([]);
  expect(people(resolve([...edges, edge("merge", u1, a1, 8)], [forGood], RULES))).toEqual([["u1", "a1"]]);
  expect(people(resolve([...edges, edge("merge", u1, a1, 4)], [forGood], RULES))).toEqual([]);
});

it("says who was at a shared device at a time", () => {
  const found = resolve(
    [edge("identify", u1, a1, 3), edge("identify", u2, a1, 5), edge("identify", u1, a1, 8)],
    [],
    RULES,
  );
  const owner = (hour: number) => ownerAt(found, "a1", hour * HOUR);
  expect([0, 3, 4, 5, 7, 8, 99].map(owner)).toEqual([u1, u1, u1, u2, u2, u1, u1].map(personIdOf));
  expect(ownerAt(found, "a2", 0)).toBe(personIdOf(a2));
  const undoneThere = resolve(
    [edge("identify", u1, a1, 3), edge("identify", u2, a1, 5)],
    [undone({ pair: [u1, a1] }, 9)],
    RULES,
  );
  expect(ownerAt(undoneThere, "a1", 3 * HOUR)).toBe(personIdOf(u2));
});

it("marks an identifier that looks like another, and keeps both apart", () => {
  const alike: Identifier = { kind: "user_id", value: "аda" };
  const ada: Identifier = { kind: "user_id", value: "ada" };
  const found = resolve([edge("identify", alike, a1, 1), edge("identify", ada, a2, 1)], [], RULES);
  expect(found.people.map(({ identifiers }) => identifiers[0])).toEqual([
    { kind: "user_id", value: "ada", since: HOUR },
    { kind: "user_id", value: "аda", since: HOUR, confusable: true },
  ]);
});

it("makes nobody of an edge from an identifier to itself", () => {
  expect(resolve([edge("alias", u1, u1, 1)], [], RULES)).toEqual({
    people: [],
    refused: [],
    cancelled: [],
    shared: [],
  });
});

it("finds the same people, byte for byte, whatever the order, the repetitions and the batches", () => {
  let [joined, refused, cancelled, shared] = [0, 0, 0, 0];
  for (let seed = 1; seed <= 400; seed++) {
    const chance = new Seeded(seed);
    const rules = identityRules.parse({
      caps: { user_id: 2, anonymous_id: 1 + chance.below(4), email: 1, device_id: 2 },
    });
    const { edges, cancellations } = anyGraph(chance, 5 + chance.below(40));
    const expected = resolve(edges, cancellations, rules);
    for (let k = 0; k < 4; k++) {
      const again = resolve(chance.redelivered(edges), chance.redelivered(cancellations), rules);
      expect(JSON.stringify(again), `seed ${seed}`).toBe(JSON.stringify(expected));
    }
    joined += expected.people.length;
    refused += expected.refused.length;
    cancelled += expected.cancelled.length;
    shared += expected.shared.length;
  }
  // So many graphs that said nothing would prove nothing.
  expect(Math.min(joined, refused, cancelled, shared)).toBeGreaterThan(100);
});

it("gives every identifier to one person, never two user ids to one without an alias or a merge, and keeps to the caps", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const chance = new Seeded(seed);
    const { edges, cancellations } = anyGraph(chance, 60);
    const withoutMerges = edges.filter(({ kind }) => kind !== "merge" && kind !== "alias");
    const rules = identityRules.parse({ caps: { anonymous_id: 3 } });
    const all = resolve(withoutMerges, cancellations, rules).people.flatMap(({ identifiers }) => {
      const ofKind = (kind: string) => identifiers.filter((one) => one.kind === kind).length;
      expect(ofKind("user_id"), `seed ${seed}`).toBeLessThanOrEqual(1);
      expect(ofKind("anonymous_id"), `seed ${seed}`).toBeLessThanOrEqual(3);
      return identifiers.map(({ kind, value }) => `${kind} ${value}`);
    });
    expect(new Set(all).size, `seed ${seed}`).toBe(all.length);
  }
});

it("never gives a person an id that is not one of their own identifiers', nor two people the same", () => {
  const chance = new Seeded(7);
  for (let k = 0; k < 50; k++) {
    const { edges, cancellations } = anyGraph(chance, 40);
    const found = resolve(edges, cancellations, RULES);
    for (const person of found.people) {
      const own = person.identifiers.map(personIdOf);
      expect(own).toContain(person.id);
      expect([person.id, ...person.merged_from].sort()).toEqual(own.sort());
      for (const one of person.identifiers) expect(personIdIn(found, one)).toBe(person.id);
    }
    expect(new Set(found.people.map(({ id }) => id)).size).toBe(found.people.length);
  }
});

/** Few ids and few times, so that they meet; the same message may speak of several pairs. */
function anyGraph(chance: Seeded, count: number): { edges: Edge[]; cancellations: Cancellation[] } {
  const kinds = ["user_id", "anonymous_id", "email", "device_id", "external:card"] as const;
  const anyId = (): Identifier => ({ kind: chance.one(kinds), value: `v${chance.below(5)}` });
  const anyTime = () => chance.below(12) * (HOUR / 4);
  const edges = Array.from({ length: count }, () => {
    const evidence = { at: anyTime(), message_id: `m${chance.below(count)}`, source_id: chance.one(["s1", "s2"]) };
    return edgeOf(chance.one(EDGE_KINDS), anyId(), anyId(), evidence);
  });
  const cancellations = Array.from({ length: chance.below(4) }, (): Cancellation => {
    const { message_id, a, b } = chance.one(edges);
    const target = chance.one<Cancellation["target"]>([
      { message_id },
      { pair: [a, b] },
      { pair: [b, a] },
      { identifier: a },
    ]);
    const by = chance.one(["ada", "bob"]);
    return chance.below(4) ? { target, at: anyTime(), by } : { target, at: anyTime(), by, keeps_apart: true };
  });
  return { edges, cancellations };
}
