import { expect, it } from "vitest";
import { Seeded } from "../test/seeded.ts";
import { CLUSTER_LIMITS, Cluster, type ClusterJson } from "./identity-cluster.ts";
import {
  type Cancellation,
  type Edge,
  type EdgeKind,
  edgeOf,
  type Identifier,
  type IdentifierKind,
  resolve,
} from "./identity-graph.ts";
import { identityRules } from "./identity-rules.ts";

const RULES = identityRules.parse({});
const HOUR = 3_600_000;

function id(kind: IdentifierKind, value: string | number): Identifier {
  return { kind, value: String(value) };
}

function edge(kind: EdgeKind, a: Identifier, b: Identifier, at: number, message_id = `m${at}`): Edge {
  return edgeOf(kind, a, b, { at, message_id, source_id: "s1" });
}

function clusterOf(edges: Iterable<Edge>, cancellations: Iterable<Cancellation> = []): Cluster {
  const cluster = new Cluster();
  for (const one of edges) cluster.add(one);
  for (const one of cancellations) cluster.cancel(one);
  return cluster;
}

const login = (at: number) => edge("event", id("user_id", "u1"), id("anonymous_id", "a1"), at);

it("changes with the first edge of a pair, with an earlier one, and once in every later hour; not with any other", () => {
  const cluster = new Cluster();
  const times = [5 * HOUR, 5 * HOUR + 1, 7 * HOUR, 7 * HOUR + 1, 6 * HOUR, 4 * HOUR, 4 * HOUR];
  expect(times.map((at) => cluster.add(login(at)).outcome)).toEqual([
    "linked",
    "known",
    "said_again",
    "known",
    "known",
    "linked",
    "known",
  ]);
  expect(cluster.edges().map(({ at }) => at)).toEqual([4 * HOUR, 7 * HOUR]);
});

it("keeps the very first and the latest hour of a year of logins", () => {
  const cluster = clusterOf(Array.from({ length: 365 * 24 }, (_, hour) => login(hour * HOUR)));
  expect(cluster.edges().map(({ at }) => at)).toEqual([0, (365 * 24 - 1) * HOUR]);
});

it("refuses an edge from an identifier to itself", () => {
  const cluster = new Cluster();
  const added = cluster.add(edge("alias", id("user_id", "u1"), id("user_id", "u1"), 1));
  expect(added).toEqual({ outcome: "refused", changed: false, reason: "self_alias" });
  expect(cluster.size).toBe(0);
});

