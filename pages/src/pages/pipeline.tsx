import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useState } from "react";
import { get, patch, post, put, remove } from "../api/client.ts";
import {
  canaryQuery,
  type Pipeline,
  type Preview,
  pipelineQuery,
  versionQuery,
  versionsQuery,
} from "../api/pipelines.ts";
import { Badge } from "../components/badge.tsx";
import { Button } from "../components/button.tsx";
import { Card } from "../components/card.tsx";
import { Changes } from "../components/changes.tsx";
import { Dialog } from "../components/dialog.tsx";
import { TextField } from "../components/field.tsx";
import { MappingRows } from "../components/mapping-rows.tsx";
import { Page } from "../components/page.tsx";
import { PipelinePreview } from "../components/pipeline-preview.tsx";
import { QueryView } from "../components/query-view.tsx";
import { Refused, Skeleton, wordsOf } from "../components/states.tsx";
import { Tabs } from "../components/tabs.tsx";
import { toast } from "../components/toast.tsx";
import { formatAgo, formatNumber } from "../format.ts";

const CodeEditor = lazy(() =>
  import("../components/code-editor.tsx").then(({ CodeEditor }) => ({ default: CodeEditor })),
);
type Document = Record<string, unknown>;

export function PipelinePage() {
  const { env, id } = useParams({ strict: false }) as { env: string; id: string };
  const queries = useQueryClient();
  const pipeline = useQuery(pipelineQuery(env, id));
  const version = useQuery({
    ...versionQuery(env, id, pipeline.data?.live_version ?? 0),
    enabled: pipeline.data !== undefined,
  });
  const switching = useMutation({
    mutationFn: (enabled: boolean) =>
      patch(`/api/v1/pipelines/${encodeURIComponent(id)}`, { enabled }, { query: { environment_id: env } }),
    onSuccess: (_, enabled) => {
      queries.invalidateQueries({ queryKey: ["pipelines", env] });
      toast({
        title: enabled ? "The pipeline is live" : "Off: events go by the destination's own mapping",
        undo: () => switching.mutate(!enabled),
      });
    },
  });
  const known = pipeline.data;
  return (
    <Page
      title={known?.name ?? "Pipeline"}
      description={known && `${known.integration_id ?? "All destinations"} · version ${known.live_version} is live`}
      actions={
        known && (
          <Button busy={switching.isPending} onClick={() => switching.mutate(!known.enabled)}>
            {known.enabled ? "Switch off" : "Switch on"}
          </Button>
        )
      }
    >
      {pipeline.isError ? (
        <QueryView of={pipeline}>{() => null}</QueryView>
      ) : (
        <QueryView of={version}>
          {({ document, version: number }) =>
            known && (
              <>
                <Editor key={number} env={env} pipeline={known} document={document as Document} />
                <div className="grid items-start gap-5 lg:grid-cols-2 [&>*]:min-w-0">
                  <Versions env={env} pipeline={known} />
                  <CanaryCard env={env} pipeline={known} />
                </div>
              </>
            )
          }
        </QueryView>
      )}
    </Page>
  );
}

const PREVIEW_AFTER_MS = 500;

function Editor({ env, pipeline, document: initial }: { env: string; pipeline: Pipeline; document: Document }) {
  const queries = useQueryClient();
  const [text, setText] = useState(() => JSON.stringify(initial, null, 2));
  const [note, setNote] = useState("");
  const parsed = parse(text);
  const path = `/api/v1/pipelines/${encodeURIComponent(pipeline.id)}`;
  const query = { environment_id: env };
  const [tried, setTried] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setTried(text), PREVIEW_AFTER_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const preview = useQuery({
    queryKey: ["pipelines", env, pipeline.id, "preview", tried],
    queryFn: () => post<Preview>(`${path}/preview`, { document: parse(tried).value, recent: 5 }, query),
    enabled: parse(tried).value !== undefined,
    placeholderData: (before) => before,
    retry: false,
  });
  const saving = useMutation({
    mutationFn: (activate: boolean) =>
      post(`${path}/versions`, { document: parsed.value, activate, ...(note && { note }) }, query),
    meta: { shows_error: true },
    onSuccess: (_, activate) => {
      toast({ title: activate ? "The new version is live" : "Kept as a version: try it as a canary" });
      queries.invalidateQueries({ queryKey: ["pipelines", env] });
    },
  });
  return (
    <div className="grid items-start gap-5 xl:grid-cols-2 [&>*]:min-w-0">
      <Card title="What it does">
        <div className="flex flex-col gap-4">
          <Tabs
            label="Editor"
            tabs={[
              {
                name: "Mapping",
                content: parsed.value ? (
                  <MappingRows
                    document={parsed.value}
                    stage={pipeline.integration_id ? "map" : "transform"}
                    onChange={(document) => setText(JSON.stringify(document, null, 2))}
                  />
                ) : (
                  <p className="text-sm text-bad">The document is not JSON: mend it under Document first.</p>
                ),
              },
              {
                name: "Document",
                content: (
                  <Suspense fallback={<Skeleton />}>
                    <CodeEditor label="Pipeline document" language="json" initial={text} onChange={setText} />
                  </Suspense>
                ),
              },
            ]}
          />
          {parsed.problem && (
            <p role="alert" className="text-sm text-bad">
              {parsed.problem}
            </p>
          )}
          {preview.error && (
            <p role="alert" className="text-sm whitespace-pre-line [overflow-wrap:anywhere] text-bad">
              {wordsOf(preview.error)}
            </p>
          )}
          <TextField
            label="Note (optional)"
            value={note}
            maxLength={2_000}
            placeholder="Why this change"
            onChange={({ target }) => setNote(target.value)}
          />
          <Refused error={saving.error} />
          <div className="flex flex-wrap gap-2">
            <Button look="primary" busy={saving.isPending} disabled={!parsed.value} onClick={() => saving.mutate(true)}>
              Publish
            </Button>
            <Button busy={saving.isPending} disabled={!parsed.value} onClick={() => saving.mutate(false)}>
              Keep as a version
            </Button>
          </div>
        </div>
      </Card>
      <PipelinePreview preview={preview.data} />
    </div>
  );
}

