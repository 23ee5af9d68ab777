/** Sessions as columns: what a query scans. Texts are numbers of a dictionary that all blocks of a shard share, and so are visitors. */
import { SESSION_DIMENSIONS, type SessionDimension } from "./query.ts";
import { STEP_KINDS, type Step, SURROUNDINGS, type Surroundings, TRAFFIC, type Traffic } from "./session-facts.ts";

/** A session as it is taken in. Times are epoch milliseconds, `revenue` and `refunded` minor units. */
export interface AnalysedSession {
  anonymous_id: string;
  number: number;
  start: number;
  end: number;
  events: number;
  views: number;
  engaged_s: number;
  is_bounce: boolean;
  entry?: string | undefined;
  exit?: string | undefined;
  referrer?: string | undefined;
  seen?: Surroundings | undefined;
  traffic?: Traffic | undefined;
  steps: Step[];
  /** Not every step is remembered. */
  isCut?: boolean;
}

/** Texts and their numbers. 0 is "": what is not known. */
export class Dictionary {
  readonly values: string[] = [""];
  readonly #codes = new Map<string, number>([["", 0]]);

  codeOf(value = ""): number {
    let code = this.#codes.get(value);
    if (code === undefined) {
      code = this.values.push(value) - 1;
      this.#codes.set(value, code);
    }
    return code;
  }

  /** Undefined for a text that is in no session. */
  known(value: string): number | undefined {
    return this.#codes.get(value);
  }
}

export class Dictionaries {
  readonly visitors = new Dictionary();
  /** Of steps: pages and events apart, for a page may be called like an event. */
  readonly pages = new Dictionary();
  readonly events = new Dictionary();
  readonly dimensions = Object.fromEntries(SESSION_DIMENSIONS.map((name) => [name, new Dictionary()])) as Record<
    SessionDimension,
    Dictionary
  >;
}

export interface SessionColumns {
  count: number;
  /** Of all sessions. */
  from: number;
  to: number;
  /** Sessions of which not every step is remembered. */
  cut: number;
  visitor: Uint32Array;
  number: Uint32Array;
  start: Float64Array;
  end: Float64Array;
  events: Uint32Array;
  views: Uint32Array;
  engagedS: Uint32Array;
  isBounce: Uint8Array;
  orders: Uint32Array;
  refunds: Uint32Array;
  revenue: Float64Array;
  refunded: Float64Array;
  dimensions: Record<SessionDimension, Uint32Array>;
  /** Session i has the steps from firstStep[i] to firstStep[i + 1]. */
  firstStep: Uint32Array;
  stepAt: Float64Array;
  stepKind: Uint8Array;
  /** Of `pages` where the kind is `page`, else of `events`. */
  stepName: Uint32Array;
  stepValue: Float64Array;
}

export const [PAGE, EVENT, ORDER, REFUND] = STEP_KINDS.map((_, i) => i) as [number, number, number, number];

export function columnsOf(sessions: AnalysedSession[], dictionaries: Dictionaries): SessionColumns {
  const count = sessions.length;
  const steps = sessions.reduce((sum, session) => sum + session.steps.length, 0);
  const whole = () => new Uint32Array(count);
  const columns: SessionColumns = {
    count,
    from: Number.POSITIVE_INFINITY,
    to: Number.NEGATIVE_INFINITY,
    cut: 0,
    visitor: whole(),
    number: whole(),
    start: new Float64Array(count),
    end: new Float64Array(count),
    events: whole(),
    views: whole(),
    engagedS: whole(),
    isBounce: new Uint8Array(count),
    orders: whole(),
    refunds: whole(),
    revenue: new Float64Array(count),
    refunded: new Float64Array(count),
    dimensions: Object.fromEntries(SESSION_DIMENSIONS.map((name) => [name, whole()])) as Record<
      SessionDimension,
      Uint32Array
    >,
    firstStep: new Uint32Array(count + 1),
    stepAt: new Float64Array(steps),
    stepKind: new Uint8Array(steps),
    stepName: new Uint32Array(steps),
    stepValue: new Float64Array(steps),
  };
  let step = 0;
  sessions.forEach((session, i) => {
    columns.from = Math.min(columns.from, session.start);
    columns.to = Math.max(columns.to, session.end);
    columns.visitor[i] = dictionaries.visitors.codeOf(session.anonymous_id);
    columns.number[i] = session.number;
    columns.start[i] = session.start;
    columns.end[i] = session.end;
    columns.events[i] = session.events;
    columns.views[i] = session.views;
    columns.engagedS[i] = session.engaged_s;
    columns.isBounce[i] = Number(session.is_bounce);
    for (const name of SURROUNDINGS) put(name, session.seen?.[name]);
    for (const name of TRAFFIC) put(name, session.traffic?.[name]);
    for (const name of ["entry", "exit", "referrer"] as const) put(name, session[name]);
    for (const { at, kind, name, value = 0 } of session.steps) {
      const code = STEP_KINDS.indexOf(kind);
      columns.stepAt[step] = at;
      columns.stepKind[step] = code;
      columns.stepName[step] = (code === PAGE ? dictionaries.pages : dictionaries.events).codeOf(name);
      columns.stepValue[step] = value;
      step++;
      if (code === ORDER) {
        columns.orders[i]!++;
        columns.revenue[i]! += value;
      }
      if (code === REFUND) {
        columns.refunds[i]!++;
        columns.refunded[i]! += value;
      }
    }
    columns.firstStep[i + 1] = step;
    if (session.isCut) columns.cut++;

    function put(name: SessionDimension, value: string | undefined): void {
      columns.dimensions[name][i] = dictionaries.dimensions[name].codeOf(value);
    }
  });
  return columns;
}
