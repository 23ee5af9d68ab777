/** What the sink and the vendors it plays say to each other. A vendor is pure: the same call gets the same verdict. */

/** One request as the vendor would see it: the sink's own prefix is gone from the URL, the body is the bytes that came. */
export interface VendorCall {
  integration: string;
  method: string;
  url: URL;
  /** Names in lower case. */
  headers: Record<string, string>;
  body: Buffer;
  /** How long the body was as sent; more than `body.length` when it was too long to keep. */
  bodyBytes: number;
  /** Milliseconds since 1970. */
  now: number;
}

/** `body` is sent as JSON unless it is a string; undefined sends none. Status 0 stands for no answer at all. */
export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: unknown;
}

export interface SentEvent {
  /** The sender's id of the event, if it says one. */
  message_id?: string | undefined;
  /** What the vendor recognises a repetition by. */
  dedup_key?: string | undefined;
  accepted: boolean;
}

export interface Verdict {
  answer: Answer;
  events: SentEvent[];
  /** What the vendor found wrong but does not say. */
  validation?: object[];
  /** `verified`, `unchecked`, or why it was refused. */
  signature?: string;
}

export type Fault = "429" | "500" | "error-in-200";

export interface Vendor {
  name: string;
  /** How long the vendor remembers what it has received. */
  dedupWindowMs: number;
  /** Whether the caller may: what needs more than a glance. An answer is given at once, undefined leaves the rest to `receive`. */
  authorise?(call: VendorCall): Promise<Answer | undefined>;
  /** What the vendor does in good health. */
  receive(call: VendorCall): Verdict;
  /** The same when it keeps only a part of what it is sent. `keeps` says yes every other time. */
  partial(verdict: Verdict, keeps: () => boolean): Verdict;
  /** What it answers in trouble; undefined when it cannot express that fault. */
  fault(fault: Fault): Answer | undefined;
}

/** The same events, none of them taken. */
export function refuseAll(verdict: Verdict, answer: Answer): Verdict {
  return { ...verdict, answer, events: verdict.events.map((event) => ({ ...event, accepted: false })) };
}
