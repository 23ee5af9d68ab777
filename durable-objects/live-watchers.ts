/**
 * Those who watch a live stream: WebSockets, which hibernate, and streams of server-sent events, which cannot. What is on its way to
 * one of them is bounded: the platform tells nobody how much a socket holds back, so a watcher says itself what it has read.
 */
import { type LiveFilter, type LiveItem, liveFilter } from "../core/live.ts";
import { isRecord } from "../core/values.ts";

/** On the way to one watcher. With `MOST_WATCHERS` of an environment that is 50 MB of an object's 128. */
export const WINDOW = { FRAMES: 64, CHARACTERS: 1_000_000 } as const;
export const MOST_WATCHERS = 50;
/** Who reads nothing for so long is not there any more. */
export const STALLED_MS = 30_000;
/** Proxies end a connection on which nothing comes. */
const HEARTBEAT_MS = 15_000;

/** What a watcher is told, and how. Survives hibernation. */
export interface Wish {
  filter: LiveFilter;
  /** Personal data is masked: this watcher may not see it. */
  masked: boolean;
}

export interface Watcher {
  wish: Wish;
  /** Items of its wish that it did not get, since its last frame. */
  leftOut: number;
  hasRoom(now: number): boolean;
  send(frame: string, now: number): void;
  end(reason: string): void;
  /** Since when there is no room, epoch milliseconds. */
  fullSince: number | undefined;
}

/** A WebSocket. What was sent and not yet acknowledged is counted in memory; a socket that has hibernated has nothing on its way. */
export class SocketWatcher implements Watcher {
  readonly #socket: WebSocket;
  /** Sizes of the frames on their way, in characters. */
  readonly #onTheWay: number[] = [];
  leftOut = 0;
  fullSince: number | undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  get wish(): Wish {
    return this.#socket.deserializeAttachment() as Wish;
  }

  set wish(wish: Wish) {
    this.#socket.serializeAttachment(wish);
  }

  hasRoom(now: number): boolean {
    const characters = this.#onTheWay.reduce((sum, size) => sum + size, 0);
    const has = this.#onTheWay.length < WINDOW.FRAMES && characters < WINDOW.CHARACTERS;
    this.fullSince = has ? undefined : (this.fullSince ?? now);
    return has;
  }

  send(frame: string): void {
    this.#onTheWay.push(frame.length);
    this.#socket.send(frame);
  }

  end(reason: string): void {
    this.#socket.close(1011, reason);
  }

  /** What the client sent: `{"ack": frames}` or `{"filter": {…}}`. Returns what to answer. */
  told(text: string): LiveItem | undefined {
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      return { kind: "error", message: "Send JSON" };
    }
    if (!isRecord(message)) return { kind: "error", message: 'Send {"ack": frames} or {"filter": {…}}' };
    if (typeof message.ack === "number" && message.ack > 0) {
      this.#onTheWay.splice(0, message.ack);
      return undefined;
    }
    const parsed = liveFilter.safeParse(message.filter);
    if (!parsed.success) {
      const issue = parsed.error.issues[0]!;
      return {
        kind: "error",
        message: `filter${issue.path.map((part) => `.${String(part)}`).join("")}: ${issue.message}`,
      };
    }
    this.wish = { ...this.wish, filter: parsed.data };
    return { kind: "filter", filter: parsed.data };
  }
}

/** Server-sent events: the stream itself says how much of it was taken (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export class StreamWatcher implements Watcher {
  readonly body: ReadableStream<Uint8Array>;
  readonly wish: Wish;
  leftOut = 0;
  fullSince: number | undefined;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  readonly #heartbeat: ReturnType<typeof setInterval>;

  constructor(wish: Wish, onEnd: () => void) {
    this.wish = wish;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        cancel: () => {
          clearInterval(this.#heartbeat);
          onEnd();
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: WINDOW.CHARACTERS }),
    );
    this.#heartbeat = setInterval(() => {
      if ((this.#controller.desiredSize ?? 0) > 0) this.#write(":\n\n");
    }, HEARTBEAT_MS);
  }

  hasRoom(now: number): boolean {
    const has = (this.#controller.desiredSize ?? 0) > 0;
    this.fullSince = has ? undefined : (this.fullSince ?? now);
    return has;
  }

  send(frame: string): void {
    this.#write(`data: ${frame}\n\n`);
  }

  end(reason: string): void {
    clearInterval(this.#heartbeat);
    this.#controller.error(new Error(reason));
  }

  #write(text: string): void {
    this.#controller.enqueue(new TextEncoder().encode(text));
  }
}
