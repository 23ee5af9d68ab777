/** A stand-in for a deployed Millrace on a loopback port, with a certificate that only who is told to trusts, for tests. */
import { readFileSync } from "node:fs";
import { createServer as createPlain, type RequestListener, type Server } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";

/** Self-signed by openssl until 2126 for `shop.test`, `*.shop.test` and `data.other.test`. Never trust it anywhere else. */
export const TEST_CERTIFICATE = join(import.meta.dirname, "test-certificate/tests-only.crt");
const TEST_KEY = join(import.meta.dirname, "test-certificate/tests-only.key");

export interface FakeDoor {
  port: number;
  /** `GET /millrace.js`, in order of arrival. */
  requests: string[];
  close(): Promise<void>;
}

export interface FakeAnswer {
  status?: number;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

export interface FakeDoorOptions {
  /** By path; what is not here is answered as Millrace would. */
  answers?: Record<string, FakeAnswer>;
  /** Speaks HTTP without TLS. */
  plain?: boolean;
}

export const KNOWN_KEY = "wk_known";

const SCRIPT = brotliCompressSync('"use strict";window.millrace=window.millrace||[];');

export async function startFakeDoor({ answers = {}, plain = false }: FakeDoorOptions = {}): Promise<FakeDoor> {
  const requests: string[] = [];
  const listener: RequestListener = (request, response) => {
    const path = request.url!;
    requests.push(`${request.method} ${path}`);
    const {
      status = 200,
      headers = {},
      body = "",
    } = answers[path] ?? asMillrace(request.method!, path, request.headers);
    response.writeHead(status, headers).end(body);
  };
  const tls = () => ({ cert: readFileSync(TEST_CERTIFICATE), key: readFileSync(TEST_KEY) });
  const server: Server = plain ? createPlain(listener) : createServer(tls(), listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function asMillrace(method: string, path: string, { origin }: { origin?: string | undefined }): FakeAnswer {
  const json = { "content-type": "application/json" };
  if (method === "OPTIONS") {
    return {
      status: 204,
      headers: {
        "access-control-allow-origin": origin ?? "",
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "POST, GET, OPTIONS",
        "access-control-allow-headers": "content-type",
      },
    };
  }
  if (path === "/health/live") return { headers: json, body: '{"status":"ok"}' };
  if (path.endsWith(".js")) {
    return { headers: { "content-type": "text/javascript", "content-encoding": "br" }, body: SCRIPT };
  }
  if (path === `/v1/projects/${KNOWN_KEY}/settings`)
    return { headers: json, body: '{"integrations":{"Segment.io":{}}}' };
  const error = path.startsWith("/v1/projects/") ? ["unknown_write_key", 401] : ["not_found", 404];
  return {
    status: error[1] as number,
    headers: json,
    body: JSON.stringify({ error: { code: error[0], message: "no" } }),
  };
}
