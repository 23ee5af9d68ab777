import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { FileCheck2 } from "lucide-react";
import { useState } from "react";
import { get, patch, remove } from "../api/client.ts";
import { Button } from "../components/button.tsx";
import { Card } from "../components/card.tsx";
import { Dialog } from "../components/dialog.tsx";
import { JsonView } from "../components/json-view.tsx";
import { Page } from "../components/page.tsx";
import { QueryView } from "../components/query-view.tsx";
import { Empty } from "../components/states.tsx";
import { Table } from "../components/table.tsx";
import { toast } from "../components/toast.tsx";
import { formatAgo, formatNumber } from "../format.ts";

interface Violation {
  event: string;
  path: string;
  keyword: string;
  count: number;
  first_seen: string;
  last_seen: string;
  sample?: string;
}
const PATH = "/api/v1/tracking-plan";

export function TrackingPlanPage() {
  const { env } = useParams({ strict: false }) as { env: string };
  const queries = useQueryClient();
  const query = { environment_id: env };
  const [isProposing, setProposing] = useState(false);
  const [opened, setOpened] = useState<Violation>();
  const violations = useQuery({
    queryKey: ["violations", env],
    queryFn: async ({ signal }) =>
      (await get<{ violations: Violation[] }>(`${PATH}/violations`, query, signal)).violations,
    refetchInterval: 15_000,
  });
  const layer = useQuery({
    queryKey: ["org-data-layer", env, "document"],
    queryFn: ({ signal }) => get<{ document: { tracking_plan?: unknown } }>("/api/v1/org-data-layer", query, signal),
  });
  const proposal = useQuery({
    queryKey: ["proposal", env],
    queryFn: ({ signal }) => get<{ tracking_plan: unknown }>(`${PATH}/proposal`, query, signal),
    enabled: isProposing,
  });
  const adopting = useMutation({
    mutationFn: (tracking_plan: unknown) => patch("/api/v1/org-data-layer", { tracking_plan }, { query }),
    onSuccess: () => {
      setProposing(false);
      toast({ title: "The plan holds from now on" });
      queries.invalidateQueries({ queryKey: ["org-data-layer", env] });
    },
  });
  const forgetting = useMutation({
    mutationFn: () => remove(`${PATH}/violations`, { query }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["violations", env] }),
  });
  return (
    <Page
      title="Tracking plan"
      description="What events should look like, and what they have against it."
      actions={<Button onClick={() => setProposing(true)}>Propose one from my traffic</Button>}
    >
      <Card
        title="Violations"
        flush
        aside={
          <Button
            size="small"
            busy={forgetting.isPending}
            disabled={!violations.data?.length}
            onClick={() => forgetting.mutate()}
          >
            Count anew
          </Button>
        }
      >
        <QueryView of={violations}>
          {(all) =>
            all.length === 0 ? (
              <Empty icon={<FileCheck2 aria-hidden />} title="Nothing has gone against the plan">
                Without a plan everything is allowed. Propose one from what you send now, and every later surprise is
                listed here.
              </Empty>
            ) : (
              <Table<Violation>
                label="Violations, the most frequent first"
                rows={all}
                keyOf={({ event, path, keyword }) => `${event} ${path} ${keyword}`}
                onOpen={setOpened}
                columns={[
                  { head: "Event", cell: ({ event }) => event },
                  { head: "Field", cell: ({ path }) => <code className="text-xs">{path || "the whole"}</code> },
                  { head: "Against", cell: ({ keyword }) => keyword, wideOnly: true },
                  { head: "Last", cell: ({ last_seen }) => formatAgo(last_seen), wideOnly: true },
                  { head: "Count", cell: ({ count }) => formatNumber(count), align: "right", width: "5rem" },
                ]}
              />
            )
          }
        </QueryView>
      </Card>
      <Card title="The plan">
        <QueryView of={layer}>
          {({ document }) =>
            document.tracking_plan ? (
              <JsonView value={document.tracking_plan} label="tracking plan" />
            ) : (
              <p className="text-sm text-soft">There is none: every event is let through as it is.</p>
            )
          }
        </QueryView>
      </Card>
      <Dialog open={opened !== undefined} onClose={() => setOpened(undefined)} title={opened?.event ?? ""}>
        {opened && (
          <div className="flex flex-col gap-3 text-sm">
            <p>
              <code className="[overflow-wrap:anywhere]">{opened.path || "The event"}</code> is not as{" "}
              <strong>{opened.keyword}</strong> says: {formatNumber(opened.count)} times, first{" "}
              {formatAgo(opened.first_seen)}, last {formatAgo(opened.last_seen)}.
            </p>
            {opened.sample !== undefined && <JsonView value={opened.sample} label="sample" />}
          </div>
        )}
      </Dialog>
      <Dialog
        wide
        open={isProposing}
        onClose={() => setProposing(false)}
        title="A plan that your traffic would pass"
        description="Made of what was seen so far. Nothing changes before you adopt it."
      >
        <QueryView of={proposal}>
          {({ tracking_plan }) => (
            <div className="flex flex-col gap-4">
              <JsonView value={tracking_plan} label="proposal" />
              <div>
                <Button look="primary" busy={adopting.isPending} onClick={() => adopting.mutate(tracking_plan)}>
                  Adopt it
                </Button>
              </div>
            </div>
          )}
        </QueryView>
      </Dialog>
    </Page>
  );
}
