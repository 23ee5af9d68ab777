import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline, Readable } from "node:stream";
import { type Behaviour, Behaviours, type Mode } from "./behaviours.ts";
import { control } from "./control.ts";
import { parseJson } from "./json.ts";
import { maskBody, maskHeaders, maskParameters } from "./mask.ts";
import { type RecordedRequest, RequestLog } from "./request-log.ts";
import { type Answer, refuseAll, type Vendor, type VendorCall, type Verdict } from "./vendor.ts";
import { vendorAt } from "./vendors.ts";
import { MAX_BODY_BYTES as MAX_WEBHOOK_BODY_BYTES, webhook } from "./webhook.ts";

/** Longer than any client of ours keeps a connection open, so that none is closed under a request being sent. */
const KEEP_ALIVE_MS = 120_000;

export interface VendorSinkOptions {
  /** 0 or none: any free one. */
  port?: number;
  host?: "127.0.0.1";
  /** By integration, `whsec_…`. Looked at with each request: a secret made later can be added to the object. */
  webhookSecrets?: Record<string, string>;
}

export interface VendorSink {
  url: string;
  port: number;
  /** Oldest first. */
  requests(integration?: string): RecordedRequest[];
  /** Without `forMs`, until changed. */
  behave(integration: string, mode: Mode, forMs?: number): Behaviour;
  /** Forgets requests and totals; behaviours stay. */
  clear(): void;
  close(): Promise<void>;
}

/**
 * Stands in for the vendors' servers on this machine, behaving as their documentation says and recording what it is sent.
 * Delivery's `https://HOST/PATH?QUERY` is reached here as `/INTEGRATION/HOST/PATH?QUERY`.
 */
export async function startVendorSink(options: VendorSinkOptions = {}): Promise<VendorSink> {
  const log = new RequestLog();
  const behaviours = new Behaviours();
  const customerReceiver = webhook(options.webhookSecrets ?? {});
  const vendorOf = ({ hostname }: URL): Vendor => vendorAt(hostname) ?? customerReceiver;

  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    // Without a listener, a client that goes away at the wrong moment would end the process.
    response.on("error", () => {});
    answerRequest(request, response).catch((error: unknown) => {
      if (response.destroyed) return;
      console.error("vendor sink:", error);
      response.destroy();
    });
  });

  async function answerRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { body, bytes } = await readBody(request);
    const asked = control(request, body, log, behaviours);
    if (asked) return send(response, asked);
    const call = readCall(request, body, bytes);
    if (!call) return send(response, notFound(request));

    const vendor = vendorOf(call.url);
    const refused = await vendor.authorise?.(call);
    const verdict = refused ? { answer: refused, events: [] } : vendor.receive(call);
    const recorded = log.open(describe(call, vendor, verdict, request.url ?? ""), bytes);

    const gone = new Promise((resolve) => response.once("close", resolve));
    while (behaviours.mode(call.integration) === "hang" && !response.destroyed)
      await behaviours.changed(call.integration, gone);
    if (response.destroyed)
      return log.settle(recorded, refuseAll(verdict, { status: 0, body: "the client gave up" }), vendor.dedupWindowMs);

    const outcome = behave(vendor, verdict, behaviours.mode(call.integration), () =>
      behaviours.keeps(call.integration),
    );
    log.settle(recorded, outcome, vendor.dedupWindowMs);
    if (outcome.answer.status === 0) request.socket.destroy();
    else send(response, outcome.answer);
  }

  server.listen(options.port ?? 0, options.host ?? "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests: (integration) => log.requests(integration === undefined ? {} : { integration }),
    behave: (integration, mode, forMs) => behaviours.set(integration, mode, forMs),
    clear: () => log.clear(),
    async close() {
      behaviours.end();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** What the vendor does when it is behaving like that. */
function behave(vendor: Vendor, verdict: Verdict, mode: Mode, keeps: () => boolean): Verdict {
  switch (mode) {
    case "ok":
    case "hang":
      return verdict;
    case "partial":
      return vendor.partial(verdict, keeps);
    case "close":
      return refuseAll(verdict, { status: 0, body: "the connection was closed" });
    case "429":
    case "500":
    case "error-in-200": {
      const answer = vendor.fault(mode);
      return answer ? refuseAll(verdict, answer) : verdict;
    }
  }
}

/** Reads to the end, as the vendors do, but keeps no more than the largest body that any of them takes. */
async function readBody(request: IncomingMessage): Promise<{ body: Buffer; bytes: number }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= MAX_WEBHOOK_BODY_BYTES) chunks.push(chunk);
  }
  return { body: Buffer.concat(chunks), bytes };
}

/** undefined when the path is not `/INTEGRATION/HOST/PATH?QUERY`. */
function readCall(request: IncomingMessage, body: Buffer, bodyBytes: number): VendorCall | undefined {
  const [, integration, rest] = /^\/([^/?]+)\/(.+)$/.exec(request.url ?? "") ?? [];
  const url = rest === undefined ? null : URL.parse(`https://${rest}`);
  if (integration === undefined || url === null) return undefined;
  const headers = Object.entries(request.headers).map(([name, value]) => [name, [value].flat().join(", ")]);
  return {
    integration: decode(integration),
    method: request.method ?? "GET",
    url,
    headers: Object.fromEntries(headers),
    body,
    bodyBytes,
    now: Date.now(),
  };
}

/** A name that is not well percent-encoded is taken as it stands. */
function decode(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function describe(call: VendorCall, vendor: Vendor, verdict: Verdict, path: string) {
  const text = call.body.toString();
  return {
    at: new Date(call.now).toISOString(),
    integration: call.integration,
    vendor: vendor.name,
    method: call.method,
    // Not `call.url.href`: that has been normalised, and a test may want to see the very characters.
    url: maskParameters(`https://${path.slice(path.indexOf("/", 1) + 1)}`),
    headers: maskHeaders(call.headers),
    body: maskBody(parseJson(text) ?? text),
    events: verdict.events.length,
    message_ids: verdict.events.flatMap((event) => event.message_id ?? []),
    ...(verdict.validation && { validation: verdict.validation }),
    ...(verdict.signature && { signature: verdict.signature }),
  };
}

function notFound(request: IncomingMessage): Answer {
  const message = `No ${request.method} ${request.url?.split("?")[0]}; vendors are at /INTEGRATION/HOST/PATH`;
  return { status: 404, body: { error: { code: "not_found", message } } };
}

function send(response: ServerResponse, { status, headers, body }: Answer): void {
  if (body === undefined || typeof body === "string") {
    response.writeHead(status, headers).end(body);
    return;
  }
  response.writeHead(status, { "content-type": "application/json; charset=UTF-8", ...headers });
  if (Array.isArray(body)) pipeline(Readable.from(jsonArray(body)), response, () => {});
  else response.end(JSON.stringify(body));
}

/** Piece by piece: all recorded requests together may be more than the longest string there can be. */
function* jsonArray(items: unknown[]): Generator<string> {
  yield "[";
  for (const [index, item] of items.entries()) yield `${index > 0 ? "," : ""}${JSON.stringify(item)}`;
  yield "]";
}
