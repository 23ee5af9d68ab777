/**
 * Sessions as pure rules: which session an event belongs to, and what a session is once it has the event.
 * By event time, not by arrival, so late and out-of-order events land where they happened; midnight, time zones and summer time play
 * no part. What a session holds is counts, sums, earliest and latest: the same for the same events, in whatever order they came.
 * All times are epoch milliseconds.
 */
import { withOrdersOnce } from "./analytics/orders-once.ts";
import {
  MOST_STEPS,
  type SessionFacts,
  type Step,
  type Surroundings,
  type Traffic,
  withStep,
} from "./analytics/session-facts.ts";
import { clickIdsOf } from "./click-ids.ts";
import type { Event } from "./event.ts";
import { hash64 } from "./hash.ts";

/** What a session wants to know of an event. Small: it is stored with every event until its visitor is saved. */
export interface Visit extends SessionFacts {
  /** A page or screen that was seen; something that was done (`track`); or what is neither: identify, group, alias. */
  kind: "view" | "action" | "other";
  /** Of a view: the path, or the address without its query; of a screen its name. */
  page?: string;
  /** Of a view: where it was come from, without its query. */
  referrer?: string;
  /** Of a view: by a link on another host. */
  is_linked?: true;
  campaign?: Campaign;
  /** How long the client says that it was in use since its last event. */
  engaged_ms?: number;
}

/** What brought a visitor: utm parameters, and the kinds of click ids that came with them. */
export interface Campaign {
  /** The same for the same parameters and click ids, and for no others. */
  key: string;
  source?: string;
  medium?: string;
  name?: string;
  term?: string;
  content?: string;
  /** E.g. `["gclid"]`. */
  clicks?: string[];
}

export interface Session {
  /** Counts this visitor's sessions from 1, in order of discovery. */
  number: number;
  /** The time of the event that opened it. Never changes, so what vendors were told stays true. */
  opened: number;
  /** The earliest and latest event; a late event may move `start` before `opened`. */
  start: number;
  end: number;
  /** The visitor that it was opened by, where that is not the one who has it now. Names the session. */
  opened_by?: string;
  /** How many of each; absent: none. */
  events?: number;
  views?: number;
  actions?: number;
  /** The first and last view. Of two at the same time, the one whose page comes first (last) in the alphabet. */
  entry?: { at: number; page: string; referrer?: string };
  exit?: { at: number; page: string };
  /** Of the earliest event that has one. */
  campaign?: Campaign & { at: number };
  /**
   * When there was activity: first and last moment of each stretch without a gap over GAP_MS, relative to `opened`, in order. It
   * follows from the set of times alone, and needs no more than 24 hours / GAP_MS stretches: what is older is added up in `settled_ms`.
   */
  stretches?: number[];
  settled_ms?: number;
  /** The sum of what the client said. */
  engaged_ms?: number;
  /** Of the earliest view that tells them, or else of the earliest event. */
  seen?: Told<Surroundings>;
  /** Of the earliest event that tells it. */
  traffic?: Told<Traffic>;
  /** What was done, in order of time. */
  steps?: Step[];
  /** So many more, of which only the counts are known. */
  steps_left_out?: number;
}

interface Told<T> {
  at: number;
  rank: number;
  told: T;
}

/** How far behind the visitor's newest event an event still finds its session. */
export const REMEMBER_MS = 24 * 3_600_000;
/**
 * Of the time between two events that much counts as engaged. GA4 counts the time for which a page has the focus
 * (https://support.google.com/analytics/answer/11109416), which events alone do not tell; older tools count the whole gap, up to the
 * timeout. A page that is read for longer than this without an event was, more often, left open.
 */
export const GAP_MS = 5 * 60_000;
/** GA4's: https://support.google.com/analytics/answer/12195621 */
const ENGAGED_AFTER_MS = 10_000;
/** One visitor's. A robot that invents a campaign for every request would otherwise have one for each. */
export const MOST_SESSIONS = 100;
const TEXT_LENGTH = 256;
/** What a client may say of one event: no longer than sessions last without one. */
const MOST_ENGAGED_MS = 30 * 60_000;

const UTM = ["source", "medium", "name", "term", "content"] as const;

/** By which the browser script tells how a page was used, when it is left: nobody did anything. */
export const PAGE_LEFT = "Page Left";

