import { lasting } from "./storage.ts";
import type { SentEvent, Transport } from "./transport.ts";
import { uuid } from "./uuid.ts";

const BATCH_EVENTS = 10;
const BATCH_WAIT_MS = 2_000;
const KEPT_EVENTS = 1_000;
const TRIES = 10;
const FIRST_BACKOFF_MS = 1_000;
const LONGEST_BACKOFF_MS = 60_000;

export interface Queue {
  add(event: SentEvent): void;
  /** Sends what is waiting; resolves when that is done, or when a request failed and the rest waits for another try. */
  flush(): Promise<void>;
  /** Hands everything to the browser, because this may be the last chance to run. */
  depart(): void;
  /** Takes over what earlier pages could not send, now that storage may be read, and sends all. */
  resume(): void;
}

/**
 * Events in the order in which they happened: ten of one visitor to a request, or fewer when the first of them is two seconds
 * old, and one request at a time. A request that fails is repeated with the same events, so with the same message ids.
 */
export function createQueue(transport: Transport, name: string): Queue {
  const waiting: SentEvent[] = [];
  /** The batch on its way, or between two tries. */
  let batch: SentEvent[] = [];
  /** How many of the waiting ones are to go now. */
  let due = 0;
  let tries = 0;
  let pausing = false;
  /** Whether that is why it pauses. */
  let isOffline = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wakeUp: ReturnType<typeof setTimeout> | undefined;
  let sending = Promise.resolve();
  /** From a failed request to the next one that gets through, a copy of all events lies in localStorage for the next page. */
  let mirrored = false;
  /** One for each page: two tabs must not overwrite each other's. */
  const prefix = `queue.${name}.`;
  const own = prefix + uuid();

  const mirror = () => lasting.set(own, [...batch, ...waiting]);

  function take(): SentEvent[] {
    let count = 1;
    while (count < due && count < BATCH_EVENTS && waiting[count]!.anonymous_id === waiting[0]!.anonymous_id) count++;
    while (count > 1 && !transport.fits(waiting.slice(0, count))) count--;
    due -= count;
    return waiting.splice(0, count);
  }

  async function send(): Promise<void> {
    while (!pausing && (batch.length || (due && waiting.length))) {
      if (!batch.length) batch = take();
      const outcome = await transport.post(batch);
      if (outcome === "settled") {
        if (mirrored) lasting.set(own);
        mirrored = false;
      } else {
        mirrored = true;
        // Without a network there is nobody to spare, and nothing to give up on.
        isOffline = !navigator.onLine;
        pause(isOffline ? LONGEST_BACKOFF_MS : Math.max(outcome.retryAfterMs, backoffMs(++tries)));
      }
      if (outcome === "settled" || tries === TRIES) {
        batch = [];
        tries = 0;
      }
      if (mirrored) mirror();
    }
  }

  function pause(ms: number): void {
    pausing = true;
    // A timer that is asked for more than 24 days fires at once.
    wakeUp = setTimeout(wake, Math.min(ms, LONGEST_BACKOFF_MS * 60));
  }

  function wake(): void {
    clearTimeout(wakeUp);
    pausing = isOffline = false;
    flush();
  }

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    due = waiting.length;
    sending = sending.then(send);
    return sending;
  }

  // The network is back: nothing that it was away for need wait any longer. A server that asked us to wait is not asked sooner.
  addEventListener("online", () => isOffline && wake());

  return {
    add(event) {
      waiting.push(event);
      if (batch.length + waiting.length > KEPT_EVENTS) waiting.shift();
      if (waiting.length % BATCH_EVENTS === 0) flush();
      else timer = timer || setTimeout(flush, BATCH_WAIT_MS);
    },

    flush,

    /** While the server does not answer, what is mirrored is safer where it is: the next page will send it. */
    depart() {
      due = waiting.length;
      if (due && !navigator.onLine) mirrored = true;
      const kept = mirrored && mirror();
      while (!kept && waiting.length) {
        const rest = take();
        if (transport.beacon(rest)) continue;
        waiting.unshift(...rest);
        mirrored = true;
        mirror();
        break;
      }
      flush();
    },

    resume() {
      for (const key of lasting.keys(prefix)) {
        if (key === own) continue;
        const left = lasting.get<SentEvent[]>(key);
        lasting.set(key);
        if (Array.isArray(left)) waiting.push(...left.filter(Boolean));
        mirrored = true;
        mirror();
      }
      flush();
    },
  };
}

/** Doubles from 1 s to a minute, less up to half of it by chance, so that visitors do not all come back at once. */
function backoffMs(tries: number): number {
  return Math.min(FIRST_BACKOFF_MS * 2 ** (tries - 1), LONGEST_BACKOFF_MS) * (1 - Math.random() / 2);
}
