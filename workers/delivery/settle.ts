import { backoffSeconds } from "../../core/backoff.ts";
import type { DeliveryItem, DeliveryMessage } from "../../core/queue-messages.ts";
import type { GateFailure } from "../../durable-objects/integration-gate.ts";
import { bury, type DeadLetter, type DeadReason } from "../dead-letters.ts";
import { type DeliveryEnv, LANE_BINDINGS } from "../env.ts";
import { sendInTime } from "../send.ts";
import type { Parcel } from "./parcel.ts";

/** What became of a message's events. `retried` are those that used up an attempt. */
export interface Tally {
  delivered: number;
  retried: number;
  dead_lettered: number;
  filtered: Record<string, number>;
  failures: GateFailure[];
}

interface Waiting {
  item: DeliveryItem;
  after_s: number;
}
interface Dead {
  item: DeliveryItem;
  reason: DeadReason;
  detail: string;
}

/** Refused credentials: the gate pauses for as long. */
const UNAUTHORISED_S = 300;
/** A letter that cannot be buried is tried again after this. */
const UNBURIED_S = 60;
/** Of one message: the gate keeps the last fifty anyway. */
const MOST_FAILURES = 10;

/**
 * Makes a message's outcomes durable, then acknowledges it. What must be tried again goes back to its lane as a new message:
 * so only the failed events are sent again, with an attempt counter that is ours, and a delay that the queue's retry limit
 * does not end. Throws where that is not possible: then the whole message is still the queue's.
 */
export async function settle(
  parcel: Parcel,
  { lane, giveUpAfterHours }: { lane: number; giveUpAfterHours: number },
  env: DeliveryEnv,
): Promise<Tally> {
  const { message, body } = parcel;
  const tooOld = Date.now() >= Date.parse(body.first_queued_at) + giveUpAfterHours * 3_600_000;
  const { tally, again, held, dead } = sort(parcel, tooOld);
  // First, because burying twice makes one letter, and sending twice two messages.
  const unburied = await buryOrKeep(env, parcel, dead);
  if (again.length) await send(env, lane, { ...body, attempt: body.attempt + 1 }, again);
  if (held.length + unburied.length) await send(env, lane, body, [...held, ...unburied]);
  message.ack();
  return { ...tally, retried: again.length, dead_lettered: parcel.dead.size };
}

/** An event that is `tooOld` gets no further try, and does not wait for a gate any longer either: somebody must mend that first. */
function sort({ body, outcomes }: Parcel, tooOld: boolean) {
  const tally = { delivered: 0, filtered: {} as Record<string, number>, failures: [] as GateFailure[] };
  const again: Waiting[] = [];
  const held: Waiting[] = [];
  const dead: Dead[] = [];
  for (const item of body.items) {
    const outcome = outcomes.get(item)!;
    const failed = (reason: string) => {
      const { message_id, event } = item;
      if (tally.failures.length < MOST_FAILURES)
        tally.failures.push({ at: new Date().toISOString(), message_id, event, reason });
    };
    const wait = (where: Waiting[], after_s: number, reason: string) => {
      if (tooOld) dead.push({ item, reason: "gave_up", detail: reason });
      else where.push({ item, after_s });
    };
    switch (outcome.outcome) {
      case "delivered":
        tally.delivered++;
        break;
      case "filtered":
        tally.filtered[outcome.reason] = (tally.filtered[outcome.reason] ?? 0) + 1;
        break;
      case "rejected":
      case "batch_refused":
        failed(outcome.reason);
        dead.push({ item, reason: "rejected", detail: outcome.reason });
        break;
      case "undeliverable":
        dead.push({ item, reason: outcome.reason, detail: outcome.detail });
        break;
      case "retry":
        failed(outcome.reason);
        wait(again, backoffSeconds(body.attempt, outcome.after_s), outcome.reason);
        break;
      case "unauthorised":
        failed(outcome.reason);
        wait(held, UNAUTHORISED_S, outcome.reason);
        break;
      case "held":
        wait(held, outcome.after_s, outcome.reason);
        break;
      default:
        outcome satisfies never;
    }
  }
  return { tally, again, held, dead };
}

/** The letters that could not be buried, to wait in the queue alone: what was delivered beside them is not sent again for them. */
async function buryOrKeep(env: DeliveryEnv, parcel: Parcel, dead: Dead[]): Promise<Waiting[]> {
  const { message, body } = parcel;
  const { environment_id, integration_id, attempt: attempts } = body;
  const about = { environment_id, stage: "delivery", integration_id, attempts } as const;
  const letters = dead.map(({ item, reason, detail }): DeadLetter => {
    const { message_id, event } = item;
    return { ...about, message_id, event, reason, detail, payload: item };
  });
  try {
    await bury(env, message.id, letters);
    for (const { item } of dead) parcel.dead.add(item);
    return [];
  } catch (error) {
    console.error(JSON.stringify({ level: "error", at: "delivery.bury", integration_id, message: String(error) }));
    return dead.map(({ item }) => ({ item, after_s: UNBURIED_S }));
  }
}

/** The given items of a message as a new one, after the longest of their delays: they failed together and go together. */
async function send(env: DeliveryEnv, lane: number, body: DeliveryMessage, waiting: Waiting[]): Promise<void> {
  const delaySeconds = Math.max(...waiting.map(({ after_s }) => after_s));
  const text = JSON.stringify({ ...body, items: waiting.map(({ item }) => item) });
  await sendInTime(() => env[LANE_BINDINGS[lane]!].send(text, { contentType: "text", delaySeconds }));
}
