import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { Download } from "lucide-react";
import { useState } from "react";
import { get, post, remove } from "../api/client.ts";
import { type Identifier, named, type Person, personQuery, type Timeline } from "../api/people.ts";
import { Badge } from "../components/badge.tsx";
import { Button } from "../components/button.tsx";
import { Card, Stat } from "../components/card.tsx";
import { Confirm, Dialog } from "../components/dialog.tsx";
import { TextField } from "../components/field.tsx";
import { JsonView } from "../components/json-view.tsx";
import { Page } from "../components/page.tsx";
import { QueryView } from "../components/query-view.tsx";
import { Empty, Refused } from "../components/states.tsx";
import { toast } from "../components/toast.tsx";
import { formatAgo, formatDateTime, formatNumber } from "../format.ts";

export function PersonPage() {
  const { env, who } = useParams({ strict: false }) as { env: string; who: string };
  const person = useQuery(personQuery(env, who));
  return (
    <Page
      title={person.data ? titleOf(person.data) : "Person"}
      description={person.data?.person_id}
      actions={person.data && <Actions env={env} person={person.data} />}
    >
      <QueryView of={person}>
        {(one) => (
          <>
            <div className="grid grid-cols-2 gap-3 lg:grid-cols-4">
              <Stat label="Events" value={formatNumber(one.events)} />
              <Stat
                label="First seen"
                value={formatAgo(iso(one.first_seen))}
                note={formatDateTime(iso(one.first_seen))}
              />
              <Stat label="Last seen" value={formatAgo(iso(one.last_seen))} note={formatDateTime(iso(one.last_seen))} />
              <Stat
                label="Known by"
                value={formatNumber(one.identifiers.length)}
                note={one.identifiers.length === 1 ? "identifier" : "identifiers"}
              />
            </div>
            <div className="grid items-start gap-5 lg:grid-cols-[minmax(0,1.3fr)_minmax(0,1fr)]">
              <TimelineCard env={env} who={one.person_id} />
              <div className="flex min-w-0 flex-col gap-5">
                <Traits title="Traits" values={one.traits} />
                <Traits
                  title="Computed"
                  values={Object.fromEntries(
                    Object.entries(one.computed_traits).map(([name, { value }]) => [name, value]),
                  )}
                />
                <Identities env={env} person={one} />
                <ConsentCard person={one} />
              </div>
            </div>
          </>
        )}
      </QueryView>
    </Page>
  );
}

const iso = (ms: number) => new Date(ms).toISOString();
const titleOf = ({ traits, person_id }: Person) =>
  String(
    [traits.name, traits.first_name, traits.email].find((one) => typeof one === "string" && one) ?? person_id,
  ).slice(0, 500);

