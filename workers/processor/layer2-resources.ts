/** What pipelines need beside the event, brought before any of them runs: uploaded tables from KV, and functions' Workers. */
import { configKey, type Environment } from "../../core/environment.ts";
import { type LookupTable, lookupTable } from "../../core/pipeline/lookup-table.ts";
import type { Resources } from "../../core/pipeline/step.ts";
import { pipelineDocument, tablesOf } from "../../core/pipeline.ts";
import { functionHost } from "./function-host.ts";

const NONE: Resources = { tables: new Map() };
/** A table's version never changes: what was read once is good for ever, as far as there is room. Tables have up to 1 MB. */
const MOST_TABLES = 24;
const known = new Map<string, LookupTable>();
const namesOf = new WeakMap<object, string[]>();

/**
 * Throws where KV fails: the message is then tried again. A table that is not there is not an error here: the step that asks for it
 * says so, of each event.
 */
export async function layer2Resources(
  { id, pipelines, lookup_tables = {} }: Environment,
  env: { CONFIG: KVNamespace; LOADER?: WorkerLoader },
): Promise<Resources> {
  if (!pipelines?.length) return NONE;
  const documents = pipelines.flatMap(({ document, canary }) => (canary ? [document, canary.document] : [document]));
  const names = new Set(documents.flatMap(tableNames));
  const tables = new Map<string, LookupTable>();
  await Promise.all(
    [...names].map(async (name) => {
      const version = lookup_tables[name];
      const table = version === undefined ? undefined : await readTable(env.CONFIG, id, name, version);
      if (table) tables.set(name, table);
    }),
  );
  return { tables, ...(env.LOADER && { functions: functionHost(env.LOADER, id) }) };
}

function tableNames(document: object): string[] {
  let names = namesOf.get(document);
  if (!names) {
    const parsed = pipelineDocument.safeParse(document);
    names = parsed.success ? tablesOf(parsed.data) : [];
    namesOf.set(document, names);
  }
  return names;
}

async function readTable(
  kv: KVNamespace,
  environmentId: string,
  name: string,
  version: number,
): Promise<LookupTable | undefined> {
  const key = configKey.lookupTable(environmentId, name, version);
  const found = known.get(key);
  if (found) return found;
  const stored = await kv.get(key, { type: "json", cacheTtl: 86_400 });
  if (stored === null) return undefined;
  const table = lookupTable.parse(stored);
  if (known.size >= MOST_TABLES) known.delete(known.keys().next().value!);
  known.set(key, table);
  return table;
}
