/**
 * Held events that a visitor's answer, or the end of their time, released: from the shard to the integrations that they waited for, and
 * to no others; those that need no answer got them when they came. Layer 1 is behind them, but for what is done on the way out.
 */
import type { Asked } from "../../core/consent-decision.ts";
import type { Environment } from "../../core/environment.ts";
import type { Event } from "../../core/event.ts";
import { releasedEvent } from "../../core/hold.ts";
import type { Resources } from "../../core/pipeline/step.ts";
import { RELEASED_HEAD, type ReleasedMessage, releasedMessage } from "../../core/queue-messages.ts";
import type { Receipt, StepRecord } from "../../core/receipt.ts";
import type { HeldEvent } from "../../durable-objects/held-events.ts";
import type { Decision } from "../../durable-objects/visitor-shard.ts";
import { readEnvironment } from "../config.ts";
import { bury, type DeadLetter } from "../dead-letters.ts";
import { destinationNamed } from "../delivery/destinations/index.ts";
import type { ProcessorEnv } from "../env.ts";
import type { Metrics } from "../metrics.ts";
import { askProfileShards, type PersonFacts } from "./ask-profile-shards.ts";
import { DeliveryOutbox } from "./delivery-outbox.ts";
import type { LiveParts } from "./index.ts";
import { resourcesOfBatch } from "./layer2-resources.ts";
import { outgoingOf } from "./outgoing.ts";
import { run, runLayer2 } from "./pipeline.ts";
import type { StepContext } from "./step.ts";
import { addPerson } from "./steps/add-person.ts";
import { addVisitorFacts } from "./steps/add-visitor-facts.ts";
import { stripRefused } from "./steps/enforce-consent.ts";

export const isReleased = ({ body }: Message): boolean => typeof body === "string" && body.startsWith(RELEASED_HEAD);

/** Another message of the same release is at work, or died with it less than 15 minutes ago. */
const BUSY_RETRY_S = 120;
const RETRY_S = 10;

interface Work {
  message: Message;
  released: ReleasedMessage["released"];
  environment: Environment;
  dead: DeadLetter[];
  failed?: unknown;
}

/** Acknowledges what is on its way and settled; tries the rest again. Returns what the live stream shows. */
export async function processReleased(
  messages: readonly Message[],
  env: ProcessorEnv,
  filtered: { count(integrationId: string, event: string, reason: string): void },
  metrics: Metrics,
): Promise<LiveParts[]> {
  const outbox = new DeliveryOutbox();
  const works: Work[] = [];
  const all: Released[] = [];
  for (const message of messages) {
    try {
      const opened = await open(message, env);
      if (!opened) continue;
      const { work, events } = opened;
      works.push(work);
      all.push(...events.map((held) => readHeld(held, work)));
      metrics.count(work.environment.id, { stage: "processor", outcome: "released" }, events.length);
    } catch (error) {
      retry(message, error);
    }
  }
  // They know these events, and answer as they did when they came; what changed then was told then.
  await askProfileShards(all, env);
  for (const { work, owner } of all) owner.failed ??= work.failed;
  const resourcesOf = resourcesOfBatch(env);
  const live: LiveParts[] = [];
  for (const one of all) {
    if (one.owner.failed !== undefined) continue;
    try {
      live.push(...(await sendOn(one, outbox, filtered, await resourcesOf(one.owner.environment))));
    } catch (error) {
      one.owner.failed ??= error;
    }
  }
  await outbox.send(env, (failed, error) => {
    for (const work of failed as Set<Work>) work.failed ??= error;
  });
  for (const work of works) {
    try {
      if (work.failed) throw work.failed;
      await bury(env, work.message.id, work.dead);
      const { environment_id, shard, release } = work.released;
      await env.VISITOR_SHARD.getByName(`${environment_id}/${shard}`).settleHeld(release);
      work.message.ack();
    } catch (error) {
      retry(work.message, error);
    }
  }
  return live;
}

async function open(message: Message, env: ProcessorEnv): Promise<{ work: Work; events: HeldEvent[] } | undefined> {
  const parsed = releasedMessage.safeParse(read(message.body as string));
  const environment = parsed.success
    ? await readEnvironment(env.CONFIG, parsed.data.released.environment_id)
    : undefined;
  if (!parsed.success || !environment) {
    await bury(env, message.id, [
      {
        environment_id: parsed.success ? parsed.data.released.environment_id : "unknown",
        stage: "processor",
        reason: parsed.success ? "unknown_environment" : "unreadable_message",
        detail: parsed.success ? `no environment ${parsed.data.released.environment_id}` : parsed.error.message,
        attempts: message.attempts,
        payload: message.body,
      },
    ]);
    message.ack();
    return undefined;
  }
  const { released } = parsed.data;
  const shard = env.VISITOR_SHARD.getByName(`${released.environment_id}/${released.shard}`);
  const claimed = await shard.claimHeld(released.release, message.id);
  if (!claimed.claimed) {
    message.retry({ delaySeconds: BUSY_RETRY_S });
    return undefined;
  }
  return { work: { message, released, environment, dead: [] }, events: claimed.events };
}

