/**
 * What was given up, with its reason: the payload in R2, an index of it in D1. R2 comes first, since an index can be made
 * again from the payloads; where either fails, the caller's queue message is tried again.
 */
import { sha256 } from "../core/hash.ts";
import type { RawMessage } from "../core/queue-messages.ts";
import type { Reason } from "../core/receipt.ts";

export type DeadReason =
  | Reason
  | "unreadable_message"
  | "unknown_environment"
  | "rejected"
  | "gave_up"
  | "queue_gave_up";

/** The environment of a message that does not name one. */
export const UNKNOWN_ENVIRONMENT = "unknown";

export interface DeadLetter {
  environment_id: string;
  stage: "queue" | "processor" | "delivery";
  integration_id?: string;
  /** Where the event came from: who releases it needs to know. */
  source_id?: string;
  /** What the door saw of its request: of events that Layer 1 kept aside, which begin anew when they are released. */
  door?: Pick<RawMessage, "request" | "vendor_ids" | "previous_id">;
  message_id?: string;
  event?: string;
  reason: DeadReason;
  /** In the vendor's or the validator's words. */
  detail: string;
  attempts: number;
  payload: unknown;
}

/** What one R2 object holds: the letters of one queue message, each under its id in the index. */
export interface BuriedLetters {
  dead_at: string;
  /** The queue message's id. */
  origin: string;
  letters: BuriedLetter[];
}

export type BuriedLetter = DeadLetter & { id: string };

/**
 * Buries letters that came from one queue message. `origin` names that message: burying it twice (a redelivery) writes the
 * same R2 key and the same rows.
 */
export async function bury(
  env: { LAKE: R2Bucket; DB: D1Database },
  origin: string,
  letters: DeadLetter[],
): Promise<void> {
  if (letters.length === 0) return;
  const dead_at = new Date().toISOString();
  const { environment_id, stage } = letters[0]!;
  const r2_key = `dead/env=${environment_id}/${stage}/${sha256(`${origin} ${letters.map((l) => l.message_id).join()}`).slice(0, 32)}.json`;
  const named = letters.map((letter, i) => ({ id: sha256(`${r2_key} ${i}`).slice(0, 32), ...letter }));
  await env.LAKE.put(r2_key, JSON.stringify({ dead_at, origin, letters: named } satisfies BuriedLetters));
  const rows = named.map(({ payload: _, ...letter }) => ({
    ...letter,
    detail: letter.detail.slice(0, 1_000),
    r2_key,
    dead_at,
  }));
  await env.DB.prepare(
    `INSERT OR REPLACE INTO dead_letters (id, environment_id, stage, integration_id, message_id, event, reason, detail, attempts, r2_key, dead_at, source_id)
     SELECT value ->> 'id', value ->> 'environment_id', value ->> 'stage', value ->> 'integration_id', value ->> 'message_id', value ->> 'event',
            value ->> 'reason', value ->> 'detail', value ->> 'attempts', value ->> 'r2_key', value ->> 'dead_at', value ->> 'source_id' FROM json_each(?)`,
  )
    .bind(JSON.stringify(rows))
    .run();
}

/** One letter with its payload, or undefined where there is none of this id. */
export async function deadLetter(
  env: { LAKE: R2Bucket; DB: D1Database },
  id: string,
): Promise<BuriedLetter | undefined> {
  const row = await env.DB.prepare("SELECT r2_key FROM dead_letters WHERE id = ?").bind(id).first<{ r2_key: string }>();
  const stored = row && (await env.LAKE.get(row.r2_key));
  return (await stored?.json<BuriedLetters>())?.letters.find((one) => one.id === id);
}

/** Takes a letter out of the index: it was let go. What it was stays in R2. */
export async function forgetDeadLetter({ DB }: { DB: D1Database }, id: string): Promise<void> {
  await DB.prepare("DELETE FROM dead_letters WHERE id = ?").bind(id).run();
}

/** What a queue message's body says of whom it belongs to, as far as it can be read. */
export function ownerOf(body: unknown): Pick<DeadLetter, "environment_id" | "integration_id"> {
  const { environment_id, integration_id } = fieldsOf(body);
  return {
    environment_id: typeof environment_id === "string" ? environment_id : UNKNOWN_ENVIRONMENT,
    ...(typeof integration_id === "string" && { integration_id }),
  };
}

function fieldsOf(body: unknown): Record<string, unknown> {
  try {
    // Ours travel as JSON text.
    const value = typeof body === "string" ? JSON.parse(body) : body;
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** Consumes the queue's own dead letters: messages whose consumer kept failing. Their bodies are kept, readable or not. */
export async function buryQueueDeadLetters(
  batch: MessageBatch,
  env: { LAKE: R2Bucket; DB: D1Database },
): Promise<void> {
  for (const message of batch.messages) {
    try {
      await bury(env, message.id, [
        {
          ...ownerOf(message.body),
          stage: "queue",
          reason: "queue_gave_up",
          detail: "its consumer failed until the queue gave up: see the logs of that time",
          // In this queue: the one that gave up does not say how often it tried.
          attempts: message.attempts,
          payload: message.body,
        },
      ]);
      message.ack();
    } catch (error) {
      console.error(
        JSON.stringify({ level: "error", at: "dead_letters", queue_message: message.id, message: String(error) }),
      );
      message.retry({ delaySeconds: 60 });
    }
  }
}
