/** One thing that was asked of a host, and what came of it. */
export type Question = "address" | "cname" | "certificate" | "health" | "script" | "events" | "write_key";

/** `warning` works, and could be better. `says` is a sentence for a person; `next` is what to do about it. */
export interface Finding {
  question: Question;
  outcome: "good" | "warning" | "failed" | "skipped";
  says: string;
  next?: string;
}

/** A stranger's text may move a terminal's cursor, or be endless. */
export const printable = (text: string): string =>
  text
    .replace(/\p{C}+/gu, " ")
    .trim()
    .slice(0, 160);
