/**
 * One environment's live stream; named by the environment's id. Holds its watchers and what has just passed, in memory, and stores
 * nothing: what nobody watches is hardly sent here (`publish` says how many watch, and publishers ask again only after a few seconds).
 */
import { DurableObject } from "cloudflare:workers";
import type { Event } from "../core/event.ts";
import { type LiveFilter, type LiveItem, liveFilter, matches } from "../core/live.ts";
import { maskPersonal, PERSONAL } from "../core/pii/mask-personal.ts";
import { LiveMemory, RECENT_EVENTS } from "./live-memory.ts";
import { MOST_WATCHERS, SocketWatcher, STALLED_MS, StreamWatcher, type Watcher, type Wish } from "./live-watchers.ts";

/** Under load the stream is a sample, and says so: a person cannot read faster. */
const MOST_ITEMS_A_FRAME = 1_000;
const MOST_CHARACTERS_A_FRAME = 256_000;

export class LiveFeed extends DurableObject<object> {
  readonly #memory = new LiveMemory();
  readonly #sockets = new Map<WebSocket, SocketWatcher>();
  readonly #streams = new Set<StreamWatcher>();

  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  /**
   * A WebSocket upgrade, which only `fetch` can carry; without one, a stream of server-sent events. The API has authenticated it and
   * read its query: `filter` as JSON, and `masked`.
   */
  override async fetch(request: Request): Promise<Response> {
    if (this.#watching() >= MOST_WATCHERS) return new Response("too many watch", { status: 429 });
    const { searchParams } = new URL(request.url);
    const filter: LiveFilter = liveFilter.parse(JSON.parse(searchParams.get("filter") ?? "{}"));
    const wish: Wish = { filter, masked: searchParams.has("masked") };
    if (request.headers.get("upgrade") === null) return this.#stream(wish);
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    const watcher = this.#watcherOf(server);
    watcher.wish = wish;
    this.#greet(watcher);
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Sends items to everyone who asks for them, and answers how many watch. Waits for nobody. */
  async publish(items: LiveItem[]): Promise<number> {
    const texts = items.map((item) => JSON.stringify(item));
    items.forEach((item, i) => {
      this.#memory.remember(item, texts[i]!);
    });
    for (const watcher of this.#watchers()) this.#show(watcher, items, texts);
    return this.#watching();
  }

  /** The last events of a source, newest first, as Layer 1 left them: a sample, and empty after a while without any. */
  async recent(sourceId: string, limit = RECENT_EVENTS): Promise<Event[]> {
    return this.#memory.recent(sourceId, limit);
  }

  /** What has just been seen of one event, in order; empty when it is long ago, or nobody watched. */
  async path(messageId: string): Promise<LiveItem[]> {
    return this.#memory.pathOf(messageId);
  }

  override async webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    const watcher = this.#watcherOf(socket);
    const answer =
      typeof message === "string" ? watcher.told(message) : ({ kind: "error", message: "Send text" } as const);
    if (answer) this.#send(watcher, JSON.stringify([answer]));
  }

  override async webSocketClose(socket: WebSocket): Promise<void> {
    this.#sockets.delete(socket);
    // Not with the code it came with: some (1005, 1006, 1015) only ever describe a close, and sending them throws.
    socket.close(1000);
  }

  #stream(wish: Wish): Response {
    const watcher: StreamWatcher = new StreamWatcher(wish, () => this.#streams.delete(watcher));
    this.#streams.add(watcher);
    this.#greet(watcher);
    return new Response(watcher.body, {
      headers: { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" },
    });
  }

  #greet(watcher: Watcher): void {
    const hello: LiveItem = { kind: "hello", watching: this.#watching(), filter: watcher.wish.filter };
    this.#send(watcher, JSON.stringify([hello]));
  }

  #show(watcher: Watcher, items: LiveItem[], texts: string[]): void {
    const { filter, masked } = watcher.wish;
    const factsOf = (id: string) => this.#memory.factsOf(id);
    const wanted = items
      .keys()
      .filter((i) => matches(items[i]!, filter, factsOf))
      .toArray();
    if (wanted.length === 0) return;
    const now = Date.now();
    if (!watcher.hasRoom(now)) {
      watcher.leftOut += wanted.length;
      if (now - watcher.fullSince! > STALLED_MS) this.#drop(watcher, "nothing was acknowledged");
      return;
    }
    const frame: string[] = [];
    let characters = 0;
    for (const i of wanted) {
      const text = masked ? JSON.stringify(maskPersonal(items[i], PERSONAL)) : texts[i]!;
      characters += text.length;
      if (frame.length === MOST_ITEMS_A_FRAME || (frame.length > 0 && characters > MOST_CHARACTERS_A_FRAME)) break;
      frame.push(text);
    }
    const left_out = watcher.leftOut + wanted.length - frame.length;
    watcher.leftOut = 0;
    if (left_out) frame.push(JSON.stringify({ kind: "sampled", left_out } satisfies LiveItem));
    this.#send(watcher, `[${frame.join()}]`);
  }

  #send(watcher: Watcher, frame: string): void {
    try {
      watcher.send(frame, Date.now());
    } catch {
      this.#drop(watcher, "cannot be written to");
    }
  }

  #drop(watcher: Watcher, reason: string): void {
    if (watcher instanceof StreamWatcher) this.#streams.delete(watcher);
    watcher.end(reason);
  }

  #watching(): number {
    return this.ctx.getWebSockets().length + this.#streams.size;
  }

  #watchers(): Watcher[] {
    return [...this.ctx.getWebSockets().map((socket) => this.#watcherOf(socket)), ...this.#streams];
  }

  #watcherOf(socket: WebSocket): SocketWatcher {
    const watcher = this.#sockets.get(socket) ?? new SocketWatcher(socket);
    this.#sockets.set(socket, watcher);
    return watcher;
  }
}
