import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { meQuery, organisationOf } from "../api/me.ts";
import { AuditTrail } from "../components/audit-trail.tsx";
import { Card } from "../components/card.tsx";
import { Page } from "../components/page.tsx";
import { Tabs } from "../components/tabs.tsx";
import { Team } from "../components/team.tsx";
import { Usage } from "../components/usage.tsx";

export function SettingsPage() {
  const { env } = useParams({ strict: false }) as { env: string };
  const { data: me } = useQuery(meQuery);
  const organisation = organisationOf(me, env);
  return (
    <Page title="Settings" description={organisation?.name}>
      <Tabs
        label="Settings"
        tabs={[
          { name: "Team", content: organisation?.id ? <Team organisation={organisation} /> : <OperatorNote /> },
          { name: "Usage", content: <Usage env={env} /> },
          { name: "Audit", content: <AuditTrail env={env} /> },
        ]}
      />
    </Page>
  );
}

function OperatorNote() {
  return (
    <Card>
      <p className="text-sm text-soft">
        You are here with the admin token, which belongs to nobody. Sign in with an account to see and invite its team.
      </p>
    </Card>
  );
}
