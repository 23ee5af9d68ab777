/**
 * What a person did, on all their devices, newest first: from the shards of the visitors that they were, which find it in what waits for the
 * lake and in the files of the lake that hold something of theirs.
 */
import type { Environment } from "../core/environment.ts";
import type { Event } from "../core/event.ts";
import { type Identifier, ownerAt, type Resolution } from "../core/identity-graph.ts";
import type { VisitorShard } from "../durable-objects/visitor-shard.ts";
import { askVisitor } from "./visitor-shards.ts";

export interface TimelineEntry {
  source_id: string;
  event: Event;
}

/** Where to go on for each visitor; who is not named has no more. */
export type TimelineCursor = Record<string, string>;

/** Each is asked by a call of its own, of which a Worker has six at once. The newest devices count. */
const MOST_VISITORS = 30;

/**
 * A page of at most about `limit` events, newest first. Between two pages the order is that of each visitor. On a device that several people
 * logged in on, an event without a user id is that of whoever had logged in last.
 */
export async function timelineOfPerson(
  shards: DurableObjectNamespace<VisitorShard>,
  environment: Environment,
  {
    personId,
    identifiers,
    resolution,
  }: { personId: string; identifiers: (Identifier & { since?: number })[]; resolution: Resolution },
  limit: number,
  cursor?: TimelineCursor,
): Promise<{ events: TimelineEntry[]; next?: TimelineCursor; lake_files: number }> {
  // Servers that know no visitor send the user id as one.
  const visitors = identifiers
    .filter(({ kind }) => kind === "anonymous_id" || kind === "user_id")
    .toSorted((x, y) => (y.since ?? 0) - (x.since ?? 0))
    .map(({ value }) => value)
    .slice(0, MOST_VISITORS)
    .filter((visitor) => !cursor || Object.hasOwn(cursor, visitor));
  const each = Math.max(1, Math.ceil(limit / Math.max(1, visitors.length)));
  const answers = await Promise.all(
    visitors.map(async (visitor) => {
      const query = { anonymous_id: visitor, limit: each, before: cursor?.[visitor] };
      return { visitor, ...(await askVisitor(shards, environment, visitor, (shard) => shard.eventsOf(query))) };
    }),
  );
  const userIds = new Set(identifiers.filter(({ kind }) => kind === "user_id").map(({ value }) => value));
  const isTheirs = ({ user_id, anonymous_id, timestamp }: Event) =>
    user_id === undefined
      ? ownerAt(resolution, anonymous_id, Date.parse(timestamp)) === personId
      : userIds.size === 0 || userIds.has(user_id);
  const events = answers
    .flatMap(({ events }) =>
      events.map(({ source_id, event_json }) => ({ source_id, event: JSON.parse(event_json) as Event })),
    )
    .filter(({ event }) => isTheirs(event))
    .sort(
      (x, y) =>
        y.event.timestamp.localeCompare(x.event.timestamp) || y.event.message_id.localeCompare(x.event.message_id),
    );
  const next: TimelineCursor = {};
  for (const { visitor, next: before } of answers) if (before !== undefined) next[visitor] = before;
  const lake_files = answers.reduce((sum, { lake_files }) => sum + lake_files, 0);
  return { events, lake_files, ...(Object.keys(next).length && { next }) };
}
