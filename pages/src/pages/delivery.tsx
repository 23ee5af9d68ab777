import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { boardQuery } from "../api/integrations.ts";
import { type IntegrationStatus, stateOf, statusQuery } from "../api/status.ts";
import { Badge } from "../components/badge.tsx";
import { Card } from "../components/card.tsx";
import { DeadLetters } from "../components/dead-letters.tsx";
import { DeliveryFunnel } from "../components/delivery-funnel.tsx";
import { Mark } from "../components/mark.tsx";
import { Page } from "../components/page.tsx";
import { QueryView } from "../components/query-view.tsx";
import { Replays } from "../components/replays.tsx";
import { Empty } from "../components/states.tsx";
import { Tabs } from "../components/tabs.tsx";
import { formatCompact, formatShare } from "../format.ts";

export function DeliveryPage() {
  const { env } = useParams({ strict: false }) as { env: string };
  return (
    <Page
      title="Delivery"
      description="What became of every event at every destination; what no vendor took, to look at, mend and send again."
    >
      <Tabs
        label="Delivery"
        tabs={[
          { name: "Destinations", content: <Funnels env={env} /> },
          { name: "Dead letters", content: <DeadLetters env={env} /> },
          { name: "Replay", content: <Replays env={env} /> },
        ]}
      />
    </Page>
  );
}

function Funnels({ env }: { env: string }) {
  const status = useQuery(statusQuery(env));
  return (
    <QueryView of={status}>
      {({ integrations }) =>
        integrations.length === 0 ? (
          <Card>
            <Empty title="No destination yet">Add one under Destinations: here you see what it was told.</Empty>
          </Card>
        ) : (
          <div className="flex flex-col gap-3">
            {integrations.map((one) => (
              <Funnel key={one.id} env={env} one={one} />
            ))}
          </div>
        )
      }
    </QueryView>
  );
}

function Funnel({ env, one }: { env: string; one: IntegrationStatus }) {
  const { label, tone } = stateOf(one);
  const decided = one.delivered + one.dead_lettered;
  return (
    <details className="group rounded-card border bg-surface">
      <summary className="flex cursor-pointer list-none items-center gap-4 px-5 py-3.5">
        <Mark name={one.destination} />
        <span className="min-w-0 flex-1">
          <bdi className="block truncate font-medium">{one.name}</bdi>
          <span className="block truncate text-xs text-soft">
            {formatCompact(one.delivered)} delivered, {formatCompact(one.dead_lettered)} given up
            {decided > 0 && `, ${formatShare(one.delivered / decided)} taken`}
          </span>
        </span>
        <Badge tone={tone}>{label}</Badge>
      </summary>
      <div className="border-t p-5">
        <LastDay env={env} id={one.id} />
      </div>
    </details>
  );
}

function LastDay({ env, id }: { env: string; id: string }) {
  const board = useQuery(boardQuery(env, id, "event"));
  return <QueryView of={board}>{(data) => <DeliveryFunnel board={data} />}</QueryView>;
}