/** What a session wants to know of this event. */
export function visitOf({ type, event, context, properties }: Event): Visit {
  const isView = type === "page" || type === "screen";
  const isAction = type === "track" && event !== PAGE_LEFT;
  const visit: Visit = { kind: isView ? "view" : isAction ? "action" : "other" };
  if (isView) {
    const { path, url, referrer } = context.page ?? {};
    const page = type === "screen" ? (textOf(properties.name) ?? path) : (path ?? url);
    if (page) visit.page = withoutQuery(page);
    if (referrer) visit.referrer = withoutQuery(referrer);
    if (referrer && isOtherHost(referrer, url)) visit.is_linked = true;
  }
  const campaign = campaignOf(context);
  if (campaign) visit.campaign = campaign;
  const engaged = properties.engagement_time_msec;
  if (typeof engaged === "number" && engaged > 0) visit.engaged_ms = Math.min(Math.round(engaged), MOST_ENGAGED_MS);
  return visit;
}

function campaignOf(context: Event["context"]): Campaign | undefined {
  const { campaign = {} } = context;
  const clicks = Object.entries(clickIdsOf(context));
  const named = UTM.filter((name) => campaign[name]);
  if (named.length === 0 && clicks.length === 0) return undefined;
  const { high, low } = hash64(JSON.stringify([...named.map((name) => [name, campaign[name]]), ...clicks.sort()]));
  const found: Campaign = { key: high.toString(36) + low.toString(36).padStart(7, "0") };
  for (const name of named) found[name] = campaign[name]!.slice(0, TEXT_LENGTH);
  if (clicks.length) found.clicks = clicks.map(([name]) => name);
  return found;
}

function isOtherHost(referrer: string, url: string | undefined): boolean {
  const host = URL.parse(referrer)?.host;
  return host !== undefined && host !== (url === undefined ? undefined : URL.parse(url)?.host);
}

