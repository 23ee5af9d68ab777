import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * Stands between the browser and the platform, forwards everything and counts events: how many went in, how many were
 * answered as accepted. The browser's own tools cannot be asked, since they do not show what a beacon carried.
 */
export class Witness {
  sent = 0;
  accepted = 0;
  readonly url: string;
  readonly close: () => Promise<void>;
  #open = 0;

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.close = close;
  }

  static async before(target: string): Promise<Witness> {
    const server = createServer(async (request, response) => {
      witness.#open++;
      try {
        const body = await read(request);
        const answer = await fetch(new URL(request.url ?? "/", target), {
          method: request.method ?? "GET",
          headers: forwarded(request),
          ...(body.length && { body: new Uint8Array(body) }),
          redirect: "manual",
        });
        const bytes = Buffer.from(await answer.arrayBuffer());
        witness.#count(request.url ?? "/", body, answer.status, bytes);
        const headers = [...answer.headers].filter(([name]) => !HOP_BY_HOP.has(name));
        response.writeHead(answer.status, headers.flat()).end(bytes);
      } catch (error) {
        response.writeHead(502).end(String(error));
      } finally {
        witness.#open--;
      }
    });
    await new Promise<void>((listening) => server.listen(0, "localhost", listening));
    const { port } = server.address() as AddressInfo;
    const witness = new Witness(`http://localhost:${port}`, async () => {
      server.close();
      server.closeAllConnections();
    });
    return witness;
  }

  /** Resolves when no request is on its way and none came for a moment: a beacon may leave after its page has. */
  async quiet(): Promise<void> {
    for (let calm = 0; calm < 5; calm = this.#open === 0 ? calm + 1 : 0)
      await new Promise((wait) => setTimeout(wait, 100));
  }

  #count(path: string, body: Buffer, status: number, answer: Buffer): void {
    if (!path.startsWith("/v1/") || body.length === 0) return;
    this.sent += (JSON.parse(body.toString()) as { batch?: unknown[] }).batch?.length ?? 1;
    if (status === 200) this.accepted += (JSON.parse(answer.toString()) as { accepted: number }).accepted;
  }
}

/** Headers that speak of one connection, or of an encoding that `fetch` has undone. */
const HOP_BY_HOP = new Set(["connection", "content-encoding", "content-length", "keep-alive", "transfer-encoding"]);

function forwarded(request: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined && name !== "host" && !HOP_BY_HOP.has(name)) headers.set(name, String(value));
  }
  return headers;
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}
