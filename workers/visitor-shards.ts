/** Asks for one visitor wherever they are, also while shards hand visitors to each other or this Worker's map is an old one. */
import type { Environment } from "../core/environment.ts";
import { shardOf } from "../core/shard-map.ts";
import type { Forgotten, VisitorShard } from "../durable-objects/visitor-shard.ts";

type Namespace = DurableObjectNamespace<VisitorShard>;
type Shard = DurableObjectStub<VisitorShard>;

/** From one shard to the next: more only while several moves follow each other. */
const MOST_HOPS = 6;
/** A visitor who is just on the way from one shard to another is there within this time, or soon after. */
const ON_THE_WAY_MS = 250;

/** What the visitor's own shard answers. Throws where the visitor is on the way for longer than a second. */
export async function askVisitor<T>(
  shards: Namespace,
  { id, shard_map }: Pick<Environment, "id" | "shard_map">,
  anonymousId: string,
  ask: (shard: Shard) => Promise<T>,
): Promise<T> {
  let name = shardOf(shard_map, anonymousId);
  for (let hop = 0; hop < MOST_HOPS; hop++) {
    const shard = shards.getByName(`${id}/${name}`);
    // Both at once: nearly always the visitor is there. Calls of one stub arrive in their order.
    const [place, answer] = await Promise.all([shard.whereIs(anonymousId, shard_map), ask(shard)]);
    if (place.at === "here") return answer;
    if (place.at === "elsewhere") name = place.shard;
    else await scheduler.wait(ON_THE_WAY_MS);
  }
  throw new Error(`the visitor is being moved between shards of ${id}`);
}

/** Deletes what the shards know of a visitor (`VisitorShard.forget`). */
export async function forgetVisitor(
  shards: Namespace,
  environment: Pick<Environment, "id" | "shard_map">,
  anonymousId: string,
): Promise<Forgotten> {
  for (let attempt = 0; attempt < MOST_HOPS; attempt++) {
    const forgotten = await askVisitor(shards, environment, anonymousId, (shard) =>
      shard.forget(anonymousId, environment.shard_map),
    );
    if (forgotten) return forgotten;
  }
  throw new Error(`the visitor is being moved between shards of ${environment.id}`);
}
