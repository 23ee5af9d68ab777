/**
 * One call for each profile shard that a batch touches: who the events' people are, and what they say of them. Only events of people who said
 * who they are go there. A shard that fails fails the messages that needed it, and no others.
 */
import type { Environment } from "../../core/environment.ts";
import type { Event } from "../../core/event.ts";
import { keyOf, personIdOf } from "../../core/identity-graph.ts";
import type { IdentityReason } from "../../core/identity-rules.ts";
import type { ProfileChange } from "../../core/profile-change.ts";
import { type ProfileEvent, readProfileEvent } from "../../core/profile-event.ts";
import { profileShardOf } from "../../core/shard-map.ts";
import type { ShardAnswer } from "../../durable-objects/visitor-shard.ts";
import type { ProcessorEnv } from "../env.ts";

/** What is known of an event's person. */
export interface PersonFacts {
  id?: string;
  /** Why identifiers of the event, or links between them, are not used. */
  refused?: IdentityReason[];
}

interface Asking {
  work: { context: { environment: Environment; source_id: string }; failed?: unknown };
  event: Event;
  answer?: ShardAnswer;
  person?: PersonFacts;
}

/** Sets `person` of each, or `failed` of its message. Answers with what changed, for whom an integration wants to hear of it. */
export async function askProfileShards<A extends Asking>(
  asked: A[],
  env: Pick<ProcessorEnv, "PROFILE_SHARD">,
  now = Date.now(),
): Promise<{ environment: Environment; work: A["work"]; change: ProfileChange }[]> {
  const shards = new Map<string, { environment: Environment; all: { one: A; found: ProfileEvent }[] }>();
  for (const one of asked) {
    if (!one.answer || one.answer.verdict === "duplicate") continue;
    const { environment, source_id } = one.work.context;
    const { identity, computed_traits } = environment.profiles;
    const { found, refused } = readProfileEvent(one.event, source_id, identity, computed_traits);
    if (refused.length) one.person = { refused };
    if (!found) continue;
    const { first_touch } = one.answer as Pick<ProfileEvent, "first_touch">;
    if (first_touch) found.first_touch = first_touch;
    const name = `${environment.id}/${profileShardOf(environment.profile_shard_map, personIdOf(found.home))}`;
    const group = shards.get(name);
    if (group) group.all.push({ one, found });
    else shards.set(name, { environment, all: [{ one, found }] });
  }
  const changes: { environment: Environment; work: A["work"]; change: ProfileChange }[] = [];
  await Promise.all(
    [...shards].map(async ([name, { environment, all }]) => {
      try {
        const publishes = environment.integrations.some(
          ({ enabled, profile_events }) => enabled && profile_events?.length,
        );
        const answers = await env.PROFILE_SHARD.getByName(name).apply({
          events: all.map(({ found }) => found),
          map: environment.profile_shard_map,
          rules: environment.profiles.identity,
          computed: environment.profiles.computed_traits,
          searchable: environment.profiles.searchable_traits,
          publishes,
          now,
        });
        all.forEach(({ one, found }, i) => {
          const answer = answers[i]!;
          if (answer.verdict === "deleted") return;
          const { person_id, refused } = answer;
          one.person = { id: person_id, ...(refused && { refused }) };
          for (const kind of publishes ? answer.changes : []) {
            const at = new Date(found.at).toISOString();
            const change = { kind, person_id, key: keyOf(found.home), cause: found.message_id, at };
            changes.push({ environment, work: one.work, change });
          }
        });
      } catch (error) {
        for (const { one } of all) one.work.failed ??= error;
      }
    }),
  );
  return changes;
}
