/** The place of the analytics: loaded when it is opened, and by nobody else. */
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { statusQuery } from "../api/status.ts";
import { Stat } from "../components/card.tsx";
import { Page } from "../components/page.tsx";
import { QueryView } from "../components/query-view.tsx";
import { formatCompact } from "../format.ts";

export function AnalyticsPage() {
  const { env } = useParams({ strict: false }) as { env: string };
  const status = useQuery(statusQuery(env));
  return (
    <Page title="Analytics" description="Who came, from where, and what it was worth.">
      <QueryView of={status}>
        {({ visitors, sessions, events }) => (
          <div className="grid grid-cols-2 gap-3 lg:grid-cols-3">
            <Stat label="Visitors, ever" value={formatCompact(visitors)} />
            <Stat label="Sessions, ever" value={formatCompact(sessions)} />
            <Stat label="Events, ever" value={formatCompact(events)} />
          </div>
        )}
      </QueryView>
    </Page>
  );
}
