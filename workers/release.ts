/**
 * Lets go of an event that was quarantined, as it is or mended: one that Layer 1 kept aside goes in again at the beginning; one that a
 * pipeline kept aside goes to the one integration that did not get it, through its pipelines as they are now.
 */
import { type Event, event as eventSchema } from "../core/event.ts";
import type { RawMessage } from "../core/queue-messages.ts";
import { record } from "../core/values.ts";
import { readEnvironment } from "./config.ts";
import { type BuriedLetter, forgetDeadLetter } from "./dead-letters.ts";
import type { ApiEnv } from "./env.ts";
import { DeliveryOutbox } from "./processor/delivery-outbox.ts";
import { mapFor } from "./processor/map-for.ts";
import { sendInTime } from "./send.ts";

export type Released =
  | { released: "queued_for_integration"; versions: string[] }
  | { released: "queued_for_processing" }
  /** The letter stays what it is. */
  | { released: false; code: "invalid_request" | "conflict" | "not_found"; message: string };

/** The letter is gone when what follows from it is in a queue. Twice at once it may go twice: vendors tell by message_id. */
export async function release(env: ApiEnv, letter: BuriedLetter, mended: unknown): Promise<Released> {
  if (letter.stage !== "processor")
    return refused(
      "invalid_request",
      "only events that the processor kept aside are released; this one was refused by its vendor",
    );
  const parsed = eventSchema.safeParse(mended ?? letter.payload);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return refused("invalid_request", `event.${issue!.path.join(".")}: ${issue!.message}`);
  }
  const event = parsed.data;
  if (letter.message_id !== undefined && event.message_id !== letter.message_id)
    return refused(
      "invalid_request",
      `event.message_id: it is ${letter.message_id}, and stays so: vendors tell repetitions by it`,
    );
  const environment = await readEnvironment(env.CONFIG, letter.environment_id);
  if (!environment) return refused("not_found", `No environment ${letter.environment_id}`);
  const source_id = letter.source_id ?? environment.sources[0]?.id ?? "";
  return letter.integration_id === undefined
    ? intoProcessing(env, letter, event, source_id)
    : toIntegration(env, letter, withItsConsent(event, letter.payload), source_id, environment);
}

/** Whoever mends an event does not consent for the person. */
function withItsConsent(event: Event, before: unknown): Event {
  const { consent: _, purposes: __, ...context } = event.context;
  const { consent, purposes = [] } = record(record(before).context) as Event["context"];
  return { ...event, context: { ...context, ...(consent && { consent }), purposes } };
}

async function intoProcessing(env: ApiEnv, letter: BuriedLetter, event: Event, source_id: string): Promise<Released> {
  const message: RawMessage = {
    v: 1,
    environment_id: letter.environment_id,
    source_id,
    received_at: event.received_at,
    // Global Privacy Control among it: without it a person's objection would be lost.
    ...(letter.door ?? { request: {}, vendor_ids: {} }),
    events: [event],
  };
  await sendInTime(() => env.RAW_EVENTS.send(JSON.stringify(message), { contentType: "text" }));
  await forgetDeadLetter(env, letter.id);
  return { released: "queued_for_processing" };
}

async function toIntegration(
  env: ApiEnv,
  letter: BuriedLetter,
  event: Event,
  source_id: string,
  environment: NonNullable<Awaited<ReturnType<typeof readEnvironment>>>,
): Promise<Released> {
  const integration = environment.integrations.find(({ id }) => id === letter.integration_id);
  if (!integration) return refused("not_found", `No integration ${letter.integration_id}`);
  const mapped = await (await mapFor(environment, env))(event, integration, source_id);
  if (mapped.outcome === "filtered")
    return refused("conflict", `It would not be sent: ${mapped.reason}${mapped.detail ? ` (${mapped.detail})` : ""}`);
  const outbox = new DeliveryOutbox();
  const { versions = [] } = mapped;
  outbox.add(letter, environment.id, integration, event, mapped.payload_json, versions);
  let failure: unknown;
  await outbox.send(env, (_, error) => {
    failure = error;
  });
  if (failure) throw failure;
  await forgetDeadLetter(env, letter.id);
  return { released: "queued_for_integration", versions };
}

const refused = (code: "invalid_request" | "conflict" | "not_found", message: string): Released => ({
  released: false,
  code,
  message,
});
