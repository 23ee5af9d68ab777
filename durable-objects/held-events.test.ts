import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { Answer, Pending } from "../core/hold.ts";
import type { ReleasedMessage } from "../core/queue-messages.ts";
import { anEvent } from "../test/an-event.ts";
import type { HeldEvent } from "./held-events.ts";
import type { ShardBatch, ShardEvent } from "./visitor-facts.ts";
import type { VisitorShard } from "./visitor-shard.ts";

afterEach(() => {
  vi.useRealTimers();
});

type Shard = DurableObjectStub<VisitorShard>;
const HOUR = 3_600_000;
let shards = 0;

/** What each shard sent to the queue, and the shards of which the queue takes nothing now. */
const queued = new Map<string, number[]>();
const refused = new Set<string>();

// The binding is one for all objects of the isolate; alarms ring by themselves, so it is replaced before there are any.
beforeAll(() => {
  vi.spyOn(env.RAW_EVENTS, "sendBatch").mockImplementation(async (messages) => {
    for (const { body } of messages as Iterable<{ body: string }>) {
      const { shard, release } = (JSON.parse(body) as ReleasedMessage).released;
      if (refused.has(shard)) throw new Error("Queue is overloaded");
      queued.get(shard)!.push(release);
    }
    return undefined as never;
  });
});
afterAll(() => {
  vi.restoreAllMocks();
});

function aShard() {
  const name = `s${shards++}`;
  const sent: number[] = [];
  queued.set(name, sent);
  const shard = env.VISITOR_SHARD.getByName(`env_held/${name}`);
  /** As its alarm does, if that has not rung by itself. */
  const wake = async () => {
    await runDurableObjectAlarm(shard);
    await shard.stats();
  };
  const queue = {
    set isDown(isDown: boolean) {
      if (isDown) refused.add(name);
      else refused.delete(name);
    },
  };
  return { shard, sent, queue, wake };
}

let ids = 0;
interface Given {
  visitor?: string;
  id?: string;
  previous?: string;
  pending?: Pending;
  answer?: Answer;
  for_ms?: number;
  most?: number;
  unanswered?: "default" | "drop";
}
function batch(...given: Given[]): ShardBatch {
  const now = Date.now();
  const events = given.map(
    ({ id = `held-${++ids}`, visitor = "a1", pending, answer, previous, ...rest }): ShardEvent => {
      const { for_ms = HOUR, most = 50, unanswered = "default" } = rest;
      return {
        message_id: id,
        anonymous_id: visitor,
        at: now,
        delivery: `q-${id}:0`,
        vendor_ids: {},
        previous_id: previous,
        ...(pending && { hold: { pending, until: now + for_ms, most, unanswered } }),
        ...(answer && { answer }),
      };
    },
  );
  return {
    events,
    lines: events.map(({ message_id, anonymous_id }) =>
      JSON.stringify({ source_id: "src", event: anEvent({ message_id, anonymous_id }), receipt: { steps: [] } }),
    ),
    session_timeout_ms: 1_800_000,
    now,
  };
}
const marketing: Given = { pending: { marketing: "granted" } };

/** What a queue message with this id gets, as `message_id: purposes`. */
async function claimed(shard: Shard, release: number, by: string): Promise<string[] | "busy"> {
  const answer = await shard.claimHeld(release, by);
  return answer.claimed ? answer.events.map(named) : "busy";
}
const named = ({ line, granted }: HeldEvent) => `${JSON.parse(line).event.message_id}: ${granted.join()}`;
const counts = async (shard: Shard) => (await shard.stats()).held;

