/** Shards of people change their number while the processor asks them: what it learns, and what they know in the end, is the same. */
import { env } from "cloudflare:workers";
import { afterEach, expect, it, vi } from "vitest";
import type { Environment } from "../../core/environment.ts";
import { firstProfileShardMap, nextShardMap, shardsOf } from "../../core/shard-map.ts";
import type { Decision } from "../../durable-objects/visitor-shard.ts";
import { anEnvironment } from "../../test/an-environment.ts";
import { anEvent } from "../../test/an-event.ts";
import { followMap } from "../drive-moves.ts";
import { personBehind } from "../people.ts";
import { askProfileShards } from "./ask-profile-shards.ts";

afterEach(() => void vi.restoreAllMocks());

const START = Date.now() - 3_600_000;
const PEOPLE = 60;
const AT_LEAST = 60;
const NEW: Decision = {
  verdict: "new",
  session: { id: "s", number: 1, started_at: new Date(START).toISOString(), is_new: false },
  vendor_ids: {},
};

/** Some people with two browsers each; every seventeenth event comes again. */
function events(message: number) {
  return Array.from({ length: 10 }, (_, i) => {
    const k = message * 10 + i;
    const n = k % 17 === 16 ? k - 16 : k;
    const person = (n * 7) % PEOPLE;
    const time = new Date(START + n * 100).toISOString();
    return anEvent({
      message_id: `m-${n}`,
      type: n % 3 ? "track" : "identify",
      event: n % 3 ? "Clicked" : "identify",
      user_id: `u${person}`,
      anonymous_id: `d${person}-${n % 2}`,
      ...(n % 3 === 0 && { traits: { email: `u${person}@shop.example`, step: n } }),
      timestamp: time,
      received_at: time,
    });
  });
}

/** As the queue does: what failed is asked again. Answers with how often that was. */
async function process(environment: Environment, message: number): Promise<number> {
  const works = events(message).map((event) => ({
    event,
    answer: NEW,
    work: { context: { environment, source_id: "s" } },
  }));
  const asked: (typeof works)[number][] = works;
  await askProfileShards(asked, env);
  const failed = asked.filter(({ work }) => "failed" in work);
  return failed.length;
}

it("gives the same people and totals from 8 shards to 16 and back as without, under load", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const maps = [firstProfileShardMap(8)];
  const [moving, still] = ["env_people_under_load", "env_people_at_rest"].map((id) =>
    anEnvironment({ id, profile_shard_map: maps[0]! }),
  ) as [Environment, Environment];
  const waiting = new Set<number>();
  let sent = 0;
  let isOver = false;
  for (let round = 0; !isOver || sent < AT_LEAST || waiting.size; round++) {
    if (round > 400) throw new Error("the moves, or messages, never come to their end");
    while (waiting.size < 4 && (!isOver || sent < AT_LEAST)) waiting.add(sent++);
    // The shards' alarms come by the clock, which stands still here while there is always something to do.
    await scheduler.wait(5);
    const isSettled = await followMap(env.PROFILE_SHARD, moving.id, maps.at(-1)!);
    isOver = isSettled && maps.length === 3;
    if (isSettled && !isOver && sent >= (AT_LEAST / 4) * maps.length)
      maps.push(nextShardMap(maps.at(-1)!, maps.length === 1 ? 16 : 8, "p"));
    await Promise.all(
      [...waiting].map(async (message) => {
        // Most work by what they read a while ago.
        const map = maps[Math.max(0, maps.length - 1 - (message % 3))]!;
        if ((await process({ ...moving, profile_shard_map: map }, message)) === 0) waiting.delete(message);
      }),
    );
  }
  expect(maps.map(({ shards }) => shards.length)).toEqual([8, 16, 8]);
  for (let message = 0; message < sent; message++) expect(await process(still, message)).toBe(0);

  const totals = async ({ id }: Environment) => {
    const names = [...new Set(maps.flatMap(shardsOf))];
    const all = await Promise.all(names.map((name) => env.PROFILE_SHARD.getByName(`${id}/${name}`).stats()));
    const sum = (of: "events" | "parts" | "clusters" | "records") => all.reduce((total, one) => total + one[of], 0);
    return { events: sum("events"), parts: sum("parts"), clusters: sum("clusters"), records: sum("records") };
  };
  expect(await totals(moving)).toEqual(await totals(still));
  for (let n = 0; n < PEOPLE; n++) {
    const view = await personBehind(env, still, `user_id u${n}`);
    expect(view).toBeDefined();
    expect(await personBehind(env, moving, `user_id u${n}`)).toEqual(view);
  }
}, 120_000);
