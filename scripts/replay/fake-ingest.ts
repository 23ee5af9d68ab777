/** A stand-in for `POST /v1/batch` on a port of its own, for tests: it keeps what it takes and answers as it is told. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { PageEvent } from "./page-event.ts";

export interface FakeAnswer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface FakeIngest {
  host: string;
  /** Events of every answered-200 request, in order of arrival, repeats included. */
  events: PageEvent[];
  /** One per request: what it carried and who it said it was. */
  requests: { batch: PageEvent[]; authorization: string | undefined; contentType: string | undefined; bytes: number }[];
  /** Cuts every connection and answers no more. */
  close(): Promise<void>;
}

/** `answer` is given the batch and how many requests came before it; undefined accepts the whole batch, "cut" hangs up. */
export async function startFakeIngest(
  answer: (
    batch: PageEvent[],
    before: number,
  ) => Promise<FakeAnswer | "cut" | undefined> | FakeAnswer | "cut" | undefined = () => undefined,
): Promise<FakeIngest> {
  const events: PageEvent[] = [];
  const requests: FakeIngest["requests"] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString("utf8");
    const { batch } = JSON.parse(text) as { batch: PageEvent[] };
    const { authorization, "content-type": contentType } = request.headers;
    requests.push({ batch, authorization, contentType, bytes: Buffer.byteLength(text) });
    const told = await answer(batch, requests.length - 1);
    if (told === "cut") return request.socket.destroy();
    const { status, body, headers } = told ?? {
      status: 200,
      body: { success: true, accepted: batch.length, rejected: [] },
    };
    if (status === 200) events.push(...batch);
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(body === undefined ? "" : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    events,
    requests,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
