/**
 * How versions of a pipeline do, and what follows from it for a canary: counted by the gates of the integrations that its events went
 * to, decided by its rule (db/pipelines.ts), every minute by cron, or by a person.
 */
import { drizzle } from "drizzle-orm/d1";
import { versionTag } from "../core/pipeline/published.ts";
import { type CanaryRule, endCanary, type Pipeline, pipelinesWithCanary } from "../db/pipelines.ts";
import * as schema from "../db/schema.ts";
import type { IntegrationGate } from "../durable-objects/integration-gate.ts";
import { addVersionCounts, VERSION_OUTCOMES, type VersionCounts } from "../durable-objects/version-counts.ts";
import { readEnvironment } from "./config.ts";

interface CanaryEnv {
  CONFIG: KVNamespace;
  DB: D1Database;
  INTEGRATION_GATE: DurableObjectNamespace<IntegrationGate>;
}

/** The counts of versions, over all the integrations that the pipeline's events go to. Versions that nothing came through have zeros. */
export async function countsOf(
  env: CanaryEnv,
  pipeline: Pick<Pipeline, "id" | "environment_id" | "integration_id">,
  versions: number[],
): Promise<Record<number, VersionCounts>> {
  const environment = pipeline.integration_id ? undefined : await readEnvironment(env.CONFIG, pipeline.environment_id);
  const gates = pipeline.integration_id
    ? [pipeline.integration_id]
    : (environment?.integrations.map(({ id }) => id) ?? []);
  const tags = versions.map((version) => versionTag(pipeline.id, version));
  const counted = await Promise.all(gates.map((id) => env.INTEGRATION_GATE.getByName(id).versionCounts(tags)));
  return Object.fromEntries(
    versions.map((version, i) => [
      version,
      counted.reduce((sum, counts) => addVersionCounts(sum, counts[tags[i]!] ?? {}), addVersionCounts(undefined, {})),
    ]),
  );
}

export interface Performance extends VersionCounts {
  /** Queued or failed: what its rule speaks of. */
  events: number;
  /** Of those, failed, passed over, or refused by the vendor. */
  failure_percent: number;
  /** Of what the vendor has answered finally, what it took; null while there is nothing. */
  acceptance_percent: number | null;
}

export function performanceOf(counts: VersionCounts): Performance {
  const events = counts.queued + counts.failed;
  const failures = Math.min(events, counts.failed + counts.skipped_steps + counts.dead_lettered);
  const answered = counts.delivered + counts.dead_lettered;
  return {
    ...counts,
    events,
    failure_percent: events ? percent(failures / events) : 0,
    acceptance_percent: answered ? percent(counts.delivered / answered) : null,
  };
}

const percent = (share: number) => Math.round(share * 10_000) / 100;

/** What both versions did since the canary began. Undefined where there is none. */
export async function comparisonOf(
  env: CanaryEnv,
  pipeline: Pipeline,
): Promise<{ live: Performance; canary: Performance } | undefined> {
  const { canary, live_version } = pipeline;
  if (!canary) return undefined;
  const counts = await countsOf(env, pipeline, [live_version, canary.version]);
  return {
    live: performanceOf(since(counts[live_version]!, canary.baseline.live)),
    canary: performanceOf(since(counts[canary.version]!, canary.baseline.canary)),
  };
}

function since(now: VersionCounts, before: VersionCounts): VersionCounts {
  const difference = { ...now };
  for (const name of VERSION_OUTCOMES) difference[name] = Math.max(0, now[name] - before[name]);
  return difference;
}

/** What the rule says; undefined where it says nothing yet. */
export function verdictOf(
  rule: CanaryRule,
  { events, failure_percent }: Performance,
): { outcome: "promoted" | "rolled_back"; reason: string } | undefined {
  if (events < rule.min_events) return undefined;
  const found = `${failure_percent} % of ${events} events failed`;
  if (failure_percent > rule.max_failure_percent)
    return { outcome: "rolled_back", reason: `${found}, more than ${rule.max_failure_percent} %` };
  if (rule.promote_at_events !== undefined && events >= rule.promote_at_events)
    return { outcome: "promoted", reason: `${found}, at most ${rule.max_failure_percent} %` };
  return undefined;
}

/** Ends every canary whose rule says so. One that cannot be judged now is logged, and judged a minute later. Returns those that ended. */
export async function judgeCanaries(env: CanaryEnv): Promise<Pipeline[]> {
  const db = drizzle(env.DB, { schema });
  const ended: Pipeline[] = [];
  for (const pipeline of await pipelinesWithCanary(db)) {
    const rule = pipeline.canary?.rule;
    if (!rule) continue;
    try {
      const comparison = await comparisonOf(env, pipeline);
      const verdict = comparison && verdictOf(rule, comparison.canary);
      if (verdict) ended.push(await endCanary(db, env.CONFIG, pipeline, verdict.outcome, verdict.reason));
    } catch (error) {
      console.error(JSON.stringify({ level: "error", at: "canary", pipeline_id: pipeline.id, message: String(error) }));
    }
  }
  return ended;
}
