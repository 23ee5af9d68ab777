import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { ArrowRight } from "lucide-react";
import { spelled } from "../api/integrations.ts";
import { type IntegrationStatus, stateOf, statusQuery } from "../api/status.ts";
import { Badge } from "../components/badge.tsx";
import { Card, Stat } from "../components/card.tsx";
import { Mark } from "../components/mark.tsx";
import { Page } from "../components/page.tsx";
import { QueryView } from "../components/query-view.tsx";
import { Empty } from "../components/states.tsx";
import { formatCompact, formatShare } from "../format.ts";

export function OverviewPage() {
  const { env } = useParams({ strict: false }) as { env: string };
  const status = useQuery(statusQuery(env));
  return (
    <Page title="Overview" description="What came in, and whether everybody who should have it has it.">
      <QueryView of={status}>
        {(now) => (
          <>
            <div className="grid grid-cols-2 gap-3 lg:grid-cols-4">
              <Stat
                label="Events"
                value={formatCompact(now.events)}
                note={`${formatCompact(now.duplicates)} duplicates left out`}
              />
              <Stat
                label="Visitors"
                value={formatCompact(now.visitors)}
                note={`${formatCompact(now.sessions)} ${now.sessions === 1 ? "session" : "sessions"}`}
              />
              <Stat label="People" value={formatCompact(now.profiles)} note="who said who they are" />
              <Stat
                label="In your lake"
                value={formatCompact(now.lake_files)}
                note={`files; ${formatCompact(now.waiting_events)} events to be written`}
              />
            </div>
            {now.events === 0 && <FirstSteps env={env} />}
            <Card
              title="Destinations"
              flush
              aside={
                <More env={env} to="delivery">
                  Delivery
                </More>
              }
            >
              {now.integrations.length === 0 ? (
                <Empty
                  title="Nobody is told yet"
                  action={
                    <More env={env} to="destinations">
                      Choose a destination
                    </More>
                  }
                >
                  Events are kept in your lake. Add a destination and it hears of every new one.
                </Empty>
              ) : (
                <ul className="divide-y">
                  {now.integrations.map((one) => (
                    <DestinationLine key={one.id} env={env} one={one} />
                  ))}
                </ul>
              )}
            </Card>
          </>
        )}
      </QueryView>
    </Page>
  );
}

function DestinationLine({ env, one }: { env: string; one: IntegrationStatus }) {
  const { label, tone } = stateOf(one);
  const decided = one.delivered + one.dead_lettered;
  return (
    <li className="relative flex items-center gap-4 px-5 py-3 hover:bg-sunken/60">
      <Mark name={one.destination} />
      <div className="min-w-0 flex-1">
        <Link
          to="/$env/destinations/$id"
          params={{ env, id: one.id }}
          className="block truncate font-medium after:absolute after:inset-0"
        >
          <bdi>{one.name}</bdi>
        </Link>
        <p className="truncate text-xs text-soft">{spelled(one.destination)}</p>
      </div>
      <p className="hidden text-right text-sm tabular-nums sm:block">
        {formatCompact(one.delivered)} delivered
        <span className="block text-xs text-soft">
          {decided ? `${formatShare(one.delivered / decided)} of those with an answer` : "no answer yet"}
        </span>
      </p>
      <Badge tone={tone}>{label}</Badge>
    </li>
  );
}

function FirstSteps({ env }: { env: string }) {
  return (
    <Card title="Begin here">
      <p className="text-sm text-soft">
        No event has come yet. Put the script on your site, or point an SDK that you have at this host: this page counts
        by itself as soon as one arrives.
      </p>
      <div className="mt-3">
        <More env={env} to="sources">
          Connect a source
        </More>
      </div>
    </Card>
  );
}

function More({ env, to, children }: { env: string; to: string; children: React.ReactNode }) {
  return (
    <Link
      to={`/${env}/${to}` as never}
      className="inline-flex items-center gap-1 text-sm font-medium text-accent hover:underline"
    >
      {children} <ArrowRight className="size-3.5" aria-hidden />
    </Link>
  );
}