it("keeps what came first of 100,000 anonymous ids on one user id, joins 100 of them, and refuses the rest by name", () => {
  const cluster = new Cluster();
  const outcomes = new Map<string, number>();
  for (let k = 0; k < 100_000; k++) {
    const added = cluster.add(edge("event", id("user_id", "shop"), id("anonymous_id", k), k * 1_000));
    const outcome = added.outcome === "refused" ? added.reason : added.outcome;
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  expect([...outcomes]).toEqual([
    ["linked", 2_000],
    ["cluster_full", 98_000],
  ]);
  const found = cluster.resolve(RULES);
  expect(found.people.map(({ identifiers }) => identifiers.length)).toEqual([101]);
  expect(found.refused).toHaveLength(1_900);
  expect(cluster.isFull).toBe(true);
});

it("lets a login displace a device where there is no room, and says which", () => {
  const cluster = clusterOf(
    Array.from({ length: CLUSTER_LIMITS.LINKS }, (_, k) =>
      edge("device", id("anonymous_id", "a"), id("device_id", k), k),
    ),
  );
  const late = edge("device", id("anonymous_id", "a"), id("device_id", "late"), 1e9);
  expect(cluster.add(late)).toEqual({ outcome: "refused", changed: true, reason: "cluster_full" });
  expect(cluster.add(late)).toEqual({ outcome: "refused", changed: false, reason: "cluster_full" });
  expect(cluster.add(edge("identify", id("user_id", "u"), id("anonymous_id", "a"), 1e9))).toMatchObject({
    outcome: "linked",
    displaced: { edge: { b: id("device_id", CLUSTER_LIMITS.LINKS - 1) }, reason: "cluster_full" },
  });
  expect(cluster.size).toBe(CLUSTER_LIMITS.LINKS);
});

it("does not let a kiosk connect everybody who used it", () => {
  const kiosk = id("anonymous_id", "kiosk");
  const cluster = new Cluster();
  const outcomes = Array.from({ length: 1_000 }, (_, k) => cluster.add(edge("identify", id("user_id", k), kiosk, k)));
  expect(cluster.size).toBe(CLUSTER_LIMITS.USER_LINKS);
  expect(outcomes.at(-1)).toEqual({ outcome: "refused", changed: false, reason: "shared_by_too_many" });
  expect(cluster.resolve(RULES).people[0]!.identifiers[0]!.value).toBe("0");
});

const KIOSK = id("anonymous_id", "kiosk");
const atKiosk = (at: number) => edge("identify", id("user_id", "k0"), KIOSK, at);
const crowd = Array.from({ length: 50 }, (_, k) => edge("identify", id("user_id", `k${k}`), KIOSK, k));
const views = Array.from({ length: 2_001 }, (_, k) =>
  edge("event", id("user_id", "k0"), id("anonymous_id", k), 100 + k),
);

it.each<[string, Edge[]]>([
  ["where too many share an identifier", crowd],
  ["where it is full", views],
  ["where it is full and too many share an identifier", [...crowd, ...views]],
])("does not remember when a link was said again %s, nor does what is read from its JSON or joins it", (_, edges) => {
  const cluster = clusterOf([atKiosk(0), ...edges]);
  const before = JSON.stringify(cluster);
  const joined = new Cluster();
  expect(joined.join(cluster)).toEqual({ ok: true });
  for (const one of [cluster, Cluster.fromJSON(reread(cluster)), joined]) {
    expect(one.add(atKiosk(9 * HOUR))).toEqual({ outcome: "known", changed: false });
    expect(JSON.stringify(one)).toBe(before);
  }
  expect(JSON.stringify(clusterOf([...edges, atKiosk(9 * HOUR), atKiosk(0)].reverse()))).toBe(before);
});

it("displaces another link once the loosest was found to be earlier than it seemed", () => {
  const cluster = clusterOf(views);
  const last = cluster.edges().at(-1)!;
  expect(cluster.add({ ...last, at: 1 })).toEqual({ outcome: "linked", changed: true });
  expect(cluster.add(edge("event", id("user_id", "k0"), id("anonymous_id", "early"), 2))).toMatchObject({
    outcome: "linked",
    displaced: { edge: { a: id("anonymous_id", 1_998) } },
  });
});

it("joins two clusters, unless they are too large together: then both stay as they are", () => {
  const [left, right] = [
    clusterOf([login(1)]),
    clusterOf(
      [edge("identify", id("user_id", "u2"), id("email", "x"), 2)],
      [{ target: { identifier: id("user_id", "u2") }, at: 9, by: "ada" }],
    ),
  ];
  expect(left.join(right)).toEqual({ ok: true });
  expect(left.size).toBe(2);
  expect(left.cancellations()).toHaveLength(1);

  const large = clusterOf(
    Array.from({ length: 1_999 }, (_, k) => edge("event", id("user_id", "big"), id("anonymous_id", `big${k}`), k)),
  );
  const before = JSON.stringify(large);
  expect(large.join(left)).toEqual({ ok: false, reason: "cluster_full" });
  expect(JSON.stringify(large)).toBe(before);
});

it.each([true, false])("connects two clusters by an edge, from either side: %s", (fromLeft) => {
  const [u1, a1, a2] = [id("user_id", "u1"), id("anonymous_id", "a1"), id("anonymous_id", "a2")];
  const [mine, visit] = [edge("identify", u1, a1, 1), edge("contact", a2, id("email", "x"), 2)];
  const [one, other] = fromLeft ? [clusterOf([mine]), clusterOf([visit])] : [clusterOf([visit]), clusterOf([mine])];
  const between = edge("identify", u1, a2, 3);
  expect(one.connect(between, other)).toEqual({ outcome: "linked", changed: true });
  expect(JSON.stringify(one)).toBe(JSON.stringify(clusterOf([mine, visit, between])));
});

it.each([true, false])(
  "leaves a customer's own links alone who passes by a kiosk, from either side: %s",
  (fromKiosk) => {
    const [kiosk, home] = [clusterOf(crowd), clusterOf([login(1)])];
    const before = [kiosk, home].map((one) => JSON.stringify(one));
    const passing = edge("identify", id("user_id", "u1"), KIOSK, 99);
    const connected = fromKiosk ? kiosk.connect(passing, home) : home.connect(passing, kiosk);
    expect(connected).toEqual({ outcome: "refused", changed: false, reason: "shared_by_too_many" });
    expect([kiosk, home].map((one) => JSON.stringify(one))).toEqual(before);
  },
);

it("does not connect what would be too much for one row", () => {
  const [large, home] = [clusterOf(views.slice(0, 1_999)), clusterOf([login(1)])];
  const between = edge("event", id("user_id", "u1"), id("anonymous_id", 0), 1);
  expect(home.connect(between, large)).toEqual({ outcome: "refused", changed: false, reason: "cluster_full" });
  expect([large.size, home.size]).toEqual([1_999, 1]);
});

it("takes 256 cancellations, of one target the latest", () => {
  const cluster = clusterOf([login(1)]);
  const cancelled = (at: number, message_id: string) => cluster.cancel({ target: { message_id }, at, by: "ada" });
  expect(cancelled(2, "m0")).toEqual({ ok: true, changed: true });
  expect(cancelled(1, "m0")).toEqual({ ok: true, changed: false });
  expect(cancelled(3, "m0")).toEqual({ ok: true, changed: true });
  for (let k = 1; k < CLUSTER_LIMITS.CANCELLATIONS; k++) cancelled(1, `m${k}`);
  expect(cancelled(1, "one too many")).toEqual({ ok: false, reason: "too_many_cancellations" });
  expect(cluster.cancellations().find(({ target }) => "message_id" in target && target.message_id === "m0")?.at).toBe(
    3,
  );
});

it("forgets an identifier with everything that names it", () => {
  const [u1, a1, a2] = [id("user_id", "u1"), id("anonymous_id", "a1"), id("anonymous_id", "a2")];
  const cluster = clusterOf(
    [edge("identify", u1, a1, 1), edge("identify", u1, a2, 2)],
    [
      { target: { pair: [a1, u1] }, at: 3, by: "ada" },
      { target: { identifier: a1 }, at: 3, by: "ada" },
      { target: { identifier: a2 }, at: 1, by: "ada" },
    ],
  );
  cluster.forget(a1);
  expect(JSON.stringify(cluster)).not.toContain("a1");
  expect(cluster.identifiers()).toEqual([a2, u1]);
  expect(cluster.cancellations()).toHaveLength(1);
});

it("forgets one of those who shared a device that too many did, and all of them", () => {
  const kiosk = id("anonymous_id", "kiosk");
  const cluster = clusterOf(Array.from({ length: 50 }, (_, k) => edge("identify", id("user_id", k), kiosk, k)));
  cluster.forget(id("user_id", 0));
  expect(cluster.add(edge("identify", id("user_id", "new"), kiosk, 99)).outcome).toBe("linked");
  cluster.forget(kiosk);
  expect(JSON.stringify(Cluster.fromJSON(reread(cluster)))).toBe(JSON.stringify(new Cluster()));
});

it("is read from its JSON as it was", () => {
  const cluster = clusterOf(
    [
      login(1),
      login(9 * HOUR),
      edge("device", id("anonymous_id", "a1"), id("device_id", "d 1"), 2),
      edge("identify", id("user_id", "ünï çödé"), id("external:card", "1"), 3),
      edge("alias", id("user_id", "u1"), id("user_id", "ünï çödé"), 4),
    ],
    [
      { target: { message_id: "m1" }, at: 5, by: "ada" },
      { target: { pair: [id("user_id", "u9"), id("anonymous_id", "a1")] }, at: 5, by: "ada", keeps_apart: true },
      { target: { identifier: id("user_id", "u1") }, at: 0, by: "bob" },
    ],
  );
  const again = Cluster.fromJSON(reread(cluster));
  expect(JSON.stringify(again)).toBe(JSON.stringify(cluster));
  expect(again.edges()).toEqual(cluster.edges());
  expect(again.cancellations()).toEqual(cluster.cancellations());
  expect(() => Cluster.fromJSON([2, [], [], [], [], [], 0] as unknown as ClusterJson)).toThrow("version 2");
});

it("fits into a row of 2 MB with the longest ids, message ids and cancellations that there are", () => {
  const long = (letter: string, k: number) => `${letter}${String(k).padStart(5, "0")}${"ß".repeat(253)}`;
  const cluster = clusterOf(
    Array.from({ length: CLUSTER_LIMITS.LINKS }, (_, k) =>
      [0, 2 * HOUR].map((at) =>
        edge("event", id("user_id", long("u", 0)), id("anonymous_id", long("a", k)), at, '"'.repeat(64)),
      ),
    ).flat(),
  );
  for (let k = 0; k < CLUSTER_LIMITS.CANCELLATIONS; k++) {
    const pair: [Identifier, Identifier] = [id("user_id", long("x", k)), id("user_id", long("y", k))];
    cluster.cancel({ target: { pair }, at: k, by: "somebody@a-company.example" });
  }
  expect(new TextEncoder().encode(JSON.stringify(cluster)).length).toBeLessThan(2_000_000);
});

it("comes out the same, byte for byte, whatever the order, the repetitions, the batches and the evictions in between", () => {
  const seen = { full: 0, shared: 0, said_again: 0 };
  for (let seed = 1; seed <= 8; seed++) {
    const chance = new Seeded(seed);
    // The first seeds stay small, the next share a kiosk, the last are beyond every bound.
    const { edges, cancellations } = anyCluster(chance, seed <= 3 ? 60 : seed <= 6 ? 800 : 4_500);
    const expected = clusterOf(edges, cancellations);
    const [, , , links, , shared, full] = expected.toJSON();
    seen.full += full;
    seen.shared += shared.length;
    seen.said_again += links.filter((link) => link.length > 6).length;
    for (let k = 0; k < 2; k++) {
      let cluster = new Cluster();
      const all = chance.redelivered([
        ...edges.map((one) => ({ edge: one })),
        ...cancellations.map((one) => ({ cancellation: one })),
      ]);
      for (const one of all) {
        if ("edge" in one) cluster.add(one.edge);
        else cluster.cancel(one.cancellation);
        if (chance.below(1_000) === 0) cluster = Cluster.fromJSON(reread(cluster));
      }
      expect(JSON.stringify(cluster) === JSON.stringify(expected), `seed ${seed}`).toBe(true);
      expect(JSON.stringify(cluster.resolve(RULES)) === JSON.stringify(expected.resolve(RULES)), `seed ${seed}`).toBe(
        true,
      );
    }
  }
  expect(seen.full).toBeGreaterThan(0);
  expect(seen.shared).toBeGreaterThan(0);
  expect(seen.said_again).toBeGreaterThan(0);
});

it("has the people that all of its edges have, as long as none had to be dropped", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const { edges, cancellations } = anyCluster(new Seeded(seed), 60);
    const cluster = clusterOf(edges, cancellations);
    expect(JSON.stringify(cluster.resolve(RULES)), `seed ${seed}`).toBe(
      JSON.stringify(resolve(edges, cancellations, RULES)),
    );
  }
});

