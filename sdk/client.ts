import { version } from "../package.json";
import { anonymousId, forgetAnonymousId, tellOfReset } from "./anonymous-id.ts";
import { pageViews } from "./auto/page-views.ts";
import { type Answer, answer, currentConsent } from "./consent.ts";
import { currentContext, currentUrl } from "./context.ts";
import { forgetLanding, readLanding } from "./landing.ts";
import { type Hosts, type Linked, loadBeside, startLinking, takeToken, unlink } from "./linking.ts";
import { createQueue, type Queue } from "./queue.ts";
import { closeStorage, isStorageOpen, lasting, openStorage, visit } from "./storage.ts";
import { createTransport, type Outcome, type SentEvent } from "./transport.ts";
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
  /** What is recorded by itself; by default page views. An empty list leaves everything to your own calls. */
  auto?: Part[] | undefined;
  /** Another fragment (`#/shoes`) is another page. */
  hash?: boolean | undefined;
  /**
   * Until `consent({ analytics: true })` nothing is stored in the browser or read from it, and events go without an id
   * (`cookieless`), wait until there is an answer, and are dropped where it is a no (`wait`), or are not recorded at all (`deny`).
   */
  consent?: ConsentMode | undefined;
  /** The consent manager whose answers count as the visitor's: `onetrust`, `cookiebot`, `usercentrics`, `didomi`, `tcf`, `gpp`. */
  consentManager?: string | undefined;
}

export type ConsentMode = "cookieless" | "wait" | "deny";

/** Something that is recorded by itself: it starts with the first page, and calls what a page could call (`sdk/auto/`). */
export type Part = (millrace: Millrace, options: Options) => void;

/** What may be listened to, and what a listener is given. */
export interface Occasions {
  /** Collecting begins. What is recorded now comes before all calls that were made so far. */
  start: [];
  /** Recorded, and about to be queued. A listener may change it. */
  event: [event: SentEvent];
  /** Answered: `settled`, or a request that will be repeated. */
  sent: [batch: SentEvent[], outcome: Outcome | boolean];
  /** The page is hidden, left, or gives way to the next one. Properties that a listener adds become a "Page Left". */
  leave: [properties: Record<string, unknown>];
}

declare global {
  interface Window {
    /** What the debugging script is given. */
    millraceDebug?: { millrace: Millrace; isOn: boolean };
    /** What the script for consent managers is given. */
    millraceConsent?: { millrace: Millrace; manager: string };
  }
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
  /** The visitor was known by another id before: by default by their anonymous one. */
  alias(userId: string, previousId?: string): void;
  /** Something that you want to happen, and what it is worth in the source's currency. */
  goal(name: string, value?: number): void;
  /** What the visitor allowed, from the next event on. A purpose that is left out stays as it was. */
  consent(answer: Answer): void;
  /** Forgets the visitor, as after a log-out: the next event is somebody else's. */
  reset(): void;
  /** Sends now what would go within two seconds. Resolves when it is sent, or when a request failed and will be repeated. */
  flush(): Promise<void>;
  /** Calls back once events are being collected. */
  ready(callback: () => void): void;
  on<Name extends keyof Occasions>(name: Name, listener: (...told: Occasions[Name]) => void): void;
  /** Shows on the page what is recorded and what became of it, on later pages of the visit too. */
  debug(isOn: boolean): void;
  /** Another one beside this, with a key and options of its own. */
  create(): Millrace;
  push(...calls: Call[]): void;
  readonly version: string;
}

/** The server refuses an event whose name or id is longer (core/event.ts). */
const LONGEST_NAME = 256;
/** Says how the last page was used; counts as nothing that somebody did (core/session.ts). */
const PAGE_LEFT = "Page Left";
const BEGIN_WITHIN_MS = 500;
/** A router changes the URL first and the title a moment later. */
const TITLE_WAIT_MS = 100;

