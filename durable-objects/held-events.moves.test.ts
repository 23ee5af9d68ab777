/** Events that wait for consent, when their visitors go to another shard or are deleted. */
import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import type { BucketRanges } from "../core/buckets.ts";
import type { Answer, Pending } from "../core/hold.ts";
import type { ReleasedMessage } from "../core/queue-messages.ts";
import { bucketOf, firstShardMap, nextShardMap, type ShardMap, shardOf } from "../core/shard-map.ts";
import { anEvent } from "../test/an-event.ts";

const HOUR = 3_600_000;
const sent: ReleasedMessage["released"][] = [];
beforeAll(() => {
  vi.spyOn(env.RAW_EVENTS, "sendBatch").mockImplementation(async (messages) => {
    for (const { body } of messages as Iterable<{ body: string }>) sent.push(JSON.parse(body).released);
    return undefined as never;
  });
});
afterEach(() => {
  vi.useRealTimers();
});
afterAll(() => {
  vi.restoreAllMocks();
});

const ONE = firstShardMap(1);
const TWO = nextShardMap(ONE, 2);
const visitors = Array.from({ length: 50 }, (_, i) => `visitor-${i}`);
const MOVES = visitors.find((visitor) => shardOf(TWO, visitor) === "s1")!;
const STAYS = visitors.find((visitor) => shardOf(TWO, visitor) === "s0")!;

let environments = 0;
function twoShards() {
  const id = `env_held_moves_${++environments}`;
  const shard = (name: string) => env.VISITOR_SHARD.getByName(`${id}/${name}`);
  const apply = (name: string, map: ShardMap, message_id: string, anonymous_id: string, given: Given) => {
    const now = Date.now();
    const { pending, answer } = given;
    const hold = pending && { hold: { pending, until: now + HOUR, most: 50, unanswered: "default" as const } };
    const event = { message_id, anonymous_id, at: now, delivery: `${message_id}:0`, vendor_ids: {}, ...hold };
    const line = { source_id: "src", event: anEvent({ message_id, anonymous_id }), receipt: { steps: [] } };
    return shard(name).apply({
      events: [{ ...event, ...(answer && { answer }) }],
      lines: [JSON.stringify(line)],
      session_timeout_ms: HOUR / 2,
      now,
      map,
    });
  };
  const move = async () => {
    for (let i = 0; !(await shard("s1").follow(TWO)).settled; i++) {
      if (i > 50) throw new Error("the move does not end");
      await runDurableObjectAlarm(shard("s1"));
    }
  };
  /** Every release of this shard, as `message_id: purposes`. */
  const released = async (name: string) => {
    await runDurableObjectAlarm(shard(name));
    await shard(name).stats();
    const own = sent.filter((one) => one.environment_id === id && one.shard === name);
    const claims = await Promise.all(own.map(({ release }) => shard(name).claimHeld(release, `q${release}`)));
    return claims
      .flatMap((one) => (one.claimed ? one.events : []))
      .map(({ line, granted }) => `${JSON.parse(line).event.message_id}: ${granted.join()}`);
  };
  const waiting = async () => [(await shard("s0").stats()).held.waiting, (await shard("s1").stats()).held.waiting];
  return { shard, apply, move, released, waiting };
}
interface Given {
  pending?: Pending;
  answer?: Answer;
}
const both: Given = { pending: { analytics: "denied", marketing: "denied" } };

it("go with their visitor, and wait there for the answer", async () => {
  const { shard, apply, move, released, waiting } = twoShards();
  await apply("s0", ONE, "m1", MOVES, both);
  await apply("s0", ONE, "m2", STAYS, both);
  await move();
  expect(await waiting()).toEqual([1, 1]);
  await apply("s1", TWO, "yes", MOVES, { answer: { marketing: true } });
  expect(await released("s1")).toEqual(["m1: marketing"]);
  expect(await released("s0")).toEqual([]);
  // Counted where they came.
  expect((await shard("s0").stats()).held.held + (await shard("s1").stats()).held.held).toBe(2);
});

it("go on from where they were when they are released already, and what else they wait for moves", async () => {
  const { apply, move, released, waiting } = twoShards();
  await apply("s0", ONE, "m1", MOVES, both);
  await apply("s0", ONE, "yes", MOVES, { answer: { analytics: true } });
  await move();
  expect(await waiting()).toEqual([0, 1]);
  expect(await released("s0")).toEqual(["m1: analytics"]);
  await apply("s1", TWO, "yes-2", MOVES, { answer: { marketing: true } });
  expect(await released("s1")).toEqual(["m1: marketing"]);
});

it("are not given up by a shard that has handed them over", async () => {
  const { shard, apply, released, waiting } = twoShards();
  await apply("s0", ONE, "m1", MOVES, { pending: { marketing: "granted" } });
  const bucket = bucketOf(MOVES);
  const buckets: BucketRanges = [[bucket, bucket + 1]];
  const page = await shard("s0").handOver({ map: TWO, to: "s1", buckets, cursor: null, take: true });
  expect(page.outcome).toBe("page");
  vi.useFakeTimers({ now: Date.now() + 2 * HOUR, toFake: ["Date"] });
  expect(await released("s0")).toEqual([]);
  expect(await waiting()).toEqual([1, 0]);
});

it("are deleted with their visitor, also those that are released and not claimed", async () => {
  const { shard, apply, released, waiting } = twoShards();
  await apply("s0", ONE, "m1", MOVES, both);
  await apply("s0", ONE, "m2", STAYS, both);
  await apply("s0", ONE, "yes", MOVES, { answer: { analytics: true } });
  await shard("s0").forget(MOVES);
  expect(await waiting()).toEqual([1, 0]);
  expect(await released("s0")).toEqual([]);
  await apply("s0", ONE, "yes-2", STAYS, { answer: { marketing: true } });
  expect(await released("s0")).toEqual(["m2: marketing"]);
});
