/** What the processor tells an integration's gate once for a batch: events it did not get, by reason, and what each pipeline version did. */
import type { GateReport } from "../../durable-objects/integration-gate.ts";
import { addVersionCounts, type VersionCounts } from "../../durable-objects/version-counts.ts";
import type { ProcessorEnv } from "../env.ts";
import { hasFailed } from "./layer2.ts";
import type { Mapped } from "./map-for-integration.ts";

export class FilteredCounts {
  readonly #filtered = new Map<string, Record<string, number>>();
  readonly #versions = new Map<string, Record<string, VersionCounts>>();

  count(integrationId: string, mapped: Mapped): void {
    if (mapped.outcome === "filtered") {
      const reasons = this.#filtered.get(integrationId) ?? {};
      reasons[mapped.reason] = (reasons[mapped.reason] ?? 0) + 1;
      this.#filtered.set(integrationId, reasons);
    }
    for (const tag of mapped.versions ?? []) {
      const versions = this.#versions.get(integrationId) ?? {};
      this.#versions.set(integrationId, versions);
      const outcome = mapped.outcome === "queued" ? "queued" : hasFailed(mapped) ? "failed" : "filtered";
      versions[tag] = addVersionCounts(versions[tag], { [outcome]: 1, skipped_steps: mapped.skipped ?? 0 });
    }
  }

  async report(env: ProcessorEnv): Promise<void> {
    const ids = new Set([...this.#filtered.keys(), ...this.#versions.keys()]);
    const reports = [...ids].map((id) => {
      const filtered = this.#filtered.get(id);
      const versions = this.#versions.get(id);
      const report: GateReport = { ...(filtered && { filtered }), ...(versions && { versions }) };
      return env.INTEGRATION_GATE.getByName(id).report(report);
    });
    // The events themselves are safe; a count that is lost costs nobody anything.
    await Promise.allSettled(reports);
  }
}
