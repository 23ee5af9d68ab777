/**
 * Consumes `raw-events`: Layer 1, one call for each shard, Layer 2, and the delivery queues. A message is acknowledged when all
 * that follows from it is durable; until then a retry goes the same way again, and the shard answers as it did before.
 */

import { analysedVisitOf } from "../../core/analytics/session-facts.ts";
import { CountedEvents } from "../../core/delivery-counters.ts";
import type { Environment, Integration } from "../../core/environment.ts";
import type { Event } from "../../core/event.ts";
import { holdFacts } from "../../core/hold.ts";
import type { LiveItem } from "../../core/live.ts";
import { orgDataLayerOf } from "../../core/org-data-layer.ts";
import { pack } from "../../core/packed.ts";
import { piiKeysOf } from "../../core/pii/pii-keys.ts";
import { withoutSecrets } from "../../core/pii/without-secrets.ts";
import { type RawMessage, rawMessage } from "../../core/queue-messages.ts";
import type { Receipt, StepRecord } from "../../core/receipt.ts";
import { shardOf } from "../../core/shard-map.ts";
import type { GateReport } from "../../durable-objects/integration-gate.ts";
import type { Decision } from "../../durable-objects/visitor-shard.ts";
import { archiveAudit } from "../archive-audit.ts";
import { judgeCanaries } from "../canary.ts";
import { readCurrencyRates, readEnvironment } from "../config.ts";
import { bury, type DeadLetter, ownerOf } from "../dead-letters.ts";
import { driveMoves } from "../drive-moves.ts";
import type { ProcessorEnv } from "../env.ts";
import { publishLive } from "../live.ts";
import { Metrics } from "../metrics.ts";
import { queueProfileChanges } from "../profile-changes-queue.ts";
import { RevocationMarks } from "../revocations.ts";
import { askProfileShards, type PersonFacts } from "./ask-profile-shards.ts";
import { DeliveryOutbox } from "./delivery-outbox.ts";
import { resourcesOfBatch } from "./layer2-resources.ts";
import type { Mapped } from "./map-for-integration.ts";
import { fanOutRecord, type Outgoing, outgoingOf } from "./outgoing.ts";
import { afterShard, beforeShard, type Ran, run, runLayer2 } from "./pipeline.ts";
import { deliverProfileChanges } from "./profile-changes.ts";
import { isReleased, processReleased } from "./released-events.ts";
import { SchemaReport } from "./schema-report.ts";
import type { StepContext } from "./step.ts";
import { sweepShards } from "./sweep.ts";
import { VersionTally } from "./version-tally.ts";

/** One queue message on its way. */
interface Work {
  message: Message;
  raw: RawMessage;
  context: StepContext;
  events: Tracked[];
  dead: DeadLetter[];
  /** Set where infrastructure failed: the message will be retried whole. */
  failed?: unknown;
}

interface Tracked {
  work: Work;
  received: Event;
  event: Event;
  records: StepRecord[];
  shard: string;
  /** Position in the message. */
  position: number;
  answer?: Decision;
  person?: PersonFacts;
  /** The rest of Layer 1, and then what each integration gets. */
  ran?: Ran;
  /** What goes on of it: itself, or what it was made into. */
  outgoing?: (Outgoing & { mapped: Mapped[] })[];
}

