/** Consumes the delivery lanes, and the queues' own dead letters. */
import { buryQueueDeadLetters } from "../dead-letters.ts";
import type { DeliveryEnv } from "../env.ts";
import { deliver } from "./deliver.ts";

export default {
  queue: (batch, env) =>
    batch.queue.startsWith("dead-letters") ? buryQueueDeadLetters(batch, env) : deliver(batch, env),
} satisfies ExportedHandler<DeliveryEnv>;
