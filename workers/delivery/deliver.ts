/**
 * The one engine behind every destination: consent, grouping, limits, the vendor request, an outcome for each event, retry of
 * what failed and nothing else, dead letters. Destinations describe requests; nothing in here knows a vendor.
 */
import { backoffSeconds } from "../../core/backoff.ts";
import { allows } from "../../core/consent.ts";
import type { Environment, Integration } from "../../core/environment.ts";
import type { LiveItem } from "../../core/live.ts";
import { type DeliveryItem, type DeliveryMessage, deliveryMessage } from "../../core/queue-messages.ts";
import { open as openSealed } from "../../core/vault.ts";
import type { GateFailure, GateReport } from "../../durable-objects/integration-gate.ts";
import { readEnvironment, readSecrets } from "../config.ts";
import { bury, type DeadLetter } from "../dead-letters.ts";
import { type DeliveryEnv, LANE_BINDINGS } from "../env.ts";
import { publishLive } from "../live.ts";
import { Metrics } from "../metrics.ts";
import { laneOf } from "../processor/delivery-outbox.ts";
import { sendInTime } from "../send.ts";
import type { Destination, Outcome } from "./destination.ts";
import { destinationNamed } from "./destinations/index.ts";
import { type CallResult, callVendor, masker } from "./vendor-call.ts";

/** A Worker may have six connections open; one is left for the queue. */
const CALLS_AT_ONCE = 5;

interface Parcel {
  message: Message;
  body: DeliveryMessage;
  outcomes: Map<DeliveryItem, Settled>;
}

/** What to do with an event now. `held` waits for the gate and does not use up an attempt. */
type Settled =
  | Outcome
  | { outcome: "held"; after_s: number }
  | { outcome: "filtered"; reason: "no_consent" | "integration_disabled" };

interface Line {
  parcel: Parcel;
  item: DeliveryItem;
}

/** Everything about the integration that a delivery needs. */
interface Target {
  environment: Environment;
  integration: Integration;
  destination: Destination;
  settings: Record<string, unknown>;
  mask(text: string): string;
}

export async function deliver(batch: MessageBatch, env: DeliveryEnv): Promise<void> {
  const parcels = (await Promise.all(batch.messages.map((message) => read(message, env)))).filter(
    (p) => p !== undefined,
  );
  const byIntegration = Map.groupBy(parcels, (parcel) => parcel.body.integration_id);
  await Promise.all([...byIntegration.values()].map((group) => deliverToOne(group, env)));
}

/** A message that can never be read is buried with its reason, and blocks nothing. */
async function read(message: Message, env: DeliveryEnv): Promise<Parcel | undefined> {
  let problem: string;
  try {
    const parsed = deliveryMessage.safeParse(
      typeof message.body === "string" ? JSON.parse(message.body) : message.body,
    );
    if (parsed.success) return { message, body: parsed.data, outcomes: new Map() };
    problem = `${parsed.error.issues[0]!.path.join(".")}: ${parsed.error.issues[0]!.message}`;
  } catch (error) {
    problem = String(error);
  }
  try {
    const letter = {
      environment_id: "unknown",
      stage: "delivery",
      reason: "unreadable_message",
      detail: problem,
    } as const;
    await bury(env, message.id, [{ ...letter, attempts: message.attempts, payload: message.body }]);
    message.ack();
  } catch (error) {
    tryAgain(message, error);
  }
  return undefined;
}

/** All messages of one integration in this batch. One vendor's trouble never reaches another: whatever fails is retried here. */
async function deliverToOne(parcels: Parcel[], env: DeliveryEnv): Promise<void> {
  try {
    const target = await targetOf(parcels[0]!.body, env);
    const report: Required<GateReport> = {
      delivered: 0,
      retried: 0,
      dead_lettered: 0,
      filtered: {},
      requests: 0,
      failed_requests: 0,
      unauthorised: "",
      failures: [],
    };
    const live: LiveItem[] = [];
    if (target) await call(parcels, target, env, report, live);
    await Promise.all(parcels.map((parcel) => settle(parcel, target, env, report)));
    if (!target) return;
    await Promise.all([
      env.INTEGRATION_GATE.getByName(target.integration.id).report(report),
      publishLive(env.LIVE_FEED, target.environment.id, () => live),
    ]);
    countMetrics(target, report, env);
  } catch (error) {
    for (const { message } of parcels) tryAgain(message, error);
  }
}

/** Undefined where the integration was deleted or disabled since the event was queued. */
async function targetOf(body: DeliveryMessage, env: DeliveryEnv): Promise<Target | undefined> {
  const environment = await readEnvironment(env.CONFIG, body.environment_id);
  const integration = environment?.integrations.find((one) => one.id === body.integration_id);
  const destination = integration && destinationNamed(integration.destination);
  if (!environment || !integration?.enabled || !destination) return undefined;
  const stored = await readSecrets(env.CONFIG, integration.id);
  const secrets = stored ? ((await openSealed(env.CREDENTIALS_KEY, integration.id, stored.sealed)) as object) : {};
  const settings = destination.settings.parse({ ...integration.settings, ...secrets });
  return { environment, integration, destination, settings, mask: masker(secrets as Record<string, unknown>) };
}

