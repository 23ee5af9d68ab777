/**
 * A definition made into tests of a person, once; a person is then judged in microseconds, without anything being parsed or looked up by name
 * again. What time alone can change is told with the judgement, so that nobody is judged every day in case something did.
 */
import { compileComparison } from "../comparison.ts";
import { type ComputedTrait, dayOf } from "../computed-traits.ts";
import { hash64 } from "../hash.ts";
import type { Profile } from "../profile.ts";
import { type Condition, counterOf, type Leaf } from "./definition.ts";

const DAY_MS = 86_400_000;
/** Time alone changes nothing. */
const NEVER = Number.POSITIVE_INFINITY;

/** Who is judged: what is known of a person, whatever parts it is kept in. */
export interface Judged {
  person_id: string;
  profile: Profile;
}

export interface Explained {
  /** Where in the definition: `all.2`. */
  place: string;
  condition: Leaf;
  holds: boolean;
  /** What was found; absent where there is nothing. */
  found?: unknown;
}

export interface CompiledSegment {
  /** Epoch milliseconds. */
  includes(person: Judged, now: number): boolean;
  /** The earliest time, later than `now`, at which any condition can come out otherwise without an event; Infinity: never. */
  nextChangeAt(person: Judged, now: number): number;
  /** Every condition, in the order in which they are written. */
  explain(person: Judged, now: number): { includes: boolean; conditions: Explained[] };
}

export interface Surroundings {
  computed_traits: readonly ComputedTrait[];
  /** The definition of another segment of the environment. */
  segment(id: string): Condition | undefined;
}

export type Compiling = { ok: true; segment: CompiledSegment } | { ok: false; reason: string };

/** Refused where a segment that is named does not exist, or where segments name each other in a circle. */
export function compileSegment(definition: Condition, surroundings: Surroundings): Compiling {
  const refusal: { reason?: string } = {};
  const node = compile(definition, "", surroundings, [], refusal);
  if (refusal.reason !== undefined) return { ok: false, reason: refusal.reason };
  return {
    ok: true,
    segment: {
      includes: node.test,
      nextChangeAt: node.next,
      explain(person, now) {
        const conditions: Explained[] = [];
        node.explain(person, now, conditions);
        return { includes: node.test(person, now), conditions };
      },
    },
  };
}

interface Node {
  test(person: Judged, now: number): boolean;
  next(person: Judged, now: number): number;
  explain(person: Judged, now: number, into: Explained[]): void;
}

function compile(
  condition: Condition,
  place: string,
  surroundings: Surroundings,
  inside: readonly string[],
  refusal: { reason?: string },
): Node {
  const below = (one: Condition, step: string) =>
    compile(one, place ? `${place}.${step}` : step, surroundings, inside, refusal);
  if ("not" in condition) {
    const { test, next, explain } = below(condition.not, "not");
    return { test: (person, now) => !test(person, now), next, explain };
  }
  if ("all" in condition || "any" in condition) {
    const isAll = "all" in condition;
    const nodes = (isAll ? condition.all : condition.any).map((one, i) => below(one, `${isAll ? "all" : "any"}.${i}`));
    return {
      test: isAll
        ? (person, now) => {
            for (const node of nodes) if (!node.test(person, now)) return false;
            return true;
          }
        : (person, now) => {
            for (const node of nodes) if (node.test(person, now)) return true;
            return false;
          },
      next: (person, now) => nodes.reduce((earliest, node) => Math.min(earliest, node.next(person, now)), NEVER),
      explain: (person, now, into) => {
        for (const node of nodes) node.explain(person, now, into);
      },
    };
  }
  const { find, holds, next } =
    "segment" in condition
      ? ofSegment(condition.segment, surroundings, inside, refusal)
      : compileLeaf(condition, surroundings);
  return {
    test: (person, now) => holds(find(person, now)),
    next: next ?? (() => NEVER),
    explain(person, now, into) {
      const found = find(person, now);
      into.push({ place, condition, holds: holds(found), ...(found !== undefined && { found }) });
    },
  };
}

interface CompiledLeaf {
  find(person: Judged, now: number): unknown;
  holds(found: unknown): boolean;
  /** Absent: never. */
  next?: (person: Judged, now: number) => number;
}

