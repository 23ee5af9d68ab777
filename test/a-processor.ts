/**
 * For tests of the processor, inside workerd: an environment of its own with real configuration, shards, gates, R2 and D1. Queues keep
 * what they are sent.
 */
import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { configKey, type Environment } from "../core/environment.ts";
import type { Event } from "../core/event.ts";
import { type DeliveryMessage, deliveryMessage, type RawMessage } from "../core/queue-messages.ts";
import { LANE_BINDINGS, type ProcessorEnv } from "../workers/env.ts";
import processor from "../workers/processor/index.ts";
import { anEnvironment, anIntegration } from "./an-environment.ts";

let environments = 0;

/** One webhook, unless `given` has other integrations. Two shards. */
export async function aQuietProcessor(name: string, given: Partial<Environment> = {}) {
  const id = `env_${name}_${++environments}`;
  const integrations = (given.integrations ?? [anIntegration({ destination: "webhook" })]).map((one) => ({
    ...one,
    id: `${one.id}_${id}`,
  }));
  const environment = anEnvironment({ ...given, id, integrations });
  await env.CONFIG.put(configKey.environment(id), JSON.stringify(environment));
  const sent: DeliveryMessage[] = [];
  const broken = new Set<string>();
  const lanes = LANE_BINDINGS.map((name) => {
    const sendBatch = async (messages: Iterable<{ body: string }>) => {
      if (broken.has(name)) throw new Error("Queue is overloaded");
      for (const { body } of messages) sent.push(deliveryMessage.parse(JSON.parse(body)) as DeliveryMessage);
    };
    return [name, { sendBatch }] as const;
  });
  const processorEnv = { ...env, ...Object.fromEntries(lanes) } as unknown as ProcessorEnv;

  /** Consumes queue messages, by their ids, as one batch. A list of events is a message of them; a text is a body as it is. */
  async function consume(messages: Record<string, Event[] | Partial<RawMessage> | string>) {
    const bodies = Object.entries(messages).map(([messageId, body]) => ({
      id: messageId,
      timestamp: new Date(),
      attempts: 1,
      body: typeof body === "string" ? body : JSON.stringify(message(Array.isArray(body) ? { events: body } : body)),
    }));
    const batch = createMessageBatch("raw-events", bodies);
    const before = sent.length;
    await processor.queue(batch, processorEnv);
    const result = await getQueueResult(batch, createExecutionContext());
    return {
      acked: result.explicitAcks,
      retried: result.retryMessages.map((m) => m.msgId),
      items: sent
        .slice(before)
        .flatMap(({ integration_id, items }) => items.map((item) => ({ ...item, integration_id }))),
    };
  }

  const message = (raw: Partial<RawMessage>): RawMessage => ({
    v: 1,
    environment_id: id,
    source_id: "src_test",
    received_at: "2026-11-20T10:00:01.000Z",
    request: {},
    vendor_ids: {},
    events: [],
    ...raw,
  });

  return { environment, integrations, broken, consume, env: processorEnv };
}
