/** One HTTP request to a vendor: sent where it should go, awaited for so long and no longer, with its secrets out of sight. */
import type { VendorRequest, VendorResponse } from "./destination.ts";

const MOST_BODY_BYTES = 64 * 1024;

export type CallResult =
  | { answered: true; response: VendorResponse; ms: number }
  /** No answer: refused, cut off, or too late. */
  | { answered: false; error: string; ms: number };

/** `sinkUrl` is for development: the request then goes to `{sinkUrl}/{integration}/{host}{path}`. Redirects are not followed. */
export async function callVendor(
  request: VendorRequest,
  { timeoutMs, integration, sinkUrl }: { timeoutMs: number; integration: string; sinkUrl: string | undefined },
): Promise<CallResult> {
  const started = Date.now();
  try {
    const response = await fetch(sinkUrl ? throughSink(request.url, sinkUrl, integration) : request.url, {
      method: request.method,
      headers: request.headers,
      body: request.method === "GET" ? null : request.body,
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    const body = await readUpTo(response, MOST_BODY_BYTES);
    const headers = Object.fromEntries([...response.headers].map(([name, value]) => [name.toLowerCase(), value]));
    return {
      answered: true,
      response: { status: response.status, headers, body, json: json(body) },
      ms: Date.now() - started,
    };
  } catch (error) {
    return {
      answered: false,
      error: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
      ms: Date.now() - started,
    };
  }
}

function throughSink(url: string, sinkUrl: string, integration: string): string {
  const { host, pathname, search } = new URL(url);
  return `${sinkUrl}/${encodeURIComponent(integration)}/${host}${pathname}${search}`;
}

async function readUpTo(response: Response, most: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    bytes += chunk.byteLength;
    if (bytes >= most) break;
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

/** A function that blanks the given secrets in any text that a person may see. */
export function masker(secrets: Record<string, unknown>): (text: string) => string {
  const values = Object.values(secrets)
    .filter((value): value is string => typeof value === "string" && value.length >= 4)
    .flatMap((value) => [value, encodeURIComponent(value)]);
  return (text) => values.reduce((masked, value) => masked.replaceAll(value, "•••"), text);
}
