import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { History } from "lucide-react";
import { useState } from "react";
import { post } from "../api/client.ts";
import { type Replay, replaysQuery } from "../api/replays.ts";
import { statusQuery } from "../api/status.ts";
import { formatDateTime, formatNumber } from "../format.ts";
import { Badge, type Tone } from "./badge.tsx";
import { Button } from "./button.tsx";
import { Card } from "./card.tsx";
import { SelectField, TextField } from "./field.tsx";
import { JsonView } from "./json-view.tsx";
import { QueryView } from "./query-view.tsx";
import { Empty, Refused } from "./states.tsx";

const TONES: Partial<Record<Replay["status"], Tone>> = {
  ready: "accent",
  running: "accent",
  complete: "good",
  failed: "bad",
  paused: "warn",
};

export function Replays({ env }: { env: string }) {
  const replays = useQuery(replaysQuery(env));
  return (
    <div className="flex flex-col gap-5">
      <NewReplay env={env} />
      <Card title="Replays" flush>
        <QueryView of={replays}>
          {(all) =>
            all.length === 0 ? (
              <Empty icon={<History aria-hidden />} title="No replay yet">
                A replay counts first and shows what would be sent. Nothing leaves before you say so.
              </Empty>
            ) : (
              <ul className="divide-y">
                {all.map((one) => (
                  <ReplayLine key={one.id} env={env} replay={one} />
                ))}
              </ul>
            )
          }
        </QueryView>
      </Card>
    </div>
  );
}

function NewReplay({ env }: { env: string }) {
  const queries = useQueryClient();
  const status = useQuery(statusQuery(env));
  const making = useMutation({
    mutationFn: (body: object) => post<Replay>("/api/v1/replays", body, { environment_id: env }),
    meta: { shows_error: true },
    onSuccess: () => queries.invalidateQueries({ queryKey: ["replays", env] }),
  });
  const [now] = useState(() => Date.now());
  const submit = (event: React.SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const moment = (name: string) => new Date(String(form.get(name))).toISOString();
    making.mutate({ integration_id: form.get("integration_id"), from: moment("from"), to: moment("to") });
  };
  return (
    <Card title="Send a stretch of the past again">
      <form onSubmit={submit} className="flex flex-col gap-4">
        <div className="grid gap-4 sm:grid-cols-3">
          <SelectField
            label="To"
            name="integration_id"
            required
            options={(status.data?.integrations ?? []).map(({ id, name }) => ({ value: id, label: name }))}
          />
          <TextField
            label="Received from"
            name="from"
            type="datetime-local"
            required
            defaultValue={local(now - 3_600_000)}
          />
          <TextField label="Until" name="to" type="datetime-local" required defaultValue={local(now)} />
        </div>
        <Refused error={making.error} />
        <div>
          <Button type="submit" busy={making.isPending}>
            Count and preview
          </Button>
        </div>
      </form>
    </Card>
  );
}

function ReplayLine({ env, replay }: { env: string; replay: Replay }) {
  const queries = useQueryClient();
  const acting = useMutation({
    mutationFn: (verb: string) =>
      post(`/api/v1/replays/${encodeURIComponent(replay.id)}/${verb}`, {}, { environment_id: env }),
    onSettled: () => queries.invalidateQueries({ queryKey: ["replays", env] }),
  });
  const { status, counted, sent, samples, failure } = replay;
  const act = (verb: string, label: string, look: "primary" | "plain" = "plain") => (
    <Button key={verb} size="small" look={look} busy={acting.isPending} onClick={() => acting.mutate(verb)}>
      {label}
    </Button>
  );
  return (
    <li className="flex flex-col gap-3 px-5 py-4">
      <div className="flex flex-wrap items-center gap-3">
        <div className="min-w-0 flex-1 basis-60">
          <p className="truncate font-medium">{replay.integration_id}</p>
          <p className="text-xs text-soft">
            {formatDateTime(replay.from)} – {formatDateTime(replay.to)}: {formatNumber(counted.events)} events,{" "}
            {formatNumber(counted.to_send)} to send, {formatNumber(sent)} sent
          </p>
        </div>
        <Badge tone={TONES[status] ?? "plain"}>{status}</Badge>
        {status === "ready" && act("start", `Send ${formatNumber(counted.to_send)}`, "primary")}
        {status === "running" && act("pause", "Pause")}
        {(status === "paused" || status === "failed") && act("resume", "Go on")}
        {["ready", "running", "paused", "failed", "counting"].includes(status) && act("cancel", "Cancel")}
      </div>
      {(status === "running" || status === "counting") && (
        <progress
          className="h-1.5 w-full accent-accent"
          max={Math.max(1, counted.to_send)}
          {...(status === "running" && { value: sent })}
          aria-label="Progress"
        />
      )}
      {failure && <p className="text-sm text-bad">{failure}</p>}
      {samples.length > 0 && (
        <details>
          <summary className="cursor-pointer text-sm text-soft">
            {samples.length} samples, {samples.filter(({ is_changed }) => is_changed).length} of them not as the
            pipelines make them now
          </summary>
          <div className="mt-3 flex flex-col gap-4">
            {samples.slice(0, 5).map((sample) => (
              <div key={sample.message_id} className="grid gap-3 md:grid-cols-2 [&>*]:min-w-0">
                <p className="text-sm font-medium md:col-span-2">{sample.event}</p>
                <JsonView value={sample.old} label="payload as now" />
                <JsonView value={sample.new} label="payload of the replay" />
              </div>
            ))}
          </div>
        </details>
      )}
    </li>
  );
}

/** As `<input type="datetime-local">` wants it, in the reader's time zone. */
function local(at: number): string {
  const date = new Date(at);
  return new Date(at - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
