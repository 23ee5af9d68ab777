/**
 * What VisitorShard is asked and answers about events, and how it stores what it decided: facts, apart from the events themselves, which
 * it never parses. Replayed in their order, facts make again all that a shard knows of its visitors.
 */

import type { AnalysedSession } from "../core/analytics/session-columns.ts";
import type { Step, Surroundings, Traffic } from "../core/analytics/session-facts.ts";
import type { Event, VendorIds } from "../core/event.ts";
import { hash64 } from "../core/hash.ts";
import type { Answer, Hold } from "../core/hold.ts";
import { unpack } from "../core/packed.ts";
import { type Campaign, engagedMs, isBounce, type Session, type Visit } from "../core/session.ts";
import type { ShardMap } from "../core/shard-map.ts";
import type { FirstTouch } from "../core/touch.ts";
import { defined } from "../core/values.ts";
import type { LakeRow } from "./lake-file.ts";

export interface ShardEvent {
  message_id: string;
  anonymous_id: string;
  /** Event time, epoch milliseconds. */
  at: number;
  /** Where in which queue message it came: a redelivered message has the same, another message never. */
  delivery: string;
  vendor_ids: VendorIds;
  /** The id that this visitor had before, without cookies; its session goes on under the new one. Must live in this shard. */
  previous_id?: string | undefined;
  /** What the session wants to know of it (`visitOf`); absent: that it was there. */
  visit?: Visit;
  /** It says who the visitor is: the answer tells what brought them. */
  is_identified?: boolean;
  /** What of it waits for the visitor's consent, and what the visitor answers with it (`holdFacts`). */
  hold?: Hold;
  answer?: Answer;
}

export interface ShardBatch {
  events: ShardEvent[];
  lines: Lines;
  session_timeout_ms: number;
  /** By which the shard was found; absent: whatever is not known to be elsewhere is here. */
  map?: ShardMap;
  /** Another campaign than the session's begins a new one. */
  new_session_on_campaign?: boolean;
  /** Our clock, epoch milliseconds. */
  now: number;
}

/**
 * For each event a JSON line `{source_id, event, receipt}` (LakeRow) without newlines, in the same order: joined by newlines and
 * packed (core/packed.ts), as the processor sends them, or one by one.
 */
export type Lines = Uint8Array | string[];

/** One by one. */
export const linesOf = (lines: Lines): string[] => (Array.isArray(lines) ? lines : unpack(lines).split("\n"));

/** What the shard knows of an event. */
export type ShardAnswer = Decision | Elsewhere;

export type Decision =
  | (ShardFacts & { verdict: "new" })
  /** This very queue message was applied before: go on with the facts that it was given then. */
  | (ShardFacts & { verdict: "redelivered" })
  /** Another message brought this event. */
  | { verdict: "duplicate" }
  /** Of before its visitor was deleted. */
  | { verdict: "forgotten" };

/** The visitor is with another shard; null: just on the way there, to be asked for again in a moment. */
export interface Elsewhere {
  verdict: "elsewhere";
  shard: string | null;
}

export interface ShardFacts {
  session: NonNullable<Event["context"]["session"]>;
  vendor_ids: VendorIds;
  /** What brought the visitor, as early as is known now; for events that say who it is, if anything did. */
  first_touch?: FirstTouch;
}

/** Appended to and never changed: rows of earlier versions end sooner. */
export type StoredFacts = [
  /** hash64 of the message_id. */
  high: number,
  low: number,
  /** hash64 of the delivery, its lower half. */
  tag: number,
  anonymous_id: string,
  at: number,
  session_number: number,
  session_opened: number,
  is_new: boolean,
  vendor_ids: VendorIds,
  rare?: Rare | null,
  /** The session's entry page as it was known then. */
  entry_page?: string | null,
  message_id?: string,
  visit?: Visit,
];

/** What most events' facts lack. */
export interface Rare {
  /** Who opened the session, where it was somebody without cookies that this visitor was before. */
  opened_by?: string;
  /** With this event the visitor took over what is known of this one. */
  took_over?: string;
  /** Somebody else had taken over this visitor, who with this event is there again: another person behind the same address. */
  revived?: true;
}

