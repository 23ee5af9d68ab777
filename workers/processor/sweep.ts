/**
 * The watchdog of the shards. Each wakes itself by its alarm; one whose alarm was lost sleeps, with events that wait for the lake,
 * until its next event. So every minute some shards are asked, each once an hour, and those with events that wait too long wake.
 */
import { hash64 } from "../../core/hash.ts";
import { shardsOf } from "../../core/shard-map.ts";
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
  const shards: string[] = [];
  for await (const id of environmentIds(env.CONFIG)) {
    if (hash64(id).low % MINUTES !== minute) continue;
    await attempt(id, async () => {
      const environment = await readEnvironment(env.CONFIG, id);
      if (environment) for (const shard of shardsOf(environment.shard_map)) shards.push(`${id}/${shard}`);
      for (const shard of environment ? shardsOf(environment.profile_shard_map) : []) {
        await attempt(`${id}/${shard}`, async () => {
          await env.PROFILE_SHARD.getByName(`${id}/${shard}`).tend();
        });
      }
    });
  }
  const late: string[] = [];
  const ask = async () => {
    for (let name = shards.pop(); name; name = shards.pop()) {
      const shard = name;
      await attempt(shard, async () => {
        const { rearmed, waiting_events, oldest_waiting_s } = await env.VISITOR_SHARD.getByName(shard).tend();
        if (!rearmed) return;
        late.push(shard);
        say(
          "warn",
          shard,
          `${waiting_events} events wait, the oldest for ${oldest_waiting_s} s; its alarm was set again`,
        );
      });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  return late;
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
