/**
 * One call for each profile shard that a batch touches: who the events' people are, and what they say of them. Only events of people who said
 * who they are go there. A shard that fails fails the messages that needed it, and no others; so does one whose people are on their way to
 * another for longer than a message can wait.
 */
import type { Environment } from "../../core/environment.ts";
import type { Event } from "../../core/event.ts";
import { keyOf, personIdOf } from "../../core/identity-graph.ts";
import type { IdentityReason } from "../../core/identity-rules.ts";
import type { ProfileChange } from "../../core/profile-change.ts";
import { type ProfileEvent, readProfileEvent } from "../../core/profile-event.ts";
import { keptOfPeople } from "../../core/segments/published.ts";
import { followOwners, onTheWay, type ProfileShards } from "../../durable-objects/ask-profile-owners.ts";
import type { Decision } from "../../durable-objects/visitor-shard.ts";
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
  answer?: Decision;
  person?: PersonFacts;
}

interface Found<A extends Asking> {
  one: A;
  found: ProfileEvent;
  personId: string;
}

/** Sets `person` of each, or `failed` of its message. Answers with what changed, for whom an integration wants to hear of it. */
export async function askProfileShards<A extends Asking>(
  asked: A[],
  env: Pick<ProcessorEnv, "PROFILE_SHARD">,
  now = Date.now(),
): Promise<{ environment: Environment; work: A["work"]; change: ProfileChange }[]> {
  const environments = new Map<string, { environment: Environment; all: Found<A>[] }>();
  for (const one of asked) {
    if (!one.answer || one.answer.verdict === "duplicate" || one.answer.verdict === "forgotten") continue;
    const { environment, source_id } = one.work.context;
    const { identity } = environment.profiles;
    const { found, refused } = readProfileEvent(one.event, source_id, identity, keptOfPeople(environment));
    if (refused.length) one.person = { refused };
    if (!found) continue;
    const { first_touch } = one.answer;
    if (first_touch) found.first_touch = first_touch;
    const asking = { one, found, personId: personIdOf(found.home) };
    const group = environments.get(environment.id);
    if (group) group.all.push(asking);
    else environments.set(environment.id, { environment, all: [asking] });
  }
  const changes: { environment: Environment; work: A["work"]; change: ProfileChange }[] = [];
  await Promise.all(
    environments.values().map(async ({ environment, all }) => {
      const { id, profile_shard_map: map, profiles } = environment;
      const publishes = environment.integrations.some(
        ({ enabled, profile_events }) => enabled && profile_events?.length,
      );
      const shards: ProfileShards = { environmentId: id, namespace: env.PROFILE_SHARD, map };
      const left = await followOwners(shards, all, async (shard, own) => {
        try {
          const answers = await shard.apply({
            events: own.map(({ found }) => found),
            map,
            rules: profiles.identity,
            computed: profiles.computed_traits,
            searchable: profiles.searchable_traits,
            publishes,
            now,
          });
          return own.map(({ one, found }, i) => {
            const answer = answers[i]!;
            if (answer.verdict === "elsewhere") return answer.shard;
            if (answer.verdict === "deleted") return undefined;
            const { person_id, refused } = answer;
            one.person = { id: person_id, ...(refused && { refused }) };
            for (const kind of publishes ? answer.changes : []) {
              const at = new Date(found.at).toISOString();
              const change = { kind, person_id, key: keyOf(found.home), cause: found.message_id, at };
              changes.push({ environment, work: one.work, change });
            }
            return undefined;
          });
        } catch (error) {
          for (const { one } of own) one.work.failed ??= error;
          return [];
        }
      });
      for (const { one } of left) one.work.failed ??= onTheWay(shards);
    }),
  );
  return changes;
}
