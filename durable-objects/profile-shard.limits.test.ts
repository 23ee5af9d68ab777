import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { CLUSTER_LIMITS } from "../core/identity-cluster.ts";
import { edgeOf, keyOf, personIdOf } from "../core/identity-graph.ts";
import { identityRules } from "../core/identity-rules.ts";
import type { ProfileEvent } from "../core/profile-event.ts";
import { firstProfileShardMap } from "../core/shard-map.ts";

it("takes a person of whom it keeps as much as it ever does: more than any row may hold", async () => {
  const shard = env.PROFILE_SHARD.getByName("env_limits/p0");
  const home = { kind: "user_id", value: "u1" } as const;
  const at = Date.parse("2026-11-20T10:00:00.000Z");
  const event = (n: number, more: Partial<ProfileEvent>): ProfileEvent => ({
    home,
    edges: [],
    message_id: `${n}`.padEnd(64, "m"),
    source_id: "src_test",
    at: at + n,
    type: "identify",
    event: "identify",
    ...more,
  });
  const traits = (prefix: string, count: number, bytes: number) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, n) => [`${prefix}${n}`.padEnd(256, "_"), "v".repeat(bytes - 2)]),
    );
  const visitors = Array.from({ length: CLUSTER_LIMITS.LINKS }, (_, n) => `${n}`.padEnd(256, "é"));
  const events = [
    event(0, { traits: traits("large", 64, 8_192) }),
    event(1, { traits: traits("small", 936, 256) }),
    ...visitors.map((value, k) => {
      const n = k + 2;
      const said = { at: at + n, message_id: `${n}`.padEnd(64, "m"), source_id: "src_test" };
      return event(n, { edges: [edgeOf("identify", home, { kind: "anonymous_id", value }, said)] });
    }),
  ];
  const apply = (some: ProfileEvent[]) =>
    shard.apply({
      events: some,
      map: firstProfileShardMap(1),
      rules: identityRules.parse({}),
      computed: [],
      searchable: [],
      publishes: false,
      now: at,
    });
  for (let from = 0; from < events.length; from += 500) await apply(events.slice(from, from + 500));

  await evictDurableObject(shard);
  const { part, cluster } = await shard.find(keyOf(home));
  expect(JSON.parse(part!)).toMatchObject({ v: 1, events: events.length });
  expect(JSON.parse(part!).traits).toHaveLength(1_000);
  expect(JSON.parse(cluster!)[3]).toHaveLength(CLUSTER_LIMITS.LINKS);
  expect(part!.length + Buffer.byteLength(cluster!)).toBeGreaterThan(2_100_000);
  // The simulator would take 4 MB.
  const largest = await runInDurableObject(
    shard,
    (_, { storage }) =>
      storage.sql.exec<{ n: number }>("SELECT max(length(body) + length(keys)) AS n FROM records").one().n,
  );
  expect(largest).toBeLessThan(2_000_000);
  // And goes on.
  expect(await apply([event(events.length, {})])).toMatchObject([{ verdict: "added", person_id: personIdOf(home) }]);
});