function parse(text: string): { value?: Document; problem?: string } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? { value: value as Document }
      : { problem: "A document is an object: { … }" };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : "This is not JSON" };
  }
}

function Versions({ env, pipeline }: { env: string; pipeline: Pipeline }) {
  const queries = useQueryClient();
  const versions = useQuery(versionsQuery(env, pipeline.id));
  const [compared, setCompared] = useState<number>();
  const path = `/api/v1/pipelines/${encodeURIComponent(pipeline.id)}`;
  const query = { environment_id: env };
  const diff = useQuery({
    queryKey: ["pipelines", env, pipeline.id, "diff", compared, pipeline.live_version],
    queryFn: ({ signal }) =>
      get<{ text: string }>(`${path}/diff`, { ...query, from: compared, to: pipeline.live_version }, signal),
    enabled: compared !== undefined,
  });
  const changed = () => queries.invalidateQueries({ queryKey: ["pipelines", env] });
  const rolling = useMutation({
    mutationFn: (version: number) => post(`${path}/rollback`, { version }, query),
    onSuccess: (_, version) => {
      toast({ title: `What version ${version} said is live again` });
      changed();
    },
  });
  const trying = useMutation({
    mutationFn: (version: number) => put(`${path}/canary`, { version, percent: 10 }, { query }),
    onSuccess: (_, version) => {
      toast({ title: `A tenth of your visitors goes through version ${version}` });
      changed();
    },
  });
  return (
    <Card title="Versions" flush>
      <QueryView of={versions}>
        {(all) => (
          <ol className="max-h-96 divide-y overflow-y-auto">
            {all.map(({ version, author, note, created_at }) => (
              <li key={version} className="flex flex-wrap items-center gap-2 px-5 py-3 text-sm">
                <div className="min-w-0 flex-1 basis-40">
                  <p className="font-medium">
                    Version {version} {version === pipeline.live_version && <Badge tone="good">live</Badge>}
                  </p>
                  <p className="truncate text-xs text-soft">
                    {author}, {formatAgo(created_at)}
                    {note && `: ${note}`}
                  </p>
                </div>
                {version !== pipeline.live_version && (
                  <>
                    <Button size="small" look="quiet" onClick={() => setCompared(version)}>
                      Compare
                    </Button>
                    <Button size="small" look="quiet" onClick={() => trying.mutate(version)}>
                      Canary
                    </Button>
                    <Button size="small" onClick={() => rolling.mutate(version)}>
                      Bring back
                    </Button>
                  </>
                )}
              </li>
            ))}
          </ol>
        )}
      </QueryView>
      <Dialog
        wide
        open={compared !== undefined}
        onClose={() => setCompared(undefined)}
        title={`From version ${compared} to ${pipeline.live_version}`}
      >
        <QueryView of={diff}>{({ text }) => <Changes text={text} />}</QueryView>
      </Dialog>
    </Card>
  );
}

function CanaryCard({ env, pipeline }: { env: string; pipeline: Pipeline }) {
  const queries = useQueryClient();
  const canary = useQuery(canaryQuery(env, pipeline.id));
  const path = `/api/v1/pipelines/${encodeURIComponent(pipeline.id)}/canary`;
  const query = { environment_id: env };
  const ending = useMutation({
    mutationFn: (how: "promote" | "end") =>
      how === "promote" ? post(`${path}/promote`, {}, query) : remove(path, { query, body: {} }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["pipelines", env] }),
  });
  return (
    <Card title="Canary">
      <QueryView of={canary} rows={2}>
        {({ canary: running, comparison }) =>
          running ? (
            <div className="flex flex-col gap-4">
              <p className="text-sm">
                {running.percent} % of visitors go through version {running.version}, since{" "}
                {formatAgo(running.started_at)}.
              </p>
              {comparison && (
                <div className="grid grid-cols-2 gap-3 text-sm">
                  {(["live", "canary"] as const).map((which) => (
                    <div key={which} className="rounded-md border p-3">
                      <p className="font-medium capitalize">{which}</p>
                      <p className="text-soft">{formatNumber(comparison[which].events)} events</p>
                      <p className="text-soft">{comparison[which].failure_percent} % failed</p>
                    </div>
                  ))}
                </div>
              )}
              <div className="flex gap-2">
                <Button look="primary" busy={ending.isPending} onClick={() => ending.mutate("promote")}>
                  Make it live
                </Button>
                <Button busy={ending.isPending} onClick={() => ending.mutate("end")}>
                  End it
                </Button>
              </div>
            </div>
          ) : (
            <p className="text-sm text-soft">
              Keep a version without publishing it, then try it on a tenth of your visitors from the list of versions.
            </p>
          )
        }
      </QueryView>
    </Card>
  );
}
