/**
 * `POST /v1/webhooks/{provider}/{id}`: what payment providers tell. The id leads to the source and to the secret that the provider signs
 * with. Answered 200 only when the events are durable, as everything at the door; what tells of no money is answered so too, and counted.
 */
import { Hono } from "hono";
import { ApiError } from "../../../core/api-error.ts";
import type { PaymentWebhook } from "../../../core/environment.ts";
import { eventsOfPayment } from "../../../core/revenue/payment.ts";
import { open } from "../../../core/vault.ts";
import { onceOnly } from "../../../durable-objects/once-only.ts";
import { readEnvironment, readPaymentWebhook } from "../../config.ts";
import type { IngestEnv } from "../../env.ts";
import { Metrics } from "../../metrics.ts";
import { acceptEvents } from "../accept-events.ts";
import { networkOf, refuse } from "../collect.ts";
import { enqueue } from "../enqueue.ts";
import { ADDRESS_RATE, SOURCE_RATE, spend } from "../rate-limit.ts";
import { parseObject, readBytes } from "../read-body.ts";
import { providers } from "./index.ts";
import type { Provider, Reading } from "./provider.ts";

export const paymentWebhooks = new Hono<{ Bindings: IngestEnv }>().post("/:provider/:id", async (c) => {
  const now = Date.now();
  const { provider, webhook, id } = await addressee(c.env, c.req.raw, c.req.param(), now);
  refuse(await spend(c.env.SOURCE_LIMIT, webhook.source_id, SOURCE_RATE, now), "This source");
  const bytes = await readBytes(c.req.raw);
  const { headers } = c.req.raw;
  provider.verify({ headers, bytes, secret: await secretOf(c.env, id, webhook), now });
  const reading = provider.read({ body: parseObject(bytes), headers });
  const accepted = await take(c.env, provider.name, webhook, reading, now);
  count(c.env, webhook, provider.name, reading, accepted);
  return c.json({ success: true, accepted });
});

/** Whoever tries addresses is counted, so that trying many gets slow. Throws `not_found`, `too_many_requests`. */
async function addressee(
  env: IngestEnv,
  request: Request,
  { provider: name, id }: { provider: string; id: string },
  now: number,
): Promise<{ provider: Provider; webhook: PaymentWebhook; id: string }> {
  const provider = Object.hasOwn(providers, name) ? providers[name] : undefined;
  const webhook = provider && (await readPaymentWebhook(env.CONFIG, id.slice(0, 100)));
  if (provider && webhook?.provider === name) return { provider, webhook, id };
  const address = networkOf(request);
  if (address) refuse(await spend(env.ADDRESS_LIMIT, address, ADDRESS_RATE, now), "This address");
  throw new ApiError("not_found", "No payment provider was told to send anything here");
}

/** Opened secrets, by the sealed text: opening one costs more than checking a signature. */
const secrets = new Map<string, string>();
const MOST_SECRETS = 1_000;

async function secretOf(env: IngestEnv, id: string, { sealed_secret }: PaymentWebhook): Promise<string> {
  const known = secrets.get(sealed_secret);
  if (known !== undefined) return known;
  const secret = (await open(env.DOOR_KEY, id, sealed_secret)) as string;
  if (secrets.size >= MOST_SECRETS) secrets.clear();
  secrets.set(sealed_secret, secret);
  return secret;
}

/**
 * How long after it happened a payment is known to have come. Providers try for three days, which is longer than a shard knows an id, and
 * a person may send a webhook again much later.
 */
const REMEMBERED_MS = 90 * 86_400_000;

/**
 * Remembered is what lies in the queue, not what was begun: a crash in between has the provider send it again, and the shard then finds
 * the same message_id. Returns how many events are new.
 */
async function take(
  env: IngestEnv,
  provider: string,
  { environment_id, source_id }: PaymentWebhook,
  { payments }: Reading,
  now: number,
): Promise<number> {
  if (payments.length === 0) return 0;
  const environment = await readEnvironment(env.CONFIG, environment_id);
  const source = environment?.sources.find(({ id }) => id === source_id);
  if (!environment || !source) throw new ApiError("not_found", "The source of this webhook no longer exists");
  const marks = payments.map(({ id, at }) => ({
    id: `webhook:${source_id}:${provider}:${id}`,
    until: Date.parse(at) + REMEMBERED_MS,
  }));
  const fresh: Record<string, unknown>[] = [];
  for (const [i, { id, until }] of marks.entries()) {
    const isKnown = await onceOnly(env.ONCE_ONLY, environment_id, id).isClaimed(id, until);
    if (!isKnown) fresh.push(...eventsOfPayment(provider, payments[i]!));
  }
  if (fresh.length === 0) return 0;
  const given = { now, type: undefined, visitor: undefined, consent: undefined, ip_policy: source.ip_policy };
  const { accepted, rejected } = acceptEvents({ batch: fresh }, { ...given, salt: undefined });
  if (rejected[0]) throw new ApiError("invalid_request", rejected[0].message);
  await enqueue(env, accepted, {
    v: 1,
    environment_id,
    source_id,
    received_at: new Date(now).toISOString(),
    request: {},
    vendor_ids: {},
  });
  for (const { id, until } of marks) await onceOnly(env.ONCE_ONLY, environment_id, id).claim(id, until);
  return accepted.length;
}

function count(
  env: IngestEnv,
  { environment_id, source_id }: PaymentWebhook,
  name: string,
  reading: Reading,
  accepted: number,
) {
  const outcome = reading.payments.length === 0 ? "ignored" : accepted === 0 ? "known" : "accepted";
  const metrics = new Metrics();
  metrics.count(environment_id, {
    stage: "webhook",
    source_id,
    outcome,
    reason: `${name} ${reading.type}`.slice(0, 96),
  });
  metrics.write(env.METRICS);
}
