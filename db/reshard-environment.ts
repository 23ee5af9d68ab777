/**
 * Gives an environment another number of shards. The new map is published with the one before; when every shard has what the new one
 * gives it, the one before is taken away. One move at a time: an environment that is in the middle of one refuses the next.
 */
import { and, eq, isNotNull, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { ApiError } from "../core/api-error.ts";
import { nextShardMap, type ShardMap, shardMap } from "../core/shard-map.ts";
import { publishEnvironment } from "./publish-environment.ts";
import * as schema from "./schema.ts";

type Database = DrizzleD1Database<typeof schema>;

/** Throws `not_found`; `conflict` where a move is under way. */
export async function beginMove(
  db: Database,
  kv: KVNamespace,
  environmentId: string,
  count: number,
): Promise<ShardMap> {
  const map = await mapOf(db, environmentId);
  if (map.previous)
    throw new ApiError("conflict", `Shards of ${environmentId} are moving already, to epoch ${map.epoch}`);
  if (map.shards.length === count) return map;
  const next = nextShardMap(map, count);
  if (!(await replace(db, environmentId, map, next)))
    throw new ApiError("conflict", `Somebody else is changing the shards of ${environmentId}`);
  await publishEnvironment(db, kv, environmentId);
  return next;
}

/** Takes the map before away, once every shard has what this one gives it. */
export async function endMove(db: Database, kv: KVNamespace, environmentId: string, ended: ShardMap): Promise<void> {
  const map = await mapOf(db, environmentId);
  if (map.epoch !== ended.epoch || !map.previous) return;
  const { epoch, shards } = map;
  if (await replace(db, environmentId, map, { epoch, shards })) await publishEnvironment(db, kv, environmentId);
}

/** Environments in the middle of a move, with their maps. */
export async function movesUnderWay(db: Database): Promise<{ id: string; map: ShardMap }[]> {
  const { id, shard_map } = schema.environments;
  const rows = await db
    .select({ id, shard_map })
    .from(schema.environments)
    .where(isNotNull(sql`${shard_map} ->> 'previous'`));
  return rows.map((row) => ({ id: row.id, map: shardMap.parse(row.shard_map) }));
}

async function mapOf(db: Database, environmentId: string): Promise<ShardMap> {
  const { environments } = schema;
  const [row] = await db.select().from(environments).where(eq(environments.id, environmentId));
  if (!row) throw new ApiError("not_found", `No environment ${environmentId}`);
  return shardMap.parse(row.shard_map);
}

/** False where the map is no longer the one that was read. */
async function replace(db: Database, environmentId: string, read: ShardMap, next: ShardMap): Promise<boolean> {
  const { environments } = schema;
  const isSame = sql`${environments.shard_map} ->> 'epoch' = ${read.epoch} AND (${environments.shard_map} ->> 'previous' IS NULL) = ${read.previous ? 0 : 1}`;
  const changed = await db
    .update(environments)
    .set({ shard_map: next })
    .where(and(eq(environments.id, environmentId), isSame))
    .returning({ id: environments.id });
  return changed.length > 0;
}