describe("an answer", () => {
  it("releases what waits for it, once, and nobody else's", async () => {
    const { shard, sent, wake } = aShard();
    await shard.apply(
      batch({ ...marketing, id: "m1" }, { ...marketing, id: "m2" }, { ...marketing, visitor: "other" }),
    );
    await shard.apply(batch({ answer: { marketing: true } }));
    expect(await counts(shard)).toMatchObject({ held: 3, waiting: 1, released: 2 });
    await wake();
    expect(sent).toHaveLength(1);
    expect(await claimed(shard, sent[0]!, "q1")).toEqual(["m1: marketing", "m2: marketing"]);
    await shard.settleHeld(sent[0]!);
    expect(await claimed(shard, sent[0]!, "q1")).toEqual([]);
    await shard.apply(batch({ answer: { marketing: true } }));
    await wake();
    expect(sent).toHaveLength(1);
  });

  it("of no cancels it: nothing is sent and nothing is kept", async () => {
    const { shard, sent, wake } = aShard();
    await shard.apply(batch(marketing));
    await shard.apply(batch({ answer: { marketing: false } }));
    await wake();
    expect(sent).toEqual([]);
    expect(await counts(shard)).toMatchObject({ held: 1, waiting: 0, denied: 1, released: 0 });
    await runInDurableObject(shard, (_, { storage }) => {
      expect(storage.sql.exec("SELECT count(*) AS n FROM held").one().n).toBe(0);
    });
  });

  it("to one question leaves the other open", async () => {
    const { shard, sent, wake } = aShard();
    await shard.apply(batch({ id: "both", pending: { analytics: "granted", marketing: "granted" } }));
    await shard.apply(batch({ answer: { analytics: true } }));
    await wake();
    expect(await claimed(shard, sent[0]!, "q1")).toEqual(["both: analytics"]);
    await shard.settleHeld(sent[0]!);
    expect(await counts(shard)).toMatchObject({ waiting: 1 });
    await evictDurableObject(shard);
    await shard.apply(batch({ answer: { marketing: true } }));
    await wake();
    expect(await claimed(shard, sent[1]!, "q2")).toEqual(["both: marketing"]);
  });

  it("that comes in the same call, or before what it is the answer to, releases as well", async () => {
    const { shard, sent, wake } = aShard();
    await shard.apply(
      batch({ ...marketing, id: "first" }, { answer: { marketing: true } }, { ...marketing, id: "late" }),
    );
    await wake();
    expect(await claimed(shard, sent[0]!, "q")).toEqual(["first: marketing", "late: marketing"]);
  });

  it("of somebody who has just got a cookie releases what they did without one", async () => {
    const { shard, sent, wake } = aShard();
    await shard.apply(batch({ ...marketing, visitor: "hash", id: "before" }));
    await shard.apply(batch({ visitor: "cookie", previous: "hash", answer: { marketing: true } }));
    await wake();
    expect(await claimed(shard, sent[0]!, "q")).toEqual(["before: marketing"]);
  });

  it("is not heard twice when its message is redelivered, nor is a held event held twice", async () => {
    const { shard, sent, wake } = aShard();
    const held = batch(marketing);
    const answer = batch({ answer: { marketing: true } });
    await shard.apply(held);
    await shard.apply(held);
    await shard.apply(answer);
    await wake();
    await shard.settleHeld(sent[0]!);
    await shard.apply(answer);
    await shard.apply(held);
    await wake();
    expect(sent).toHaveLength(1);
    expect(await counts(shard)).toMatchObject({ held: 1, released: 1, waiting: 0 });
  });
});

describe("a release", () => {
  async function released() {
    const one = aShard();
    await one.shard.apply(batch({ ...marketing, id: "m1" }));
    await one.shard.apply(batch({ answer: { marketing: true } }));
    return one;
  }

  it.each(["after the hold", "after the answer", "after the message was sent", "after the claim"])(
    "survives an eviction %s",
    async (when) => {
      const { shard, sent, wake } = aShard();
      const evictIf = (at: string) => (at === when ? evictDurableObject(shard) : undefined);
      await shard.apply(batch({ ...marketing, id: "m1" }));
      await evictIf("after the hold");
      await shard.apply(batch({ answer: { marketing: true } }));
      await evictIf("after the answer");
      await wake();
      await evictIf("after the message was sent");
      expect(await claimed(shard, sent[0]!, "q1")).toEqual(["m1: marketing"]);
      await evictIf("after the claim");
      // Its message comes again: the same events.
      expect(await claimed(shard, sent[0]!, "q1")).toEqual(["m1: marketing"]);
      await shard.settleHeld(sent[0]!);
      await wake();
      expect(sent).toHaveLength(1);
      expect(await counts(shard)).toMatchObject({ held: 1, released: 1, waiting: 0 });
    },
  );

  it("is one message's: another gets nothing while that may be at work, and all when it died", async () => {
    const { shard, sent, wake } = await released();
    await wake();
    expect(await claimed(shard, sent[0]!, "q1")).toEqual(["m1: marketing"]);
    expect(await claimed(shard, sent[0]!, "q2")).toBe("busy");
    vi.useFakeTimers({ now: Date.now() + 16 * 60_000, toFake: ["Date"] });
    expect(await claimed(shard, sent[0]!, "q2")).toEqual(["m1: marketing"]);
  });

  it("is sent again until the queue takes it, and again where its message was lost", async () => {
    const { shard, sent, queue, wake } = aShard();
    const said = vi.spyOn(console, "error").mockImplementation(() => {});
    queue.isDown = true;
    await shard.apply(batch({ ...marketing, id: "m1" }, { answer: { marketing: true } }));
    await wake();
    expect(sent).toEqual([]);
    queue.isDown = false;
    vi.useFakeTimers({ now: Date.now() + 11_000, toFake: ["Date"] });
    await wake();
    expect(sent).toHaveLength(1);
    said.mockRestore();
    vi.setSystemTime(Date.now() + 2 * HOUR);
    await wake();
    expect(sent).toHaveLength(2);
    expect(await claimed(shard, sent[1]!, "q2")).toEqual(["m1: marketing"]);
  });
});

