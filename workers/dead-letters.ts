/**
 * What was given up, with its reason: the payload in R2, an index of it in D1. R2 comes first, since an index can be made
 * again from the payloads; where either fails, the caller's queue message is tried again.
 */
import { sha256 } from "../core/hash.ts";
import type { Reason } from "../core/receipt.ts";

export type DeadReason =
  | Reason
  | "unreadable_message"
  | "unknown_environment"
  | "rejected"
  | "gave_up"
  | "queue_gave_up";

export interface DeadLetter {
  environment_id: string;
  stage: "queue" | "processor" | "delivery";
  integration_id?: string;
  message_id?: string;
  event?: string;
  reason: DeadReason;
  /** In the vendor's or the validator's words. */
  detail: string;
  attempts: number;
  payload: unknown;
}

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
  await env.LAKE.put(r2_key, JSON.stringify({ dead_at, origin, letters }));
  const rows = letters.map(({ payload: _, ...letter }, i) => ({
    ...letter,
    id: sha256(`${r2_key} ${i}`).slice(0, 32),
    detail: letter.detail.slice(0, 1_000),
    r2_key,
    dead_at,
  }));
  await env.DB.prepare(
    `INSERT OR REPLACE INTO dead_letters (id, environment_id, stage, integration_id, message_id, event, reason, detail, attempts, r2_key, dead_at)
     SELECT value ->> 'id', value ->> 'environment_id', value ->> 'stage', value ->> 'integration_id', value ->> 'message_id', value ->> 'event',
            value ->> 'reason', value ->> 'detail', value ->> 'attempts', value ->> 'r2_key', value ->> 'dead_at' FROM json_each(?)`,
  )
    .bind(JSON.stringify(rows))
    .run();
}

/** Consumes the queue's own dead letters: messages whose consumer kept failing. Their bodies are kept, readable or not. */
export async function buryQueueDeadLetters(
  batch: MessageBatch,
  env: { LAKE: R2Bucket; DB: D1Database },
): Promise<void> {
  for (const message of batch.messages) {
    try {
      const body = message.body as { environment_id?: unknown } | string | null;
      const environment = typeof body === "object" ? body?.environment_id : undefined;
      await bury(env, message.id, [
        {
          environment_id: typeof environment === "string" ? environment : "unknown",
          stage: "queue",
          reason: "queue_gave_up",
          detail: `the consumer failed ${message.attempts} times`,
          attempts: message.attempts,
          payload: message.body,
        },
      ]);
      message.ack();
    } catch {
      message.retry({ delaySeconds: 60 });
    }
  }
}
