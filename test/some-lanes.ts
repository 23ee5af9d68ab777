/**
 * Delivery's queues in memory, for tests of what becomes of events over time. A lane has one consumer, which is the worst case: the
 * real ones get more as messages wait. What a consumer sends comes back when its delay is over.
 */
import type { DeliveryMessage } from "../core/queue-messages.ts";
import { deliver } from "../workers/delivery/deliver.ts";
import { aBatch, aDeliveryEnv, aMessage } from "./a-delivery.ts";

const BATCH = 25;

interface Waiting {
  queue: string;
  body: DeliveryMessage;
  due: number;
}

export class SomeLanes {
  readonly #now: () => number;
  readonly env;
  waiting: Waiting[] = [];

  /** `now`: epoch milliseconds, of a clock of the test's own or the real one. */
  constructor(now: () => number, given: Parameters<typeof aDeliveryEnv>[0] = {}) {
    this.#now = now;
    const onSend = ({
      lane,
      delaySeconds,
      body,
    }: {
      lane: number | "recovery";
      delaySeconds: number;
      body: DeliveryMessage;
    }) => this.add(body, `delivery-${lane}`, delaySeconds);
    this.env = aDeliveryEnv({ ...given, onSend }).env;
  }

  add(body: DeliveryMessage, queue = "delivery-0", delaySeconds = 0): void {
    this.waiting.push({ queue, body, due: this.#now() + delaySeconds * 1_000 });
  }

  /** When the next message is due; undefined where nothing waits. */
  get nextDue(): number | undefined {
    return this.waiting.length ? Math.min(...this.waiting.map(({ due }) => due)) : undefined;
  }

  /** One batch of a queue, if anything in it is due. */
  async consume(queue: string): Promise<number> {
    const due = this.waiting.filter((one) => one.queue === queue && one.due <= this.#now()).slice(0, BATCH);
    if (due.length === 0) return 0;
    this.waiting = this.waiting.filter((one) => !due.includes(one));
    const messages = due.map(({ body }) => aMessage(body));
    await deliver(aBatch(messages, queue), this.env);
    messages.forEach(({ fate }, i) => {
      if (fate === "acked") return;
      this.waiting.push({ ...due[i]!, due: this.#now() + (fate?.retried_after_s ?? 5) * 1_000 });
    });
    return due.length;
  }
}
