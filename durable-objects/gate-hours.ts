/**
 * An integration's counters by hour, kept for 90 days; within an hour also by the event's name, and of the latest hours by minute. The
 * hour under way lies in memory and is written whole with each report: one row, however much a report says.
 */
import {
  addCounters,
  addIntegrationCounters,
  type BoardLine,
  boardLine,
  type Counted,
  type Counters,
  count,
  type IntegrationCounters,
  noCounters,
  noIntegrationCounters,
  OTHERS,
} from "../core/delivery-counters.ts";
import type { MinuteOfTries } from "../core/failure-spike.ts";
import { percentile } from "../core/histogram.ts";

const HOUR_MS = 3_600_000;
const KEEP_HOURS = 24 * 90;
/** Names come from customers' pages: beyond so many in an hour they are counted together. */
const MOST_EVENTS = 100;

export interface BoardQuery {
  /** Epoch milliseconds; whole hours count that begin in [from, to). */
  from: number;
  to: number;
  by: "hour" | "event" | "minute";
}

export interface Board {
  total: BoardLine & {
    requests: number;
    failed_requests: number;
    answer_ms: { p50: number | null; p95: number | null };
  };
  /** `at` is the begin of the hour or minute, ISO 8601. */
  lines: (({ at: string } | { event: string }) & BoardLine)[];
  /** By hour: which identifiers the delivered events held, as shares from 0 to 1. Empty for vendors that know no people. */
  match_quality: { at: string; events: number; with: Record<string, number> }[];
}

/** Of a minute: received, delivered, retried, dead-lettered, filtered. */
type Minute = [number, number, number, number, number];

interface Hour {
  hour: number;
  counters: IntegrationCounters;
  events: Record<string, Counters>;
  minutes: Record<string, Minute>;
}

