/**
 * The one engine behind every destination. Destinations describe requests; nothing in here knows a vendor. A batch goes
 * through in this order: read the messages (parcel.ts), find where they go (target.ts), make the vendor requests
 * (make-calls.ts, vendor-call.ts), make every outcome durable (settle.ts), tell the gate and whoever watches.
 */
import { backoffSeconds } from "../../core/backoff.ts";
import { addReasons, CountedEvents } from "../../core/delivery-counters.ts";
import { laneOf } from "../../core/lane.ts";
import type { GateReport } from "../../durable-objects/integration-gate.ts";
import { bury, ownerOf } from "../dead-letters.ts";
import type { DeliveryEnv } from "../env.ts";
import { publishLive } from "../live.ts";
import { Metrics } from "../metrics.ts";
import { revokedAmong } from "../revocations.ts";
import type { Destination } from "./destination.ts";
import { inPool } from "./in-pool.ts";
import { liveItem } from "./live-item.ts";
import { type Call, type CallTerms, hasFailed, hasHung, makeCalls, refusalOf } from "./make-calls.ts";
import { type Parcel, read } from "./parcel.ts";
import { settle, type Terms } from "./settle.ts";
import { type Target, targetOf } from "./target.ts";
import { versionOutcomes } from "./version-outcomes.ts";

/** A Worker may have six connections open; one is left for queues and storage. More would wait, with their timeouts running. */
const CALLS_AT_ONCE = 5;

/**
 * Vendors that are not well are tried from this queue and no other. A request to a vendor that is down may hang until its timeout, and
 * whatever shares its lane would wait for it; here only others that are not well do.
 */
const RECOVERY_QUEUE = "delivery-recovery";

/** An integration that cannot be used as it is set is looked at again after this. */
const BLOCKED_S = 300;

/** Acknowledges or retries every message, each for itself. */
export async function deliver(batch: MessageBatch, env: DeliveryEnv): Promise<void> {
  const parcels = await Promise.all(batch.messages.map((message) => open(message, env)));
  const groups = Map.groupBy(
    parcels.filter((parcel) => parcel !== undefined),
    ({ body }) => `${body.environment_id} ${body.integration_id}`,
  );
  // Each integration has connections of its own, so that a vendor that hangs leaves the others theirs.
  const each = Math.max(1, Math.floor(CALLS_AT_ONCE / groups.size));
  const terms = { atOnce: each, mayProbe: batch.queue === RECOVERY_QUEUE };
  await inPool(CALLS_AT_ONCE, [...groups.values()], (group) => deliverToOne(group, env, terms));
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
async function deliverToOne(
  parcels: Parcel[],
  env: DeliveryEnv,
  terms: Pick<CallTerms, "atOnce" | "mayProbe">,
): Promise<void> {
  try {
    const { environment_id, integration_id: id } = parcels[0]!.body;
    const found = await targetOf(parcels[0]!.body, env);
    if ("instead" in found) {
      for (const { body, outcomes } of parcels) for (const item of body.items) outcomes.set(item, found.instead);
      await settleAll(parcels, { lane: laneOf({ id }), giveUpAfterHours: 0, mask: (text) => text }, {}, env);
      return;
    }
    if ("blocked" in found) {
      const { blocked, integration, destination } = found;
      const held = { outcome: "held", reason: blocked.reason, after_s: BLOCKED_S, is_unwell: true } as const;
      for (const { body, outcomes } of parcels) for (const item of body.items) outcomes.set(item, held);
      const { giveUpAfterHours } = destination.limits;
      await settleAll(parcels, { lane: laneOf(integration), giveUpAfterHours, mask: (text) => text }, { blocked }, env);
      return;
    }
    const { integration, destination, mask } = found.target;
    const items = parcels.flatMap(({ body }) => body.items);
    const purpose = integration.purpose ?? destination.purpose;
    const revoked = await revokedAmong(env, environment_id, items, purpose);
    const calls = await makeCalls(parcels, found.target, env, { ...terms, revoked });
    const { giveUpAfterHours } = destination.limits;
    await settleAll(
      parcels,
      { lane: laneOf(integration), giveUpAfterHours, mask },
      verdictsOf(calls, destination),
      env,
    );
    await publish(calls, environment_id, found.target, env);
  } catch (error) {
    tryAgain(
      parcels.map(({ message }) => message),
      error,
    );
  }
}

/** Settles each message, or leaves it to the queue; then tells the gate what became of those that were. Never throws. */
async function settleAll(parcels: Parcel[], terms: Terms, verdicts: GateReport, env: DeliveryEnv): Promise<void> {
  const { environment_id, integration_id } = parcels[0]!.body;
  const settled = await Promise.all(
    parcels.map(async (parcel) => {
      try {
        return await settle(parcel, terms, env);
      } catch (error) {
        tryAgain([parcel.message], error);
        return undefined;
      }
    }),
  );
  const tallies = settled.filter((tally) => tally !== undefined);
  const counted = new CountedEvents();
  for (const tally of tallies) counted.addAll(tally.counted);
  const { total, events } = counted;
  const versions = versionOutcomes(parcels.filter((_, i) => settled[i] !== undefined));
  const metrics = new Metrics();
  for (const outcome of ["delivered", "retried", "dead_lettered"] as const) {
    if (total[outcome]) metrics.count(environment_id, { stage: "delivery", integration_id, outcome }, total[outcome]);
  }
  metrics.write(env.METRICS);
  const { delivered, retried, dead_lettered, filtered } = total;
  const failures = tallies.flatMap((tally) => tally.failures);
  const report = { ...verdicts, delivered, retried, dead_lettered, filtered, events, failures };
  try {
    await env.INTEGRATION_GATE.getByName(integration_id).report({ ...report, versions });
  } catch (error) {
    // The events themselves are settled; what is lost is their count.
    console.warn(JSON.stringify({ level: "warn", at: "delivery.report", integration_id, message: String(error) }));
  }
}

/** What the calls say of the vendor, and of how well it could recognise people. */
function verdictsOf(calls: Call[], { identifiersIn }: Destination): GateReport {
  const refusals = calls.map(refusalOf).filter((words) => words !== undefined);
  const matched = { of: 0, with: {} as Record<string, number> };
  for (const { lines, outcomes } of identifiersIn ? calls : []) {
    lines.forEach(({ item }, i) => {
      if (outcomes[i]!.outcome !== "delivered") return;
      matched.of++;
      addReasons(matched.with, Object.fromEntries(identifiersIn!(item.payload).map((name) => [name, 1])));
    });
  }
  return {
    requests: calls.length,
    failed_requests: calls.filter(hasFailed).length,
    hung_requests: calls.filter(hasHung).length,
    ...(refusals.length && { unauthorised: refusals[0]!, refused_requests: refusals.length }),
    answer_ms: calls.filter(({ result }) => result.answered).map(({ result }) => result.ms),
    ...(matched.of && { matched }),
  };
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
