/** Brings one batch to `POST /v1/batch`, however often that takes. */
import { setTimeout as sleep } from "node:timers/promises";

export const TRIES = 8;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
const TIMEOUT_MS = 30_000;

/** An event that the platform will never take. `index` is its place in the batch. */
export interface Refusal {
  index: number;
  code: string;
  message: string;
}

export type Sent =
  | { kind: "answered"; refused: Refusal[] }
  /** `stop` fired before an answer was final. The events may have arrived: send them again under the same ids. */
  | { kind: "stopped" }
  | { kind: "failed"; why: string };

export interface IngestOptions {
  /** Origin and path prefix, without a slash at the end. */
  host: string;
  writeKey: string;
  /** A sentence for a person, before each wait. */
  onRetry?(notice: string): void;
  firstDelayMs?: number;
}

/** What one request came to. */
type Attempt =
  | { kind: "answered"; refused: Refusal[] }
  | { kind: "too_large" }
  | { kind: "try_again"; why: string; after_ms?: number | undefined }
  | { kind: "failed"; why: string };

export class Ingest {
  requests = 0;
  readonly #url: string;
  readonly #headers: Record<string, string>;
  readonly #host: string;
  readonly #onRetry: (notice: string) => void;
  readonly #firstDelayMs: number;

  constructor({ host, writeKey, onRetry = () => {}, firstDelayMs = FIRST_DELAY_MS }: IngestOptions) {
    this.#host = host;
    this.#url = `${host}/v1/batch`;
    this.#headers = {
      authorization: `Basic ${Buffer.from(`${writeKey}:`).toString("base64")}`,
      "content-type": "application/json",
    };
    this.#onRetry = onRetry;
    this.#firstDelayMs = firstDelayMs;
  }

  /** `events` are JSON texts. A firing `stop` ends waiting for another try, but lets a request in flight finish. */
  async send(events: readonly string[], stop: AbortSignal): Promise<Sent> {
    for (let tried = 1; ; tried++) {
      if (stop.aborted) return { kind: "stopped" };
      const attempt = await this.#attempt(events);
      switch (attempt.kind) {
        case "answered":
        case "failed":
          return attempt;
        case "too_large":
          return this.#sendHalves(events, stop);
        case "try_again": {
          if (tried === TRIES) return { kind: "failed", why: `${attempt.why} Gave up after ${TRIES} tries.` };
          if (stop.aborted) return { kind: "stopped" };
          this.#onRetry(`${attempt.why} Trying again (${tried + 1} of ${TRIES}).`);
          await sleep(attempt.after_ms ?? this.#backoff(tried), undefined, { signal: stop }).catch(() => {});
        }
      }
    }
  }

  async #sendHalves(events: readonly string[], stop: AbortSignal): Promise<Sent> {
    if (events.length === 1) {
      const message = "the host takes no request of this size, and it holds a single event";
      return { kind: "answered", refused: [{ index: 0, code: "request_too_large", message }] };
    }
    const middle = Math.ceil(events.length / 2);
    const head = await this.send(events.slice(0, middle), stop);
    if (head.kind !== "answered") return head;
    const tail = await this.send(events.slice(middle), stop);
    if (tail.kind !== "answered") return tail;
    const moved = tail.refused.map((refusal) => ({ ...refusal, index: refusal.index + middle }));
    return { kind: "answered", refused: [...head.refused, ...moved] };
  }

  async #attempt(events: readonly string[]): Promise<Attempt> {
    this.requests++;
    let response: Response;
    let body: string;
    try {
      response = await fetch(this.#url, {
        method: "POST",
        headers: this.#headers,
        body: `{"batch":[${events.join(",")}]}`,
        // A followed redirect would turn the POST into a GET.
        redirect: "manual",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      body = await response.text();
    } catch (error) {
      return { kind: "try_again", why: `${this.#host} could not be reached (${networkReason(error)}).` };
    }
    return this.#read(response, body, events.length);
  }

  #read({ status, headers }: Response, body: string, count: number): Attempt {
    const answer = parseAnswer(body);
    if (status === 200 || status === 400) {
      const refused = refusals(answer, count);
      if (status === 200 && answer.success === true && refused && answer.accepted === count - refused.length) {
        return { kind: "answered", refused };
      }
      if (status === 400 && refused?.length === count) return { kind: "answered", refused };
    }
    if (status === 401) return { kind: "failed", why: `The write key was refused by ${this.#host} (401).` };
    if (status === 413) return { kind: "too_large" };
    if (status === 429 || status >= 500) {
      return {
        kind: "try_again",
        why: `${this.#host} answered ${status}.`,
        after_ms: retryAfterMs(headers.get("retry-after")),
      };
    }
    if (status >= 300 && status < 400) {
      return { kind: "failed", why: `${this.#host} redirects to ${headers.get("location")}: pass that as --host.` };
    }
    const said = answer.error?.message ?? body.slice(0, 200).replaceAll(/\s+/g, " ").trim();
    const verdict = status === 200 ? "does not answer as Millrace does" : `answered ${status}`;
    return { kind: "failed", why: `${this.#host} ${verdict}${said ? `: ${said}` : "."}` };
  }

  /** Doubles from try to try, with up to half of it taken off by chance, so that four batches do not return as one wave. */
  #backoff(tried: number): number {
    const longest = Math.min(this.#firstDelayMs * 2 ** (tried - 1), LONGEST_DELAY_MS);
    return longest * (1 - Math.random() / 2);
  }
}

interface Answer {
  success?: unknown;
  accepted?: unknown;
  rejected?: unknown;
  error?: { code?: string; message?: string };
}

function parseAnswer(body: string): Answer {
  try {
    return Object(JSON.parse(body));
  } catch {
    return {};
  }
}

/** undefined unless the answer names, once each, events that were in the batch. */
function refusals({ rejected }: Answer, count: number): Refusal[] | undefined {
  if (!Array.isArray(rejected)) return undefined;
  const seen = new Set<unknown>();
  for (const { index } of rejected as Refusal[]) {
    if (!Number.isInteger(index) || index < 0 || index >= count || seen.has(index)) return undefined;
    seen.add(index);
  }
  return (rejected as Refusal[]).map(({ index, code, message }) => ({
    index,
    code: String(code),
    message: String(message),
  }));
}

/** Seconds or a date (RFC 9110 §10.2.3); undefined when absent or unreadable. */
function retryAfterMs(header: string | null): number | undefined {
  if (!header) return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

const NETWORK_REASONS: Record<string, string> = {
  ECONNREFUSED: "connection refused; is it running?",
  ECONNRESET: "the connection was cut",
  UND_ERR_SOCKET: "the connection was cut",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "its name could not be looked up",
};

function networkReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${TIMEOUT_MS / 1000} s`;
  // fetch says only "fetch failed"; what went wrong is its cause.
  const cause = (error.cause ?? error) as Error & { code?: string };
  return NETWORK_REASONS[cause.code ?? ""] ?? cause.message ?? error.message;
}