export async function process(batch: MessageBatch, env: ProcessorEnv): Promise<void> {
  const { released = [], arrived = [] } = Object.groupBy(batch.messages, (one) =>
    isReleased(one) ? "released" : "arrived",
  );
  const opened = await Promise.all(arrived.map((message) => open(message, env)));
  const works = opened.filter((work) => work !== undefined);
  const metrics = new Metrics();
  const schemas = new SchemaReport();
  const live: LiveParts[] = [];
  const announced = publishByEnvironment(works.flatMap(receivedOf), env);

  for (const work of works) attempt(work, () => live.push(...layer1(work, metrics, schemas)));
  await askShards(works.filter(isWell), env);
  const changes = await askProfileShards(
    works.filter(isWell).flatMap((work) => work.events),
    env,
  );
  const resourcesOf = resourcesOfBatch(env);
  await Promise.all(works.filter(isWell).map((work) => mapEvents(work, resourcesOf)));

  const outbox = new DeliveryOutbox();
  const filtered = new FilteredCounts();
  const versions = new VersionTally();
  const revocations = new RevocationMarks();
  for (const work of works.filter(isWell)) {
    live.push(...(attempt(work, () => layer2(work, outbox, filtered, versions, metrics, revocations)) ?? []));
  }

  const fail = (works: Set<unknown>, error: unknown) => {
    for (const work of works as Set<Work>) work.failed ??= error;
  };
  await revocations.send(env, fail);
  await outbox.send(env, fail);
  await queueChanges(changes, env);
  await Promise.all(works.map((work) => finish(work, env)));
  live.push(...(await processReleased(released, env, filtered, metrics)));
  // In this order on the stream too.
  const shown = announced.then(() => publishByEnvironment(live, env));
  await Promise.all([filtered.report(env), versions.report(env), schemas.send(env), shown]);
  metrics.write(env.METRICS);
}

const isWell = (work: Work) => work.failed === undefined;

/** What throws while one message is worked on must not fail the batch. */
function attempt<T>(work: Work, step: () => T): T | undefined {
  try {
    return step();
  } catch (error) {
    work.failed ??= error;
    return undefined;
  }
}

/** Reads a message. One that can never be read is buried and acknowledged, so that it blocks nothing. */
async function open(message: Message, env: ProcessorEnv): Promise<Work | undefined> {
  try {
    const raw = read(message.body);
    const environment = raw.ok && (await readEnvironment(env.CONFIG, raw.message.environment_id));
    if (!raw.ok || !environment) {
      await bury(env, message.id, [
        {
          ...ownerOf(message.body),
          stage: "processor",
          reason: raw.ok ? "unknown_environment" : "unreadable_message",
          detail: raw.ok ? `no environment ${raw.message.environment_id}` : raw.error,
          attempts: message.attempts,
          payload: message.body,
        },
      ]);
      message.ack();
      return undefined;
    }
    const { source_id, request, vendor_ids } = raw.message;
    const pii_keys = piiKeysOf(env.PII_KEY, environment.organisation_id);
    const converts = environment.org_data_layer?.enrichment.currency !== undefined;
    const rates = converts ? ((await readCurrencyRates(env.CONFIG, environment.id)) ?? undefined) : undefined;
    const context = { environment, source_id, request, vendor_ids, pii_keys, rates };
    return { message, raw: raw.message, context, events: [], dead: [] };
  } catch (error) {
    retry(message, error);
    return undefined;
  }
}

function read(body: unknown): { ok: true; message: RawMessage } | { ok: false; error: string } {
  try {
    const parsed = rawMessage.safeParse(typeof body === "string" ? JSON.parse(body) : body);
    if (parsed.success) return { ok: true, message: parsed.data as RawMessage };
    const issue = parsed.error.issues[0]!;
    return { ok: false, error: `${issue.path.join(".")}: ${issue.message}` };
  } catch (error) {
    return { ok: false, error: String(error) };
  }
}

/** What a message brings, for the live stream. */
function receivedOf({ raw, context: { environment, source_id } }: Work): LiveParts[] {
  return raw.events
    .filter(isNamed)
    .map((event): LiveParts => ({ environment, item: { kind: "received", source_id, event } }));
}

/** What is in a message may be anything; on the stream everything goes by its id. */
const isNamed = (event: Event | null) => typeof event?.message_id === "string";