const textOf = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
const withoutQuery = (address: string) => address.slice(0, 2_048).split(/[?#]/, 1)[0]!.slice(0, TEXT_LENGTH);

/** A session that an event belongs to, found or about to be opened. */
export interface Place {
  number: number;
  opened: number;
  opened_by?: string;
  isNew: boolean;
}

/**
 * The session that an event falls into or touches within `timeoutMs`: of several the one that had begun last, else the one that
 * begins next; a new one where there is none. `lastNumber` is the highest number that this visitor ever had.
 *
 * `campaign` is the event's, where another campaign than the session's is to begin a new one. Then a session with that very campaign
 * comes first: two tabs that came from two advertisements take turns, and stay two sessions. A session that begins later and has no
 * campaign yet takes it on: what came first arrived last.
 */
export function placeInSession(
  sessions: readonly Session[],
  lastNumber: number,
  at: number,
  timeoutMs: number,
  campaign?: string,
): Place {
  const touched = sessions.filter((s) => at >= s.start - timeoutMs && at <= s.end + timeoutMs);
  const found =
    campaign === undefined
      ? nearest(touched, at)
      : (nearest(
          touched.filter((s) => s.campaign?.key === campaign),
          at,
        ) ??
        nearest(
          touched.filter((s) => !s.campaign && s.start >= at),
          at,
        ));
  if (!found) return { number: lastNumber + 1, opened: at, isNew: true };
  const { number, opened, opened_by } = found;
  return { number, opened, ...(opened_by !== undefined && { opened_by }), isNew: false };
}

/** The session that had begun last at this time, or else the one that begins next. */
function nearest(sessions: Session[], at: number): Session | undefined {
  let found: Session | undefined;
  for (const session of sessions) {
    if (!found) found = session;
    else if (session.start <= at) found = found.start > at || session.start > found.start ? session : found;
    else if (found.start > at && session.start < found.start) found = session;
  }
  return found;
}

export interface Added {
  /** The visitor's sessions that events may still find. */
  sessions: Session[];
  session: Session;
  /** Sessions that were found no more when this one was opened: they ended over 24 hours before the newest, or are too many. */
  final: Session[];
}

/** Puts an event into the session that `placeInSession` said. Mutates nothing. */
export function addToSession(known: readonly Session[], place: Place, at: number, told: Visit): Added {
  const { number, opened, opened_by } = place;
  const { sessions, visit } = withOrdersOnce(known, at, told);
  const hasRoom = sessions.reduce((steps, s) => steps + (s.steps?.length ?? 0), 0) < MOST_STEPS;
  const index = sessions.findIndex((s) => s.number === number);
  if (index >= 0) {
    const session = withEvent(sessions[index]!, at, visit, hasRoom);
    return { sessions: sessions.with(index, session), session, final: [] };
  }
  const empty = { number, opened, start: at, end: at, ...(opened_by !== undefined && { opened_by }) };
  const session = withEvent(empty, at, visit, hasRoom);
  if (sessions.length === 0) return { sessions: [session], session, final: [] };
  const newest = sessions.reduce((latest, s) => Math.max(latest, s.end), at);
  const found = sessions.filter((s) => s.end >= newest - REMEMBER_MS);
  const tooMany = new Set(
    found.length < MOST_SESSIONS ? [] : found.toSorted((a, b) => b.end - a.end).slice(MOST_SESSIONS - 1),
  );
  const live = found.filter((s) => !tooMany.has(s));
  return { sessions: [...live, session], session, final: sessions.filter((s) => !live.includes(s)) };
}

function withEvent(session: Session, at: number, visit: Visit, hasRoom: boolean): Session {
  const { kind, page, referrer, campaign, engaged_ms, seen, traffic, step } = visit;
  const next: Session = {
    ...session,
    start: Math.min(session.start, at),
    end: Math.max(session.end, at),
    events: (session.events ?? 0) + 1,
  };
  if (kind === "view") next.views = (session.views ?? 0) + 1;
  if (kind === "action") next.actions = (session.actions ?? 0) + 1;
  if (page !== undefined) {
    const entry = { at, page, ...(referrer !== undefined && { referrer }) };
    if (comesBefore(entry, session.entry)) next.entry = entry;
    if (!session.exit || at > session.exit.at || (at === session.exit.at && page > session.exit.page))
      next.exit = { at, page };
  }
  if (
    campaign &&
    comesBefore({ at, page: campaign.key }, session.campaign && { ...session.campaign, page: session.campaign.key })
  )
    next.campaign = { ...campaign, at };
  if (seen) next.seen = earlierTold(session.seen, { at, rank: kind === "view" ? 0 : 1, told: seen });
  if (traffic) next.traffic = earlierTold(session.traffic, { at, rank: 0, told: traffic });
  if (step && hasRoom) next.steps = withStep(session.steps ?? [], { at, ...step });
  else if (step) next.steps_left_out = (session.steps_left_out ?? 0) + 1;
  if (engaged_ms) next.engaged_ms = (session.engaged_ms ?? 0) + engaged_ms;
  return withMoment(next, at);
}

type Moment = { at: number; page: string; referrer?: string };

function comesBefore(one: Moment, known: Moment | undefined): boolean {
  if (!known || one.at !== known.at) return !known || one.at < known.at;
  if (one.page !== known.page) return one.page < known.page;
  return (one.referrer ?? "") < (known.referrer ?? "");
}

function earlierTold<T extends object>(known: Told<T> | undefined, one: Told<T>): Told<T> {
  if (!known || one.rank !== known.rank) return !known || one.rank < known.rank ? one : known;
  if (one.at !== known.at) return one.at < known.at ? one : known;
  return JSON.stringify(one.told) < JSON.stringify(known.told) ? one : known;
}

/** Adds a moment of activity: it joins the stretches that it is within GAP_MS of, which may then be one. */
function withMoment(session: Session, at: number): Session {
  const { opened, stretches = [], settled_ms = 0 } = session;
  // A moment that is late by 24 hours or less lies over GAP_MS after all that is settled, and changes nothing of it.
  const horizon = session.end - REMEMBER_MS - GAP_MS - opened;
  const moment = at - opened;
  if (moment < horizon) return session;
  let first = moment;
  let last = moment;
  let settled = settled_ms;
  const before: number[] = [];
  const after: number[] = [];
  for (let i = 0; i < stretches.length; i += 2) {
    const from = stretches[i]!;
    const to = stretches[i + 1]!;
    if (to < horizon) settled += to - from + GAP_MS;
    else if (to < moment - GAP_MS) before.push(from, to);
    else if (from > moment + GAP_MS) after.push(from, to);
    else {
      first = Math.min(first, from);
      last = Math.max(last, to);
    }
  }
  const next = { ...session, stretches: [...before, first, last, ...after] };
  return settled ? { ...next, settled_ms: settled } : next;
}

/** Milliseconds: what the client said, or else the time between successive events, of each gap at most GAP_MS. */
export function engagedMs({ engaged_ms, stretches = [], settled_ms = 0 }: Session): number {
  if (engaged_ms !== undefined) return engaged_ms;
  let sum = settled_ms + GAP_MS * Math.max(0, stretches.length / 2 - 1);
  for (let i = 0; i < stretches.length; i += 2) sum += stretches[i + 1]! - stretches[i]!;
  return sum;
}

/**
 * GA4's: a session that is not engaged, and engaged is one of over 10 seconds, of two views or of a key event. Which events are key
 * events nobody tells us, so any `track` is taken for one.
 */
export function isBounce(session: Session): boolean {
  return (session.views ?? 0) < 2 && !session.actions && engagedMs(session) <= ENGAGED_AFTER_MS;
}