function ofSegment(
  id: string,
  surroundings: Surroundings,
  inside: readonly string[],
  refusal: { reason?: string },
): CompiledLeaf {
  const definition = inside.includes(id) ? undefined : surroundings.segment(id);
  if (!definition) {
    refusal.reason ??= inside.includes(id)
      ? `segments name each other in a circle: ${[...inside.slice(inside.indexOf(id)), id].join(" → ")}`
      : `there is no segment ${id}`;
    return { find: () => undefined, holds: () => false };
  }
  const { test, next } = compile(definition, "", surroundings, [...inside, id], refusal);
  return { find: test, holds: (found) => found === true, next };
}

function compileLeaf(leaf: Exclude<Leaf, { segment: string }>, { computed_traits }: Surroundings): CompiledLeaf {
  if ("trait" in leaf) {
    const { trait } = leaf;
    return { find: ({ profile }) => profile.trait(trait), holds: compileComparison(leaf.value) };
  }
  if ("computed_trait" in leaf) {
    const declared = computed_traits.find(({ name }) => name === leaf.computed_trait);
    return { ...(declared ? ofCounter(declared) : { find: () => undefined }), holds: compileComparison(leaf.value) };
  }
  if ("event" in leaf) {
    const counter = counterOf(leaf);
    const { find, next } = counter ? ofCounter(counter) : ofDays(leaf.event, leaf.within_days!);
    const isIt = compileComparison(leaf.times);
    return { find: (person, now) => find(person, now) ?? 0, holds: isIt, ...(next && { next }) };
  }
  if ("aggregate" in leaf) return { ...ofCounter(counterOf(leaf)!), holds: compileComparison(leaf.value) };
  if ("touch" in leaf) {
    const { touch: which, field, value } = leaf;
    return {
      find({ profile }) {
        const touch = profile.touches[which];
        return field === "referrer" || field === "page" ? touch?.[field] : touch?.campaign?.[field];
      },
      holds: compileComparison(value),
    };
  }
  if ("consent" in leaf) {
    const { consent, granted } = leaf;
    return { find: ({ profile }) => profile.answerTo(consent), holds: (found) => (found === true) === granted };
  }
  if ("seen_within_days" in leaf) {
    const window = leaf.seen_within_days * DAY_MS;
    const until = ({ profile }: Judged) => profile.lastSeen + window;
    return {
      find: (person, now) => now < until(person),
      holds: (found) => found === true,
      next: (person, now) => (until(person) > now ? until(person) : NEVER),
    };
  }
  const { bucket, from_percent, to_percent } = leaf;
  return {
    find: ({ person_id }) => percentOf(person_id, bucket),
    holds: (found) => (found as number) >= from_percent && (found as number) < to_percent,
  };
}

/** Where somebody stands among all people, by a name: 0 up to 100, in millionths, the same for ever. */
export function percentOf(person_id: string, name: string): number {
  return (hash64(`${name}\n${person_id}`).high % 1_000_000) / 10_000;
}

/** From the aggregates of computed traits, which move at midnight. */
function ofCounter(counter: ComputedTrait): Pick<CompiledLeaf, "find" | "next"> {
  const find = ({ profile }: Judged, now: number) => profile.computed.read(counter, now)?.value;
  if (counter.window_days === undefined && counter.kind !== "days_since") return { find };
  return {
    find,
    next: (person, now) => (find(person, now) === undefined ? NEVER : (dayOf(now) + 1) * DAY_MS),
  };
}

/** From the counters by day: it changes when the first day that is counted leaves the window. */
function ofDays(event: string, window: number): Pick<CompiledLeaf, "find" | "next"> {
  return {
    find({ profile }, now) {
      const from = dayOf(now) - window;
      let count = 0;
      for (const [day, times] of profile.daysOf(event) ?? []) if (day > from) count += times;
      return count;
    },
    next({ profile }, now) {
      const from = dayOf(now) - window;
      let first = NEVER;
      for (const day of profile.daysOf(event)?.keys() ?? []) if (day > from && day < first) first = day;
      return first === NEVER ? NEVER : (first + window) * DAY_MS;
    },
  };
}
