/** Counts in windows of fixed length, in memory: so many of each caller, and of so many callers at once. */

const MOST_CALLERS = 10_000;

export interface Left {
  ok: boolean;
  remaining: number;
  /** Epoch milliseconds. */
  resets_at: number;
}

export class RateWindow {
  readonly #most: number;
  readonly #windowMs: number;
  #counts = new Map<string, number>();
  #endsAt = 0;

  constructor(most: number, windowMs: number) {
    this.#most = most;
    this.#windowMs = windowMs;
  }

  /** Takes one of each of these callers; the one with the least left decides. */
  take(callers: string[], now: number): Left {
    // What is counted ends for everybody at once: a caller who is forgotten because there are too many would begin anew.
    if (now >= this.#endsAt || this.#counts.size > MOST_CALLERS) {
      this.#counts = new Map();
      this.#endsAt = now + this.#windowMs;
    }
    let remaining = this.#most;
    for (const caller of callers) {
      const count = (this.#counts.get(caller) ?? 0) + 1;
      this.#counts.set(caller, count);
      remaining = Math.min(remaining, this.#most - count);
    }
    return { ok: remaining >= 0, remaining: Math.max(0, remaining), resets_at: this.#endsAt };
  }
}
