/** Time in a card's keys: its bucket, the hour of the day and the day of the week, as one number. */
import type { Dimension } from "./query.ts";
import type { Bucket, Zone } from "./time-buckets.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const modulo = (value: number, by: number) => ((value % by) + by) % by;

export class TimeCells {
  /** How many there can be. */
  readonly count: number;
  readonly #zone: Zone;
  readonly #starts: Float64Array;
  /** Buckets in a millisecond, about. */
  readonly #scale: number;
  readonly #byHour: boolean;
  readonly #byWeekday: boolean;

  constructor(buckets: Bucket[] | undefined, dimensions: Dimension[], zone: Zone) {
    this.#zone = zone;
    this.#starts = Float64Array.from(buckets ?? [], ({ from }) => from);
    this.#scale = buckets?.length ? buckets.length / (buckets.at(-1)!.to - buckets[0]!.from) : 0;
    this.#byHour = dimensions.includes("hour");
    this.#byWeekday = dimensions.includes("weekday");
    this.count = (buckets?.length ?? 1) * (this.#byHour ? 24 : 1) * (this.#byWeekday ? 7 : 1);
  }

  /** Of an instant within the range. */
  at(instant: number): number {
    let cell = this.#starts.length > 1 ? this.#bucketAt(instant) : 0;
    if (!this.#byHour && !this.#byWeekday) return cell;
    const local = this.#zone.localOf(instant);
    if (this.#byHour) cell = cell * 24 + Math.floor(modulo(local, DAY) / HOUR);
    // 1 January 1970 was a Thursday.
    if (this.#byWeekday) cell = cell * 7 + modulo(Math.floor(local / DAY) + 4, 7);
    return cell;
  }

  /** Whether everything from `start` to `end` is of the cell of `start`. */
  holds(cell: number, start: number, end: number): boolean {
    if (this.#byHour && end - start >= HOUR) return false;
    if (this.#byWeekday && end - start >= DAY) return false;
    return this.count === 1 || this.at(end) === cell;
  }

  /** What a cell is made of. */
  partsOf(cell: number): { bucket: number; hour: number; weekday: number } {
    const weekday = this.#byWeekday ? cell % 7 : 0;
    const rest = this.#byWeekday ? Math.floor(cell / 7) : cell;
    const hour = this.#byHour ? rest % 24 : 0;
    return { bucket: this.#byHour ? Math.floor(rest / 24) : rest, hour, weekday };
  }

  /** Buckets are about equally long, so that a guess is wrong by a few. */
  #bucketAt(instant: number): number {
    const starts = this.#starts;
    const last = starts.length - 1;
    let bucket = Math.min(last, Math.floor((instant - starts[0]!) * this.#scale));
    while (bucket < last && starts[bucket + 1]! <= instant) bucket++;
    while (bucket > 0 && starts[bucket]! > instant) bucket--;
    return bucket;
  }
}
