import { version } from "../package.json";
import { anonymousId, forgetAnonymousId, tellOfReset } from "./anonymous-id.ts";
import { type Answer, answer, currentConsent } from "./consent.ts";
import { currentContext, currentUrl } from "./context.ts";
import { forgetLanding, readLanding } from "./landing.ts";
import { type Hosts, type Linked, startLinking, takeToken, unlink } from "./linking.ts";
import { watchPageViews } from "./page-views.ts";
import { createQueue, type Queue } from "./queue.ts";
import { closeStorage, isStorageOpen, lasting, openStorage } from "./storage.ts";
import { createTransport, type SentEvent } from "./transport.ts";
import { uuid } from "./uuid.ts";

/** Anything that JSON can carry; a value that it cannot carry is left out. */
export type Fields = Record<string, unknown>;

export interface Options {
  writeKey: string;
  /** Where events go, e.g. `https://data.example.com`. By default where the script came from, else the page's own origin. */
  host?: string | undefined;
  /** Identity Hub: the address where your hosts meet, e.g. `https://id.brand.example`. */
  hub?: string | undefined;
  /** Identity Hub: your hosts whose links carry the visitor along, e.g. `shop.example`. */
  linked?: string[] | undefined;
  /** False leaves page views to your own calls of `page`. */
  autoPage?: boolean | undefined;
  /** Until `consent({ analytics: true })`, nothing is stored in the browser or read from it. */
  cookieless?: boolean | undefined;
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
  /** What the visitor allowed, from the next event on. A purpose that is left out stays as it was. */
  consent(answer: Answer): void;
  /** Forgets the visitor, as after a log-out: the next event is somebody else's. */
  reset(): void;
  /** Sends now what would go within two seconds. Resolves when it is sent, or when a request failed and will be repeated. */
  flush(): Promise<void>;
  /** Calls back once events are being collected. */
  ready(callback: () => void): void;
  push(...calls: Call[]): void;
  readonly version: string;
}

/** The server refuses an event whose name or id is longer (core/event.ts). */
const LONGEST_NAME = 256;
/** A router changes the URL first and the title a moment later. */
const TITLE_WAIT_MS = 100;

/** `defaultUrl` is where events go unless a host is named, by where the script came from. */
export function createMillrace(defaultUrl?: string): Millrace {
  let queue: Queue | undefined;
  let cookieless = false;
  let link = () => {};
  let leave = () => {};
  /** What was recorded while it is still open who the visitor is. */
  let undecided: SentEvent[] | undefined;
  const early: (() => void)[] = [];

  function whenStarted(run: () => void): void {
    if (queue) safely(run);
    else early.push(run);
  }

  /** Brings storage into line with what the visitor allowed. */
  function obey(given: Answer): void {
    if (!cookieless || given.analytics) {
      if (!isStorageOpen()) {
        openStorage();
        link();
        queue!.resume();
      }
    } else if (given.analytics === false) {
      closeStorage();
      tellOfReset();
      forgetAnonymousId();
      leave();
    }
    if (Object.keys(given).length) lasting.set("consent", answer(given));
  }

  function record(
    type: SentEvent["type"],
    fields: Pick<SentEvent, "event" | "properties" | "traits" | "group_id" | "previous_id">,
  ) {
    // Another tab has withdrawn what this one goes by, and removed it.
    if (cookieless && isStorageOpen() && !answer().analytics) obey({ analytics: false });
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
    undecided?.push(event);
    return event;
  }

  /** The server says who this visitor is on the customer's other hosts; what they did here as somebody else is joined to that. */
  function adopt({ anonymous_id, previous_id }: Linked): void {
    if (!isStorageOpen() || lasting.get("unlinked")) return;
    lasting.set("anonymous_id", anonymous_id);
    for (const event of undecided || []) if (event.anonymous_id) event.anonymous_id = anonymous_id;
    if (previous_id) record("alias", { previous_id });
  }

  const millrace: Millrace = {
    version,

    init: (options) =>
      safely(() => {
        if (queue || !options.writeKey) return;
        if ((document as { prerendering?: boolean }).prerendering) {
          document.addEventListener("prerenderingchange", () => millrace.init(options), { once: true });
          return;
        }
        const host = options.host || (defaultUrl ? "" : location.origin);
        const url = host ? `${host.replace(/\/+$/, "")}/v1/batch` : defaultUrl!;
        const { writeKey } = options;
        const transport = createTransport(url, writeKey);
        const { post } = transport;
        let linking: Promise<void> | undefined;
        transport.post = (batch) => Promise.resolve(linking).then(() => post(batch));
        queue = createQueue(transport, writeKey);
        const hosts: Hosts = { hub: options.hub, linked: options.linked || [] };
        const token = takeToken();
        link = () => {
          linking = startLinking(url, { ...hosts, writeKey, token, anonymousId, consent: currentConsent, adopt });
          undecided = linking && [];
          linking?.then(() => {
            undecided = undefined;
          });
        };
        leave = () => unlink(hosts, writeKey);
        cookieless = !!options.cookieless;
        obey(answer());
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

    // Not kept for later: what was said before the first page view is true of it.
    consent: (said: unknown) =>
      safely(() => {
        const given = answer(said as Answer);
        if (queue) obey(given);
        else lasting.set("consent", given);
      }),

    reset: () =>
      whenStarted(() => {
        lasting.set("user_id");
        forgetAnonymousId();
        leave();
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
  return typeof value === "string" || typeof value === "number"
    ? `${value}`.slice(0, LONGEST_NAME) || undefined
    : undefined;
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
