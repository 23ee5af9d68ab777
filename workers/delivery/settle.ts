import { backoffSeconds } from "../../core/backoff.ts";
import { CountedEvents, kindOfReason } from "../../core/delivery-counters.ts";
import type { DeliveryItem, DeliveryMessage } from "../../core/queue-messages.ts";
import type { GateFailure } from "../../durable-objects/integration-gate.ts";
import { bury, type DeadLetter, type DeadReason } from "../dead-letters.ts";
import { type DeliveryEnv, LANE_BINDINGS } from "../env.ts";
import { sendInTime } from "../send.ts";
import type { Parcel } from "./parcel.ts";
import type { Mask } from "./vendor-call.ts";

/** What became of a message's events. `retried` are those that used up an attempt. */
export interface Tally {
  counted: CountedEvents;
  failures: GateFailure[];
}

export interface Terms {
  lane: number;
  giveUpAfterHours: number;
  mask: Mask;
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

/** Refused credentials: the gate pauses at least as long. */
const UNAUTHORISED_S = 300;
/** An event that is refused so often, while others are accepted, is itself what the vendor does not take. */
const REFUSALS_TO_GIVE_UP = 3;
/** A letter that cannot be buried is tried again after this. */
const UNBURIED_S = 60;
/** Of one message: the gate keeps the last fifty anyway. */
const MOST_FAILURES = 10;
/** Of a payload that failed, for people to look at. The dead letter has it whole. */
const SHOWN_CHARACTERS = 1_000;

/**
 * Makes a message's outcomes durable, then acknowledges it. What must be tried again goes back to its lane as a new message:
 * so only the failed events are sent again, with an attempt counter that is ours, and a delay that the queue's retry limit
 * does not end. Throws where that is not possible: then the whole message is still the queue's.
 */
export async function settle(
  parcel: Parcel,
  { lane, giveUpAfterHours, mask }: Terms,
  env: DeliveryEnv,
): Promise<Tally> {
  const { message, body } = parcel;
  const tooOld = Date.now() >= Date.parse(body.first_queued_at) + giveUpAfterHours * 3_600_000;
  const { tally, again, held, unwell, refused, dead } = sort(parcel, tooOld, mask);
  // First, because burying twice makes one letter, and sending twice two messages.
  const unburied = await buryOrKeep(env, parcel, dead);
  for (const one of dead) if (parcel.dead.has(one.item)) countDead(tally, one);
  const own = env[LANE_BINDINGS[lane]!];
  const counted = true as const;
  const since = body.refused?.since ?? new Date(Date.now()).toISOString();
  const refusedNow = { since, times: (body.refused?.times ?? 0) + 1 };
  await send(own, { ...body, attempt: body.attempt + 1 }, again);
  await send(own, { ...body, counted }, [...held, ...unburied]);
  await send(env.DELIVERY_RECOVERY, { ...body, counted }, unwell);
  await send(env.DELIVERY_RECOVERY, { ...body, counted, refused: refusedNow }, refused);
  message.ack();
  return tally;
}

/** An event that is `tooOld` gets no further try, and does not wait for a gate any longer either: somebody must mend that first. */
function sort({ body, outcomes, acceptedAt }: Parcel, tooOld: boolean, mask: Mask) {
  const tally: Tally = { counted: new CountedEvents(), failures: [] };
  const { counted } = tally;
  const again: Waiting[] = [];
  const held: Waiting[] = [];
  const unwell: Waiting[] = [];
  const refused: Waiting[] = [];
  const dead: Dead[] = [];
  const isNew = body.attempt === 1 && !body.counted;
  const isRefusedAlone =
    body.refused !== undefined &&
    body.refused.times + 1 >= REFUSALS_TO_GIVE_UP &&
    acceptedAt !== null &&
    acceptedAt > Date.parse(body.refused.since);
  for (const item of body.items) {
    const outcome = outcomes.get(item)!;
    const { event } = item;
    if (isNew && outcome.outcome !== "filtered") counted.add(event, "received");
    const failed = (reason: string) => {
      if (tally.failures.length >= MOST_FAILURES) return;
      const { message_id, payload } = item;
      const shown = mask(JSON.stringify(payload) ?? "").slice(0, SHOWN_CHARACTERS);
      tally.failures.push({ at: new Date().toISOString(), message_id, event, reason, payload: shown });
    };
    const bury = (reason: DeadReason, detail: string) => dead.push({ item, reason, detail });
    const wait = (where: Waiting[], after_s: number, reason: string): boolean => {
      if (tooOld) bury("gave_up", reason);
      else where.push({ item, after_s });
      return !tooOld;
    };
    switch (outcome.outcome) {
      case "delivered":
        counted.add(event, "delivered");
        // Of a replay it would be the age of the event.
        if (!body.replay) counted.addLatency(event, Date.now() - Date.parse(item.received_at));
        break;
      case "filtered":
        counted.addReason(event, "filtered", outcome.reason);
        // What is filtered counts as received by itself: one that was held before was counted then.
        if (!isNew) counted.add(event, "received", -1);
        break;
      case "rejected":
      case "batch_refused":
        failed(outcome.reason);
        bury("rejected", outcome.reason);
        break;
      case "undeliverable":
        bury(outcome.reason, outcome.detail);
        break;
      case "retry":
        failed(outcome.reason);
        if (wait(again, backoffSeconds(body.attempt, outcome.after_s), outcome.reason)) counted.add(event, "retried");
        break;
      case "unauthorised":
        failed(outcome.reason);
        if (isRefusedAlone) bury("rejected", `${outcome.reason} (others were accepted meanwhile)`);
        else wait(refused, UNAUTHORISED_S, outcome.reason);
        break;
      case "held":
        wait(outcome.is_unwell ? unwell : held, outcome.after_s, outcome.reason);
        break;
      default:
        outcome satisfies never;
    }
  }
  return { tally, again, held, unwell, refused, dead };
}

function countDead({ counted }: Tally, { item: { event }, reason, detail }: Dead): void {
  counted.add(event, "dead_lettered");
  counted.addReason(
    event,
    "failed",
    reason === "rejected" ? kindOfReason(detail) : `${reason}: ${kindOfReason(detail)}`,
  );
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
async function send(queue: Queue, body: DeliveryMessage, waiting: Waiting[]): Promise<void> {
  if (waiting.length === 0) return;
  const delaySeconds = Math.max(...waiting.map(({ after_s }) => after_s));
  const text = JSON.stringify({ ...body, items: waiting.map(({ item }) => item) });
  await sendInTime(() => queue.send(text, { contentType: "text", delaySeconds }));
}
