/**
 * For tests of delivery, inside workerd: environments of integrations with a made-up vendor, queue messages that remember what
 * became of them, and lanes that keep what they are sent. Storage and objects are real; only the vendor's network is faked.
 */
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import * as z from "zod";
import { configKey, type Integration } from "../core/environment.ts";
import type { LiveItem } from "../core/live.ts";
import type { DeliveryItem, DeliveryMessage } from "../core/queue-messages.ts";
import { firstShardMap } from "../core/shard-map.ts";
import { seal } from "../core/vault.ts";
import { type Destination, defineDestination, httpOutcome, secret } from "../workers/delivery/destination.ts";
import { destinations } from "../workers/delivery/destinations/index.ts";
import { type DeliveryEnv, LANE_BINDINGS } from "../workers/env.ts";

export interface TestPayload {
  id: string;
  group?: string;
  text?: string;
}

const settings = z.object({ token: secret().optional(), headers: secret(z.record(z.string(), z.string())).optional() });

/** Takes ten events a request, and answers `{"outcomes": […]}` where it has one for each event. */
export const testVendor = defineDestination<z.infer<typeof settings>, TestPayload>({
  name: "test_vendor",
  title: "Test vendor",
  purpose: "analytics",
  settings,
  exampleSettings: {},
  limits: { eventsPerRequest: 10, requestsPerSecond: 100, giveUpAfterHours: 24, timeoutMs: 1_000 },
  groupBy: ({ group }) => group ?? "",
  map: () => ({ id: "unused" }),
  request: (payloads, { token = "none", headers }) => ({
    url: `https://vendor.example.com/events?${new URLSearchParams({ token })}`,
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify({ events: payloads }),
  }),
  outcome(response, payloads) {
    const { outcomes } = (response.json ?? {}) as { outcomes?: [] };
    if (outcomes) return outcomes;
    const outcome = httpOutcome(response);
    return outcome.outcome === "rejected" && payloads.length > 1 ? { ...outcome, outcome: "batch_refused" } : outcome;
  },
  examples: [],
});

/** Makes a destination known under its name, as a variation of `testVendor`. Not enumerable: tests of all vendors do not meet it. */
export function defineTestVendor(given: Partial<Destination>): string {
  const name = given.name ?? `test_vendor_${++count}`;
  Object.defineProperty(destinations, name, { value: { ...testVendor, ...given, name }, configurable: true });
  return name;
}

defineTestVendor(testVendor);

let count = 0;

interface GivenIntegration extends Partial<Integration> {
  secrets?: Record<string, unknown>;
}

/** Publishes an environment of its own for a test, with integrations of ids that no other test has. */
export async function publishIntegrations(...given: GivenIntegration[]): Promise<Integration[]> {
  const environmentId = `env_test_${++count}`;
  const integrations = given.map(({ secrets: _, ...integration }, i) => ({
    id: `int_test_${count}_${i}`,
    name: `vendor-${i}`,
    destination: "test_vendor",
    enabled: true,
    settings: {},
    ...integration,
  }));
  for (const [i, { id }] of integrations.entries()) {
    const sealed = await seal(env.CREDENTIALS_KEY, id, given[i]!.secrets ?? {});
    await putConfiguration(configKey.integration(id), { environment_id: environmentId, version: 1, sealed });
    owners.set(id, environmentId);
  }
  await putConfiguration(configKey.environment(environmentId), {
    id: environmentId,
    organisation_id: "org_test",
    name: "dev",
    version: 1,
    published_at: "2026-11-20T10:00:00.000Z",
    shard_map: firstShardMap(2),
    sources: [],
    integrations,
  });
  return integrations;
}

export async function publishIntegration(given: GivenIntegration = {}): Promise<Integration> {
  const [integration] = await publishIntegrations(given);
  return integration!;
}

export const putConfiguration = (key: string, document: unknown) => env.CONFIG.put(key, JSON.stringify(document));

const owners = new Map<string, string>();
export const environmentOf = (integration: Pick<Integration, "id">) => owners.get(integration.id)!;

