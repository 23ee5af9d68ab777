/**
 * One environment's live stream; named by the environment's id. Holds hibernating WebSockets and nothing else: what nobody
 * watches is not sent here (`publish` says how many watch, and publishers ask again only after a few seconds).
 */
import { DurableObject } from "cloudflare:workers";
import type { LiveItem } from "../core/live.ts";

/** Under load the stream is a sample, and says so: a person cannot read faster, and a socket must not hold the pipeline up. */
const MOST_ITEMS_A_CALL = 1_000;

export class LiveFeed extends DurableObject<object> {
  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  /** The WebSocket upgrade, which only `fetch` can carry. The API has authenticated it. */
  override async fetch(): Promise<Response> {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    server.send(JSON.stringify([{ kind: "hello", watching: this.ctx.getWebSockets().length }] satisfies LiveItem[]));
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Sends items to everyone who watches, and answers how many that is. */
  async publish(items: LiveItem[]): Promise<number> {
    const sockets = this.ctx.getWebSockets();
    if (sockets.length === 0) return 0;
    const shown = items.slice(0, MOST_ITEMS_A_CALL);
    if (shown.length < items.length) shown.push({ kind: "sampled", left_out: items.length - shown.length });
    const text = JSON.stringify(shown);
    for (const socket of sockets) {
      try {
        socket.send(text);
      } catch {
        socket.close(1011, "cannot be written to");
      }
    }
    return sockets.length;
  }

  override async webSocketClose(socket: WebSocket): Promise<void> {
    // Not with the code it came with: some (1005, 1006, 1015) only ever describe a close, and sending them throws.
    socket.close(1000);
  }
}
