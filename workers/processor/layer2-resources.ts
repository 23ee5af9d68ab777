/** What pipelines need beside the event, brought before any of them runs: uploaded tables from KV, and functions' Workers. */
import { configKey, type Environment } from "../../core/environment.ts";
import { type LookupTable, lookupTable } from "../../core/pipeline/lookup-table.ts";
import type { Resources } from "../../core/pipeline/step.ts";
import { pipelineDocument, tablesOf } from "../../core/pipeline.ts";
import { functionHost } from "./function-host.ts";

interface ResourcesEnv {
  CONFIG: KVNamespace;
  LOADER?: WorkerLoader;
}

const NONE: Resources = { tables: new Map() };
/** A table's version never changes: what was read once is good for ever, as far as there is room. Characters of JSON, which take several times as much memory. */
const MOST_CHARACTERS = 6_000_000;
const known = new Map<string, { table: LookupTable; characters: number }>();
let characters = 0;
const namesOf = new WeakMap<object, string[]>();

/**
 * Throws where KV fails: the message is then tried again. A table that is not there is not an error here: the step that asks for it
 * says so, of each event.
 */
export async function layer2Resources(
  { id, pipelines, lookup_tables = {} }: Environment,
  env: ResourcesEnv,
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

/** For one batch: each environment's once, so that the events of all its messages travel to a function together. */
export function resourcesOfBatch(env: ResourcesEnv): (environment: Environment) => Promise<Resources> {
  const asked = new Map<string, Promise<Resources>>();
  return (environment) => {
    let resources = asked.get(environment.id);
    if (!resources) {
      resources = layer2Resources(environment, env);
      asked.set(environment.id, resources);
    }
    return resources;
  };
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
  if (found) return found.table;
  const stored = await kv.get(key, { type: "text", cacheTtl: 86_400 });
  if (stored === null) return undefined;
  const table = lookupTable.parse(JSON.parse(stored));
  // Another batch may have read it meanwhile.
  if (!known.has(key)) remember(key, table, stored.length);
  return table;
}

/** The oldest go first. */
function remember(key: string, table: LookupTable, size: number): void {
  known.set(key, { table, characters: size });
  characters += size;
  for (const [oldest, { characters: freed }] of known) {
    if (characters <= MOST_CHARACTERS || oldest === key) break;
    known.delete(oldest);
    characters -= freed;
  }
}
