import { FlaskConical } from "lucide-react";
import type { Preview, PreviewStep } from "../api/pipelines.ts";
import { Badge, type Tone } from "./badge.tsx";
import { Card } from "./card.tsx";
import { JsonView } from "./json-view.tsx";
import { Empty } from "./states.tsx";

const TONES: Record<PreviewStep["outcome"], Tone> = { kept: "plain", skipped: "warn", filtered: "warn", failed: "bad" };

/** What the document makes of the last real events, without sending any. */
export function PipelinePreview({ preview }: { preview: Preview | undefined }) {
  const results = preview?.results ?? [];
  return (
    <Card title="Preview on the last real events" flush>
      {results.length === 0 ? (
        <Empty icon={<FlaskConical aria-hidden />} title="No event to try it on">
          As soon as one passes, you see here what this document makes of it, while you type. Nothing is sent.
        </Empty>
      ) : (
        <ul className="max-h-[44rem] divide-y overflow-y-auto">
          {results.map(({ event, integrations }) =>
            integrations.map((one) => (
              <li key={`${event.message_id} ${one.integration_id}`} className="px-5 py-3">
                <details open={results.length === 1}>
                  <summary className="flex cursor-pointer items-center gap-3 text-sm">
                    <bdi className="min-w-0 flex-1 truncate font-medium">{event.event}</bdi>
                    <span className="truncate text-xs text-soft">{one.integration}</span>
                    <Badge tone={one.outcome === "queued" ? "good" : "warn"}>
                      {one.outcome === "queued" ? "sent" : (one.reason ?? one.outcome).replaceAll("_", " ")}
                    </Badge>
                  </summary>
                  <div className="mt-3 flex flex-col gap-3">
                    {one.detail && <p className="text-sm [overflow-wrap:anywhere] text-soft">{one.detail}</p>}
                    <ul className="flex flex-col gap-1">
                      {one.steps.map(({ stage, step, outcome, detail, changes }) => (
                        <li key={`${stage} ${step}`} className="flex flex-wrap items-center gap-2 text-xs text-soft">
                          <span>
                            {stage} · {step}
                          </span>
                          {outcome !== "kept" && <Badge tone={TONES[outcome]}>{outcome}</Badge>}
                          {changes.length > 0 && <span>{changes.length} changed</span>}
                          {detail && <span className="[overflow-wrap:anywhere]">{detail}</span>}
                        </li>
                      ))}
                    </ul>
                    {one.payload !== undefined && <JsonView value={one.payload} label="payload" />}
                  </div>
                </details>
              </li>
            )),
          )}
        </ul>
      )}
    </Card>
  );
}
