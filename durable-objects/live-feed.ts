/**
 * One environment's live stream; named by the environment's id. Holds hibernating WebSockets and nothing else: what nobody
 * watches is not sent here (`publish` says how many watch, and publishers ask again only after a few seconds). Of what is sent it
 * remembers the last few events of each source, in memory.
 */
import { DurableObject } from "cloudflare:workers";
import type { Event } from "../core/event.ts";
import type { LiveItem } from "../core/live.ts";

/** Under load the stream is a sample, and says so: a person cannot read faster, and a socket must not hold the pipeline up. */
const MOST_ITEMS_A_CALL = 1_000;

/** Of each source: for people who try a pipeline on what has just come in. Memory only. */
const RECENT_EVENTS = 20;
const MOST_SOURCES = 100;

export class LiveFeed extends DurableObject<object> {
  readonly #recent = new Map<string, Event[]>();

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
    this.#remember(items);
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

  /** The last events of a source, newest first, as Layer 1 left them: a sample, and empty after a while without any. */
  async recent(sourceId: string, limit = RECENT_EVENTS): Promise<Event[]> {
    return (this.#recent.get(sourceId) ?? []).slice(-limit).reverse();
  }

  #remember(items: LiveItem[]): void {
    for (const item of items) {
      if (item.kind !== "processed" || item.receipt.integrations.length === 0) continue;
      const events = this.#recent.get(item.source_id) ?? [];
      events.push(item.event);
      if (events.length > RECENT_EVENTS) events.shift();
      if (this.#recent.size < MOST_SOURCES) this.#recent.set(item.source_id, events);
    }
  }

  override async webSocketClose(socket: WebSocket): Promise<void> {
    // Not with the code it came with: some (1005, 1006, 1015) only ever describe a close, and sending them throws.
    socket.close(1000);
  }
}