/** Layer 1 up to the shard. Returns what the live stream shows of events that go no further. */
function layer1(work: Work, metrics: Metrics, schemas: SchemaReport): LiveParts[] {
  const stopped: LiveParts[] = [];
  const { environment, source_id } = work.context;
  const { request, vendor_ids, previous_id } = work.raw;
  work.raw.events.forEach((received, position) => {
    const { verdict, records, violations } = run(beforeShard, received, work.context);
    if (verdict.verdict === "kept" || violations.length) schemas.add(environment, received, violations);
    if (verdict.verdict === "kept") {
      records.push(...fanOutRecord(verdict.event, work.context));
      const shard = shardOf(environment.shard_map, verdict.event.anonymous_id);
      work.events.push({ work, received, event: verdict.event, records, shard, position });
      return;
    }
    metrics.count(environment.id, { stage: "processor", source_id, outcome: verdict.verdict, reason: verdict.reason });
    // It has no shard yet.
    const receipt: Receipt = { configuration: environment.version, shard: "", steps: records, integrations: [] };
    if (isNamed(received))
      stopped.push({ environment, item: { kind: "processed", source_id, received, event: received, receipt } });
    if (verdict.verdict === "quarantined") {
      work.dead.push({
        environment_id: environment.id,
        source_id,
        door: { request, vendor_ids, previous_id },
        stage: "processor",
        ...(typeof received?.message_id === "string" && { message_id: received.message_id }),
        ...(typeof received?.event === "string" && { event: received.event }),
        reason: verdict.reason,
        detail: verdict.detail,
        attempts: work.message.attempts,
        payload: withoutSecrets(received, environment),
      });
    }
  });
  return stopped;
}

/** From one shard to the next; more only while several moves follow each other. */
const MOST_HOPS = 4;
const ON_THE_WAY = "the visitor is just being moved to another shard";

/**
 * One call for each shard that the batch touches, and for visitors who have moved one more, to where the shard says. A shard that fails
 * fails the messages that needed it, and no others.
 */
async function askShards(works: Work[], env: ProcessorEnv): Promise<void> {
  let asked = works.flatMap((work) => work.events);
  for (let hop = 0; asked.length && hop < MOST_HOPS; hop++) asked = await askOnce(asked.filter(inWell), env);
  for (const { work } of asked) work.failed ??= new Error(ON_THE_WAY);
}

const inWell = ({ work }: Tracked) => isWell(work);

/** Returns the events whose visitors are elsewhere, with `shard` set to where. */
async function askOnce(events: Tracked[], env: ProcessorEnv): Promise<Tracked[]> {
  const moved: Tracked[] = [];
  const shards = new Map<string, Tracked[]>();
  for (const tracked of events) {
    const name = `${tracked.work.context.environment.id}/${tracked.shard}`;
    const known = shards.get(name);
    if (known) known.push(tracked);
    else shards.set(name, [tracked]);
  }
  const now = Date.now();
  await Promise.all(
    [...shards].map(async ([name, asked]) => {
      try {
        const { environment } = asked[0]!.work.context;
        const answers = await env.VISITOR_SHARD.getByName(name).apply({
          events: asked.map(({ work, event, position }) => ({
            message_id: event.message_id,
            anonymous_id: event.anonymous_id,
            // A time that is yet to come must not end the sessions of all that comes before it.
            at: Math.min(Date.parse(event.timestamp), Date.parse(event.received_at)),
            delivery: `${work.message.id}:${position}`,
            vendor_ids: event.context.vendor_ids ?? {},
            previous_id: work.raw.previous_id,
            visit: analysedVisitOf(event),
            is_identified: event.user_id !== undefined || event.type === "identify" || event.type === "alias",
            ...holdFacts(event, orgDataLayerOf(work.context.environment).consent, now),
          })),
          lines: pack(
            asked
              .map(({ work, event, records }) =>
                JSON.stringify({
                  source_id: work.context.source_id,
                  event,
                  receipt: {
                    v: 1,
                    configuration: environment.version,
                    steps: records,
                    ...objectionsOf(work.raw),
                  },
                }),
              )
              .join("\n"),
          ),
          session_timeout_ms: environment.session_timeout_s * 1_000,
          new_session_on_campaign: environment.new_session_on_campaign,
          now,
          map: environment.shard_map,
        });
        asked.forEach((tracked, i) => {
          const answer = answers[i]!;
          if (answer.verdict !== "elsewhere") tracked.answer = answer;
          else if (answer.shard === null) tracked.work.failed ??= new Error(ON_THE_WAY);
          else {
            tracked.shard = answer.shard;
            moved.push(tracked);
          }
        });
      } catch (error) {
        for (const { work } of asked) work.failed ??= error;
      }
    }),
  );
  return moved;
}