/** `defaultUrl` is where events go unless a host is named, by where the script came from. */
export function createMillrace(defaultUrl?: string): Millrace {
  let queue: Queue | undefined;
  let mode: ConsentMode | undefined;
  /** While events wait for an answer: ends that. */
  let answered: (() => void) | undefined;
  let link = () => {};
  let leave = () => {};
  /** What was recorded while it is still open who the visitor is. */
  let undecided: SentEvent[] | undefined;
  /** What the last page view was of. */
  let viewed: SentEvent["context"]["page"] | undefined;
  let url: string;
  /** Begins now what `init` asked for, unless it has begun. */
  let begin: (() => void) | undefined;
  const early: (() => void)[] = [];
  const listeners: { [Name in keyof Occasions]?: ((...told: Occasions[Name]) => void)[] } = {};

  function tell<Name extends keyof Occasions>(name: Name, ...told: Occasions[Name]): void {
    for (const listener of (listeners[name] || []) as ((...told: Occasions[Name]) => void)[])
      safely(() => listener(...told));
  }

  /** A call after `init` does not wait for the idle moment: it keeps its time, and its place among the others. */
  function whenStarted(run: () => void): void {
    begin?.();
    if (queue) safely(run);
    else early.push(run);
  }

  /** Brings storage, and what waits for an answer, into line with what the visitor allowed. */
  function obey(given: Answer): void {
    const isOpening = (!mode || given.analytics) && !isStorageOpen();
    if (isOpening) openStorage();
    else if (mode && given.analytics === false) {
      closeStorage();
      tellOfReset();
      forgetAnonymousId();
      leave();
    }
    if (Object.keys(given).length) lasting.set("consent", answer(given));
    if (answered && given.analytics !== undefined) {
      for (const event of undecided || []) {
        event.anonymous_id = anonymousId();
        event.context.consent = currentConsent();
      }
      undecided = undefined;
      answered();
    }
    if (isOpening) {
      link();
      queue!.resume();
    }
  }

  function record(
    type: SentEvent["type"],
    fields: Pick<SentEvent, "event" | "properties" | "traits" | "group_id" | "previous_id">,
  ) {
    // Another tab has withdrawn what this one goes by, and removed it.
    if (mode && isStorageOpen() && !answer().analytics) obey({ analytics: false });
    const event = {
      message_id: uuid(),
      anonymous_id: anonymousId(),
      user_id: lasting.get<string>("user_id"),
      type,
      ...fields,
      context: currentContext(),
      timestamp: new Date().toISOString(),
    };
    if (isStorageOpen() || !(mode === "deny" || (mode === "wait" && answer().analytics === false))) {
      tell("event", event);
      queue!.add(event);
      undecided?.push(event);
    }
    return event;
  }

  /** The server says who this visitor is on the customer's other hosts; what they did here as somebody else is joined to that. */
  function adopt({ anonymous_id, previous_id }: Linked): void {
    if (!isStorageOpen() || lasting.get("unlinked")) return;
    lasting.set("anonymous_id", anonymous_id);
    for (const event of undecided || []) if (event.anonymous_id) event.anonymous_id = anonymous_id;
    if (previous_id) record("alias", { previous_id });
  }

  function leavePage(): void {
    const properties: Fields = {};
    tell("leave", properties);
    if (viewed && Object.keys(properties).length) {
      // A router has changed the address by now.
      record("track", { event: PAGE_LEFT, properties }).context.page = viewed;
    }
  }

  function start(options: Options, token: string | undefined): void {
    const host = options.host || (defaultUrl ? "" : location.origin);
    url = host ? `${host.replace(/\/+$/, "")}/v1/batch` : defaultUrl!;
    const { writeKey } = options;
    const transport = createTransport(url, writeKey);
    const { post } = transport;
    let linking: Promise<void> | undefined;
    let waiting: Promise<void> | undefined;
    transport.post = async (batch) => {
      await waiting;
      await linking;
      const outcome = mode === "wait" && !isStorageOpen() ? "settled" : await post(batch);
      tell("sent", batch, outcome);
      return outcome;
    };
    queue = createQueue(transport, writeKey);
    const hosts: Hosts = { hub: options.hub, linked: options.linked || [] };
    link = () => {
      linking = startLinking(url, { ...hosts, writeKey, token, anonymousId, consent: currentConsent, adopt });
      undecided = linking && [];
      linking?.then(() => {
        undecided = undefined;
      });
    };
    leave = () => unlink(hosts, writeKey);
    mode = options.consent;
    if (mode === "wait") {
      undecided = [];
      waiting = new Promise((resolve) => {
        answered = resolve;
      });
    }
    obey(answer());
    const { consentManager: manager } = options;
    if (manager) {
      window.millraceConsent = { millrace, manager };
      loadBeside(url, "consent");
    }
    readLanding();
    tell("start");
    if (visit.get("debug")) millrace.debug(true);
    early.splice(0).forEach(safely);
  }

  const millrace: Millrace = {
    version,

    init: (options) =>
      safely(() => {
        if (begin || !options.writeKey) return;
        if ((document as { prerendering?: boolean }).prerendering) {
          document.addEventListener("prerenderingchange", () => millrace.init(options), { once: true });
          return;
        }
        const token = takeToken();
        for (const part of options.auto || [pageViews]) {
          const run = () => part(millrace, options);
          // Page views are about an address that may change before the start.
          if (part === pageViews) safely(run);
          else millrace.on("start", run);
        }
        begin = () => queue || safely(() => start(options, token));
        // What it takes to begin is done when the page has nothing better to do, is first touched, or is about to go.
        // Safari has no idle callbacks, and takes the object for no time at all.
        const soon = (window.requestIdleCallback as typeof requestIdleCallback | undefined) || setTimeout;
        soon(begin, { timeout: BEGIN_WITHIN_MS } as never);
        for (const type of ["pointerdown", "keydown"]) addEventListener(type, begin, true);
        const depart = () => {
          begin!();
          leavePage();
          if (mode !== "wait" || isStorageOpen()) queue!.depart();
        };
        addEventListener("pagehide", depart);
        document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && depart());
      }),

    page: (name?: unknown, properties?: unknown) =>
      whenStarted(() => {
        leavePage();
        const { page } = record("page", {
          properties: { name: text(name), ...fields(isRecord(name) ? name : properties) },
        }).context;
        viewed = page;
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

    alias: (userId: unknown, previousId?: unknown) =>
      whenStarted(() => {
        const id = text(userId);
        if (!id) return;
        lasting.set("user_id", id);
        record("alias", { previous_id: text(previousId) || anonymousId() });
      }),

    goal: (name, value) => millrace.track(name, { value }),

    // Not kept for later: what was said before the first page view is true of it.
    consent: (said: unknown) =>
      safely(() => {
        begin?.();
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

    flush: () => {
      begin?.();
      return queue ? queue.flush() : Promise.resolve();
    },

    // An error in the page's own callback is the page's to see, but not in the middle of ours.
    ready: (callback) => whenStarted(() => void Promise.resolve().then(callback)),

    on: (name, listener) => {
      listeners[name] = [...(listeners[name] || []), listener] as (typeof listeners)[typeof name];
    },

    debug: (isOn) =>
      whenStarted(() => {
        visit.set("debug", isOn || undefined);
        window.millraceDebug = { millrace, isOn };
        loadBeside(url, "debug");
      }),

    create: () => createMillrace(defaultUrl),

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