/** Without what only replaying needs, and the id, which lies beside: what is kept of an event that is in the lake. */
export const historyFacts = (facts: StoredFacts): StoredFacts => facts.slice(0, 11) as unknown as StoredFacts;

export function factsOf([
  ,
  ,
  ,
  anonymousId,
  ,
  number,
  opened,
  is_new,
  vendor_ids,
  rare,
  entry,
]: StoredFacts): ShardFacts {
  const session: ShardFacts["session"] = {
    id: sessionId(rare?.opened_by ?? anonymousId, number),
    number,
    started_at: new Date(opened).toISOString(),
    is_new,
  };
  if (entry) session.entry_page = entry;
  return { session, vendor_ids };
}

/** The event as the lake keeps it: with what the shard added. */
export function withFacts(row: LakeRow, facts: ShardFacts): LakeRow {
  const context = { ...row.event.context, session: facts.session, vendor_ids: facts.vendor_ids };
  return { ...row, event: { ...row.event, context } };
}

function sessionId(openedBy: string, number: number): string {
  const { high, low } = hash64(openedBy);
  const visitor = (high * 2 ** 21 + (low >>> 11)).toString(36);
  return `${visitor}.${number}`;
}

/** A session as a person or an analysis reads it. */
export interface SessionSummary {
  id: string;
  anonymous_id: string;
  number: number;
  /** ISO 8601, of the earliest and latest event. */
  started_at: string;
  ended_at: string;
  events: number;
  page_views: number;
  /** Absent where no page was seen, or the visitor came from nowhere that is known. */
  entry_page?: string;
  exit_page?: string;
  referrer?: string;
  campaign?: Omit<Campaign, "key">;
  engaged_s: number;
  is_bounce: boolean;
}

/** With what the analyses ask of it: as it is stored. Sessions of earlier versions lack it. */
export interface StoredSession extends SessionSummary {
  analysis?: { seen?: Surroundings; traffic?: Traffic; steps?: Step[]; steps_left_out?: number };
}

/** With the analyses' part. */
export function storedOf(anonymous_id: string, session: Session): StoredSession {
  const { seen, traffic, steps, steps_left_out } = session;
  const analysis = {
    ...(seen && { seen: seen.told }),
    ...(traffic && { traffic: traffic.told }),
    ...(steps && { steps }),
    ...(steps_left_out && { steps_left_out }),
  };
  return { ...summaryOf(anonymous_id, session), ...(Object.keys(analysis).length && { analysis }) };
}

/** Without it: for a person to read. */
export function summaryIn({ analysis: _, ...summary }: StoredSession): SessionSummary {
  return summary;
}

export function analysedOf({ campaign, referrer, analysis = {}, ...session }: StoredSession): AnalysedSession {
  const { source, medium, name, term, content, clicks } = campaign ?? {};
  const told = { source, medium, campaign: name, term, content, click: clicks?.[0] };
  return {
    anonymous_id: session.anonymous_id,
    number: session.number,
    start: Date.parse(session.started_at),
    end: Date.parse(session.ended_at),
    events: session.events,
    views: session.page_views,
    engaged_s: session.engaged_s,
    is_bounce: session.is_bounce,
    entry: session.entry_page,
    exit: session.exit_page,
    referrer,
    seen: analysis.seen,
    traffic: analysis.traffic ?? (defined(told) as Traffic),
    steps: analysis.steps ?? [],
    isCut: analysis.steps_left_out !== undefined,
  };
}

export function summaryOf(anonymous_id: string, session: Session): SessionSummary {
  const summary: SessionSummary = {
    id: sessionId(session.opened_by ?? anonymous_id, session.number),
    anonymous_id,
    number: session.number,
    started_at: new Date(session.start).toISOString(),
    ended_at: new Date(session.end).toISOString(),
    events: session.events ?? 0,
    page_views: session.views ?? 0,
    engaged_s: Math.round(engagedMs(session) / 1_000),
    is_bounce: isBounce(session),
  };
  const { entry, exit, campaign } = session;
  if (entry) summary.entry_page = entry.page;
  if (entry?.referrer) summary.referrer = entry.referrer;
  if (exit) summary.exit_page = exit.page;
  if (campaign) {
    const { key: _, at: __, ...named } = campaign;
    summary.campaign = named;
  }
  return summary;
}
