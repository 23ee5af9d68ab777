import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { FlaskConical, Pause, Play } from "lucide-react";
import { useState } from "react";
import { patch, post, remove } from "../api/client.ts";
import {
  boardQuery,
  destinationsQuery,
  type Integration,
  integrationQuery,
  spelled,
  type TestResult,
} from "../api/integrations.ts";
import { ApiProblem } from "../api/problem.ts";
import { stateOf } from "../api/status.ts";
import { Badge } from "../components/badge.tsx";
import { Button } from "../components/button.tsx";
import { Card } from "../components/card.tsx";
import { DeliveryFunnel } from "../components/delivery-funnel.tsx";
import { Confirm, Dialog } from "../components/dialog.tsx";
import { TextField } from "../components/field.tsx";
import { JsonView } from "../components/json-view.tsx";
import { Page } from "../components/page.tsx";
import { QueryView } from "../components/query-view.tsx";
import { errorsByField, SchemaForm, type Values } from "../components/schema-form.tsx";
import { Refused } from "../components/states.tsx";
import { toast } from "../components/toast.tsx";
import { formatMs } from "../format.ts";

const PUBLISHING_S = 60;
const RETRY_S = 3;

export function DestinationPage() {
  const { env, id } = useParams({ strict: false }) as { env: string; id: string };
  const queries = useQueryClient();
  const integration = useQuery(integrationQuery(env, id));
  const board = useQuery(boardQuery(env, id, "event"));
  const path = `/api/v1/integrations/${encodeURIComponent(id)}`;
  const known = integration.data?.data;
  const switching = useMutation({
    mutationFn: (enabled: boolean) =>
      patch(path, { enabled }, { query: { environment_id: env }, if_match: integration.data?.etag }),
    onSuccess: async (_, enabled) => {
      await queries.invalidateQueries({ queryKey: ["integrations", env] });
      toast({
        title: enabled ? "It is told again from now on" : "Paused: its events are not sent",
        undo: () => switching.mutate(!enabled),
      });
    },
  });
  const testing = useMutation({
    mutationFn: () => post<TestResult>(`${path}/test`, {}, { environment_id: env }),
    // A new destination is known everywhere within half a minute; until then it is found in no published configuration.
    retry: (tries, error) => error instanceof ApiProblem && error.status === 404 && tries < PUBLISHING_S / RETRY_S,
    retryDelay: RETRY_S * 1_000,
  });
  return (
    <Page
      title={known?.name ?? "Destination"}
      description={known ? `${spelled(known.destination)} · ${known.id}` : undefined}
      actions={
        known && (
          <>
            {board.data && (
              <Badge tone={stateOf({ enabled: known.enabled, state: board.data.state }).tone}>
                {stateOf({ enabled: known.enabled, state: board.data.state }).label}
              </Badge>
            )}
            <Button busy={testing.isPending} onClick={() => testing.mutate()}>
              <FlaskConical className="size-4" aria-hidden /> Send a test event
            </Button>
            <Button busy={switching.isPending} onClick={() => switching.mutate(!known.enabled)}>
              {known.enabled ? <Pause className="size-4" aria-hidden /> : <Play className="size-4" aria-hidden />}{" "}
              {known.enabled ? "Pause" : "Go on"}
            </Button>
          </>
        )
      }
    >
      {board.data?.reason && board.data.state !== "open_for_business" && (
        <p className="rounded-md bg-warn-wash px-4 py-3 text-sm [overflow-wrap:anywhere] text-warn">
          {board.data.reason}
        </p>
      )}
      <Card title="Last 24 hours">
        <QueryView of={board}>{(data) => <DeliveryFunnel board={data} />}</QueryView>
      </Card>
      <Card title="Settings">
        <QueryView of={integration}>
          {({ data, etag }) => <SettingsForm key={etag} env={env} integration={data} etag={etag} />}
        </QueryView>
      </Card>
      <Dialog
        place="side"
        title="Test event"
        description={
          testing.data &&
          `${testing.data.outcome.replaceAll("_", " ")}${testing.data.reason ? `: ${testing.data.reason}` : ""}`
        }
        open={testing.data !== undefined}
        onClose={() => testing.reset()}
      >
        {testing.data && <TestAnswer result={testing.data} />}
      </Dialog>
    </Page>
  );
}

