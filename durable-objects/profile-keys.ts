/** Where a ProfileShard finds an identifier: by the id of the person whom it would be alone, and by the beginning of that id's hash. */
import { identifierOf, personIdOf } from "../core/identity-graph.ts";
import { profileBucketOf } from "../core/shard-map.ts";
import type { Hash } from "./record-store.ts";

/** Hashing costs as much as all else that is done with an identifier, and the same ones come again and again. */
const ids = new Map<string, string>();
const MOST_IDS = 20_000;
export function idOf(key: string): string {
  const known = ids.get(key);
  if (known) return known;
  if (ids.size >= MOST_IDS) ids.clear();
  const id = personIdOf(identifierOf(key));
  ids.set(key, id);
  return id;
}

export function bucketOf(keyOrPersonId: string): number {
  return profileBucketOf(keyOrPersonId.startsWith("per_") ? keyOrPersonId : idOf(keyOrPersonId));
}

/** The beginning of the identifier's SHA-256, which its person's id begins with. */
export function hashOf(key: string): Hash {
  return hashOfId(idOf(key));
}

export function hashOfId(personId: string): Hash {
  return { high: Number.parseInt(personId.slice(4, 12), 16), low: Number.parseInt(personId.slice(12, 20), 16) };
}
