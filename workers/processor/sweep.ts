/**
 * The watchdog of the shards. Each wakes itself by its alarm; one whose alarm was lost sleeps, with events that wait for the lake,
 * until its next event. So every minute some shards are asked, each once an hour, and those with events that wait too long wake.
 */
import { hash64 } from "../../core/hash.ts";
import { shardsOf } from "../../core/shard-map.ts";
import type { ProfileShard } from "../../durable-objects/profile-shard.ts";
import type { VisitorShard } from "../../durable-objects/visitor-shard.ts";
import { readEnvironment } from "../config.ts";
import type { ProcessorEnv } from "../env.ts";

const MINUTES = 60;
/** Asked at the same time: a Worker has six connections. */
const AT_ONCE = 6;

/**
 * Asks the shards of the environments whose minute it is at `now` (epoch milliseconds). What one shard or environment fails with is
 * logged, and the others are asked. Returns the names of the shards that were late.
 */
export async function sweepShards(
  env: Pick<ProcessorEnv, "CONFIG" | "VISITOR_SHARD" | "PROFILE_SHARD">,
  now: number,
): Promise<string[]> {
  const minute = Math.floor(now / 60_000) % MINUTES;
  const shards: [name: string, ask: () => Promise<string | undefined>][] = [];
  for await (const id of environmentIds(env.CONFIG)) {
    if (hash64(id).low % MINUTES !== minute) continue;
    await attempt(id, async () => {
      const environment = await readEnvironment(env.CONFIG, id);
      for (const shard of environment ? shardsOf(environment.shard_map) : []) {
        const name = `${id}/${shard}`;
        shards.push([name, () => tendVisitors(env.VISITOR_SHARD.getByName(name))]);
      }
      for (const shard of environment ? shardsOf(environment.profile_shard_map) : []) {
        const name = `${id}/${shard}`;
        shards.push([name, () => tendPeople(env.PROFILE_SHARD.getByName(name))]);
      }
    });
  }
  const late: string[] = [];
  const ask = async () => {
    for (let next = shards.pop(); next; next = shards.pop()) {
      const [shard, tend] = next;
      await attempt(shard, async () => {
        const wrong = await tend();
        if (wrong === undefined) return;
        late.push(shard);
        say("warn", shard, wrong);
      });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  return late;
}

/** What was wrong with a shard, if anything. */
async function tendVisitors(shard: DurableObjectStub<VisitorShard>): Promise<string | undefined> {
  const { rearmed, waiting_events, oldest_waiting_s } = await shard.tend();
  return rearmed
    ? `${waiting_events} events wait, the oldest for ${oldest_waiting_s} s; its alarm was set again`
    : undefined;
}

async function tendPeople(shard: DurableObjectStub<ProfileShard>): Promise<string | undefined> {
  const { rearmed } = await shard.tend();
  return rearmed ? "its alarm was lost, and set again" : undefined;
}

async function* environmentIds(kv: KVNamespace): AsyncGenerator<string> {
  const prefix = "environment/";
  let cursor: string | null = null;
  do {
    const page: KVNamespaceListResult<unknown> = await kv.list({ prefix, cursor });
    for (const { name } of page.keys) yield name.slice(prefix.length);
    cursor = page.list_complete ? null : page.cursor;
  } while (cursor);
}

async function attempt(about: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    say("error", about, String(error));
  }
}

function say(level: "error" | "warn", shard: string, message: string): void {
  console[level](JSON.stringify({ level, at: "processor.sweep", shard, message }));
}
