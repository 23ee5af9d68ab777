/**
 * Consent that was taken back reaches what is still queued, held or waiting for another try. The processor marks each event that says
 * no to a purpose; delivery asks, once for an integration's part of a batch, whether one of its people has said no since the event
 * came. A later yes does not bring back what was queued before the no.
 */
import type { Purpose } from "../core/consent.ts";
import type { Event } from "../core/event.ts";
import { hash64 } from "../core/hash.ts";
import type { DeliveryItem } from "../core/queue-messages.ts";
import type { ConsentRevocations, Revocation } from "../durable-objects/consent-revocations.ts";

interface RevocationEnv {
  CONSENT_REVOCATIONS: DurableObjectNamespace<ConsentRevocations>;
}

const BITS = { analytics: 1, marketing: 2 } as const satisfies Partial<Record<Purpose, number>>;

/**
 * Whoever said no says it with every event, and need not be marked for each. The price: somebody who says no, yes and no within so
 * long, where other isolates saw the yes, is marked for the first no only.
 */
const MARKED_MS = 60_000;
const MOST_MARKED = 20_000;
const marked = new Map<string, { purposes: number; until: number }>();

/** For tests. */
export const forgetMarked = () => marked.clear();

/** The visitor, and the person where they are known: a no on the phone holds for what the laptop did. */
function hashesOf({ anonymous_id, user_id }: Pick<DeliveryItem, "anonymous_id" | "user_id">) {
  const visitor = hash64(`a:${anonymous_id}`);
  return user_id === undefined ? [visitor] : [visitor, hash64(`u:${user_id}`)];
}

interface Marks {
  revocations: Revocation[];
  /** In `marked`. */
  keys: Set<string>;
  senders: Set<unknown>;
}

/** Collects what one batch of the processor learned, and marks it in one call for each environment. */
export class RevocationMarks {
  readonly #marks = new Map<string, Marks>();

  /** `sender` is given back to `failed` of `send`. The event's own words count; a default or the browser's objection is no revocation. */
  note(sender: unknown, environmentId: string, { context, anonymous_id, user_id, received_at }: Event): void {
    const { consent } = context;
    if (!consent) return;
    const purposes =
      (consent.analytics === false ? BITS.analytics : 0) | (consent.marketing === false ? BITS.marketing : 0);
    const key = `${environmentId} ${anonymous_id} ${user_id ?? ""}`;
    const known = marked.get(key);
    if (purposes === 0) {
      if (known) marked.delete(key);
      return;
    }
    const at = Date.parse(received_at);
    if (known && known.purposes === purposes && at < known.until && at >= known.until - MARKED_MS) return;
    const marks: Marks = this.#marks.get(environmentId) ?? { revocations: [], keys: new Set(), senders: new Set() };
    this.#marks.set(environmentId, marks);
    for (const hash of hashesOf({ anonymous_id, ...(user_id !== undefined && { user_id }) })) {
      marks.revocations.push({ ...hash, purposes, at });
    }
    marks.keys.add(key);
    marks.senders.add(sender);
    if (marked.size >= MOST_MARKED) marked.clear();
    // Remembered at once, so that the batch's other events of this visitor add nothing; forgotten again where marking fails.
    marked.set(key, { purposes, until: at + MARKED_MS });
  }

  async send(env: RevocationEnv, failed: (senders: Set<unknown>, error: unknown) => void): Promise<void> {
    await Promise.all(
      [...this.#marks].map(async ([environmentId, { revocations, keys, senders }]) => {
        try {
          await env.CONSENT_REVOCATIONS.getByName(environmentId).mark(revocations);
        } catch (error) {
          for (const key of keys) marked.delete(key);
          failed(senders, error);
        }
      }),
    );
  }
}

/** Of these items of one environment, those whose person has taken back their consent to `purpose` since they came. Throws where that is not known. */
export async function revokedAmong(
  env: RevocationEnv,
  environmentId: string,
  items: DeliveryItem[],
  purpose: Purpose,
): Promise<Set<DeliveryItem>> {
  const revoked = new Set<DeliveryItem>();
  if (purpose === "functional" || items.length === 0) return revoked;
  const hashes = items.map(hashesOf);
  const oldest = Math.min(...items.map(({ received_at }) => Date.parse(received_at)));
  const asked = Uint32Array.from(hashes.flat().flatMap(({ high, low }) => [high, low]));
  const found = await env.CONSENT_REVOCATIONS.getByName(environmentId).since(oldest, asked);
  if (found.length === 0) return revoked;
  const latest = new Map<string, number>();
  for (const { high, low, purposes, at } of found) {
    const key = `${high} ${low}`;
    if (purposes & BITS[purpose]) latest.set(key, Math.max(at, latest.get(key) ?? 0));
  }
  items.forEach((item, i) => {
    // Not after: what comes in one request with a no is not sent either.
    const isRevoked = hashes[i]!.some(
      ({ high, low }) => (latest.get(`${high} ${low}`) ?? -1) >= Date.parse(item.received_at),
    );
    if (isRevoked) revoked.add(item);
  });
  return revoked;
}
