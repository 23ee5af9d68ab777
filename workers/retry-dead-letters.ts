/**
 * Dead letters on their way again: what delivery gave up goes back to its lane as it is or as somebody has edited it; what could not
 * be mapped is mapped anew; what the processor could not read goes to the processor, and a queue's own letters to their queue.
 */
import type { Environment, Integration } from "../core/environment.ts";
import { type Event, event as eventSchema } from "../core/event.ts";
import { laneOf } from "../core/lane.ts";
import { type DeliveryItem, deliveryMessage, deliveryItem as itemSchema, rawMessage } from "../core/queue-messages.ts";
import { readEnvironment } from "./config.ts";
import type { BuriedLetters, DeadLetter } from "./dead-letters.ts";
import { deliveryItem, messagesOf, sendMessages } from "./delivery-messages.ts";
import type { DeliveryQueues } from "./env.ts";
import { mapFor } from "./processor/map-for.ts";
import { sendInTime } from "./send.ts";

export interface RetryEnv extends DeliveryQueues {
  CONFIG: KVNamespace;
  DB: D1Database;
  LAKE: R2Bucket;
  RAW_EVENTS: Queue;
  LOADER?: WorkerLoader;
}

export interface Retried {
  /** Ids of the letters that are on their way. */
  retried: string[];
  /** Those that stay, and why. */
  failed: { id: string; reason: string }[];
}

type Letter = DeadLetter & { id: string };

/** Letters of the index, by where their payloads lie. */
export async function retryDeadLetters(env: RetryEnv, rows: { id: string; r2_key: string }[]): Promise<Retried> {
  const result: Retried = { retried: [], failed: [] };
  const items = new Map<
    string,
    { letters: Letter[]; items: DeliveryItem[]; environment_id: string; integration: Integration }
  >();
  for (const [key, wanted] of Map.groupBy(rows, ({ r2_key }) => r2_key)) {
    const letters = await lettersIn(env.LAKE, key);
    for (const { id } of wanted) {
      const letter = letters.get(id);
      const way = letter ? await wayOf(letter, env) : "its payload is no longer there";
      if (typeof way === "string") {
        result.failed.push({ id, reason: way });
      } else if ("send" in way) {
        await way.send();
        result.retried.push(id);
      } else {
        const group = items.get(way.integration.id) ?? { ...way, letters: [], items: [] };
        group.letters.push(letter!);
        group.items.push(way.item);
        items.set(way.integration.id, group);
      }
    }
  }
  for (const { letters, items: all, environment_id, integration } of items.values()) {
    const head = { environment_id, integration_id: integration.id, first_queued_at: new Date().toISOString() };
    await sendMessages(env, laneOf(integration), messagesOf(head, all));
    result.retried.push(...letters.map(({ id }) => id));
  }
  // After the queue has them: a letter that is sent twice is told by its message_id, one that is lost by nothing.
  await env.DB.prepare("UPDATE dead_letters SET retried_at = ? WHERE id IN (SELECT value FROM json_each(?))")
    .bind(new Date().toISOString(), JSON.stringify(result.retried))
    .run();
  return result;
}

async function lettersIn(bucket: R2Bucket, key: string): Promise<Map<string, Letter>> {
  const stored = await (await bucket.get(key))?.json<BuriedLetters>();
  return new Map((stored?.letters ?? []).map((letter) => [letter.id, letter]));
}

type Way = { environment_id: string; integration: Integration; item: DeliveryItem } | { send(): Promise<void> };

/** Where a letter goes, or why it goes nowhere. */
async function wayOf(letter: Letter, env: RetryEnv): Promise<Way | string> {
  if (letter.stage === "queue" || letter.reason === "unreadable_message") return queueOf(letter.payload, env);
  const environment = await readEnvironment(env.CONFIG, letter.environment_id);
  if (!environment) return `there is no environment ${letter.environment_id}`;
  if (letter.integration_id === undefined) return toProcessor(letter, env);
  const integration = environment.integrations.find((one) => one.id === letter.integration_id);
  if (!integration) return `there is no integration ${letter.integration_id}`;
  if (!integration.enabled) return `${integration.id} is disabled`;
  const item =
    letter.stage === "delivery"
      ? itemSchema.safeParse(letter.payload).data
      : await mapAnew(letter, environment, integration, env);
  if (item === undefined) return "its payload is not that of a delivery";
  return typeof item === "string" ? item : { environment_id: environment.id, integration, item };
}

async function mapAnew(
  letter: Letter,
  environment: Environment,
  integration: Integration,
  env: RetryEnv,
): Promise<DeliveryItem | string> {
  const parsed = eventSchema.safeParse(letter.payload);
  if (!parsed.success) return "its payload is not an event";
  const event = parsed.data as Event;
  const map = await mapFor(environment, env);
  const mapped = await map(event, integration, letter.source_id ?? "");
  if (mapped.outcome !== "queued") return `${mapped.reason}${mapped.detail ? `: ${mapped.detail}` : ""}`;
  const item = deliveryItem(event, JSON.parse(mapped.payload_json));
  return mapped.versions ? { ...item, versions: mapped.versions } : item;
}

/** The whole way again, for an event that was refused before it was anybody's. */
function toProcessor({ environment_id, source_id, payload, door }: Letter, env: RetryEnv): Way | string {
  if (source_id === undefined) return "it is not known which source it came from";
  const received_at = new Date().toISOString();
  const head = { v: 1, environment_id, source_id, received_at, request: {}, vendor_ids: {}, ...door };
  return { send: () => sendText(env.RAW_EVENTS, { ...head, events: [payload] }) };
}

function queueOf(payload: unknown, env: RetryEnv): Way | string {
  const body = parse(payload);
  const raw = rawMessage.safeParse(body);
  if (raw.success) return { send: () => sendText(env.RAW_EVENTS, raw.data) };
  const delivery = deliveryMessage.safeParse(body);
  if (!delivery.success) return "it is not a message that anybody could read";
  const { integration_id, items, environment_id } = delivery.data;
  return {
    send: async () => {
      const environment = await readEnvironment(env.CONFIG, environment_id);
      const integration = environment?.integrations.find(({ id }) => id === integration_id) ?? { id: integration_id };
      const head = { environment_id, integration_id, first_queued_at: new Date().toISOString() };
      await sendMessages(env, laneOf(integration), messagesOf(head, items));
    },
  };
}

function parse(payload: unknown): unknown {
  try {
    return typeof payload === "string" ? JSON.parse(payload) : payload;
  } catch {
    return undefined;
  }
}

const sendText = (queue: Queue, body: unknown) =>
  sendInTime(() => queue.send(JSON.stringify(body), { contentType: "text" }));
