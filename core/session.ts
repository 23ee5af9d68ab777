/**
 * Sessions as a pure rule: which session an event belongs to, given the visitor's recent ones.
 * By event time, not by arrival, so late and out-of-order events land where they happened; midnight and time zones play no part.
 * All times are epoch milliseconds.
 */

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
}

/** How far behind the visitor's newest event an event still finds its session. */
export const REMEMBER_MS = 24 * 3_600_000;

export interface Placed {
  sessions: Session[];
  session: Session;
  isNew: boolean;
}

/**
 * Puts an event into the session that it falls into or touches within `timeoutMs`, or opens one.
 * `lastNumber` is the highest number that this visitor ever had. Mutates nothing.
 */
export function placeInSession(
  sessions: readonly Session[],
  lastNumber: number,
  at: number,
  timeoutMs: number,
): Placed {
  const index = sessions.findIndex((s) => at >= s.start - timeoutMs && at <= s.end + timeoutMs);
  if (index >= 0) {
    const found = sessions[index]!;
    const session = { ...found, start: Math.min(found.start, at), end: Math.max(found.end, at) };
    return { sessions: sessions.with(index, session), session, isNew: false };
  }
  const session = { number: lastNumber + 1, opened: at, start: at, end: at };
  const newest = Math.max(at, ...sessions.map((s) => s.end));
  return { sessions: [...sessions.filter((s) => s.end >= newest - REMEMBER_MS), session], session, isNew: true };
}