function TestAnswer({ result: { event, payload, request, response, outcome, detail } }: { result: TestResult }) {
  return (
    <div className="flex flex-col gap-5">
      <p>
        <Badge tone={outcome === "delivered" ? "good" : "bad"}>{outcome.replaceAll("_", " ")}</Badge>
        {response && (
          <span className="ml-2 text-sm text-soft">
            {"status" in response ? `HTTP ${response.status}` : response.error} in {formatMs(response.ms)}
          </span>
        )}
      </p>
      {detail && <p className="text-sm text-soft">{detail}</p>}
      {response && "body" in response && (
        <Titled title="The vendor's answer">
          <JsonView value={response.body} label="answer" />
        </Titled>
      )}
      {request && (
        <Titled title="What was sent">
          <JsonView value={request.body} label="request" />
        </Titled>
      )}
      {!request && payload !== undefined && (
        <Titled title="Payload">
          <JsonView value={payload} label="payload" />
        </Titled>
      )}
      <Titled title="The event">
        <JsonView value={event} label="event" />
      </Titled>
    </div>
  );
}

const Titled = ({ title, children }: { title: string; children: React.ReactNode }) => (
  <section className="flex flex-col gap-2">
    <h3 className="text-sm font-semibold">{title}</h3>
    {children}
  </section>
);

function SettingsForm({ env, integration, etag }: { env: string; integration: Integration; etag: string | undefined }) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const destinations = useQuery(destinationsQuery);
  const [name, setName] = useState(integration.name);
  const [settings, setSettings] = useState<Values>(integration.settings ?? {});
  const [isDeleting, setDeleting] = useState(false);
  const path = `/api/v1/integrations/${encodeURIComponent(integration.id)}`;
  const about = { query: { environment_id: env }, if_match: etag };
  // What is not named stays as it is: a field that was emptied has to be said.
  const emptied = Object.fromEntries(Object.keys(integration.settings).map((setting) => [setting, null]));
  const saving = useMutation({
    mutationFn: () => patch(path, { name, settings: { ...emptied, ...settings } }, about),
    meta: { shows_error: true },
    onSuccess: () => {
      toast({ title: "Saved. Within half a minute it holds everywhere." });
      queries.invalidateQueries({ queryKey: ["integrations", env] });
    },
  });
  const deleting = useMutation({
    mutationFn: () => remove(path, about),
    onSuccess: async () => {
      toast({ title: `${integration.name} is told nothing any more` });
      await queries.invalidateQueries({ queryKey: ["integrations", env] });
      await navigate({ to: "/$env/destinations", params: { env } });
    },
  });
  const errors = saving.error instanceof ApiProblem ? errorsByField(saving.error.problems) : {};
  const schema = destinations.data?.find(({ name }) => name === integration.destination)?.settings_schema ?? {};
  return (
    <form
      className="flex max-w-xl flex-col gap-5"
      onSubmit={(event) => {
        event.preventDefault();
        saving.mutate();
      }}
    >
      <TextField label="Name" value={name} required maxLength={200} onChange={({ target }) => setName(target.value)} />
      <SchemaForm
        schema={schema}
        values={settings}
        onChange={setSettings}
        errors={errors}
        kept={integration.secret_settings ?? []}
      />
      <Refused error={saving.error} />
      <div className="flex flex-wrap justify-between gap-2">
        <Button type="submit" look="primary" busy={saving.isPending}>
          Save
        </Button>
        <Button look="danger" onClick={() => setDeleting(true)}>
          Delete
        </Button>
      </div>
      <Confirm
        open={isDeleting}
        title={`Delete ${integration.name}?`}
        action="Delete"
        busy={deleting.isPending}
        onClose={() => setDeleting(false)}
        onConfirm={() => deleting.mutate()}
      >
        Its settings and credentials are forgotten. Pause it instead if you may want it back.
      </Confirm>
    </form>
  );
}
