import type { LiveItem } from "../../core/live.ts";
import type { Witness } from "../../demo/witness.ts";
import type { Stack } from "../stack.ts";

type Processed = Extract<LiveItem, { kind: "processed" }>;
type Delivered = Extract<LiveItem, { kind: "delivered" }>;

/** Everything that could be seen of one visit: what the witness counted at the door, and what the live stream told. */
export class LiveRecord {
  readonly processed: Processed[] = [];
  readonly delivered: Delivered[] = [];
  readonly witness: Witness;
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket, witness: Witness) {
    this.#socket = socket;
    this.witness = witness;
    socket.addEventListener("message", ({ data }) => {
      socket.send('{"ack":1}');
      for (const item of JSON.parse(String(data)) as LiveItem[]) {
        if (item.kind === "processed") this.processed.push(item);
        if (item.kind === "delivered") this.delivered.push(item);
      }
    });
  }

  /** Resolves when the stream has said hello, so that nothing sent afterwards is missed. */
  static async open({ url, admin_token }: Pick<Stack, "url" | "admin_token">, witness: Witness): Promise<LiveRecord> {
    const asked = await fetch(`${url}/api/v1/live/tickets`, {
      method: "POST",
      headers: { authorization: `Bearer ${admin_token}` },
    });
    const { ticket, environment_id } = (await asked.json()) as { ticket: string; environment_id: string };
    const query = new URLSearchParams({ ticket, environment_id });
    const socket = new WebSocket(`${url.replace("http", "ws")}/api/v1/live?${query}`);
    const record = new LiveRecord(socket, witness);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("message", () => resolve(), { once: true });
      socket.addEventListener("error", () => reject(new Error("the live stream did not open")), { once: true });
    });
    return record;
  }

  close = async (): Promise<void> => {
    this.#socket.close();
  };

  /** Resolves when every accepted event was processed and has a final outcome everywhere, or when time is up. */
  async untilSettled(timeoutMs: number): Promise<void> {
    await this.witness.quiet();
    for (let waited = 0; waited < timeoutMs && !this.#isSettled(); waited += 50) {
      await new Promise((wait) => setTimeout(wait, 50));
    }
  }

  #isSettled(): boolean {
    return (
      this.processed.length >= this.witness.accepted &&
      this.processed.every((item) => this.openDeliveries(item).length === 0)
    );
  }

  /** Integrations that an event was queued for and that have not delivered or buried it. */
  openDeliveries({ event, receipt }: Processed): string[] {
    return receipt.integrations
      .filter(
        ({ outcome, integration_id }) => outcome === "queued" && !this.finalOutcome(event.message_id, integration_id),
      )
      .map(({ integration }) => integration);
  }

  finalOutcome(messageId: string, integrationId: string): "delivered" | "dead_lettered" | undefined {
    for (const item of this.delivered) {
      if (item.integration_id !== integrationId) continue;
      const own = item.events.find((event) => event.message_id === messageId);
      if (own && own.outcome !== "retried") return own.outcome;
    }
    return undefined;
  }
}
