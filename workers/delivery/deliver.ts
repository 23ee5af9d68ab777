/**
 * The one engine behind every destination. Destinations describe requests; nothing in here knows a vendor. A batch goes
 * through in this order: read the messages (parcel.ts), find where they go (target.ts), make the vendor requests
 * (make-calls.ts, vendor-call.ts), make every outcome durable (settle.ts), tell the gate and whoever watches.
 */
import { backoffSeconds } from "../../core/backoff.ts";
import { laneOf } from "../../core/lane.ts";
import type { GateReport } from "../../durable-objects/integration-gate.ts";
import { bury, ownerOf } from "../dead-letters.ts";
import type { DeliveryEnv } from "../env.ts";
import { publishLive } from "../live.ts";
import { Metrics } from "../metrics.ts";
import { inPool } from "./in-pool.ts";
import { liveItem } from "./live-item.ts";
import { type Call, hasFailed, makeCalls, refusalOf } from "./make-calls.ts";
import { type Parcel, read } from "./parcel.ts";
import { settle, type Tally } from "./settle.ts";
import { type Target, targetOf } from "./target.ts";
import { versionOutcomes } from "./version-outcomes.ts";

/** A Worker may have six connections open; one is left for queues and storage. More would wait, with their timeouts running. */
const CALLS_AT_ONCE = 5;

/** Acknowledges or retries every message, each for itself. */
export async function deliver(batch: MessageBatch, env: DeliveryEnv): Promise<void> {
  const parcels = await Promise.all(batch.messages.map((message) => open(message, env)));
  const groups = Map.groupBy(
    parcels.filter((parcel) => parcel !== undefined),
    ({ body }) => `${body.environment_id} ${body.integration_id}`,
  );
  // Each integration has connections of its own, so that a vendor that hangs leaves the others theirs.
  const each = Math.max(1, Math.floor(CALLS_AT_ONCE / groups.size));
  await inPool(CALLS_AT_ONCE, [...groups.values()], (group) => deliverToOne(group, env, each));
}

/** A message that can never be read is buried with its reason, and blocks nothing. */
async function open(message: Message, env: DeliveryEnv): Promise<Parcel | undefined> {
  const reading = read(message);
  if (reading.ok) return reading.parcel;
  try {
    const { body: payload, attempts } = message;
    const why = { stage: "delivery", reason: "unreadable_message", detail: reading.problem } as const;
    await bury(env, message.id, [{ ...ownerOf(payload), ...why, attempts, payload }]);
    message.ack();
  } catch (error) {
    tryAgain([message], error);
  }
  return undefined;
}

/** All messages of one integration in this batch. One vendor's trouble never reaches another: whatever fails is retried here. */
async function deliverToOne(parcels: Parcel[], env: DeliveryEnv, callsAtOnce: number): Promise<void> {
  try {
    const { integration_id: id } = parcels[0]!.body;
    const found = await targetOf(parcels[0]!.body, env);
    if ("instead" in found) {
      for (const { body, outcomes } of parcels) for (const item of body.items) outcomes.set(item, found.instead);
      await settleAll(parcels, { lane: laneOf({ id }), giveUpAfterHours: 0 }, [], env);
      return;
    }
    const { integration, destination } = found.target;
    const calls = await makeCalls(parcels, found.target, env, callsAtOnce);
    const { giveUpAfterHours } = destination.limits;
    await settleAll(parcels, { lane: laneOf(integration), giveUpAfterHours }, calls, env);
    await publish(calls, parcels[0]!.body.environment_id, found.target, env);
  } catch (error) {
    tryAgain(
      parcels.map(({ message }) => message),
      error,
    );
  }
}

/** Settles each message, or leaves it to the queue; then tells the gate what became of those that were. Never throws. */
async function settleAll(
  parcels: Parcel[],
  terms: { lane: number; giveUpAfterHours: number },
  calls: Call[],
  env: DeliveryEnv,
): Promise<void> {
  const { environment_id, integration_id } = parcels[0]!.body;
  const tallies = await Promise.all(
    parcels.map(async (parcel) => {
      try {
        return await settle(parcel, terms, env);
      } catch (error) {
        tryAgain([parcel.message], error);
        return undefined;
      }
    }),
  );
  const report = reportOf(
    tallies.filter((tally) => tally !== undefined),
    calls,
  );
  const versions = versionOutcomes(parcels.filter((_, i) => tallies[i] !== undefined));
  const metrics = new Metrics();
  for (const outcome of ["delivered", "retried", "dead_lettered"] as const) {
    if (report[outcome]) metrics.count(environment_id, { stage: "delivery", integration_id, outcome }, report[outcome]);
  }
  metrics.write(env.METRICS);
  try {
    await env.INTEGRATION_GATE.getByName(integration_id).report({ ...report, versions });
  } catch (error) {
    // The events themselves are settled; what is lost is their count.
    console.warn(JSON.stringify({ level: "warn", at: "delivery.report", integration_id, message: String(error) }));
  }
}

function reportOf(tallies: Tally[], calls: Call[]) {
  const report = {
    delivered: 0,
    retried: 0,
    dead_lettered: 0,
    filtered: {} as Record<string, number>,
    failures: tallies.flatMap((tally) => tally.failures),
    requests: calls.length,
    failed_requests: calls.filter(hasFailed).length,
    unauthorised: calls.map(refusalOf).find((words) => words !== undefined) ?? "",
  } satisfies GateReport;
  for (const { delivered, retried, dead_lettered, filtered } of tallies) {
    report.delivered += delivered;
    report.retried += retried;
    report.dead_lettered += dead_lettered;
    for (const [reason, n] of Object.entries(filtered)) report.filtered[reason] = (report.filtered[reason] ?? 0) + n;
  }
  return report;
}

function publish(calls: Call[], environmentId: string, target: Target, env: DeliveryEnv): Promise<void> {
  return publishLive(env.LIVE_FEED, environmentId, () => calls.map((call) => liveItem(call, target)));
}

/** The queue brings the messages again, later each time: what failed is ours (storage, configuration), and may take hours to mend. */
function tryAgain(messages: Message[], error: unknown): void {
  const ids = messages.map((message) => message.id);
  console.error(JSON.stringify({ level: "error", at: "delivery", queue_messages: ids, message: String(error) }));
  for (const message of messages) message.retry({ delaySeconds: backoffSeconds(message.attempts) });
}
