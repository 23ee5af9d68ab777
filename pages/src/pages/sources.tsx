import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { Globe, Plus } from "lucide-react";
import { useState } from "react";
import { createSource, type Source, sourcesQuery } from "../api/sources.ts";
import { Button } from "../components/button.tsx";
import { Card } from "../components/card.tsx";
import { Dialog } from "../components/dialog.tsx";
import { TextField } from "../components/field.tsx";
import { Page } from "../components/page.tsx";
import { QueryView } from "../components/query-view.tsx";
import { Empty, Refused } from "../components/states.tsx";
import { Table } from "../components/table.tsx";

export function SourcesPage() {
  const { env } = useParams({ strict: false }) as { env: string };
  const navigate = useNavigate();
  const sources = useQuery(sourcesQuery(env));
  const [isAdding, setAdding] = useState(false);
  const add = (
    <Button look="primary" onClick={() => setAdding(true)}>
      <Plus className="size-4" aria-hidden /> Add a source
    </Button>
  );
  return (
    <Page
      title="Sources"
      description="Where events come from: a site, an app, a server. Each has its own keys and its own settings."
      actions={add}
    >
      <Card flush>
        <QueryView of={sources}>
          {(all) =>
            all.length === 0 ? (
              <Empty icon={<Globe aria-hidden />} title="No source yet" action={add}>
                Add your site, copy one line into its pages, and watch its first event arrive.
              </Empty>
            ) : (
              <Table<Source>
                label="Sources"
                rows={all}
                keyOf={({ id }) => id}
                onOpen={({ id }) => navigate({ to: "/$env/sources/$id", params: { env, id } })}
                columns={[
                  { head: "Name", cell: ({ name }) => name, width: "minmax(0,2fr)" },
                  { head: "Id", cell: ({ id }) => <code className="text-xs text-soft">{id}</code>, wideOnly: true },
                ]}
              />
            )
          }
        </QueryView>
      </Card>
      <AddSource env={env} open={isAdding} onClose={() => setAdding(false)} />
    </Page>
  );
}

function AddSource({ env, open, onClose }: { env: string; open: boolean; onClose(): void }) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const adding = useMutation({
    mutationFn: (name: string) => createSource(env, name),
    meta: { shows_error: true },
    onSuccess: async ({ id }) => {
      await queries.invalidateQueries({ queryKey: ["sources", env] });
      await navigate({ to: "/$env/sources/$id/connect", params: { env, id } });
    },
  });
  return (
    <Dialog open={open} onClose={onClose} title="Add a source" description="A name that your team will recognise.">
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          adding.mutate(String(new FormData(event.currentTarget).get("name")));
        }}
      >
        <TextField label="Name" name="name" required maxLength={200} placeholder="Web shop" autoFocus />
        <Refused error={adding.error} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" busy={adding.isPending}>
            Add
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