/** Changes whose message failed come again with it. */
async function queueChanges(
  all: Awaited<ReturnType<typeof askProfileShards<Tracked>>>,
  env: ProcessorEnv,
): Promise<void> {
  for (const [environmentId, changes] of Map.groupBy(all, ({ environment }) => environment.id)) {
    const standing = changes.filter(({ work }) => work.failed === undefined);
    try {
      if (standing.length)
        await queueProfileChanges(
          env,
          environmentId,
          standing.map(({ change }) => change),
        );
    } catch (error) {
      for (const { work } of standing) work.failed ??= error;
    }
  }
}

/** What the browser objected to: with the event in the lake, so that a replay judges consent as it was judged. */
function objectionsOf({ request: { gpc, dnt } }: RawMessage) {
  return { ...(gpc && { gpc }), ...(dnt && { dnt }) };
}

/** The rest of Layer 1, and Layer 2 for each integration. Only what waits is waited for, and all of it together. */
async function mapEvents(work: Work, resourcesOf: ReturnType<typeof resourcesOfBatch>): Promise<void> {
  try {
    const { environment } = work.context;
    const resources = await resourcesOf(environment);
    const waiting: Promise<void>[] = [];
    for (const tracked of work.events) {
      tracked.ran = run(afterShard, tracked.event, {
        ...work.context,
        shard: tracked.answer!,
        person: tracked.person,
      });
      const { verdict } = tracked.ran;
      if (verdict.verdict !== "kept") continue;
      tracked.outgoing = outgoingOf(verdict.event, work.context).map((one) => {
        if (one.stays) return { ...one, mapped: [] };
        const mapped = environment.integrations.map((to) => runLayer2(one.event, work.context, to, resources));
        if (isSettled(mapped)) return { ...one, mapped };
        const going = { ...one, mapped: [] as Mapped[] };
        waiting.push(settle(going, mapped));
        return going;
      });
    }
    await Promise.all(waiting);
  } catch (error) {
    work.failed ??= error;
  }
}

const isSettled = (mapped: (Mapped | Promise<Mapped>)[]): mapped is Mapped[] =>
  !mapped.some((one) => one instanceof Promise);

async function settle(going: { mapped: Mapped[] }, mapped: (Mapped | Promise<Mapped>)[]): Promise<void> {
  going.mapped = await Promise.all(mapped);
}

/** What follows from all that: queue messages, counts, dead letters. Returns what the live stream shows. */
function layer2(
  work: Work,
  outbox: DeliveryOutbox,
  filtered: FilteredCounts,
  versions: VersionTally,
  metrics: Metrics,
  revocations: RevocationMarks,
): LiveParts[] {
  const { environment, source_id } = work.context;
  return work.events.flatMap((tracked): LiveParts[] => {
    const { received, event, records, shard, answer } = tracked;
    const ran = tracked.ran!;
    const receipt: Receipt = {
      configuration: environment.version,
      shard,
      steps: [...records, ...ran.records],
      integrations: [],
    };
    if (ran.verdict.verdict !== "kept") {
      const { verdict: outcome, reason } = ran.verdict;
      metrics.count(environment.id, { stage: "processor", source_id, outcome, reason });
      return [{ environment, item: { kind: "processed", source_id, received, event, receipt } }];
    }
    metrics.count(environment.id, { stage: "processor", source_id, outcome: "kept" });
    const parent = ran.verdict.event;
    revocations.note(work, environment.id, parent);
    return tracked.outgoing!.map(({ event: final, records, isChild, stays, mapped }) => {
      const integrations = environment.integrations.map((integration, i) => {
        if (stays) {
          const { id: integration_id, name } = integration;
          return { integration_id, integration: name, outcome: "filtered" as const, reason: "fanned_out" as const };
        }
        if (answer!.verdict === "new") versions.count(integration.id, mapped[i]!);
        return dispatch(final, integration, mapped[i]!, work, outbox, filtered, answer!);
      });
      const whole = { ...receipt, steps: [...receipt.steps, ...records], integrations };
      return {
        environment,
        item: { kind: "processed", source_id, received: isChild ? parent : received, event: final, receipt: whole },
      };
    });
  });
}

