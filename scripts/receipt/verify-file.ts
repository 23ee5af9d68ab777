/** Verifies one lake file against the statement beside it, and finds the first receipt that is not what was signed. */
import { createHash } from "node:crypto";
import type { JWK } from "jose";
import { BLOCK, contentHash, headsOf, type ReceiptStatement, receiptFile } from "../../core/receipt-chain.ts";
import { openStatement } from "../../core/receipt-key.ts";
import { COLUMNS, type SealedRow } from "../../durable-objects/lake-file.ts";
import { erasedFrom, type Row, readDamagedRows, readRows } from "./read-rows.ts";

export type Verdict =
  | { ok: true; statement: ReceiptStatement; receipts: number; erased: number; kid: string | null }
  | { ok: false; statement?: ReceiptStatement; problem: string; first?: { receipt: number; message_id?: string } };

/** `keys`: whom to believe. Without any signature only the hashes are checked: anybody may have made them. */
export async function verifyFile(
  file: Uint8Array,
  statementText: string | undefined,
  keys: readonly JWK[],
): Promise<Verdict> {
  if (statementText === undefined) return { ok: false, problem: "there is no statement beside it" };
  const opened = await open(statementText, keys);
  if (!opened.ok) return { ok: false, problem: `its statement cannot be believed: ${opened.why}` };
  const { statement, kid } = opened;
  const isWhole = createHash("sha256").update(file).digest("hex") === statement.file_sha256;
  let rows: Row[];
  let erased: [index: number, receiptHash: string][] | undefined;
  try {
    rows = await (isWhole ? readRows(file) : readDamagedRows(file));
    if (!isWhole) erased = erasedFrom(file);
  } catch (error) {
    return {
      ok: false,
      statement,
      problem: `it cannot be read: ${(error as Error).message}`,
      first: { receipt: statement.first },
    };
  }
  const wrong = firstWrong(rows, statement, erased);
  if (wrong) return { ok: false, statement, ...wrong };
  // Rows that were moved into another object are those that were signed, under bytes that nobody could sign then.
  if (!isWhole && !erased) {
    return {
      ok: false,
      statement,
      problem: "its receipts are those that were signed, but other bytes of the file are not",
    };
  }
  return { ok: true, statement, receipts: rows.length, erased: erased?.length ?? 0, kid };
}

async function open(text: string, keys: readonly JWK[]) {
  let parsed: ReturnType<typeof receiptFile.safeParse>;
  try {
    parsed = receiptFile.safeParse(JSON.parse(text));
  } catch (error) {
    return { ok: false as const, why: (error as Error).message };
  }
  if (!parsed.success) return { ok: false as const, why: "it has another form" };
  if ("unsigned" in parsed.data) return { ok: true as const, statement: parsed.data.unsigned, kid: null };
  return openStatement(parsed.data.jws, keys);
}

function firstWrong(left: Row[], statement: ReceiptStatement, erased: [index: number, receiptHash: string][] = []) {
  // Each row at the place at which it was signed; of one that was erased there is the hash alone.
  const rows: { receipt_hash: string; row?: Row }[] = left.map((row) => ({ receipt_hash: row.receipt_hash, row }));
  for (const [index, receipt_hash] of erased) rows.splice(index, 0, { receipt_hash });
  const at = (i: number) => ({
    receipt: statement.first + i,
    ...(rows[i]?.row && { message_id: String(rows[i].row.message_id) }),
  });
  for (const [i, { row }] of rows.entries()) {
    const problem = row && wrongWith(row);
    if (problem) return { problem, first: at(i) };
  }
  const heads = headsOf(
    statement.previous,
    rows.map(({ receipt_hash }) => receipt_hash),
  );
  for (const [i, head] of statement.heads.entries()) {
    if (heads[i] === head) continue;
    const last = Math.min((i + 1) * BLOCK, statement.count);
    const problem = `the receipts up to ${statement.first + last - 1} do not lead to the signed head: one of them was changed, left out or put in`;
    return { problem, first: at(i * BLOCK) };
  }
  if (rows.length === statement.count) return undefined;
  return {
    problem: `it holds ${rows.length} receipts, and ${statement.count} were signed`,
    first: at(statement.count),
  };
}

/** A receipt's own hash, and every column beside it, which a query may read in its place. */
function wrongWith(row: Row): string | undefined {
  if (contentHash(row.source_id, row.event_json, row.receipt_json) !== row.receipt_hash)
    return "the event or its receipt is not what its hash says";
  const event = JSON.parse(row.event_json);
  const sealed: SealedRow = { ...row, event, receipt: JSON.parse(row.receipt_json) };
  const other = COLUMNS.find(({ name, of }) => text(of(sealed)) !== text(row[name]));
  return other && `the column ${other.name} says other than the event`;
}

const text = (value: unknown) => (value instanceof Date ? value.toISOString() : String(value ?? null));