export class GateHours {
  readonly #sql: SqlStorage;
  #now: Hour | undefined;
  #written = "";
  /** Of all hours but the one under way. */
  #before: { hour: number; total: IntegrationCounters } | undefined;
  /** The hour in which what is too old was last deleted. */
  #tidied: number | undefined;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Counts; writes one row where that says something new. Returns whether it is time to tidy up: once an hour. */
  add(
    now: number,
    all: Counted,
    byEvent: Record<string, Counted>,
    more: (counters: IntegrationCounters) => void,
  ): boolean {
    const hour = Math.floor(now / HOUR_MS);
    const under = this.#hourAt(hour);
    count(under.counters, all);
    more(under.counters);
    for (const [event, counted] of Object.entries(byEvent)) {
      const isKnown = Object.hasOwn(under.events, event) || Object.keys(under.events).length < MOST_EVENTS;
      const name = isKnown ? event.slice(0, 200) : OTHERS;
      under.events[name] ??= noCounters();
      count(under.events[name], counted);
    }
    const counters = JSON.stringify(under.counters);
    if (counters === this.#written) return false;
    countMinute(under.minutes, Math.floor(now / 60_000), all);
    const detail = JSON.stringify({ events: under.events, minutes: under.minutes });
    this.#sql.exec("INSERT OR REPLACE INTO hours (hour, counters, detail) VALUES (?, ?, ?)", hour, counters, detail);
    this.#written = counters;
    if (this.#tidied === hour) return false;
    this.#tidied = hour;
    this.#sql.exec("DELETE FROM hours WHERE hour < ?", hour - KEEP_HOURS);
    return true;
  }

  total(now: number): IntegrationCounters {
    const hour = Math.floor(now / HOUR_MS);
    const under = this.#hourAt(hour);
    if (this.#before?.hour !== hour) {
      const total = noIntegrationCounters();
      const sql = "SELECT counters FROM hours WHERE hour <> ? AND hour >= ?";
      for (const row of this.#sql.exec<{ counters: string }>(sql, hour, hour - KEEP_HOURS)) {
        addIntegrationCounters(total, readCounters(row.counters));
      }
      this.#before = { hour, total };
    }
    const total = structuredClone(this.#before.total);
    addIntegrationCounters(total, under.counters);
    return total;
  }

  /** Of the last minutes, those in which anything was tried. */
  triesSince(minute: number, now: number): MinuteOfTries[] {
    const hours = [this.#hourAt(Math.floor(now / HOUR_MS))];
    if (minute < (hours[0]!.hour * HOUR_MS) / 60_000)
      hours.push(...this.#between(minute * 60_000, hours[0]!.hour * HOUR_MS));
    return hours.flatMap(({ minutes }) =>
      Object.entries(minutes).flatMap(([at, [, delivered, retried, dead_lettered]]) => {
        const failed = retried + dead_lettered;
        return Number(at) < minute ? [] : [{ minute: Number(at), tries: delivered + failed, failed }];
      }),
    );
  }

  board({ from, to, by }: BoardQuery, now: number): Board {
    const total = noIntegrationCounters();
    const byHour: Board["lines"] = [];
    const byMinute: Board["lines"] = [];
    const byEvent = new Map<string, Counters>();
    const match_quality: Board["match_quality"] = [];
    for (const { hour, counters, events, minutes } of this.#between(from, to)) {
      const at = new Date(hour * HOUR_MS).toISOString();
      addIntegrationCounters(total, counters);
      byHour.push({ at, ...boardLine(counters) });
      if (counters.matched.of)
        match_quality.push({ at, events: counters.matched.of, with: sharesOf(counters.matched) });
      for (const [event, one] of Object.entries(events)) {
        const sum = byEvent.get(event) ?? noCounters();
        addCounters(sum, one);
        byEvent.set(event, sum);
      }
      for (const [minute, numbers] of Object.entries(minutes)) {
        const ms = Number(minute) * 60_000;
        if (ms >= from && ms < to && ms <= now)
          byMinute.push({ at: new Date(ms).toISOString(), ...minuteLine(numbers) });
      }
    }
    const events = [...byEvent].map(([event, counters]) => ({ event, ...boardLine(counters) }));
    const lines = { hour: byHour, minute: byMinute, event: events.sort((a, b) => b.received - a.received) };
    const { requests, failed_requests, answer_time } = total;
    const answer_ms = { p50: percentile(answer_time, 0.5), p95: percentile(answer_time, 0.95) };
    return { total: { ...boardLine(total), requests, failed_requests, answer_ms }, lines: lines[by], match_quality };
  }

  *#between(from: number, to: number): Generator<Hour> {
    const sql = "SELECT hour, counters, detail FROM hours WHERE hour >= ? AND hour < ? ORDER BY hour";
    const bounds = [Math.floor(from / HOUR_MS), Math.ceil(to / HOUR_MS)];
    for (const row of this.#sql.exec<Row>(sql, ...bounds)) yield readHour(row);
  }

  #hourAt(hour: number): Hour {
    if (this.#now?.hour === hour) return this.#now;
    const [row] = this.#sql.exec<Row>("SELECT hour, counters, detail FROM hours WHERE hour = ?", hour);
    // Minutes are of use while they are recent, and larger than all the rest.
    if (this.#now) this.#dropMinutes(this.#now.hour - 1);
    this.#now = row ? readHour(row) : { hour, counters: noIntegrationCounters(), events: {}, minutes: {} };
    this.#written = JSON.stringify(this.#now.counters);
    return this.#now;
  }

  #dropMinutes(hour: number): void {
    const [row] = this.#sql.exec<Row>("SELECT hour, counters, detail FROM hours WHERE hour = ?", hour);
    if (!row) return;
    const detail = JSON.stringify({ events: readHour(row).events, minutes: {} });
    this.#sql.exec("UPDATE hours SET detail = ? WHERE hour = ?", detail, hour);
  }
}

type Row = { hour: number; counters: string; detail: string | null };

function readHour({ hour, counters, detail }: Row): Hour {
  return { hour, counters: readCounters(counters), ...(detail ? JSON.parse(detail) : { events: {}, minutes: {} }) };
}

/** Rows that were written before there were histograms lack the newer fields. */
const readCounters = (json: string): IntegrationCounters => ({ ...noIntegrationCounters(), ...JSON.parse(json) });

function countMinute(minutes: Record<string, Minute>, minute: number, all: Counted): void {
  const { received = 0, delivered = 0, retried = 0, dead_lettered = 0, filtered = {} } = all;
  const dropped = Object.values(filtered).reduce((sum, n) => sum + n, 0);
  const before = minutes[minute] ?? [0, 0, 0, 0, 0];
  const more = [received, delivered, retried, dead_lettered, dropped];
  minutes[minute] = before.map((n, i) => n + more[i]!) as Minute;
}

function minuteLine([received, delivered, retried, dead_lettered, filtered]: Minute): BoardLine {
  const line = boardLine({ ...noCounters(), received, delivered, retried, dead_lettered });
  return { ...line, received: received + filtered, filtered };
}

function sharesOf({ of, with: present }: IntegrationCounters["matched"]): Record<string, number> {
  return Object.fromEntries(Object.entries(present).map(([name, n]) => [name, Number((n / of).toFixed(4))]));
}