describe("when the time is over", () => {
  it.each<[Given, string[], object]>([
    [{ pending: { marketing: "granted" } }, ["m: marketing"], { by_default: 1 }],
    [{ pending: { marketing: "denied" } }, [], { denied_by_default: 1 }],
    [{ pending: { analytics: "granted", marketing: "denied" } }, ["m: analytics"], { by_default: 1 }],
    [{ pending: { marketing: "granted" }, unanswered: "drop" }, [], { dropped: 1 }],
  ])("%j goes on as %j", async (given, expected, counted) => {
    const { shard, sent, wake } = aShard();
    await shard.apply(batch({ ...given, id: `over-${shards}` }));
    await evictDurableObject(shard);
    expect(await counts(shard)).toMatchObject({ waiting: 1 });
    vi.useFakeTimers({ now: Date.now() + HOUR + 1_000, toFake: ["Date"] });
    await wake();
    expect(await counts(shard)).toMatchObject({ waiting: 0, released: 0, ...counted });
    const got = sent.length ? await claimed(shard, sent[0]!, "q") : [];
    expect(got).toEqual(expected.map((text) => text.replace("m:", `over-${shards}:`)));
  });
});

it("holds no more of one visitor than it may: the next one's time is over at once", async () => {
  const { shard, sent, wake } = aShard();
  await shard.apply(batch(...["a", "b", "c"].map((id) => ({ ...marketing, id: `limit-${id}`, most: 2 }))));
  expect(await counts(shard)).toMatchObject({ held: 3, waiting: 2, by_default: 1, over_limit: 1 });
  await wake();
  expect(await claimed(shard, sent[0]!, "q")).toEqual(["limit-c: marketing"]);
});

it("lets the lake wait: a release writes no file before its time", async () => {
  const { shard, wake } = aShard();
  const { now, ...asked } = batch(marketing, { answer: { marketing: true } });
  await shard.apply({ ...asked, now: now - 3 * 60_000 });
  await wake();
  const { alarm_at, ...stats } = await shard.stats();
  expect(stats).toMatchObject({ lake_files: 0, waiting_events: 2 });
  expect(Date.parse(alarm_at!) - now).toBe(2 * 60_000);
  vi.useFakeTimers({ now: now + 3 * 60_000, toFake: ["Date"] });
  await shard.apply(batch(marketing, { answer: { marketing: true } }));
  await wake();
  expect(await shard.stats()).toMatchObject({ lake_files: 1, waiting_events: 0 });
});

it("costs nothing where nothing is held", async () => {
  const { shard } = aShard();
  await shard.apply(batch({}));
  const before = (await shard.stats()).rows_written;
  await shard.apply(batch({}, { answer: { marketing: true } }));
  expect((await shard.stats()).rows_written - before).toBe(1);
});

it("releases many at once, a hundred events a message", async () => {
  const { shard, sent, wake } = aShard();
  await shard.apply(batch(...Array.from({ length: 250 }, (_, i) => ({ ...marketing, id: `many-${i}`, most: 500 }))));
  await shard.apply(batch({ answer: { marketing: true } }));
  await wake();
  expect(sent).toHaveLength(3);
  const all = await Promise.all(sent.map((release) => claimed(shard, release, "q")));
  expect(new Set(all.flat()).size).toBe(250);
});