/** Groups what may be sent into vendor requests, asks the gate, and makes the calls. Every line has an outcome afterwards. */
async function call(
  parcels: Parcel[],
  target: Target,
  env: DeliveryEnv,
  report: Required<GateReport>,
  live: LiveItem[],
): Promise<void> {
  const { destination, integration } = target;
  const purpose = integration.purpose ?? destination.purpose;
  const lines: Line[] = [];
  for (const parcel of parcels) {
    for (const item of parcel.body.items) {
      if (allows(item.consent, purpose)) lines.push({ parcel, item });
      else parcel.outcomes.set(item, { outcome: "filtered", reason: "no_consent" });
    }
  }
  const requests = groupLines(lines, destination);
  const gate = env.INTEGRATION_GATE.getByName(integration.id);
  const claim = await gate.claim(requests.length, destination.limits.requestsPerSecond);
  for (const line of requests.slice(claim.granted).flat()) {
    line.parcel.outcomes.set(line.item, {
      outcome: "held",
      after_s: Math.max(1, Math.ceil(claim.retry_in_ms / 1_000)),
    });
  }
  await inPool(CALLS_AT_ONCE, requests.slice(0, claim.granted), (group) => callOnce(group, target, env, report, live));
}

/** One request to the vendor; one more for each half where it refused the whole for one of its events. */
async function callOnce(
  lines: Line[],
  target: Target,
  env: DeliveryEnv,
  report: Required<GateReport>,
  live: LiveItem[],
): Promise<void> {
  const { destination, integration, settings, mask } = target;
  const payloads = lines.map((line) => line.item.payload);
  const request = await destination.request(payloads, settings, { now: new Date() });
  const result = await callVendor(request, {
    timeoutMs: destination.limits.timeoutMs,
    integration: integration.name,
    sinkUrl: env.VENDOR_SINK_URL,
  });
  const outcomes = outcomesOf(result, destination, payloads);
  report.requests++;
  if (outcomes.every((o) => o.outcome === "retry")) report.failed_requests++;
  const refused = outcomes.find((o) => o.outcome === "unauthorised");
  if (refused?.outcome === "unauthorised") report.unauthorised = mask(refused.reason);
  lines.forEach((line, i) => {
    line.parcel.outcomes.set(line.item, outcomes[i]!);
  });
  live.push(liveItem(lines, outcomes, target, request, result));

  if (lines.length > 1 && outcomes.some((o) => o.outcome === "batch_refused")) {
    const half = Math.ceil(lines.length / 2);
    await callOnce(lines.slice(0, half), target, env, report, live);
    await callOnce(lines.slice(half), target, env, report, live);
  }
}

function outcomesOf(result: CallResult, destination: Destination, payloads: unknown[]): Outcome[] {
  if (!result.answered) return payloads.map(() => ({ outcome: "retry", reason: result.error }));
  const outcome = destination.outcome(result.response, payloads);
  const outcomes = Array.isArray(outcome) ? outcome : payloads.map(() => outcome);
  if (outcomes.length === payloads.length) return outcomes;
  throw new Error(`${destination.name} gave ${outcomes.length} outcomes for ${payloads.length} events`);
}

/** Groups of lines that may share a request: same destination key, within the vendor's number and size. */
function groupLines(lines: Line[], { groupBy, limits }: Destination): Line[][] {
  const groups: Line[][] = [];
  for (const together of Map.groupBy(lines, (line) => groupBy?.(line.item.payload) ?? "").values()) {
    let group: Line[] = [];
    let bytes = 0;
    for (const line of together) {
      const size = limits.bytesPerRequest ? JSON.stringify(line.item.payload).length : 0;
      const full =
        group.length >= limits.eventsPerRequest || bytes + size > (limits.bytesPerRequest ?? Number.POSITIVE_INFINITY);
      if (group.length && full) {
        groups.push(group);
        group = [];
        bytes = 0;
      }
      group.push(line);
      bytes += size;
    }
    groups.push(group);
  }
  return groups;
}