function dispatch(
  event: Event,
  integration: Integration,
  mapped: Mapped,
  work: Work,
  outbox: DeliveryOutbox,
  filtered: FilteredCounts,
  answer: Decision,
): Receipt["integrations"][number] {
  const { versions } = mapped;
  const about = { integration_id: integration.id, integration: integration.name, ...(versions && { versions }) };
  if (mapped.outcome === "queued") {
    outbox.add(work, work.context.environment.id, integration, event, mapped.payload_json, versions);
    return { ...about, outcome: "queued" };
  }
  // Counted the first time only: a redelivered message was counted before.
  if (answer.verdict === "new") filtered.count(integration.id, event.event, mapped.reason);
  const { reason, detail } = mapped;
  if (mapped.quarantined) {
    work.dead.push({
      environment_id: work.context.environment.id,
      source_id: work.context.source_id,
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
  return { ...about, outcome: "filtered", reason, ...(detail !== undefined && { detail }) };
}

/** Acknowledges a message whose every consequence is durable; anything else is tried again. */
async function finish(work: Work, env: ProcessorEnv): Promise<void> {
  try {
    if (!isWell(work)) throw work.failed;
    await bury(env, work.message.id, work.dead);
    work.message.ack();
  } catch (error) {
    retry(work.message, error);
  }
}

function retry(message: Message, error: unknown): void {
  console.error(JSON.stringify({ level: "error", at: "processor", queue_message: message.id, message: String(error) }));
  // Spread out, so that a shard that is overloaded is not asked by everyone again at once.
  message.retry({ delaySeconds: 2 + Math.floor(Math.random() * 2 ** Math.min(message.attempts, 6)) });
}

/** Events that an integration did not get, by name and reason: told to its gate once for the batch. */
class FilteredCounts {
  readonly #counts = new Map<string, CountedEvents>();

  count(integrationId: string, event: string, reason: string): void {
    const counted = this.#counts.get(integrationId) ?? new CountedEvents();
    counted.addReason(event, "filtered", reason);
    this.#counts.set(integrationId, counted);
  }

  async report(env: ProcessorEnv): Promise<void> {
    const reports = [...this.#counts].map(([id, { events }]) => {
      const report: GateReport = { events };
      return env.INTEGRATION_GATE.getByName(id).report(report);
    });
    // The events themselves are safe; a count that is lost costs nobody anything.
    await Promise.allSettled(reports);
  }
}

export interface LiveParts {
  environment: Environment;
  item: LiveItem;
}

function shown({ environment, item }: LiveParts): LiveItem {
  if (item.kind === "received") return { ...item, event: withoutSecrets(item.event, environment) };
  if (item.kind !== "processed") return item;
  const received = withoutSecrets(item.received, environment);
  // Of an event that was stopped before its personal data was treated there is only what came in.
  return { ...item, received, event: item.event === item.received ? received : item.event };
}

async function publishByEnvironment(parts: LiveParts[], env: ProcessorEnv): Promise<void> {
  const environments = new Set(parts.map((part) => part.environment.id));
  await Promise.all(
    [...environments].map((id) =>
      publishLive(env.LIVE_FEED, id, () => parts.filter((p) => p.environment.id === id).map(shown)),
    ),
  );
}

export default {
  queue: (batch, env) =>
    batch.queue.startsWith("profile-events") ? deliverProfileChanges(batch, env) : process(batch, env),
  scheduled(controller, env, ctx) {
    ctx.waitUntil(sweepShards(env, controller.scheduledTime));
    ctx.waitUntil(driveMoves(env));
    ctx.waitUntil(judgeCanaries(env));
    ctx.waitUntil(archiveAudit(env, controller.scheduledTime));
  },
} satisfies ExportedHandler<ProcessorEnv>;
