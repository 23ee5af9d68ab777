/** HTTPS to a host at the addresses that the DNS gave for it. Redirects are not followed, since a page's events do not follow them. */
import { type IncomingHttpHeaders, type IncomingMessage, request as plainRequest } from "node:http";
import { request as secureRequest } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { connect } from "node:tls";
import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from "node:zlib";

export interface Target {
  host: string;
  port: number;
  addresses: string[];
}

export type Trouble =
  | "wrong_name"
  | "expired"
  | "not_yet_valid"
  | "untrusted"
  | "no_certificate"
  | "no_tls"
  | "refused"
  | "unreachable"
  | "cut"
  | "timeout"
  | "failed";

export interface Failed {
  ok: false;
  trouble: Trouble;
  /** Node's code for it. */
  code: string;
}

export interface Answer {
  ok: true;
  status: number;
  headers: IncomingHttpHeaders;
  /** Decompressed. */
  body: string;
  /** As they came. */
  bytes: number;
  ms: number;
}

export interface Handshake {
  ok: true;
  tls: string;
  http: "HTTP/2" | "HTTP/1.1";
  issuer: string;
  valid_until: Date;
  ms: number;
}

export interface Asked {
  method?: "GET" | "OPTIONS";
  path: string;
  headers?: Record<string, string>;
  /** Without TLS, at this port. */
  plainPort?: number;
}

const TIMEOUT_MS = 10_000;
const MOST_BYTES = 1_000_000;

/** Connects as a browser does, offering HTTP/2. Never throws. */
export function shakeHands({ host, port, addresses }: Target): Promise<Handshake | Failed> {
  const start = performance.now();
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port,
      servername: host,
      ALPNProtocols: ["h2", "http/1.1"],
      lookup: lookupOf(addresses),
    });
    const fail = (error: NodeJS.ErrnoException) => {
      socket.destroy();
      resolve({ ok: false, ...troubleOf(error) });
    };
    const timer = setTimeout(() => fail(timedOut()), TIMEOUT_MS);
    socket.on("close", () => clearTimeout(timer));
    socket.on("error", fail);
    socket.on("secureConnect", () => {
      const { issuer, valid_to } = socket.getPeerCertificate();
      resolve({
        ok: true,
        tls: (socket.getProtocol() ?? "TLS").replace("TLSv", "TLS "),
        http: socket.alpnProtocol === "h2" ? "HTTP/2" : "HTTP/1.1",
        issuer: [issuer.O ?? issuer.CN ?? "an issuer without a name"].flat().join(", "),
        valid_until: new Date(valid_to),
        ms: Math.round(performance.now() - start),
      });
      socket.destroy();
    });
  });
}

/** One request, on a connection of its own. Never throws; of an endless answer only the beginning is read. */
export function ask({ host, port, addresses }: Target, asked: Asked): Promise<Answer | Failed> {
  const { method = "GET", path, headers = {}, plainPort } = asked;
  const start = performance.now();
  const options = {
    host,
    port: plainPort ?? port,
    method,
    path,
    headers: { "user-agent": "millrace-domain-check", "accept-encoding": "br, gzip", ...headers },
    lookup: lookupOf(addresses),
    signal: AbortSignal.timeout(TIMEOUT_MS),
    agent: false as const,
  };
  return new Promise((resolve) => {
    const fail = (error: Error) => resolve({ ok: false, ...troubleOf(error) });
    const request = plainPort ? plainRequest(options) : secureRequest({ ...options, servername: host });
    request.on("error", fail);
    request.on("response", (response) => {
      readUpTo(response, MOST_BYTES).then(
        (raw) =>
          resolve({
            ok: true,
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: decompressed(raw, response.headers["content-encoding"]),
            bytes: raw.length,
            ms: Math.round(performance.now() - start),
          }),
        fail,
      );
    });
    request.end();
  });
}

async function readUpTo(response: IncomingMessage, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= most) break;
  }
  return Buffer.concat(chunks);
}

const DECODERS: Record<string, (data: Buffer, limit: { maxOutputLength: number }) => Buffer> = {
  br: brotliDecompressSync,
  gzip: gunzipSync,
  deflate: inflateSync,
  zstd: zstdDecompressSync,
};

/** What cannot be decompressed is nothing that we would know. */
function decompressed(raw: Buffer, encoding: string | undefined): string {
  const decode = DECODERS[encoding ?? ""];
  if (!decode || raw.length === 0) return raw.toString("utf8");
  try {
    return decode(raw, { maxOutputLength: 4 * MOST_BYTES }).toString("utf8");
  } catch {
    return "";
  }
}

/** Answers with these addresses, whatever the machine's own resolver would say. */
function lookupOf(addresses: string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_, options, callback) => {
    if (options.all) callback(null, all);
    else callback(null, all[0]!.address, all[0]!.family);
  };
}

const timedOut = () => Object.assign(new Error("no answer in time"), { code: "ETIMEDOUT" });

const TROUBLES: [RegExp, Trouble][] = [
  [/ALTNAME_INVALID/, "wrong_name"],
  [/^CERT_HAS_EXPIRED$/, "expired"],
  [/^CERT_NOT_YET_VALID$/, "not_yet_valid"],
  [/SELF_SIGNED|UNABLE_TO|CERT_|INVALID_CA|PATH_LENGTH/, "untrusted"],
  // Cloudflare, and others that serve many hosts, break off where they have no certificate for the one asked for.
  [/HANDSHAKE_FAILURE|UNRECOGNIZED_NAME|INTERNAL_ERROR/, "no_certificate"],
  [/^EPROTO$|^ERR_SSL/, "no_tls"],
  [/^ECONNREFUSED$/, "refused"],
  [/^(ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL|EAFNOSUPPORT)$/, "unreachable"],
  [/^(ECONNRESET|EPIPE|ERR_STREAM_PREMATURE_CLOSE)$|^HPE_/, "cut"],
  [/^(ETIMEDOUT|ABORT_ERR|ERR_SOCKET_CONNECTION_TIMEOUT)$/, "timeout"],
];

/** Of several addresses that were tried, the first one's error counts. */
export function troubleOf(error: Error): { trouble: Trouble; code: string } {
  const first = error instanceof AggregateError ? (error.errors[0] as Error) : error;
  const code = (first as NodeJS.ErrnoException).code ?? first.name;
  // OpenSSL's alerts carry their name only in the text, where Node's code is the general EPROTO.
  const alert = code === "EPROTO" ? /SSL alert number (\d+)/.exec(first.message)?.[1] : undefined;
  if (alert === "40" || alert === "80" || alert === "112") return { trouble: "no_certificate", code };
  return { trouble: TROUBLES.find(([pattern]) => pattern.test(code))?.[1] ?? "failed", code };
}
