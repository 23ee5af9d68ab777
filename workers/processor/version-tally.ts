/** What each version of a pipeline made of a batch's events, told to the gates of the integrations they were for. */
import { addVersionCounts, type VersionCounts } from "../../durable-objects/version-counts.ts";
import type { ProcessorEnv } from "../env.ts";
import { hasFailed } from "./layer2.ts";
import type { Mapped } from "./map-for-integration.ts";

export class VersionTally {
  readonly #integrations = new Map<string, Record<string, VersionCounts>>();

  /** Not for an event that a redelivered message brings again: it was counted before. */
  count(integrationId: string, mapped: Mapped): void {
    if (!mapped.versions?.length) return;
    const versions = this.#integrations.get(integrationId) ?? {};
    this.#integrations.set(integrationId, versions);
    const outcome = mapped.outcome === "queued" ? "queued" : hasFailed(mapped) ? "failed" : "filtered";
    for (const tag of mapped.versions)
      versions[tag] = addVersionCounts(versions[tag], { [outcome]: 1, skipped_steps: mapped.skipped ?? 0 });
  }

  async report(env: Pick<ProcessorEnv, "INTEGRATION_GATE">): Promise<void> {
    const reports = [...this.#integrations].map(([id, versions]) =>
      env.INTEGRATION_GATE.getByName(id).report({ versions }),
    );
    // The events themselves are safe; a count that is lost costs nobody anything.
    await Promise.allSettled(reports);
  }
}
