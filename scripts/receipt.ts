/** `npm run receipt -- verify PATH` and `fetch`: whether receipts in the lake are those that were signed. docs/receipts.md explains. */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import type { JWK } from "jose";
import { fetchReceipts } from "./receipt/fetch-receipts.ts";
import { verify } from "./receipt/verify.ts";

const USAGE = `Usage: npm run receipt -- verify PATH [--key URL|FILE]
       npm run receipt -- fetch --url URL --from DAY --to DAY [options]

verify  checks a lake file (.parquet, its statement .receipts.json beside it) or a folder of them, without a network, and
        names the first receipt that is not what was signed.
  --key      the public keys: a file, or https://HOST/.well-known/millrace-receipts.json (default: keys.json in the
             folder; whoever could change the receipts could have changed that too)
  --allow-unsigned   lets pass what was written before there was a key

fetch   downloads the files of some UTC days, their statements and the public keys. The admin token is read from
        MILLRACE_TOKEN.
  --environment ID   where there are several
  --shard NAME       only this one's
  --out DIR          where to (default: receipts)

Exits with 0 if all is as it was signed, 1 if not, 2 if the command was wrong.
`;

const OPTIONS = {
  key: { type: "string" },
  "allow-unsigned": { type: "boolean" },
  url: { type: "string" },
  from: { type: "string" },
  to: { type: "string" },
  environment: { type: "string" },
  shard: { type: "string" },
  out: { type: "string", default: "receipts" },
  help: { type: "boolean", default: false },
} as const;

async function main(args: string[]): Promise<number> {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    return wrong((error as Error).message);
  }
  const { values, positionals } = parsed;
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const [verb, path] = positionals;
  if (verb === "verify")
    return path
      ? runVerify(path, values.key, values["allow-unsigned"])
      : wrong("Which file or folder? PATH is missing.");
  if (verb !== "fetch") return wrong("What to do: verify or fetch?");
  const { url, from, to, environment, shard, out } = values;
  const token = process.env.MILLRACE_TOKEN;
  if (!url || !from || !to) return wrong("--url, --from and --to are needed.");
  if (!token) return wrong("MILLRACE_TOKEN is not set.");
  const files = await fetchReceipts({ url, token, from, to, environment, shard, out });
  console.log(`${files} files in ${out}`);
  return 0;
}

const parse = (args: string[]) => parseArgs({ args, options: OPTIONS, allowPositionals: true });

async function runVerify(path: string, key: string | undefined, allowUnsigned: boolean | undefined): Promise<number> {
  const keys = await readKeys(key ?? join(path.endsWith(".parquet") ? dirname(path) : path, "keys.json"));
  if (!keys)
    return wrong(key ? `There are no public keys at ${key}.` : "Where are the public keys? Name them by --key.");
  const { files, receipts, erased, unsigned, problems } = await verify(path, keys, allowUnsigned);
  for (const problem of problems) console.error(problem);
  const trust = unsigned ? `; ${unsigned} files are not signed: their hashes fit, and anybody may have made them` : "";
  const left = erased ? `, ${erased} of people who were erased are left as hashes` : "";
  console.log(
    `${receipts} receipts in ${files} files are as they were written${left}, ${problems.length} problems${trust}`,
  );
  return problems.length === 0 && files > 0 ? 0 : 1;
}

async function readKeys(at: string): Promise<JWK[] | undefined> {
  try {
    const text = /^https?:\/\//.test(at) ? await (await fetch(at)).text() : await readFile(at, "utf8");
    const { keys } = JSON.parse(text) as { keys?: unknown };
    return Array.isArray(keys) ? (keys as JWK[]) : undefined;
  } catch {
    return undefined;
  }
}

function wrong(why: string): number {
  console.error(`${why}\n\n${USAGE}`);
  return 2;
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
);
