/** Read, change, write: again where somebody came between, unless the caller said what they had seen. */
import { ApiError } from "../core/api-error.ts";

const MOST_ATTEMPTS = 8;

/**
 * `attempt` answers undefined where the row was changed since `read`; `expected`: the revision that the caller has seen. Throws
 * `precondition_failed`, `conflict`.
 */
export async function changeRow<Row extends { id: string; revision: number }, Changed>(
  read: () => Promise<Row>,
  expected: number | undefined,
  attempt: (row: Row) => Promise<Changed | undefined>,
): Promise<Changed> {
  for (let attempts = 0; attempts < MOST_ATTEMPTS; attempts++) {
    const row = await read();
    if (expected !== undefined && row.revision !== expected)
      throw new ApiError("precondition_failed", `${row.id} has been changed since: read it again`);
    const changed = await attempt(row);
    if (changed !== undefined) return changed;
  }
  throw new ApiError("conflict", "It is being changed by many at once: try again");
}
