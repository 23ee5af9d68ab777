/**
 * `npm run bench -- NAME [--json] [--save]`, with a name from the list below; without one, all of them. Progress goes to stderr, results to
 * stdout, and with --save to bench/results.json, which `npm run cost` reads.
 */
import { parseArgs } from "node:util";
import { benchAnalytics } from "./analytics.ts";
import { benchBulkImport } from "./bulk-import.ts";
import { benchDelivery, benchOutage } from "./delivery.ts";
import { benchIngest } from "./ingest.ts";
import { benchLayer1 } from "./layer1.ts";
import { benchLayer2 } from "./layer2.ts";
import { benchMapping } from "./mapping.ts";
import { benchPipeline } from "./pipeline.ts";
import { benchProfiles } from "./profiles.ts";
import { report } from "./report.ts";
import { saveResult } from "./results.ts";
import { benchShard } from "./shard.ts";

const benchmarks = {
  ingest: benchIngest,
  pipeline: benchPipeline,
  shard: benchShard,
  layer1: benchLayer1,
  "bulk-import": benchBulkImport,
  profiles: benchProfiles,
  mapping: benchMapping,
  delivery: benchDelivery,
  outage: benchOutage,
  layer2: benchLayer2,
  analytics: benchAnalytics,
};

const { values, positionals } = parseArgs({
  options: { json: { type: "boolean", default: false }, save: { type: "boolean", default: false } },
  allowPositionals: true,
});
const wanted = positionals.length ? positionals : Object.keys(benchmarks);
const unknown = wanted.filter((name) => !(name in benchmarks));
if (unknown.length) {
  console.error(`no benchmark ${unknown.join(", ")}; there are ${Object.keys(benchmarks).join(", ")}`);
  process.exit(2);
}
for (const name of wanted) {
  const result = await benchmarks[name as keyof typeof benchmarks]((text) => process.stderr.write(`· ${text}\n`));
  if (values.save) await saveResult(result);
  console.log(values.json ? JSON.stringify(result) : report(result));
}
process.exit();
