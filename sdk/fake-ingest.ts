/** For tests: an ingest that serves the SDK, keeps every request it gets, and fails when it is told to. */
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { buildSdk } from "../scripts/build-sdk.ts";

/** An event as JSON brings it: a test says what it expects in it. */
// biome-ignore lint/suspicious/noExplicitAny: it is whatever was sent
export type ReceivedEvent = Record<string, any>;

export interface ReceivedRequest {
  method: string;
  path: string;
  headers: IncomingMessage["headers"];
  bytes: number;
  at: number;
  body: { write_key: string; sent_at: string; reset?: boolean; batch: ReceivedEvent[] };
}

export interface FakeIngest {
  origin: string;
  requests: ReceivedRequest[];
  /** Of all requests, in order of arrival; a retry counts again. */
  events(): ReceivedEvent[];
  /** What the next requests are answered, in turn; after that and by default 200. Status 0 breaks the protocol. */
  failures: { status: number; headers?: Record<string, string> }[];
  /** Sets `_dfid` with every answer, as workers/ingest/visitor.ts does: without an id in the request it takes the cookie back. */
  cookies: "none" | "readable" | "http_only";
  close(): Promise<void>;
}

export async function startIngest(): Promise<FakeIngest> {
  const scripts = dirname(await sdk());
  const requests: ReceivedRequest[] = [];
  const failures: FakeIngest["failures"] = [];
  const ingest: FakeIngest = {
    origin: "",
    requests,
    failures,
    cookies: "none",
    close: () => Promise.resolve(),
    events: () => requests.flatMap((request) => request.body.batch),
  };

  const { origin, close } = await listen(async (request, response) => {
    if (request.method === "GET") {
      // Under whatever path a source chose for it.
      const name = /\/(millrace[\w.-]*\.js)$/.exec(request.url!)?.[1] ?? "millrace.js";
      response.setHeader("content-type", "text/javascript").end(await readFile(join(scripts, name)));
      return;
    }
    const at = Date.now();
    const body = await text(request);
    const received: ReceivedRequest = {
      method: request.method!,
      path: request.url!,
      headers: request.headers,
      bytes: Buffer.byteLength(body),
      at,
      body: body ? JSON.parse(body) : { batch: [] },
    };
    requests.push(received);
    const { status, headers } = failures.shift() ?? { status: 200 };
    if (status === 0) {
      request.socket.end("no HTTP");
      return;
    }
    response.writeHead(status, {
      "access-control-allow-origin": request.headers.origin,
      "access-control-allow-credentials": "true",
      "access-control-expose-headers": "retry-after",
      ...(ingest.cookies !== "none" && { "set-cookie": dfid(received, ingest.cookies === "http_only") }),
      ...headers,
    });
    response.end();
  });
  return Object.assign(ingest, { origin, close });
}

function dfid({ headers, body }: ReceivedRequest, httpOnly: boolean): string {
  const id: unknown = body.batch[0]?.anonymous_id;
  const cookie = body.reset ? undefined : /_dfid=([^;]+)/.exec(headers.cookie ?? "")?.[1];
  return `_dfid=${cookie ?? id}; Path=/; Max-Age=${id ? 3_600 : 0}${httpOnly ? "; HttpOnly" : ""}`;
}

/** A server on a port of its own, hence on an origin of its own. */
export async function listen(listener: RequestListener): Promise<{ origin: string; close(): Promise<void> }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  return {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

let built: Promise<string> | undefined;
function sdk(): Promise<string> {
  built ??= buildSdk();
  return built;
}
