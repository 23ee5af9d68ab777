/** One HTTP request to a vendor: sent where it should go, awaited for so long and no longer, with its secrets out of sight. */
import type { VendorRequest, VendorResponse } from "./destination.ts";

const MOST_BODY_BYTES = 64 * 1024;

export type CallResult =
  | { answered: true; response: VendorResponse; ms: number }
  /** No answer: refused, cut off, or too late. */
  | { answered: false; error: string; ms: number; is_late: boolean };

export interface CallOptions {
  timeoutMs: number;
  integration: string;
  /** Development: the request then goes to `{sinkUrl}/{integration}/{host}{path}`. */
  sinkUrl: string | undefined;
  mask: Mask;
}

/** Never throws. Redirects are not followed. Secrets that the vendor repeats are blanked in the body, before anyone cuts it. */
export async function callVendor(
  request: VendorRequest,
  { timeoutMs, integration, sinkUrl, mask }: CallOptions,
): Promise<CallResult> {
  const started = Date.now();
  try {
    const response = await fetch(sinkUrl ? throughSink(request.url, sinkUrl, integration) : request.url, {
      method: request.method,
      headers: request.headers,
      body: request.method === "GET" ? null : (request.bytes ?? request.body),
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    const body = await readUpTo(response, MOST_BODY_BYTES);
    const headers = Object.fromEntries(response.headers);
    return {
      answered: true,
      response: { status: response.status, headers, body: mask(body), json: json(body) },
      ms: Date.now() - started,
    };
  } catch (error) {
    return {
      answered: false,
      error: mask(error instanceof Error ? `${error.name}: ${error.message}` : String(error)),
      is_late: error instanceof Error && error.name === "TimeoutError",
      ms: Date.now() - started,
    };
  }
}

function throughSink(url: string, sinkUrl: string, integration: string): string {
  const { host, pathname, search } = new URL(url);
  return `${sinkUrl}/${encodeURIComponent(integration)}/${host}${pathname}${search}`;
}

async function readUpTo(response: Response, most: number): Promise<string> {
  // Reading by chunks costs more, and nearly every answer is short and says so. A compressed one does not say how long it gets.
  const declared = response.headers.get("content-length");
  const isPlain = !response.headers.has("content-encoding");
  if (isPlain && declared !== null && Number(declared) <= most) return response.text();
  const decoder = new TextDecoder();
  let text = "";
  let left = most;
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk.subarray(0, left), { stream: true });
    left -= chunk.byteLength;
    if (left <= 0) break;
  }
  return text;
}

function json(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

export type Mask = (text: string) => string;

/** Shorter ones are no secrets, and would blank half of any text. */
const SHORTEST_SECRET = 4;
/** Of a secret that is several words ("Bearer …", two signing keys) each long word is one too. */
const SHORTEST_WORD = 8;

/** A function that blanks the given secrets, of whatever shape, in any text that a person may see. */
export function masker(secrets: unknown): Mask {
  const values = textsIn(secrets).flatMap((text) => [
    text,
    ...text.split(/\s+/).filter((word) => word.length >= SHORTEST_WORD),
  ]);
  const spellings = values
    .filter((value) => value.length >= SHORTEST_SECRET)
    .flatMap((value) => [
      value,
      encodeURIComponent(value),
      new URLSearchParams({ "": value }).toString().slice(1),
      JSON.stringify(value).slice(1, -1),
    ])
    // The longest first: one that holds another must not leave its own rest behind.
    .sort((a, b) => b.length - a.length);
  return (text) => spellings.reduce((masked, spelling) => masked.replaceAll(spelling, "•••"), text);
}

function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}
