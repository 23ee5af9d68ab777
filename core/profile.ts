/**
 * A profile as a fold over events in which their order plays no part: the same events, shuffled, leave the same profile,
 * byte for byte, also beyond every limit. It holds maxima, minima, sums, and the greatest of a set by a key that only
 * grows; what is left out by such a rule would be left out in any order.
 *
 * Two profiles of different events join to the profile of them all. A person who was merged is therefore shown as the
 * join of parts that are kept as they were, and an unmerge has nothing to restore. An event must be added once: whoever
 * adds knows what was added before.
 *
 * All times are epoch milliseconds.
 */
import { ComputedTraits, dayOf } from "./computed-traits.ts";
import { hash64 } from "./hash.ts";
import { compare, messageKey } from "./identity-graph.ts";
import type { Answer, ProfileEvent, Touch } from "./profile-event.ts";

/** Sizes are of UTF-8 JSON. */
export const PROFILE_LIMITS = {
  /** Those that were written last stay. */
  TRAITS: 1_000,
  /** Of what is shown, the newest first. */
  TRAIT_BYTES: 32 * 1024,
  VALUE_BYTES: 8 * 1024,
  NAME_LENGTH: 256,
  /** Values above 256 bytes; of more, those that were written last stay. */
  LARGE_VALUES: 64,
  /** Names of events that are counted by day. Beyond, those with the lowest hashes stay: exact, and the same in any order. */
  COUNTED_EVENTS: 100,
  COUNTED_DAYS: 90,
  ANSWERS: 200,
} as const;
const SMALL_BYTES = 256;

/** Why a trait is not in a profile, or not shown. Nothing throws: the profile says so itself. */
export const PROFILE_REASONS = {
  trait_name_too_long: "A trait's name is longer than 256 characters.",
  trait_too_large: "A trait's value is larger than 8 KB.",
  too_many_traits: "A person has at most 1,000 traits; those that were written last stay.",
  too_many_large_traits: "At most 64 traits are larger than 256 bytes; the values that were written last stay.",
  traits_too_large: "A person's traits are larger than 32 KB together; those that were written last are shown.",
  too_many_event_names: "At most 100 event names are counted by day.",
} as const;
export type ProfileReason = keyof typeof PROFILE_REASONS;

/** When something was said, and by which message: later, or at the same time by the greater id, wins. */
type Moment = readonly [at: number, message_id: string];

interface Trait {
  moment: Moment;
  json: string;
}

type AnswerKey = keyof Answer;
type AnswerMoment = [...Moment, source_id: string];
/** Of one UTC day and answer: the first and the last time that it was given. */
interface Answered {
  answer: Answer;
  first: AnswerMoment;
  last: AnswerMoment;
}

const VERSION = 1;

export interface ProfileJson {
  v: typeof VERSION;
  events: number;
  seen: [first: number, last: number];
  traits: [name: string, at: number, message_id: string, value?: unknown][];
  large: [name: string, at: number, message_id: string, value: unknown][];
  /** 0 events: it says nothing how often. */
  refused: [reason: ProfileReason, events: number][];
  first_touch: [...Moment, Touch] | null;
  last_touch: [...Moment, Touch] | null;
  computed: ReturnType<ComputedTraits["toJSON"]>;
  counters: [event: string, days: [day: number, count: number][]][];
  current: [AnswerKey, ...AnswerMoment, value: boolean | string][];
  answers: [day: number, answer: Answer, first: AnswerMoment, last: AnswerMoment][];
  answers_given: number;
}

export interface ProfileView {
  first_seen: number;
  last_seen: number;
  events: number;
  traits: Record<string, unknown>;
  first_touch: ({ at: number } & Touch) | null;
  last_touch: ({ at: number } & Touch) | null;
  /** Events of the last 90 days by name and UTC day, e.g. `{"page": {"2026-11-20": 3}}`. */
  counters: Record<string, Record<string, number>>;
  consent: {
    current: Answer;
    /** Each change of mind, oldest first. Of a day and an answer only the first and last time are known. */
    answers: { at: number; message_id: string; source_id: string; answer: Answer }[];
    /** How many events brought an answer. */
    given: number;
  };
  refused: { reason: ProfileReason; events?: number }[];
}