it("comes out the same whether two clusters were joined or never were apart", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const chance = new Seeded(seed);
    const { edges, cancellations } = anyCluster(chance, 80);
    const isLeft = new Map(edges.map(({ a, b }) => [`${a.value}\n${b.value}`, chance.below(2) === 0]));
    const [left, right] = [true, false].map((side) =>
      clusterOf(
        edges.filter(({ a, b }) => isLeft.get(`${a.value}\n${b.value}`) === side),
        cancellations.filter((_, k) => (k % 2 === 0) === side),
      ),
    );
    expect(left!.join(right!)).toEqual({ ok: true });
    expect(JSON.stringify(left), `seed ${seed}`).toBe(JSON.stringify(clusterOf(edges, cancellations)));
  }
});

function reread(cluster: Cluster): ClusterJson {
  return JSON.parse(JSON.stringify(cluster));
}

/** Connected by a few ids that everybody uses; every pair is seen more than once, at hours that overlap. */
function anyCluster(chance: Seeded, count: number): { edges: Edge[]; cancellations: Cancellation[] } {
  const anyEdge = (): Edge => {
    const user = id("user_id", `u${chance.below(count / 4)}`);
    const anonymous = id("anonymous_id", `a${chance.below(count / 2)}`);
    const evidence = {
      at: chance.below(20) * (HOUR / 3),
      message_id: `m${chance.below(count)}`,
      source_id: chance.one(["s1", "s2"]),
    };
    const [kind, a, b] = chance.one<[EdgeKind, Identifier, Identifier]>([
      ["identify", user, anonymous],
      ["event", user, anonymous],
      ["identify", user, id("anonymous_id", "kiosk")],
      ["contact", anonymous, id("email", `e${chance.below(count / 3)}`)],
      ["device", anonymous, id("device_id", `d${chance.below(count / 3)}`)],
      ["alias", user, id("user_id", "u0")],
      ["merge", anonymous, id("anonymous_id", "kiosk")],
    ]);
    return edgeOf(kind, a, b, evidence);
  };
  const edges = Array.from({ length: count }, anyEdge);
  const cancellations = Array.from({ length: 5 }, (): Cancellation => {
    const { message_id, a, b } = chance.one(edges);
    const target = chance.one<Cancellation["target"]>([{ message_id }, { pair: [b, a] }, { identifier: b }]);
    return { target, at: chance.below(20) * (HOUR / 3), by: chance.one(["ada", "bob"]) };
  });
  return { edges, cancellations };
}