/** Undefined where it is no JSON: nothing that the schema takes. */
function read(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** A held event, as the profile shards are asked for its person. */
interface Released {
  work: { context: StepContext; failed?: unknown };
  /** The message that brought it. */
  owner: Work;
  held: HeldEvent;
  event: Event;
  records: StepRecord[];
  answer: Decision;
  person?: PersonFacts;
}

function readHeld(held: HeldEvent, owner: Work): Released {
  const { source_id, event, receipt } = JSON.parse(held.line) as {
    source_id: string;
    event: Event;
    receipt: { steps: StepRecord[] };
  };
  const context: StepContext = { environment: owner.environment, source_id, request: {}, vendor_ids: {} };
  const answer = { verdict: "redelivered" as const, ...held.facts };
  return { work: { context }, owner, held, event, records: receipt.steps, answer };
}

async function sendOn(
  {
    work: { context },
    owner: work,
    held: { granted, answer },
    event: stored,
    records,
    answer: shard,
    person,
  }: Released,
  outbox: DeliveryOutbox,
  filtered: { count(integrationId: string, event: string, reason: string): void },
  resources: Resources,
): Promise<LiveParts[]> {
  const { environment, released } = work;
  const { source_id } = context;
  const known = run([addVisitorFacts, addPerson], stored, { ...context, shard, person });
  if (known.verdict.verdict !== "kept") return [];
  const event = releasedEvent(known.verdict.event, granted, answer);
  const record: StepRecord = {
    step: "release_held",
    verdict: "kept",
    changed: ["context.purposes"],
    detail: `${granted.join(", ")}: ${answer ? "the visitor's answer" : "nobody answered in time"}`,
  };
  const allowed = run([stripRefused], event, context);
  if (allowed.verdict.verdict !== "kept") return [];
  const steps = [...records, ...known.records, record, ...allowed.records];
  const parts = outgoingOf(allowed.verdict.event, context);
  const shown = parts.map(async ({ event: final, records, stays }): Promise<LiveParts> => {
    const receipt: Receipt = {
      configuration: environment.version,
      shard: released.shard,
      steps: [...steps, ...records],
      integrations: stays ? [] : await dispatch(final, context, granted, work, outbox, filtered, resources),
    };
    return { environment, item: { kind: "processed", source_id, received: stored, event: final, receipt } };
  });
  return Promise.all(shown);
}

/** To the integrations whose purpose was waited for. */
async function dispatch(
  event: Event,
  context: StepContext,
  granted: readonly Asked[],
  work: Work,
  outbox: DeliveryOutbox,
  filtered: { count(integrationId: string, event: string, reason: string): void },
  resources: Resources,
): Promise<Receipt["integrations"]> {
  const told: Receipt["integrations"] = [];
  for (const integration of context.environment.integrations) {
    const purpose = integration.purpose ?? destinationNamed(integration.destination)?.purpose;
    if (!granted.some((one) => one === purpose)) continue;
    const mapped = await runLayer2(event, context, integration, resources);
    const { versions } = mapped;
    const about = { integration_id: integration.id, integration: integration.name, ...(versions && { versions }) };
    if (mapped.outcome === "queued") {
      outbox.add(work, context.environment.id, integration, event, mapped.payload_json, versions);
      told.push({ ...about, outcome: "queued" });
      continue;
    }
    const { reason, detail } = mapped;
    filtered.count(integration.id, event.event, reason);
    if (mapped.quarantined) {
      work.dead.push({
        environment_id: context.environment.id,
        source_id: context.source_id,
        stage: "processor",
        integration_id: integration.id,
        message_id: event.message_id,
        event: event.event,
        reason,
        detail: detail ?? "",
        attempts: work.message.attempts,
        payload: event,
      });
    }
    told.push({ ...about, outcome: "filtered", reason, ...(detail !== undefined && { detail }) });
  }
  return told;
}

function retry(message: Message, error: unknown): void {
  const at = "processor.released";
  console.error(JSON.stringify({ level: "error", at, queue_message: message.id, message: String(error) }));
  message.retry({ delaySeconds: RETRY_S });
}
