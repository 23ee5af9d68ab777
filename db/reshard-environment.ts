/**
 * Gives an environment another number of shards, of visitors or of people. The new map is published with the one before; when every shard has what the new one
 * gives it, the one before is taken away. One move of each at a time: an environment that is in the middle of one refuses the next.
 */
import { and, eq, isNotNull, or, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { ApiError } from "../core/api-error.ts";
import { firstProfileShardMap, nextShardMap, type ShardMap, shardMap } from "../core/shard-map.ts";
import { publishEnvironment } from "./publish-environment.ts";
import * as schema from "./schema.ts";

type Database = DrizzleD1Database<typeof schema>;

/** Which of an environment's maps: of visitors, or of people. */
export type MapName = "shard_map" | "profile_shard_map";
/** With which the names of shards begin. */
const PREFIX = { shard_map: "s", profile_shard_map: "p" } as const;

/** Throws `not_found`; `conflict` where a move is under way. */
export async function beginMove(
  db: Database,
  kv: KVNamespace,
  environmentId: string,
  name: MapName,
  count: number,
): Promise<ShardMap> {
  const map = await mapOf(db, environmentId, name);
  if (map.previous)
    throw new ApiError("conflict", `The ${name} of ${environmentId} is moving already, to epoch ${map.epoch}`);
  if (map.shards.length === count) return map;
  const next = nextShardMap(map, count, PREFIX[name]);
  if (!(await replace(db, environmentId, name, map, next)))
    throw new ApiError("conflict", `Somebody else is changing the ${name} of ${environmentId}`);
  await publishEnvironment(db, kv, environmentId);
  return next;
}

/** Takes the map before away, once every shard has what this one gives it. */
export async function endMove(
  db: Database,
  kv: KVNamespace,
  environmentId: string,
  name: MapName,
  ended: ShardMap,
): Promise<void> {
  const map = await mapOf(db, environmentId, name);
  if (map.epoch !== ended.epoch || !map.previous) return;
  const { epoch, shards } = map;
  if (await replace(db, environmentId, name, map, { epoch, shards })) await publishEnvironment(db, kv, environmentId);
}

/** Environments in the middle of a move, with their maps. */
export async function movesUnderWay(db: Database): Promise<{ id: string; name: MapName; map: ShardMap }[]> {
  const { id, shard_map, profile_shard_map } = schema.environments;
  const rows = await db
    .select({ id, shard_map, profile_shard_map })
    .from(schema.environments)
    .where(or(isNotNull(sql`${shard_map} ->> 'previous'`), isNotNull(sql`${profile_shard_map} ->> 'previous'`)));
  return rows.flatMap((row) =>
    (["shard_map", "profile_shard_map"] as const).flatMap((name) => {
      const map = readMap(row, name);
      return map.previous ? [{ id: row.id, name, map }] : [];
    }),
  );
}

/** An environment that never moved its people has the first map of them. */
export function readMap(row: Partial<Record<MapName, unknown>>, name: MapName): ShardMap {
  const stored = row[name];
  return name === "profile_shard_map" && stored == null ? firstProfileShardMap() : shardMap.parse(stored);
}

async function mapOf(db: Database, environmentId: string, name: MapName): Promise<ShardMap> {
  const { environments } = schema;
  const [row] = await db.select().from(environments).where(eq(environments.id, environmentId));
  if (!row) throw new ApiError("not_found", `No environment ${environmentId}`);
  return readMap(row, name);
}

/** False where the map is no longer the one that was read. */
async function replace(
  db: Database,
  environmentId: string,
  name: MapName,
  read: ShardMap,
  next: ShardMap,
): Promise<boolean> {
  const { environments } = schema;
  const stored = environments[name];
  const isSame = sql`coalesce(${stored} ->> 'epoch', 1) = ${read.epoch} AND (${stored} ->> 'previous' IS NULL) = ${read.previous ? 0 : 1}`;
  const changed = await db
    .update(environments)
    .set({ [name]: next })
    .where(and(eq(environments.id, environmentId), isSame))
    .returning({ id: environments.id });
  return changed.length > 0;
}
