/** Runs the examples of docs/pipelines.md: a pipeline, then events, each followed by what becomes of it. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { parseEvent } from "../../core/event.ts";
import { type LookupTable, parseTable } from "../../core/pipeline/lookup-table.ts";
import { anEnvironment, anIntegration } from "../../test/an-environment.ts";
import { splitSecrets } from "../../workers/delivery/destination.ts";
import { destinations } from "../../workers/delivery/destinations/index.ts";
import { mapThroughPipelines } from "../../workers/processor/layer2.ts";

const text = readFileSync(resolve(import.meta.dirname, "../../docs/pipelines.md"), "utf8");
const sections = text.split(/^### /m).slice(1);

function blocks(section: string) {
  return [...section.matchAll(/^```(\S+) (.+)\n([^`]*)^```/gm)].map(([, , info, body]) => {
    const [kind, ...about] = info!.split(" ");
    return { kind: kind!, about, body: body! };
  });
}

async function outcomeOf(event: object, document: object, vendor: string, tables: Map<string, LookupTable>) {
  const destination = destinations[vendor]!;
  const { open } = splitSecrets(destination.settings, destination.exampleSettings);
  const integration = anIntegration({ destination: vendor, settings: open });
  const pipelines = [
    { id: "pip_doc", integration_id: integration.id, version: 1, document: document as Record<string, unknown> },
  ];
  const parsed = parseEvent(event, {
    message_id: () => "m1",
    anonymous_id: "a1",
    received_at: "2026-11-20T10:00:01.000Z",
  });
  if (!parsed.ok) throw new Error(parsed.message);
  const { context } = parsed.event;
  const allowed = {
    ...parsed.event,
    context: { ...context, purposes: ["functional" as const, "analytics" as const, "marketing" as const] },
  };
  return mapThroughPipelines(
    allowed,
    { environment: anEnvironment({ pipelines }), source_id: "src_test", resources: { tables } },
    integration,
    destination,
  );
}

it("finds the page's examples", () => expect(sections.length).toBeGreaterThanOrEqual(4));

it.each(sections.map((section) => [section.split("\n")[0]!, section] as const))("%s", async (_, section) => {
  const tables = new Map<string, LookupTable>();
  let pipeline: { document: object; vendor: string } | undefined;
  let outcome: Awaited<ReturnType<typeof outcomeOf>> | undefined;
  let checked = 0;
  for (const { kind, about, body } of blocks(section)) {
    if (kind === "table") {
      const parsed = parseTable(body, "csv", about[1]!);
      if (!parsed.ok) throw new Error(parsed.message);
      tables.set(about[0]!, { name: about[0]!, version: 1, ...parsed.table });
    } else if (kind === "pipeline") {
      pipeline = { document: parse(body), vendor: about[0]! };
    } else if (kind === "event") {
      outcome = await outcomeOf(JSON.parse(body), pipeline!.document, pipeline!.vendor, tables);
    } else if (kind === "payload") {
      if (outcome?.outcome !== "queued") throw new Error(`${outcome?.reason}: ${outcome?.detail}`);
      expect(JSON.parse(outcome.payload_json)).toMatchObject(JSON.parse(body));
      checked++;
    } else if (kind === "filtered") {
      expect(outcome).toMatchObject({ outcome: "filtered", ...JSON.parse(body) });
      checked++;
    }
  }
  expect(checked).toBeGreaterThan(0);
});
