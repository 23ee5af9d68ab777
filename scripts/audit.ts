/** `npm run audit -- verify FILE…`: whether archived audit records are those that were written, without a network. docs/operations.md explains. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { auditRow, ChainCheck, type ChainHead } from "../core/audit-chain.ts";

const USAGE = `Usage: npm run audit -- verify FILE… [--head SEQUENCE:HASH]

Checks files of the audit's archive (audit/ORGANISATION/….ndjson in R2), in the order given, and names every record that was changed,
is missing or stands where another belongs. The first file may begin anywhere; with --head (from GET /api/v1/audit/verify, noted
elsewhere) also whether the end is there.

Exits with 0 if all is as it was written, 1 if not, 2 if the command was wrong.
`;

async function main([verb, ...rest]: string[]): Promise<number> {
  const at = rest.indexOf("--head");
  const [, sequence, hash] = at < 0 ? [] : (/^(\d+):([0-9a-f]{64})$/.exec(rest[at + 1] ?? "") ?? []);
  const files = at < 0 ? rest : rest.toSpliced(at, 2);
  if (verb !== "verify" || files.length === 0 || (at >= 0 && hash === undefined)) {
    console.error(USAGE);
    return 2;
  }
  let check: ChainCheck | undefined;
  for (const file of files) {
    let number = 0;
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
      number++;
      if (line === "") continue;
      const row = read(line);
      if (!row) {
        console.error(`✗ ${file}:${number} is no audit record`);
        return 1;
      }
      // A file that begins later is taken from there on.
      check ??= new ChainCheck(
        row.organisation_id,
        row.sequence === 1 ? undefined : { sequence: row.sequence - 1, hash: row.previous },
      );
      check.add(row);
    }
  }
  const head: ChainHead | undefined = hash === undefined ? undefined : { sequence: Number(sequence), hash };
  const problems = check?.end(head) ?? [];
  for (const { sequence: n, ...about } of problems)
    console.error(`✗ record ${n}: ${about.problem}${"until" in about ? `, until ${about.until}` : ""}`);
  if (problems.length) return 1;
  console.log(`✓ ${check?.rows ?? 0} records, the last of them ${check?.last.sequence ?? 0}:${check?.last.hash ?? ""}`);
  return 0;
}

function read(line: string) {
  try {
    return auditRow.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`✗ ${(error as Error).message}`);
  process.exitCode = 2;
}
