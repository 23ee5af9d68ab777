/**
 * Time as a site's owner reads it: days, weeks and hours of a time zone, with its changes of the clock. All instants are epoch
 * milliseconds; ranges are from (inclusive) to (exclusive).
 */
export interface Bucket {
  from: number;
  to: number;
}

export type Interval = "hour" | "day" | "week" | "month" | "year";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const MOST_FORMATS = 50;
const formats = new Map<string, Intl.DateTimeFormat>();

/** Made once: making one takes as long as a scan of thousands of sessions. */
function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known) return known;
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  if (formats.size < MOST_FORMATS) formats.set(timeZone, format);
  return format;
}

/** A time zone's offsets within a range: from `changes[i]` on the clock is `offsets[i]` ms before UTC's. */
export class Zone {
  readonly #changes: number[] = [];
  readonly #offsets: number[] = [];

  /** Throws a RangeError for a zone that nobody knows. */
  constructor(timeZone: string, from: number, to: number) {
    const format = formatOf(timeZone);
    const offsetAt = (at: number) => {
      const part: Record<string, number> = {};
      for (const { type, value } of format.formatToParts(at)) part[type] = Number(value);
      const local = Date.UTC(part.year!, part.month! - 1, part.day!, part.hour!, part.minute!, part.second!);
      return local - Math.floor(at / 1_000) * 1_000;
    };
    const start = from - 2 * DAY;
    this.#changes.push(Number.NEGATIVE_INFINITY);
    this.#offsets.push(offsetAt(start));
    // No zone changes twice within a week.
    for (let at = start; at < to + 2 * DAY; at += 7 * DAY) {
      const after = offsetAt(at + 7 * DAY);
      if (after === this.#offsets.at(-1)) continue;
      let before = at;
      let changed = at + 7 * DAY;
      while (changed - before > 1_000) {
        const middle = Math.floor((before + changed) / 2_000) * 1_000;
        if (offsetAt(middle) === after) changed = middle;
        else before = middle;
      }
      this.#changes.push(changed);
      this.#offsets.push(after);
    }
  }

  offsetAt(at: number): number {
    let i = this.#changes.length - 1;
    while (this.#changes[i]! > at) i--;
    return this.#offsets[i]!;
  }

  /** What a clock on the wall shows, as if it were UTC. */
  localOf(at: number): number {
    return at + this.offsetAt(at);
  }

  /** The first instant at which the wall's clock shows this, or, where it leaps over it, that at which it leaps. */
  instantOf(local: number): number {
    for (let i = 0; i < this.#offsets.length; i++) {
      const at = local - this.#offsets[i]!;
      const next = this.#changes[i + 1] ?? Number.POSITIVE_INFINITY;
      if (at < this.#changes[i]!) return this.#changes[i]!;
      if (at < next) return at;
    }
    return local - this.#offsets.at(-1)!;
  }

  /** The next change of the clock after this instant. */
  changeAfter(at: number): number {
    return this.#changes.find((change) => change > at) ?? Number.POSITIVE_INFINITY;
  }

  /** `2026-11-01T01:00:00-04:00` */
  iso(at: number): string {
    const offset = this.offsetAt(at);
    const minutes = Math.abs(offset) / MINUTE;
    const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
    const sign = offset < 0 ? "-" : "+";
    return `${new Date(at + offset).toISOString().slice(0, 19)}${sign}${two(minutes / 60)}:${two(minutes % 60)}`;
  }
}

/** `weekStart`: 0 Sunday … 6 Saturday. The first and the last bucket end with the range, and may be parts. At most `most`. */
export function bucketsOf(
  { from, to }: Bucket,
  interval: Interval,
  zone: Zone,
  weekStart: number,
  most = Number.POSITIVE_INFINITY,
): Bucket[] {
  const buckets: Bucket[] = [];
  for (let at = from; at < to && buckets.length < most; ) {
    const next = Math.min(to, nextStart(at, interval, zone, weekStart));
    buckets.push({ from: at, to: next });
    at = next;
  }
  return buckets;
}

function nextStart(at: number, interval: Interval, zone: Zone, weekStart: number): number {
  const local = zone.localOf(at);
  // An hour that comes twice is two buckets: where the clock is changed, one ends.
  if (interval === "hour") return Math.min(at + HOUR - modulo(local, HOUR), zone.changeAfter(at));
  const midnight = local - modulo(local, DAY);
  const date = new Date(midnight);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  const next = {
    day: () => midnight + DAY,
    week: () => midnight + (7 - modulo(date.getUTCDay() - weekStart, 7)) * DAY,
    month: () => Date.UTC(year, month + 1),
    year: () => Date.UTC(year + 1, 0),
  }[interval]();
  return zone.instantOf(next);
}

const modulo = (value: number, by: number) => ((value % by) + by) % by;

/** Midnight at the beginning of a date `YYYY-MM-DD`, and of so many days later. */
export function startOfDate(date: string, zone: Zone, days = 0): number {
  return zone.instantOf(Date.parse(`${date}T00:00:00Z`) + days * DAY);
}

/** The range before, as long in days of the calendar; or the same dates a year before (29 February becomes 1 March). */
export function comparisonOf({ from, to }: Bucket, kind: "previous_period" | "previous_year", zone: Zone): Bucket {
  const [first, last] = [zone.localOf(from), zone.localOf(to)];
  if (kind === "previous_period") return { from: zone.instantOf(first - (last - first)), to: from };
  const yearBefore = (local: number) => {
    const date = new Date(local);
    date.setUTCFullYear(date.getUTCFullYear() - 1);
    return zone.instantOf(date.getTime());
  };
  return { from: yearBefore(first), to: yearBefore(last) };
}
