/**
 * A funnel over one shard's columns. Each step of a session becomes a mask of the funnel's steps that it fits; masks are put in order by
 * visitor (or session) and time, and walked once.
 */
import { filteredOf } from "./filters.ts";
import type { Funnel, FunnelPart } from "./funnel.ts";
import { type Dictionaries, PAGE, type SessionColumns } from "./session-columns.ts";
import type { Bucket } from "./time-buckets.ts";

/** Steps done, in the order of the columns: of whom, when, what they fit, and the breakdown's code of their session. */
class Done {
  count = 0;
  unit = new Uint32Array(1_024);
  at = new Float64Array(1_024);
  mask = new Uint32Array(1_024);
  group = new Uint32Array(1_024);

  add(unit: number, at: number, mask: number, group: number): void {
    if (this.count === this.unit.length) this.#grow();
    const i = this.count++;
    this.unit[i] = unit;
    this.at[i] = at;
    this.mask[i] = mask;
    this.group[i] = group;
  }

  #grow(): void {
    const size = this.count * 2;
    this.unit = inLarger(this.unit, new Uint32Array(size));
    this.at = inLarger(this.at, new Float64Array(size));
    this.mask = inLarger(this.mask, new Uint32Array(size));
    this.group = inLarger(this.group, new Uint32Array(size));
  }

  /** Indices by unit, and of each by time; `first[u]` is where unit u begins. */
  inOrder(units: number): { order: Uint32Array; first: Uint32Array } {
    const first = new Uint32Array(units + 1);
    for (let i = 0; i < this.count; i++) first[this.unit[i]! + 1]!++;
    for (let u = 0; u < units; u++) first[u + 1]! += first[u]!;
    const next = first.slice();
    const order = new Uint32Array(this.count);
    for (let i = 0; i < this.count; i++) order[next[this.unit[i]!]!++] = i;
    // Sessions lie nearly in order of time, so that few change places; of the same time, what stands first stays first.
    const { at } = this;
    for (let u = 0; u < units; u++) {
      const from = first[u]!;
      const part = order.subarray(from, first[u + 1]!);
      for (let i = 1; i < part.length; i++)
        if (at[part[i]!]! < at[part[i - 1]!]!) {
          part.sort((a, b) => at[a]! - at[b]! || a - b);
          break;
        }
    }
    return { order, first };
  }
}

/** `isHere`: whose sessions count; absent: everybody's. Steps count that were done in the range. */
export function walkFunnel(
  blocks: SessionColumns[],
  dictionaries: Dictionaries,
  funnel: Funnel,
  range: Bucket,
  isHere?: (anonymousId: string) => boolean,
): FunnelPart {
  const { steps, breakdown, by, order: kind } = funnel;
  const [pages, events] = [masksOf("page"), masksOf("event")];
  const here = isHere && Uint8Array.from(dictionaries.visitors.values, (id) => Number(isHere(id)));
  const filter = funnel.filter && filteredOf(funnel.filter, dictionaries);
  const done = new Done();
  let sessions = 0;
  let cut = 0;
  for (const block of blocks) {
    if (block.to < range.from || block.from >= range.to) continue;
    cut += block.cut;
    const filtered = filter?.in(block);
    const groups = breakdown && block.dimensions[breakdown];
    const { start, end, visitor, firstStep, stepAt, stepKind, stepName } = block;
    for (let i = 0; i < block.count; i++) {
      if (end[i]! < range.from || start[i]! >= range.to) continue;
      if (here && here[visitor[i]!] === 0) continue;
      if (filtered && filtered[i] === 0) continue;
      const unit = by === "visitor" ? visitor[i]! : sessions++;
      const group = groups ? groups[i]! : 0;
      for (let step = firstStep[i]!; step < firstStep[i + 1]!; step++) {
        const mask = (stepKind[step] === PAGE ? pages : events)[stepName[step]!]!;
        // What fits no step matters only where nothing may lie between.
        if (mask === 0 && kind !== "strict") continue;
        const at = stepAt[step]!;
        if (at >= range.from && at < range.to) done.add(unit, at, mask, group);
      }
    }
  }
  const units = by === "visitor" ? dictionaries.visitors.values.length : sessions;
  const { order, first } = done.inOrder(units);
  const walk = kind === "any" ? walkAny : walkInOrder;
  const reached = new Map<number, number[]>();
  const place: Furthest = { depth: 0, group: 0 };
  for (let u = 0; u < units; u++) {
    if (first[u] === first[u + 1]) continue;
    walk(done, order.subarray(first[u]!, first[u + 1]!), funnel, place);
    if (place.depth === 0) continue;
    let counts = reached.get(place.group);
    if (!counts) {
      counts = new Array<number>(steps.length).fill(0);
      reached.set(place.group, counts);
    }
    for (let k = 0; k < place.depth; k++) counts[k]!++;
  }
  const texts = breakdown ? dictionaries.dimensions[breakdown].values : [""];
  return { groups: [...reached].map(([code, counts]) => ({ name: texts[code]!, reached: counts })), cut };

  function masksOf(of: "page" | "event"): Uint32Array {
    const dictionary = of === "page" ? dictionaries.pages : dictionaries.events;
    const masks = new Uint32Array(dictionary.values.length);
    for (const [k, step] of steps.entries()) {
      const code = step[of] === undefined ? undefined : dictionary.known(step[of]);
      if (code !== undefined) masks[code]! |= 1 << k;
    }
    return masks;
  }
}

function inLarger<T extends Uint32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

interface Furthest {
  depth: number;
  group: number;
}

/** Per number of steps reached, the attempt that began last: none that began earlier has more time left. */
const began = new Float64Array(32);
const beganIn = new Uint32Array(32);

function walkInOrder(
  { at, mask, group }: Done,
  part: Uint32Array,
  { steps, order, within_s }: Funnel,
  place: Furthest,
): void {
  place.depth = 0;
  const isStrict = order === "strict";
  began.fill(Number.NEGATIVE_INFINITY);
  for (const i of part) {
    // From the last step, so that one thing done is not two steps at once.
    for (let k = steps.length - 1; k >= 0; k--) {
      const fits = (mask[i]! >>> k) & 1;
      const since = k === 0 ? at[i]! : began[k - 1]!;
      if (fits === 1 && at[i]! - since <= within_s * 1_000) {
        began[k] = since;
        beganIn[k] = k === 0 ? group[i]! : beganIn[k - 1]!;
        if (k + 1 > place.depth) {
          place.depth = k + 1;
          place.group = beganIn[k]!;
        }
      } else if (isStrict) began[k] = Number.NEGATIVE_INFINITY;
    }
  }
}

/** Per step, when it was done last: so many of them lie within the time limit. */
function walkAny({ at, mask, group }: Done, part: Uint32Array, { steps, within_s }: Funnel, place: Furthest): void {
  place.depth = 0;
  began.fill(Number.NEGATIVE_INFINITY);
  for (const i of part) {
    let depth = 0;
    for (let k = 0; k < steps.length; k++) {
      if ((mask[i]! >>> k) & 1) began[k] = at[i]!;
      if (at[i]! - began[k]! <= within_s * 1_000) depth++;
    }
    if (depth <= place.depth) continue;
    place.depth = depth;
    place.group = group[i]!;
  }
}
