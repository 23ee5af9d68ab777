/** Verifies lake files as they were fetched: each by itself, and that no file of a shard is missing between the first and the last. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { JWK } from "jose";
import type { ReceiptStatement } from "../../core/receipt-chain.ts";
import { verifyFile } from "./verify-file.ts";

export interface Report {
  files: number;
  receipts: number;
  /** Receipts of people who were erased: of each there is its hash alone, so the others are verified all the same. */
  erased: number;
  unsigned: number;
  /** In the order of the chain; the first is the first. */
  problems: string[];
}

/**
 * A file, or a folder and all below it. `keys` as a JSON Web Key Set's. A file that nobody signed is a problem where there are keys:
 * whoever forges one would leave the signature out.
 */
export async function verify(path: string, keys: readonly JWK[], allowUnsigned = keys.length === 0): Promise<Report> {
  const report: Report = { files: 0, receipts: 0, erased: 0, unsigned: 0, problems: [] };
  const found: { path: string; statement: ReceiptStatement }[] = [];
  for (const file of await lakeFilesIn(path)) {
    report.files++;
    const verdict = await verifyFile(await readFile(file), await readStatement(file), keys);
    if (verdict.statement) found.push({ path: file, statement: verdict.statement });
    if (verdict.ok) {
      report.receipts += verdict.receipts;
      report.erased += verdict.erased;
      if (verdict.kid !== null) continue;
      report.unsigned++;
      if (!allowUnsigned) report.problems.push(`${file}: nobody signed it, and there is a key that should have`);
      continue;
    }
    const { first } = verdict;
    const who = first ? `receipt ${first.receipt}${first.message_id ? ` (message_id ${first.message_id})` : ""}: ` : "";
    report.problems.push(`${file}: ${who}${verdict.problem}`);
  }
  report.problems.push(...gapsIn(found));
  return report;
}

/** `s3-1-40.parquet` → `s3-1-40.receipts.json`, beside it. */
export const statementPathOf = (file: string) => file.replace(/\.parquet$/, ".receipts.json");

async function readStatement(file: string): Promise<string | undefined> {
  return readFile(statementPathOf(file), "utf8").catch(() => undefined);
}

async function lakeFilesIn(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true });
  return entries
    .filter((entry) => entry.endsWith(".parquet"))
    .sort()
    .map((entry) => join(path, entry));
}

function gapsIn(found: { path: string; statement: ReceiptStatement }[]): string[] {
  const shards = Map.groupBy(found, ({ statement: { environment_id, shard } }) => `${environment_id}/${shard}`);
  return [...shards.values()].flatMap((files) => {
    const sorted = files.sort((a, b) => a.statement.first - b.statement.first);
    return sorted.slice(1).flatMap(({ path, statement }, i) => {
      const before = sorted[i]!.statement;
      const expected = before.first + before.count;
      if (statement.first > expected)
        return `${path}: receipts ${expected} to ${statement.first - 1} are missing before it`;
      if (statement.first < expected) return `${path}: receipt ${statement.first} is in two files`;
      return statement.previous === before.heads.at(-1) ? [] : `${path}: it does not follow on the file before it`;
    });
  });
}
