/** HTTP/1.1 load over raw sockets: requests are made beforehand, so that the client leaves the machine to the server. */
import { connect, type Socket } from "node:net";

export interface LoadResult {
  requests: number;
  seconds: number;
  /** Answers by status. */
  statuses: Record<number, number>;
  /** Milliseconds. */
  latency: { p50: number; p95: number; p99: number };
}

/** A complete POST with a JSON body. `at` is a path of `url`. */
export function post(url: URL, at: string, headers: Record<string, string>, body: string): Buffer {
  const all = {
    host: url.host,
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return Buffer.from(`POST ${at} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${body}`);
}

/** Sends `requests` in turn over `connections` sockets, each waiting for its answer, until `seconds` are over or `most` were sent. */
export async function load(
  url: URL,
  requests: (index: number) => Buffer,
  { connections, seconds, most = Number.POSITIVE_INFINITY }: { connections: number; seconds: number; most?: number },
): Promise<LoadResult> {
  const latencies: number[] = [];
  const statuses: Record<number, number> = {};
  const started = performance.now();
  const until = started + seconds * 1_000;
  let sent = 0;
  const worker = async () => {
    const socket = await open(url);
    while (performance.now() < until && sent < most) {
      const before = performance.now();
      const status = await exchange(socket, requests(sent++));
      latencies.push(performance.now() - before);
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
    socket.destroy();
  };
  await Promise.all(Array.from({ length: connections }, worker));
  const elapsed = (performance.now() - started) / 1_000;
  return { requests: latencies.length, seconds: elapsed, statuses, latency: summary(latencies) };
}

/**
 * Sends `requests` in turn at a fixed rate for `seconds`, whether or not earlier ones were answered: who calls does not wait for
 * others. Latencies count from when a request was due, so that a stall counts for all who met it.
 */
export async function steadyLoad(
  url: URL,
  requests: (index: number) => Buffer,
  { perSecond, seconds, connections = 64 }: { perSecond: number; seconds: number; connections?: number },
): Promise<LoadResult> {
  const latencies: number[] = [];
  const statuses: Record<number, number> = {};
  const free = await Promise.all(Array.from({ length: connections }, () => open(url)));
  const due: number[] = [];
  const total = Math.floor(perSecond * seconds);
  const started = performance.now();
  let sent = 0;
  let answered = 0;
  let finish: () => void = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const serve = async (socket: Socket, at: number) => {
    const status = await exchange(socket, requests(sent++));
    latencies.push(performance.now() - at);
    statuses[status] = (statuses[status] ?? 0) + 1;
    answered++;
    const next = due.shift();
    if (next !== undefined) await serve(socket, next);
    else free.push(socket);
    if (answered === total) finish();
  };
  let scheduled = 0;
  const timer = setInterval(() => {
    const until = Math.min(total, Math.floor(((performance.now() - started) / 1_000) * perSecond));
    for (; scheduled < until; scheduled++) {
      const at = started + (scheduled / perSecond) * 1_000;
      // In turn, so that none is idle for so long that the server closes it.
      const socket = free.shift();
      if (socket) void serve(socket, at);
      else due.push(at);
    }
    if (scheduled === total) clearInterval(timer);
  }, 1);
  await finished;
  for (const socket of free) socket.destroy();
  return {
    requests: latencies.length,
    seconds: (performance.now() - started) / 1_000,
    statuses,
    latency: summary(latencies),
  };
}

function summary(latencies: number[]): LoadResult["latency"] {
  latencies.sort((a, b) => a - b);
  const at = (p: number) => latencies[Math.max(0, Math.ceil(latencies.length * p) - 1)] ?? 0;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

function open(url: URL): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(url.port), url.hostname, () => resolve(socket)).setNoDelay();
    socket.once("error", reject);
  });
}

/** Resolves with the status when the whole answer is there. The Worker's answers have a content-length or are chunked. */
function exchange(socket: Socket, request: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const onData = (chunk: Buffer) => {
      answer += chunk.toString("latin1");
      const head = answer.indexOf("\r\n\r\n");
      if (head < 0 || !isWhole(answer, head)) return;
      socket.off("data", onData).off("error", reject).off("close", onClose);
      resolve(Number(answer.slice(9, 12)));
    };
    const onClose = () => reject(new Error("the connection was closed before the answer was whole"));
    socket.on("data", onData).once("error", reject).once("close", onClose);
    socket.write(request);
  });
}

function isWhole(answer: string, head: number): boolean {
  const length = /\r\ncontent-length: (\d+)/i.exec(answer.slice(0, head))?.[1];
  if (length !== undefined) return answer.length >= head + 4 + Number(length);
  return answer.endsWith("0\r\n\r\n");
}
