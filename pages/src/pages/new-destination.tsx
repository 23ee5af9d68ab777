import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { post } from "../api/client.ts";
import { type Destination, destinationsQuery, type Integration } from "../api/integrations.ts";
import { newId } from "../api/new-id.ts";
import { ApiProblem } from "../api/problem.ts";
import { Button } from "../components/button.tsx";
import { Card } from "../components/card.tsx";
import { TextField } from "../components/field.tsx";
import { Page } from "../components/page.tsx";
import { QueryView } from "../components/query-view.tsx";
import { errorsByField, SchemaForm, type Values } from "../components/schema-form.tsx";
import { Failed, Refused } from "../components/states.tsx";
import { toast } from "../components/toast.tsx";

export function NewDestinationPage() {
  const { env, name } = useParams({ strict: false }) as { env: string; name: string };
  const destinations = useQuery(destinationsQuery);
  return (
    <Page title="Add a destination">
      <QueryView of={destinations}>
        {(all) => {
          const destination = all.find((one) => one.name === name);
          return destination ? (
            <NewIntegration env={env} destination={destination} />
          ) : (
            <Failed error={new ApiProblem(404, { title: `There is no destination ${name}` }, null)} />
          );
        }}
      </QueryView>
    </Page>
  );
}

function NewIntegration({ env, destination }: { env: string; destination: Destination }) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [name, setName] = useState(destination.title);
  const [settings, setSettings] = useState<Values>({});
  const adding = useMutation({
    mutationFn: () =>
      post<Integration>(
        "/api/v1/integrations",
        { id: newId("int", name), name, destination: destination.name, settings },
        { environment_id: env },
      ),
    meta: { shows_error: true },
    onSuccess: async ({ id }) => {
      toast({ title: `${name} is told of every event from now on` });
      await queries.invalidateQueries({ queryKey: ["integrations", env] });
      queries.invalidateQueries({ queryKey: ["status", env] });
      await navigate({ to: "/$env/destinations/$id", params: { env, id } });
    },
  });
  const errors = adding.error instanceof ApiProblem ? errorsByField(adding.error.problems) : {};
  return (
    <Card title={destination.title}>
      <form
        className="flex max-w-xl flex-col gap-5"
        onSubmit={(event) => {
          event.preventDefault();
          adding.mutate();
        }}
      >
        <TextField
          label="Name"
          value={name}
          required
          maxLength={200}
          onChange={({ target }) => setName(target.value)}
          hint="As your team calls it."
        />
        <SchemaForm schema={destination.settings_schema} values={settings} onChange={setSettings} errors={errors} />
        <Refused error={adding.error} />
        <div>
          <Button type="submit" look="primary" busy={adding.isPending}>
            Add
          </Button>
        </div>
      </form>
    </Card>
  );
}