/** Makes a message's outcomes durable, then acknowledges it. What must be tried again goes back to the queue as a new message. */
async function settle(
  parcel: Parcel,
  target: Target | undefined,
  env: DeliveryEnv,
  report: Required<GateReport>,
): Promise<void> {
  const { message, body, outcomes } = parcel;
  const giveUpAt = Date.parse(body.first_queued_at) + (target?.destination.limits.giveUpAfterHours ?? 0) * 3_600_000;
  const again: { item: DeliveryItem; after_s: number; reason: string }[] = [];
  const held: { item: DeliveryItem; after_s: number }[] = [];
  const dead: DeadLetter[] = [];
  const tally = { delivered: 0, filtered: {} as Record<string, number>, failures: [] as GateFailure[] };

  for (const item of body.items) {
    const outcome: Settled = outcomes.get(item) ?? { outcome: "filtered", reason: "integration_disabled" };
    const failed = (reason: string) => {
      const { message_id, event } = item;
      tally.failures.push({ at: new Date().toISOString(), message_id, event, reason: target?.mask(reason) ?? reason });
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
        dead.push(letter(parcel, item, "rejected", target?.mask(outcome.reason) ?? outcome.reason));
        break;
      case "unauthorised":
        failed(outcome.reason);
        held.push({ item, after_s: 300 });
        break;
      case "held":
        held.push({ item, after_s: outcome.after_s });
        break;
      case "retry":
        failed(outcome.reason);
        if (Date.now() >= giveUpAt)
          dead.push(letter(parcel, item, "gave_up", target?.mask(outcome.reason) ?? outcome.reason));
        else again.push({ item, after_s: backoffSeconds(body.attempt, outcome.after_s), reason: outcome.reason });
        break;
      default:
        outcome satisfies never;
    }
  }
  // Waiting for a gate has an end as well: an integration that nobody mends must not carry its events around for ever.
  if (Date.now() >= giveUpAt) {
    for (const { item } of held.splice(0))
      dead.push(letter(parcel, item, "gave_up", "the integration did not take events"));
  }

  try {
    if (again.length) await requeue(env, target!, { ...body, attempt: body.attempt + 1 }, again);
    if (held.length) await requeue(env, target!, body, held);
    await bury(env, message.id, dead);
    message.ack();
  } catch (error) {
    return tryAgain(message, error);
  }
  report.delivered += tally.delivered;
  report.retried += again.length;
  report.dead_lettered += dead.length;
  report.failures.push(...tally.failures.slice(0, 10));
  for (const [reason, n] of Object.entries(tally.filtered))
    report.filtered[reason] = (report.filtered[reason] ?? 0) + n;
}

/** The given items of a message as a new one, after the longest of their delays: they failed together and go together. */
async function requeue(
  env: DeliveryEnv,
  { integration }: Target,
  body: DeliveryMessage,
  waiting: { item: DeliveryItem; after_s: number }[],
): Promise<void> {
  const delaySeconds = Math.max(...waiting.map((w) => w.after_s));
  const queue = env[LANE_BINDINGS[laneOf(integration)]!];
  const text = JSON.stringify({ ...body, items: waiting.map((w) => w.item) });
  await sendInTime(() => queue.send(text, { contentType: "text", delaySeconds }));
}

function letter({ body }: Parcel, item: DeliveryItem, reason: "rejected" | "gave_up", detail: string): DeadLetter {
  const { message_id, event } = item;
  const { environment_id, integration_id, attempt: attempts } = body;
  return {
    environment_id,
    stage: "delivery",
    integration_id,
    message_id,
    event,
    reason,
    detail,
    attempts,
    payload: item,
  };
}

function tryAgain(message: Message, error: unknown): void {
  console.error(JSON.stringify({ level: "error", at: "delivery", queue_message: message.id, message: String(error) }));
  message.retry({ delaySeconds: backoffSeconds(Math.min(message.attempts, 6)) });
}

function liveItem(
  lines: Line[],
  outcomes: Outcome[],
  { integration, mask }: Target,
  request: { url: string; method: string; body: string },
  result: CallResult,
): LiveItem {
  return {
    kind: "delivered",
    integration_id: integration.id,
    integration: integration.name,
    at: new Date().toISOString(),
    attempt: lines[0]!.parcel.body.attempt,
    events: lines.map(({ item: { message_id, event, received_at } }, i) => {
      const outcome = outcomes[i]!;
      const about = { message_id, event, received_at };
      if (outcome.outcome === "delivered") return { ...about, outcome: "delivered" };
      const final = outcome.outcome === "rejected" || (outcome.outcome === "batch_refused" && lines.length === 1);
      return { ...about, outcome: final ? "dead_lettered" : "retried", reason: mask(outcome.reason) };
    }),
    request: { url: mask(request.url), method: request.method, body: mask(request.body) },
    response: result.answered
      ? { status: result.response.status, body: mask(result.response.body.slice(0, 2_000)), ms: result.ms }
      : { error: result.error, ms: result.ms },
  };
}

function countMetrics({ environment, integration }: Target, report: Required<GateReport>, env: DeliveryEnv): void {
  const metrics = new Metrics();
  for (const outcome of ["delivered", "retried", "dead_lettered"] as const) {
    if (report[outcome] === 0) continue;
    metrics.count(environment.id, { stage: "delivery", integration_id: integration.id, outcome }, report[outcome]);
  }
  metrics.write(env.METRICS);
}

/** Runs `work` over the inputs, so many at a time. */
async function inPool<T>(size: number, inputs: T[], work: (input: T) => Promise<void>): Promise<void> {
  const waiting = inputs.values();
  const worker = async () => {
    for (const input of waiting) await work(input);
  };
  await Promise.all(Array.from({ length: Math.min(size, inputs.length) }, worker));
}
