/** Downloads lake files with their statements, and the public keys, into a folder: all that verifying needs. */
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { statementPathOf } from "./verify.ts";

export interface Wanted {
  /** Of the API, e.g. `https://data.example.com`. */
  url: string;
  token: string;
  from: string;
  to: string;
  environment?: string | undefined;
  shard?: string | undefined;
  out: string;
}

/** Returns how many files there are. Throws with the API's own sentence where it refuses. */
export async function fetchReceipts({ url, token, from, to, environment, shard, out }: Wanted): Promise<number> {
  const ask = async (path: string, query: Record<string, string | undefined>) => {
    const address = new URL(path, url);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) address.searchParams.set(name, value);
    const answer = await fetch(address, { headers: { authorization: `Bearer ${token}` } });
    if (answer.ok) return answer;
    const said = ((await answer.json().catch(() => ({}))) as { error?: { message?: string } }).error?.message;
    throw new Error(said ?? `${address.origin} answered ${answer.status}`);
  };
  const environment_id = environment;
  const { files, environment_id: found } = (await (
    await ask("/api/v1/receipts", { from, to, shard, environment_id })
  ).json()) as { environment_id: string; files: { key: string; statement: unknown }[] };
  await mkdir(out, { recursive: true });
  await writeFile(join(out, "keys.json"), await (await ask("/.well-known/millrace-receipts.json", {})).text());
  for (const { key, statement } of files) {
    const path = join(out, basename(dirname(key)), basename(key));
    const body = await (await ask("/api/v1/receipts/file", { key, environment_id: found })).bytes();
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, body);
    if (statement) await writeFile(statementPathOf(path), JSON.stringify(statement));
  }
  return files.length;
}
