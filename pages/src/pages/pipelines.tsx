import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { Plus, Split } from "lucide-react";
import { useState } from "react";
import { post } from "../api/client.ts";
import { newId } from "../api/new-id.ts";
import { type Pipeline, pipelinesQuery } from "../api/pipelines.ts";
import { statusQuery } from "../api/status.ts";
import { Badge } from "../components/badge.tsx";
import { Button } from "../components/button.tsx";
import { Card } from "../components/card.tsx";
import { Dialog } from "../components/dialog.tsx";
import { SelectField, TextField } from "../components/field.tsx";
import { Page } from "../components/page.tsx";
import { QueryView } from "../components/query-view.tsx";
import { Empty, Refused } from "../components/states.tsx";
import { Table } from "../components/table.tsx";

export function PipelinesPage() {
  const { env } = useParams({ strict: false }) as { env: string };
  const navigate = useNavigate();
  const pipelines = useQuery(pipelinesQuery(env));
  const [isAdding, setAdding] = useState(false);
  const add = (
    <Button look="primary" onClick={() => setAdding(true)}>
      <Plus className="size-4" aria-hidden /> New pipeline
    </Button>
  );
  return (
    <Page
      title="Pipelines"
      description="What each destination is told, where its own mapping is not what you want. Every version is kept, and can be tried on a part of your visitors first."
      actions={add}
    >
      <Card flush>
        <QueryView of={pipelines}>
          {(all) =>
            all.length === 0 ? (
              <Empty icon={<Split aria-hidden />} title="No pipeline yet" action={add}>
                Every destination maps standard events by itself. A pipeline renames, filters, computes and hides what
                you say, per destination or for all.
              </Empty>
            ) : (
              <Table<Pipeline>
                label="Pipelines"
                rows={all}
                keyOf={({ id }) => id}
                onOpen={({ id }) => navigate({ to: "/$env/pipelines/$id", params: { env, id } })}
                columns={[
                  { head: "Name", cell: ({ name }) => name, width: "minmax(0,1.5fr)" },
                  { head: "For", cell: ({ integration_id }) => integration_id ?? "all destinations", wideOnly: true },
                  {
                    head: "Version",
                    cell: ({ live_version, canary }) =>
                      canary ? `${live_version}, ${canary.percent} % on ${canary.version}` : live_version,
                    wideOnly: true,
                  },
                  {
                    head: "State",
                    cell: ({ enabled }) => <Badge tone={enabled ? "good" : "plain"}>{enabled ? "Live" : "Off"}</Badge>,
                    width: "6rem",
                  },
                ]}
              />
            )
          }
        </QueryView>
      </Card>
      <NewPipeline env={env} open={isAdding} onClose={() => setAdding(false)} />
    </Page>
  );
}

function NewPipeline({ env, open, onClose }: { env: string; open: boolean; onClose(): void }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const status = useQuery(statusQuery(env));
  const making = useMutation({
    mutationFn: async ({ name, integration_id }: { name: string; integration_id: string }) => {
      const id = newId("pip", name);
      await post(
        "/api/v1/pipelines",
        { id, name, integration_id: integration_id || null, document: {} },
        { environment_id: env },
      );
      return id;
    },
    meta: { shows_error: true },
    onSuccess: async (id) => {
      await queries.invalidateQueries({ queryKey: ["pipelines", env] });
      await navigate({ to: "/$env/pipelines/$id", params: { env, id } });
    },
  });
  return (
    <Dialog open={open} onClose={onClose} title="New pipeline">
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          const form = new FormData(event.currentTarget);
          making.mutate({ name: String(form.get("name")), integration_id: String(form.get("integration_id")) });
        }}
      >
        <TextField label="Name" name="name" required maxLength={200} placeholder="Orders for Meta" autoFocus />
        <SelectField
          label="For"
          name="integration_id"
          options={[
            { value: "", label: "All destinations" },
            ...(status.data?.integrations ?? []).map(({ id, name }) => ({ value: id, label: name })),
          ]}
        />
        <Refused error={making.error} />
        <Button type="submit" look="primary" busy={making.isPending}>
          Create
        </Button>
      </form>
    </Dialog>
  );
}
