import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import { get, post, put } from "../api/client.ts";
import { Button } from "../components/button.tsx";
import { Card } from "../components/card.tsx";
import { Changes } from "../components/changes.tsx";
import { Dialog } from "../components/dialog.tsx";
import { Page } from "../components/page.tsx";
import { QueryView } from "../components/query-view.tsx";
import { Empty, Refused, Skeleton } from "../components/states.tsx";
import { toast } from "../components/toast.tsx";
import { formatAgo } from "../format.ts";

const CodeEditor = lazy(() =>
  import("../components/code-editor.tsx").then(({ CodeEditor }) => ({ default: CodeEditor })),
);
const PATH = "/api/v1/org-data-layer";
interface Version {
  version: number;
  author: string;
  note: string | null;
  created_at: string;
}

export function OrgDataLayerPage() {
  const { env } = useParams({ strict: false }) as { env: string };
  const document = useQuery({
    queryKey: ["org-data-layer", env],
    queryFn: ({ signal }) => get<string>(PATH, { environment_id: env, format: "yaml" }, signal),
  });
  return (
    <Page
      title="Org data layer"
      description="What is done to every event before it is stored or sent: names, types, values, personal data, consent. One document; empty is a good one."
    >
      <Card title="Document">
        <QueryView of={document}>{(text) => <Editor key={text} env={env} initial={text} />}</QueryView>
      </Card>
      <Versions env={env} />
    </Page>
  );
}

function Editor({ env, initial }: { env: string; initial: string }) {
  const queries = useQueryClient();
  const [text, setText] = useState(initial.trim() === "{}" ? "" : initial);
  const saving = useMutation({
    mutationFn: () => put(PATH, text, { query: { environment_id: env }, content_type: "application/yaml" }),
    meta: { shows_error: true },
    onSuccess: () => {
      toast({ title: "Published. Within half a minute it holds everywhere." });
      queries.invalidateQueries({ queryKey: ["org-data-layer", env] });
    },
  });
  return (
    <div className="flex flex-col gap-4">
      <Suspense fallback={<Skeleton />}>
        <CodeEditor label="Org data layer, YAML" language="yaml" initial={text} onChange={setText} />
      </Suspense>
      <Refused error={saving.error} />
      <div>
        <Button look="primary" busy={saving.isPending} onClick={() => saving.mutate()}>
          Publish
        </Button>
      </div>
    </div>
  );
}

function Versions({ env }: { env: string }) {
  const queries = useQueryClient();
  const query = { environment_id: env };
  const versions = useQuery({
    queryKey: ["org-data-layer", env, "versions"],
    queryFn: async ({ signal }) => (await get<{ versions: Version[] }>(`${PATH}/versions`, query, signal)).versions,
  });
  const [compared, setCompared] = useState<number>();
  const latest = versions.data?.[0]?.version;
  const diff = useQuery({
    queryKey: ["org-data-layer", env, "diff", compared, latest],
    queryFn: ({ signal }) =>
      get<{ text: string }>(`${PATH}/versions/${compared}/diff`, { ...query, with: latest }, signal),
    enabled: compared !== undefined && latest !== undefined,
  });
  const rolling = useMutation({
    mutationFn: (version: number) => post(`${PATH}/versions/${version}/rollback`, {}, query),
    onSuccess: (_, version) => {
      toast({ title: `What version ${version} said holds again` });
      queries.invalidateQueries({ queryKey: ["org-data-layer", env] });
    },
  });
  return (
    <Card title="Versions" flush>
      <QueryView of={versions}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="No version yet">The first is made when you publish.</Empty>
          ) : (
            <ol className="max-h-96 divide-y overflow-y-auto">
              {all.map(({ version, author, note, created_at }) => (
                <li key={version} className="flex flex-wrap items-center gap-2 px-5 py-3 text-sm">
                  <div className="min-w-0 flex-1 basis-40">
                    <p className="font-medium">Version {version}</p>
                    <p className="truncate text-xs text-soft">
                      {author}, {formatAgo(created_at)}
                      {note && `: ${note}`}
                    </p>
                  </div>
                  {version !== latest && (
                    <>
                      <Button size="small" look="quiet" onClick={() => setCompared(version)}>
                        Compare
                      </Button>
                      <Button size="small" busy={rolling.isPending} onClick={() => rolling.mutate(version)}>
                        Bring back
                      </Button>
                    </>
                  )}
                </li>
              ))}
            </ol>
          )
        }
      </QueryView>
      <Dialog
        wide
        open={compared !== undefined}
        onClose={() => setCompared(undefined)}
        title={`From version ${compared} to ${latest}`}
      >
        <QueryView of={diff}>{({ text }) => <Changes text={text} />}</QueryView>
      </Dialog>
    </Card>
  );
}