export class Profile {
  readonly computed: ComputedTraits;
  #events = 0;
  #seen: [first: number, last: number] = [Number.MAX_SAFE_INTEGER, 0];
  /** Without a value: the value is large, and in `#large` if it is not displaced. */
  readonly #traits = new Map<string, { moment: Moment; json?: string }>();
  readonly #large = new Map<string, Trait>();
  readonly #refused = new Map<ProfileReason, number>();
  #firstTouch: [...Moment, Touch] | undefined;
  #lastTouch: [...Moment, Touch] | undefined;
  /** Event name → day → count. A name stays when its days are over: another in its place would depend on when it came. */
  readonly #counters = new Map<string, Map<number, number>>();
  #newestDay = 0;
  readonly #current = new Map<AnswerKey, { moment: AnswerMoment; value: boolean | string }>();
  readonly #answers = new Map<string, Answered & { day: number }>();
  #answersGiven = 0;

  constructor(computed = new ComputedTraits()) {
    this.computed = computed;
  }

  get firstSeen(): number {
    return this.#seen[0];
  }

  get lastSeen(): number {
    return this.#seen[1];
  }

  get touches(): { first: Touch | undefined; last: Touch | undefined } {
    return { first: this.#firstTouch?.[2], last: this.#lastTouch?.[2] };
  }

  /** UTC day since 1970 → how often. */
  daysOf(event: string): ReadonlyMap<number, number> | undefined {
    return this.#counters.get(event);
  }

  /** The last answer; undefined where there was none. */
  answerTo(key: keyof Answer): boolean | string | undefined {
    return this.#current.get(key)?.value;
  }

  add(event: ProfileEvent): void {
    const { at, message_id, traits, touch, first_touch: earlier, consent, computed = [] } = event;
    const moment: Moment = [at, message_id];
    this.#events++;
    this.#see(at, at);
    for (const name of Object.keys(traits ?? {})) this.#addTrait(name, traits![name], moment);
    if (traits) this.#trimTraits();
    if (touch) this.#touch([at, message_id, touch]);
    if (earlier) this.#touchFirst([earlier.at, messageKey(earlier.message_id), earlier.touch]);
    for (const [key, value] of computed) this.computed.add(key, { at, message_id, value });
    this.#count(event.event, dayOf(at), 1);
    this.#trimCounters();
    if (consent) this.#answer(consent, [at, message_id, event.source_id]);
  }

  /** Everything that the other one holds, which must be of other events. */
  join(other: Profile): void {
    this.#events += other.#events;
    this.#see(...other.#seen);
    for (const [name, trait] of other.#traits) putNewest(this.#traits, name, trait);
    for (const [name, trait] of other.#large) putNewest(this.#large, name, trait);
    this.#trimTraits();
    for (const [reason, events] of other.#refused) this.#refuse(reason, events);
    for (const touch of [other.#firstTouch, other.#lastTouch]) if (touch) this.#touch(touch);
    this.computed.join(other.computed);
    for (const [name, days] of other.#counters) {
      this.#count(name, 0, 0);
      for (const [day, count] of days) this.#count(name, day, count);
    }
    this.#trimCounters();
    for (const [key, { moment, value }] of other.#current) this.#answerOne(key, value, moment);
    for (const one of other.#answers.values()) this.#putAnswered(one);
    this.#trimAnswers();
    this.#answersGiven += other.#answersGiven;
  }

  /** A trait's value as it would be shown. */
  trait(name: string): unknown {
    const json = this.#traits.has(name) ? this.#jsonOf(name, this.#traits.get(name)!) : undefined;
    return json === undefined ? undefined : JSON.parse(json);
  }

  view(): ProfileView {
    const { traits, refused } = this.#shownTraits();
    const all = new Map([...this.#refused, ...refused.map((reason) => [reason, 0] as const)]);
    const touch = (found: [...Moment, Touch] | undefined) => (found ? { at: found[0], ...found[2] } : null);
    return {
      first_seen: this.#seen[0],
      last_seen: this.#seen[1],
      events: this.#events,
      traits,
      first_touch: touch(this.#firstTouch),
      last_touch: touch(this.#lastTouch),
      counters: Object.fromEntries(
        [...this.#counters]
          .filter(([, days]) => days.size)
          .sort(([x], [y]) => compare(x, y))
          .map(([name, days]) => [
            name,
            Object.fromEntries([...days].sort(([x], [y]) => x - y).map(([day, count]) => [isoDay(day), count])),
          ]),
      ),
      consent: {
        current: Object.fromEntries([...this.#current].map(([key, { value }]) => [key, value])) as Answer,
        answers: this.#changesOfMind(),
        given: this.#answersGiven,
      },
      refused: [...all]
        .sort(([x], [y]) => compare(x, y))
        .map(([reason, events]) => ({ reason, ...(events && { events }) })),
    };
  }

  /** Sorted throughout: equal profiles are the same text. */
  toJSON(): ProfileJson {
    const byName = ([x]: readonly [string, ...unknown[]], [y]: readonly [string, ...unknown[]]) => compare(x, y);
    return {
      v: VERSION,
      events: this.#events,
      seen: this.#seen,
      traits: [...this.#traits]
        .sort(byName)
        .map(([name, { moment, json }]) =>
          json === undefined ? [name, ...moment] : [name, ...moment, JSON.parse(json)],
        ),
      large: [...this.#large].sort(byName).map(([name, { moment, json }]) => [name, ...moment, JSON.parse(json)]),
      refused: [...this.#refused].sort(byName),
      first_touch: this.#firstTouch ?? null,
      last_touch: this.#lastTouch ?? null,
      computed: this.computed.toJSON(),
      counters: [...this.#counters].sort(byName).map(([name, days]) => [name, [...days].sort(([x], [y]) => x - y)]),
      current: [...this.#current].sort(byName).map(([key, { moment, value }]) => [key, ...moment, value]),
      answers: [...this.#answers].sort(byName).map(([, { day, answer, first, last }]) => [day, answer, first, last]),
      answers_given: this.#answersGiven,
    };
  }

  /** Throws where it is of a version that this code does not know. */
  static fromJSON(json: ProfileJson): Profile {
    if (json.v !== VERSION) throw new Error(`A profile of version ${json.v} is not readable here`);
    const profile = new Profile(ComputedTraits.fromJSON(json.computed));
    profile.#events = json.events;
    profile.#seen = [...json.seen];
    for (const [name, at, message, ...value] of json.traits)
      profile.#traits.set(name, { moment: [at, message], ...(value.length && { json: JSON.stringify(value[0]) }) });
    for (const [name, at, message, value] of json.large)
      profile.#large.set(name, { moment: [at, message], json: JSON.stringify(value) });
    for (const [reason, events] of json.refused) profile.#refused.set(reason, events);
    profile.#firstTouch = json.first_touch ?? undefined;
    profile.#lastTouch = json.last_touch ?? undefined;
    for (const [name, days] of json.counters) profile.#counters.set(name, new Map(days));
    profile.#newestDay = dayOf(json.seen[1]);
    for (const [key, at, message, source, value] of json.current)
      profile.#current.set(key, { moment: [at, message, source], value });
    for (const [day, answer, first, last] of json.answers) profile.#putAnswered({ day, answer, first, last });
    profile.#answersGiven = json.answers_given;
    return profile;
  }

  #see(first: number, last: number): void {
    this.#seen = [Math.min(this.#seen[0], first), Math.max(this.#seen[1], last)];
    if (dayOf(last) <= this.#newestDay) return;
    this.#newestDay = dayOf(last);
    const oldest = this.#oldestDay();
    for (const days of this.#counters.values()) for (const day of days.keys()) if (day < oldest) days.delete(day);
  }

  #oldestDay(): number {
    return this.#newestDay - PROFILE_LIMITS.COUNTED_DAYS + 1;
  }

  #refuse(reason: ProfileReason, events: number): void {
    this.#refused.set(reason, SAID_BY_EVENTS.has(reason) ? (this.#refused.get(reason) ?? 0) + events : 0);
  }

  #addTrait(name: string, value: unknown, moment: Moment): void {
    const json = JSON.stringify(value);
    if (json === undefined) return;
    const bytes = Buffer.byteLength(json, "utf8");
    if (name.length > PROFILE_LIMITS.NAME_LENGTH) this.#refuse("trait_name_too_long", 1);
    else if (bytes > PROFILE_LIMITS.VALUE_BYTES) this.#refuse("trait_too_large", 1);
    else {
      if (bytes > SMALL_BYTES) putNewest(this.#large, name, { moment, json });
      putNewest(this.#traits, name, { moment, ...(bytes <= SMALL_BYTES && { json }) });
    }
  }

  #trimTraits(): void {
    if (keepNewest(this.#traits, PROFILE_LIMITS.TRAITS)) this.#refuse("too_many_traits", 0);
    if (keepNewest(this.#large, PROFILE_LIMITS.LARGE_VALUES)) this.#refuse("too_many_large_traits", 0);
  }

  /** What was written as large is shown only where nothing later was written, large or not. */
  #jsonOf(name: string, { moment, json }: { moment: Moment; json?: string }): string | undefined {
    if (json !== undefined) return json;
    const large = this.#large.get(name);
    return large && compareMoments(large.moment, moment) === 0 ? large.json : undefined;
  }

  #shownTraits(): { traits: Record<string, unknown>; refused: ProfileReason[] } {
    const shown: [string, unknown][] = [];
    let bytes = 2;
    let isTooLarge = false;
    for (const [name, trait] of newestFirst(this.#traits)) {
      const json = this.#jsonOf(name, trait);
      if (json === undefined) continue;
      bytes += Buffer.byteLength(json, "utf8") + Buffer.byteLength(JSON.stringify(name), "utf8") + 2;
      isTooLarge ||= bytes > PROFILE_LIMITS.TRAIT_BYTES;
      if (isTooLarge) break;
      shown.push([name, JSON.parse(json)]);
    }
    return {
      traits: Object.fromEntries(shown.sort(([x], [y]) => compare(x, y))),
      refused: isTooLarge ? ["traits_too_large"] : [],
    };
  }

  /** The first of all; and the last that came from somewhere, as GA4's "last non-direct click". */
  #touch(touch: [...Moment, Touch]): void {
    this.#touchFirst(touch);
    if (!touch[2].is_referred) return;
    if (!this.#lastTouch || compareTouches(touch, this.#lastTouch) > 0) this.#lastTouch = touch;
  }

  /** Of what came before a login only the first is known, which says nothing about the last. */
  #touchFirst(touch: [...Moment, Touch]): void {
    if (!this.#firstTouch || compareTouches(touch, this.#firstTouch) < 0) this.#firstTouch = touch;
  }

  #count(name: string, day: number, count: number): void {
    const days = this.#counters.get(name) ?? new Map<number, number>();
    this.#counters.set(name, days);
    if (count && day >= this.#oldestDay()) days.set(day, (days.get(day) ?? 0) + count);
  }

  #trimCounters(): void {
    if (this.#counters.size <= PROFILE_LIMITS.COUNTED_EVENTS) return;
    this.#refuse("too_many_event_names", 0);
    for (const name of [...this.#counters.keys()].sort(byHash).slice(PROFILE_LIMITS.COUNTED_EVENTS))
      this.#counters.delete(name);
  }

  #answer(answer: Answer, moment: AnswerMoment): void {
    this.#answersGiven++;
    for (const key of Object.keys(answer) as AnswerKey[]) this.#answerOne(key, answer[key]!, moment);
    this.#putAnswered({ day: dayOf(moment[0]), answer, first: moment, last: moment });
    this.#trimAnswers();
  }

  #answerOne(key: AnswerKey, value: boolean | string, moment: AnswerMoment): void {
    const known = this.#current.get(key);
    if (!known || compareMoments(moment, known.moment) > 0) this.#current.set(key, { moment, value });
  }

  #putAnswered({ day, answer, first, last }: Answered & { day: number }): void {
    const said = Object.keys(answer)
      .sort()
      .map((key) => `${key}:${answer[key as AnswerKey]}`);
    const key = `${String(day).padStart(6, "0")} ${said}`;
    const known = this.#answers.get(key);
    this.#answers.set(key, {
      day,
      answer,
      first: known && compareMoments(known.first, first) < 0 ? known.first : first,
      last: known && compareMoments(known.last, last) > 0 ? known.last : last,
    });
  }

  #trimAnswers(): void {
    if (this.#answers.size <= PROFILE_LIMITS.ANSWERS) return;
    const oldest = [...this.#answers.keys()].sort(compare).slice(0, -PROFILE_LIMITS.ANSWERS);
    for (const key of oldest) this.#answers.delete(key);
  }

  #changesOfMind(): ProfileView["consent"]["answers"] {
    const all = [...this.#answers].flatMap(([key, { answer, first, last }]) =>
      [first, last].map((moment) => ({ said: key.slice(7), answer, moment })),
    );
    return all
      .sort((x, y) => compareMoments(x.moment, y.moment) || compare(x.said, y.said))
      .filter(({ said }, k, sorted) => said !== sorted[k - 1]?.said)
      .map(({ answer, moment: [at, message_id, source_id] }) => ({ at, message_id, source_id, answer }));
  }
}

/** Refusals of which it says something how often they happened. The others are a state. */
const SAID_BY_EVENTS: ReadonlySet<ProfileReason> = new Set(["trait_name_too_long", "trait_too_large"]);

function compareMoments(
  [at, message]: readonly [number, string, ...unknown[]],
  [otherAt, otherMessage]: readonly [number, string, ...unknown[]],
): number {
  return at - otherAt || compare(message, otherMessage);
}

function compareTouches(one: [...Moment, Touch], other: [...Moment, Touch]): number {
  return compareMoments(one, other) || compare(JSON.stringify(one[2]), JSON.stringify(other[2]));
}

/** Of two values of one message the greater text wins: an id that two events share must not make the order count. */
function putNewest<T extends { moment: Moment; json?: string }>(into: Map<string, T>, name: string, trait: T): void {
  const known = into.get(name);
  const isNewer =
    !known || (compareMoments(trait.moment, known.moment) || compare(trait.json ?? "", known.json ?? "")) > 0;
  if (isNewer) into.set(name, trait);
}

function newestFirst<T extends { moment: Moment }>(traits: Map<string, T>): [string, T][] {
  return [...traits].sort(([x, a], [y, b]) => compareMoments(b.moment, a.moment) || compare(x, y));
}

/** Whether anything was displaced. A trait's moment only grows, so one that is displaced would be in any order. */
function keepNewest<T extends { moment: Moment }>(traits: Map<string, T>, most: number): boolean {
  if (traits.size <= most) return false;
  for (const [name] of newestFirst(traits).slice(most)) traits.delete(name);
  return true;
}

function byHash(x: string, y: string): number {
  const [a, b] = [hash64(x), hash64(y)];
  return a.high - b.high || a.low - b.low || compare(x, y);
}

function isoDay(day: number): string {
  return new Date(day * 86_400_000).toISOString().slice(0, 10);
}
