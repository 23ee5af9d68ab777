/** Seals what a shard puts into the lake: the hash of each receipt, their chain, and a signed statement beside every file. */
import { createHash } from "node:crypto";
import {
  type ChainEnd,
  contentHash,
  headsOf,
  type ReceiptFile,
  type ReceiptStatement,
  receiptKeyOf,
} from "../core/receipt-chain.ts";
import { sign, signingKey } from "../core/receipt-key.ts";
import { type LakeRow, lakeFile, type SealedRow } from "./lake-file.ts";

export interface ReceiptEnv {
  LAKE: R2Bucket;
  /** Secret, 32 bytes as base64. Without it receipts are chained and not signed. */
  RECEIPT_KEY?: string;
}

export interface SealedFile {
  /** Whether the lake file was not there before. */
  written: boolean;
  end: ChainEnd;
}

/**
 * Writes rows as a lake file, and the statement on it, onto a chain that ends at `after`. Repeated after a crash it writes the same. A
 * file that is there already stays, and the statement is on that.
 */
export async function writeSealed(
  env: ReceiptEnv,
  [environment_id, shard]: [string, string],
  file: string,
  rows: LakeRow[],
  after: ChainEnd,
): Promise<SealedFile> {
  const sealed = rows.map(seal);
  const body = lakeFile(sealed);
  let file_sha256 = createHash("sha256").update(new Uint8Array(body)).digest("hex");
  const put = await env.LAKE.put(file, body, { onlyIf: { etagDoesNotMatch: "*" }, sha256: file_sha256 });
  if (!put) file_sha256 = (await storedHash(env.LAKE, file)) ?? file_sha256;
  const heads = headsOf(
    after.head,
    sealed.map((row) => row.receipt_hash),
  );
  const statement: ReceiptStatement = {
    v: 1,
    environment_id,
    shard,
    first: after.receipts + 1,
    count: rows.length,
    file,
    file_sha256,
    previous: after.head,
    heads,
  };
  await env.LAKE.put(receiptKeyOf(file), JSON.stringify(await signed(statement, env)));
  return { written: put !== null, end: { head: heads.at(-1)!, receipts: after.receipts + rows.length } };
}

/** A key that is none must not keep events out of the lake: what it should have signed stays unsigned, and the log says so. */
async function signed(statement: ReceiptStatement, { RECEIPT_KEY }: ReceiptEnv): Promise<ReceiptFile> {
  if (!RECEIPT_KEY) return { unsigned: statement };
  try {
    return { jws: await sign(statement, await signingKey(RECEIPT_KEY)) };
  } catch (error) {
    const at = "receipts.sign";
    console.error(JSON.stringify({ level: "error", at, file: statement.file, message: (error as Error).message }));
    return { unsigned: statement };
  }
}

function seal(row: LakeRow): SealedRow {
  const event_json = JSON.stringify(row.event);
  const receipt_json = JSON.stringify(row.receipt);
  return { ...row, event_json, receipt_json, receipt_hash: contentHash(row.source_id, event_json, receipt_json) };
}

async function storedHash(lake: R2Bucket, key: string): Promise<string | undefined> {
  const stored = (await lake.head(key))?.checksums.sha256;
  return stored && Buffer.from(stored).toString("hex");
}