/** An event with consent to everything; its payload bears its id. */
export function anItem(given: Partial<DeliveryItem> = {}): DeliveryItem {
  const message_id = given.message_id ?? `event-${++count}`;
  return {
    message_id,
    event: "Button Clicked",
    anonymous_id: "a1",
    received_at: "2026-11-20T10:00:01.000Z",
    purposes: ["functional", "analytics", "marketing"],
    payload: { id: message_id } satisfies TestPayload,
    ...given,
  };
}

export const someItems = (n: number, given: Partial<DeliveryItem> = {}) =>
  Array.from({ length: n }, () => anItem(given));

export function aDelivery(integration: Pick<Integration, "id">, given: Partial<DeliveryMessage> = {}): DeliveryMessage {
  return {
    v: 1,
    environment_id: environmentOf(integration),
    integration_id: integration.id,
    attempt: 1,
    first_queued_at: new Date().toISOString(),
    items: [anItem()],
    ...given,
  };
}

/** As in the queue the first of `ack` and `retry` wins. */
export class TestMessage implements Message {
  readonly id: string;
  readonly timestamp = new Date();
  readonly body: unknown;
  readonly attempts: number;
  fate: "acked" | { retried_after_s: number | undefined } | undefined;

  constructor(body: unknown, { id = `queue-message-${++count}`, attempts = 1 } = {}) {
    this.id = id;
    this.body = body;
    this.attempts = attempts;
  }

  ack(): void {
    this.fate ??= "acked";
  }

  retry(options?: QueueRetryOptions): void {
    this.fate ??= { retried_after_s: options?.delaySeconds };
  }
}

/** Deliveries travel as JSON text. */
export const aMessage = (body: DeliveryMessage, given: { id?: string; attempts?: number } = {}) =>
  new TestMessage(JSON.stringify(body), given);

export function aBatch(messages: Message[], queue = "delivery-0"): MessageBatch {
  return { queue, messages, metadata: {} as MessageBatch["metadata"], ackAll() {}, retryAll() {} };
}

export interface Sent {
  lane: number | "recovery";
  delaySeconds: number;
  body: DeliveryMessage;
}

/** The real bindings with lanes that keep what they are sent, a live stream that somebody watches, and what else is given. */
export function aDeliveryEnv(given: Partial<DeliveryEnv> & { onSend?: (sent: Sent) => void } = {}) {
  const sent: Sent[] = [];
  const live: LiveItem[] = [];
  const { onSend, ...others } = given;
  const queues = [
    ...LANE_BINDINGS.map((binding, lane) => [binding, lane] as const),
    ["DELIVERY_RECOVERY", "recovery"] as const,
  ];
  const lanes = queues.map(([binding, lane]) => {
    const send = async (text: string, { delaySeconds }: { delaySeconds: number }) => {
      const message = { lane, delaySeconds, body: JSON.parse(text) as DeliveryMessage };
      onSend?.(message);
      sent.push(message);
    };
    return [binding, { send }] as const;
  });
  const publish = async (items: LiveItem[]) => live.push(...items);
  const deliveryEnv = {
    ...env,
    VENDOR_SINK_URL: undefined,
    ...Object.fromEntries(lanes),
    LIVE_FEED: { getByName: () => ({ publish }) },
    ...others,
  } as unknown as DeliveryEnv;
  return { env: deliveryEnv, sent, live };
}

export interface VendorCall {
  url: string;
  init: RequestInit;
  /** Of the events in the request. */
  ids: string[];
}

/** Replaces the network by `answer`; a number is a status. Returns the calls made, in order. */
export function fakeVendor(answer: (call: VendorCall) => Response | number | Promise<Response | number> = () => 200) {
  const calls: VendorCall[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const { events } = JSON.parse(init!.body as string) as { events: TestPayload[] };
    const call = { url: String(input), init: init as RequestInit, ids: events.map((e) => e.id) };
    calls.push(call);
    const response = await answer(call);
    return typeof response === "number" ? new Response(null, { status: response }) : response;
  });
  return calls;
}

export const gateOf = ({ id }: Pick<Integration, "id">) => env.INTEGRATION_GATE.getByName(id).stats();