function TimelineCard({ env, who }: { env: string; who: string }) {
  const timeline = useInfiniteQuery({
    queryKey: ["people", env, who, "timeline"],
    queryFn: ({ pageParam, signal }) =>
      get<Timeline>(
        `/api/v1/profiles/${encodeURIComponent(who)}/timeline`,
        { environment_id: env, limit: 50, cursor: pageParam },
        signal,
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next,
  });
  const events = timeline.data?.pages.flatMap((page) => page.events) ?? [];
  return (
    <Card title="What they did" flush>
      <QueryView of={timeline}>
        {() =>
          events.length === 0 ? (
            <Empty title="No event of theirs is kept" />
          ) : (
            <>
              <ol className="divide-y">
                {events.map(({ event, source_id }) => (
                  <li key={event.message_id} className="px-5 py-2.5">
                    <details>
                      <summary className="flex cursor-pointer list-none flex-wrap items-baseline gap-x-3">
                        <bdi className="min-w-0 flex-1 truncate font-medium">{event.event}</bdi>
                        <time
                          dateTime={event.timestamp}
                          title={formatDateTime(event.timestamp)}
                          className="text-xs text-soft"
                        >
                          {formatAgo(event.timestamp)}
                        </time>
                        <span className="w-full truncate text-xs text-soft">
                          {event.context.page?.path ?? event.context.page?.url ?? source_id}
                        </span>
                      </summary>
                      <JsonView value={event} label="event" className="mt-2" />
                    </details>
                  </li>
                ))}
              </ol>
              {timeline.hasNextPage && (
                <div className="p-4 text-center">
                  <Button busy={timeline.isFetchingNextPage} onClick={() => timeline.fetchNextPage()}>
                    Older
                  </Button>
                </div>
              )}
            </>
          )
        }
      </QueryView>
    </Card>
  );
}

function Traits({ title, values }: { title: string; values: Record<string, unknown> }) {
  const all = Object.entries(values);
  if (all.length === 0) return null;
  return (
    <Card title={title}>
      <dl className="flex flex-col gap-2 text-sm">
        {all.map(([name, value]) => (
          <div key={name} className="grid grid-cols-[minmax(0,9rem)_1fr] gap-3">
            <dt className="truncate text-soft">{name}</dt>
            <dd className="min-w-0 [overflow-wrap:anywhere]" dir="auto">
              {typeof value === "object" ? JSON.stringify(value) : String(value)}
            </dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}

function Identities({ env, person }: { env: string; person: Person }) {
  const queries = useQueryClient();
  const [splitting, setSplitting] = useState<Identifier>();
  const split = useMutation({
    mutationFn: (one: Identifier) =>
      post(
        `/api/v1/profiles/${encodeURIComponent(person.person_id)}/split`,
        { identifier: named(one) },
        { environment_id: env },
      ),
    onSuccess: () => {
      setSplitting(undefined);
      toast({ title: "Taken apart: what was said stays known to both" });
      queries.invalidateQueries({ queryKey: ["people", env] });
    },
  });
  return (
    <Card title="Known by" flush>
      <ul className="divide-y">
        {person.identifiers.map((one) => (
          <li key={named(one)} className="flex items-center gap-3 px-5 py-2.5 text-sm">
            <Badge>{one.kind}</Badge>
            <code className="min-w-0 flex-1 truncate text-xs" title={one.value}>
              {one.value}
            </code>
            {person.identifiers.length > 1 && (
              <Button size="small" look="quiet" onClick={() => setSplitting(one)}>
                Take off
              </Button>
            )}
          </li>
        ))}
        {person.refused_links.map(({ message_id, between, reason }) => (
          <li key={message_id} className="px-5 py-2.5 text-xs text-soft">
            Not joined: {between.map(named).join(" and ")} ({reason.replaceAll("_", " ")})
          </li>
        ))}
      </ul>
      <Confirm
        open={splitting !== undefined}
        title="Take this identifier off?"
        action="Take off"
        busy={split.isPending}
        onClose={() => setSplitting(undefined)}
        onConfirm={() => splitting && split.mutate(splitting)}
      >
        Every link of {splitting && <code className="[overflow-wrap:anywhere]">{named(splitting)}</code>} is undone:
        whoever is known by it is somebody else from then on.
      </Confirm>
    </Card>
  );
}

function ConsentCard({ person: { consent } }: { person: Person }) {
  const current = Object.entries(consent.current);
  return (
    <Card title="Consent">
      {current.length === 0 ? (
        <p className="text-sm text-soft">They were not asked; what the environment says holds.</p>
      ) : (
        <ul className="flex flex-wrap gap-2">
          {current.map(([purpose, answer]) => (
            <li key={purpose}>
              <Badge tone={answer === true || answer === "granted" ? "good" : "bad"}>
                {purpose}: {answer === true ? "yes" : answer === false ? "no" : String(answer)}
              </Badge>
            </li>
          ))}
        </ul>
      )}
      {consent.answers.length > 0 && (
        <ol className="mt-4 flex flex-col gap-1 text-xs text-soft">
          {consent.answers.slice(-10).map(({ at, message_id, source_id, answer }) => (
            <li key={message_id}>
              {formatDateTime(iso(at))}, {source_id}: {JSON.stringify(answer)}
            </li>
          ))}
        </ol>
      )}
    </Card>
  );
}

function Actions({ env, person }: { env: string; person: Person }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [isMerging, setMerging] = useState(false);
  const [isErasing, setErasing] = useState(false);
  const path = `/api/v1/profiles/${encodeURIComponent(person.person_id)}`;
  const query = { environment_id: env };
  const exporting = useMutation({
    mutationFn: () => get<unknown>(`${path}/export`, query),
    onSuccess: (all) => download(`${person.person_id}.json`, JSON.stringify(all, null, 2)),
  });
  const unmerging = useMutation({
    mutationFn: (message_id: string) => post(`${path}/unmerge`, { message_id }, query),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["people", env] }),
  });
  const merging = useMutation({
    mutationFn: (from: string) =>
      post<{ message_id: string }>("/api/v1/profiles/merge", { into: person.person_id, from }, query),
    meta: { shows_error: true },
    onSuccess: ({ message_id }) => {
      setMerging(false);
      queries.invalidateQueries({ queryKey: ["people", env] });
      toast({ title: "They are one person now", undo: () => unmerging.mutate(message_id) });
    },
  });
  const erasing = useMutation({
    mutationFn: () => remove(path, { query }),
    onSuccess: async () => {
      toast({ title: "Forgotten" });
      queries.removeQueries({ queryKey: ["people", env] });
      await navigate({ to: "/$env/people", params: { env } });
    },
  });
  return (
    <>
      <Button busy={exporting.isPending} onClick={() => exporting.mutate()}>
        <Download className="size-4" aria-hidden /> Export
      </Button>
      <Button onClick={() => setMerging(true)}>Merge</Button>
      <Button look="danger" onClick={() => setErasing(true)}>
        Forget
      </Button>
      <Dialog
        open={isMerging}
        onClose={() => setMerging(false)}
        title="Merge with somebody"
        description="Both are one person from then on. It can be undone."
      >
        <form
          className="flex flex-col gap-4"
          onSubmit={(event) => {
            event.preventDefault();
            merging.mutate(String(new FormData(event.currentTarget).get("from")));
          }}
        >
          <TextField
            label="Who is the same person"
            name="from"
            required
            placeholder="email:ann@shop.example, a user id, per_…"
            autoFocus
          />
          <Refused error={merging.error} />
          <Button type="submit" look="primary" busy={merging.isPending}>
            Merge
          </Button>
        </form>
      </Dialog>
      <Confirm
        open={isErasing}
        title="Forget this person?"
        action="Forget for good"
        busy={erasing.isPending}
        onClose={() => setErasing(false)}
        onConfirm={() => erasing.mutate()}
      >
        Their profile, identifiers and events on all their devices are deleted. It cannot be undone.
      </Confirm>
    </>
  );
}

function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  URL.revokeObjectURL(url);
}
