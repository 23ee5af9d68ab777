import { version } from "../package.json";
import { anonymousId, forgetAnonymousId } from "./anonymous-id.ts";
import { currentContext, currentUrl } from "./context.ts";
import { forgetLanding, readLanding } from "./landing.ts";
import { watchPageViews } from "./page-views.ts";
import { createQueue, type Queue } from "./queue.ts";
import { lasting } from "./storage.ts";
import { createTransport, type SentEvent } from "./transport.ts";
import { uuid } from "./uuid.ts";

/** Anything that JSON can carry; a value that it cannot carry is left out. */
export type Fields = Record<string, unknown>;

export interface Options {
  writeKey: string;
  /** Where events go, e.g. `https://data.example.com`. By default where the script came from, else the page's own origin. */
  host?: string | undefined;
  /** False leaves page views to your own calls of `page`. */
  autoPage?: boolean | undefined;
}

/** A call as data, e.g. `["track", "Signed Up", { plan: "free" }]`. */
export type Call = [method: string, ...args: unknown[]];

/** No call ever throws. What is called before `init` is kept and happens after it. */
export interface Millrace {
  /** Starts; a second call changes nothing. A script tag with `data-write-key` does it by itself. */
  init(options: Options): void;
  page(name?: string, properties?: Fields): void;
  track(event: string, properties?: Fields): void;
  /** Says who the visitor is, in this and every later event; traits alone say more about them. */
  identify(userId: string, traits?: Fields): void;
  identify(traits: Fields): void;
  group(groupId: string, traits?: Fields): void;
  /** Forgets the visitor, as after a log-out: the next event is somebody else's. */
  reset(): void;
  /** Sends now what would go within two seconds. Resolves when it is sent, or when a request failed and will be repeated. */
  flush(): Promise<void>;
  /** Calls back once events are being collected. */
  ready(callback: () => void): void;
  push(...calls: Call[]): void;
  readonly version: string;
}

/** A router changes the URL first and the title a moment later. */
const TITLE_WAIT_MS = 100;

/** `defaultHost` is the origin that the script came from. */
export function createMillrace(defaultHost?: string): Millrace {
  let queue: Queue | undefined;
  const early: (() => void)[] = [];

  function whenStarted(run: () => void): void {
    if (queue) safely(run);
    else early.push(run);
  }

  function record(type: SentEvent["type"], fields: Pick<SentEvent, "event" | "properties" | "traits" | "group_id">) {
    const event = {
      message_id: uuid(),
      anonymous_id: anonymousId(),
      user_id: lasting.get<string>("user_id"),
      type,
      ...fields,
      context: currentContext(),
      timestamp: new Date().toISOString(),
    };
    queue!.add(event);
    return event;
  }

  const millrace: Millrace = {
    version,

    init: (options) =>
      safely(() => {
        if (queue || !options.writeKey) return;
        const host = options.host || defaultHost || location.origin;
        queue = createQueue(createTransport(host.replace(/\/+$/, ""), options.writeKey));
        const { depart } = queue;
        addEventListener("pagehide", depart);
        document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && depart());
        readLanding();
        if (options.autoPage !== false) watchPageViews(() => millrace.page());
        early.splice(0).forEach(safely);
      }),

    page: (name?: unknown, properties?: unknown) =>
      whenStarted(() => {
        const { page } = record("page", {
          properties: { name: text(name), ...fields(isRecord(name) ? name : properties) },
        }).context;
        setTimeout(() => {
          if (page.url === currentUrl()) page.title = document.title;
        }, TITLE_WAIT_MS);
      }),

    track: (event: unknown, properties?: unknown) =>
      whenStarted(() => {
        const name = text(event);
        if (name) record("track", { event: name, properties: fields(properties) });
      }),

    identify: (userId: unknown, traits?: unknown) =>
      whenStarted(() => {
        const id = text(userId);
        const known = isRecord(userId) ? userId : traits;
        if (id) lasting.set("user_id", id);
        if (id || isRecord(known)) record("identify", { traits: fields(known) });
      }),

    group: (groupId: unknown, traits?: unknown) =>
      whenStarted(() => {
        const id = text(groupId);
        if (id) record("group", { group_id: id, traits: fields(traits) });
      }),

    reset: () =>
      whenStarted(() => {
        lasting.set("user_id");
        forgetAnonymousId();
        forgetLanding();
      }),

    flush: () => (queue ? queue.flush() : Promise.resolve()),

    // An error in the page's own callback is the page's to see, but not in the middle of ours.
    ready: (callback) => whenStarted(() => void Promise.resolve().then(callback)),

    push: (...calls) =>
      calls.forEach((call) => {
        safely(() => {
          const [method, ...args] = call;
          (millrace as unknown as Record<string, (...args: unknown[]) => void>)[method]!(...args);
        });
      }),
  };
  return millrace;
}

/** An error of ours, or of a browser that denies us something, must not become the page's. */
function safely(run: () => void): void {
  try {
    run();
  } catch {}
}

/** A name or an id; none if it is neither text nor number, or empty. */
function text(value: unknown): string | undefined {
  return typeof value === "string" || typeof value === "number" ? String(value) || undefined : undefined;
}

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A copy, for the page may change its object before we send it. Left out is what JSON refuses: a cycle, a BigInt, a function. */
function fields(value: unknown): Fields {
  const copy: Fields = {};
  if (!isRecord(value)) return copy;
  for (const key of Object.keys(value)) {
    safely(() => {
      copy[key] = JSON.parse(JSON.stringify(value[key]));
    });
  }
  return copy;
}
