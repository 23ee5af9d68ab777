/** Changes of profiles, from their queue to the integrations that ask for them. */
import type { Environment } from "../../core/environment.ts";
import { eventOfChange, type ProfileChange, profileChangesMessage } from "../../core/profile-change.ts";
import { readEnvironment } from "../config.ts";
import { bury } from "../dead-letters.ts";
import type { ProcessorEnv } from "../env.ts";
import { personBehind } from "../people.ts";
import { DeliveryOutbox } from "./delivery-outbox.ts";
import { layer2Resources } from "./layer2-resources.ts";
import { runLayer2 } from "./pipeline.ts";

/** Consumes `profile-events`: the person as they are now, to each integration that wants to hear of such a change. */
export async function deliverProfileChanges(batch: MessageBatch, env: ProcessorEnv): Promise<void> {
  for (const message of batch.messages) {
    try {
      const parsed = profileChangesMessage.safeParse(
        typeof message.body === "string" ? JSON.parse(message.body) : message.body,
      );
      const environment = parsed.success && (await readEnvironment(env.CONFIG, parsed.data.environment_id));
      if (!parsed.success || !environment) {
        const why = {
          stage: "processor",
          reason: "unreadable_message",
          detail: "not a message of profile changes",
        } as const;
        await bury(env, message.id, [
          { environment_id: "", ...why, attempts: message.attempts, payload: message.body },
        ]);
      } else await tell(parsed.data.changes, environment, message.timestamp, env);
      message.ack();
    } catch (error) {
      console.error(
        JSON.stringify({
          level: "error",
          at: "processor.profile_changes",
          queue_message: message.id,
          message: String(error),
        }),
      );
      message.retry({ delaySeconds: 2 + Math.floor(Math.random() * 2 ** Math.min(message.attempts, 6)) });
    }
  }
}

async function tell(changes: ProfileChange[], environment: Environment, at: Date, env: ProcessorEnv): Promise<void> {
  const outbox = new DeliveryOutbox();
  const resources = await layer2Resources(environment, env);
  for (const change of changes) {
    const listening = environment.integrations.filter(
      ({ enabled, profile_events }) => enabled && profile_events?.includes(change.kind),
    );
    if (!listening.length) continue;
    const person = change.kind === "deleted" ? undefined : await personBehind(env, environment, change.key);
    const event = eventOfChange(change, person?.traits ?? {}, at.toISOString());
    for (const integration of listening) {
      // Which sources feed it says nothing about people, who come from all of them.
      const { source_ids: _, ...anySource } = integration;
      const mapped = await runLayer2(
        event,
        { environment, source_id: "", request: {}, vendor_ids: {} },
        anySource,
        resources,
      );
      if (mapped.outcome === "queued") outbox.add(undefined, environment.id, integration, event, mapped.payload_json);
    }
  }
  let failure: unknown;
  await outbox.send(env, (_, error) => {
    failure = error;
  });
  if (failure) throw failure;
}
