/** The records of an organisation's audit, as a chain: each is hashed together with the hash of the one before. */
import * as z from "zod";
import { sha256 } from "./hash.ts";

/** What somebody did. `before` and `after` hold no secrets: who calls sees to that (workers/api/audit.ts). */
export const auditEntry = z.object({
  organisation_id: z.string(),
  /** `user:usr_1`, `key:key_1`, `admin`. */
  actor: z.string(),
  /** `POST /api/v1/dead-letters/:id/retry`, `sign_in`. */
  action: z.string(),
  /** What it was done to: `/api/v1/dead-letters/x/retry`. */
  subject: z.string(),
  before: z.unknown().optional(),
  after: z.unknown().optional(),
  request_id: z.string(),
  ip: z.string(),
});
export type AuditEntry = z.infer<typeof auditEntry>;

/** As D1 and the archive have it; `before` and `after` are JSON. */
export const auditRow = z.object({
  organisation_id: z.string(),
  /** From 1 on, without gaps. */
  sequence: z.int().min(1),
  at: z.string(),
  actor: z.string(),
  action: z.string(),
  subject: z.string(),
  before: z.string().nullable(),
  after: z.string().nullable(),
  request_id: z.string(),
  ip: z.string(),
  /** The `hash` of the row before; of the first, `FIRST`. */
  previous: z.string(),
  hash: z.string(),
});
export type AuditRow = z.infer<typeof auditRow>;

/** What an organisation's object knows by heart: whoever can write to the database cannot change it there. */
export interface ChainHead {
  sequence: number;
  hash: string;
}

/** The hash before the first row: each organisation begins with its own. */
export const firstHash = (organisationId: string) => sha256(`millrace audit ${organisationId}`);

/** SHA-256 of the columns in this order, as a JSON list: no two rows are written alike. */
export function hashOf({ hash: _, ...row }: Omit<AuditRow, "hash"> & { hash?: string }): string {
  const { organisation_id, sequence, at, actor, action, subject, before, after, request_id, ip, previous } = row;
  return sha256(
    JSON.stringify([organisation_id, sequence, at, actor, action, subject, before, after, request_id, ip, previous]),
  );
}

export type ChainProblem =
  /** A column is not what was hashed. */
  | { sequence: number; problem: "changed" }
  /** Rows `sequence` to `until` are not there. */
  | { sequence: number; problem: "missing"; until: number }
  /** The row itself is whole, but belongs behind another one than the one that is there. */
  | { sequence: number; problem: "out_of_place" }
  /** There are rows that the organisation's object never wrote. */
  | { sequence: number; problem: "added" };

/** Checks rows piece by piece, in ascending order of `sequence`, against each other and in the end against the head. */
export class ChainCheck {
  readonly problems: ChainProblem[] = [];
  rows = 0;
  #last: ChainHead;
  /** Whether the row before was as it was written: what follows from a broken one is not told twice. */
  #lastIsWhole = true;

  constructor(organisationId: string, from: ChainHead = { sequence: 0, hash: firstHash(organisationId) }) {
    this.#last = from;
  }

  /** Where the check stands: the next piece may go on from here. */
  get last(): ChainHead {
    return this.#last;
  }

  add(row: AuditRow): void {
    this.rows++;
    const expected = this.#last.sequence + 1;
    const isNext = row.sequence === expected;
    if (row.sequence > expected)
      this.problems.push({ sequence: expected, problem: "missing", until: row.sequence - 1 });
    const isWhole = hashOf(row) === row.hash;
    if (!isWhole) this.problems.push({ sequence: row.sequence, problem: "changed" });
    else if (isNext && this.#lastIsWhole && row.previous !== this.#last.hash)
      this.problems.push({ sequence: row.sequence, problem: "out_of_place" });
    this.#lastIsWhole = isWhole;
    this.#last = { sequence: row.sequence, hash: row.hash };
  }

  /** `head` is what the object knows; without it the end cannot be told from a shorter chain. */
  end(head?: ChainHead): ChainProblem[] {
    if (!head) return this.problems;
    const { sequence, hash } = this.#last;
    if (sequence < head.sequence)
      this.problems.push({ sequence: sequence + 1, problem: "missing", until: head.sequence });
    else if (sequence > head.sequence) this.problems.push({ sequence: head.sequence + 1, problem: "added" });
    else if (hash !== head.hash && this.#lastIsWhole) this.problems.push({ sequence, problem: "changed" });
    return this.problems;
  }
}
