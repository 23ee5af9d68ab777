/** The first steps: an organisation, then a source; the rest is the page that waits for its first event. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { post } from "../api/client.ts";
import { environmentsOf, meQuery } from "../api/me.ts";
import { createSource } from "../api/sources.ts";
import { Button } from "../components/button.tsx";
import { TextField } from "../components/field.tsx";
import { Refused } from "../components/states.tsx";
import { Door } from "../shell/door.tsx";

export function WelcomePage() {
  const { data: me } = useQuery(meQuery);
  const environments = me ? environmentsOf(me) : [];
  // The site that is connected first is a real one.
  const environment = environments.find(({ name }) => name === "prod") ?? environments[0];
  useEffect(() => {
    document.title = "Welcome · Millrace";
  }, []);
  return environment ? <FirstSource environmentId={environment.id} /> : <FirstOrganisation />;
}

function FirstOrganisation() {
  const queries = useQueryClient();
  const creating = useMutation({
    mutationFn: (name: string) => post("/api/v1/organisations", { name }),
    meta: { shows_error: true },
    onSuccess: () => queries.invalidateQueries({ queryKey: meQuery.queryKey }),
  });
  return (
    <Door title="Name your organisation" description="Step 1 of 3. Your sites, your team and your rules live in it.">
      <OneName
        label="Organisation"
        placeholder="Mill & Race Ltd"
        action="Go on"
        busy={creating.isPending}
        error={creating.error}
        onSubmit={creating.mutate}
      />
    </Door>
  );
}

function FirstSource({ environmentId }: { environmentId: string }) {
  const navigate = useNavigate();
  const creating = useMutation({
    mutationFn: (name: string) => createSource(environmentId, name),
    meta: { shows_error: true },
    onSuccess: ({ id }) => navigate({ to: "/$env/sources/$id/connect", params: { env: environmentId, id } }),
  });
  return (
    <Door title="What do you connect first?" description="Step 2 of 3. Most begin with their site.">
      <OneName
        label="Name of the site or app"
        placeholder="Web shop"
        action="Show me the snippet"
        busy={creating.isPending}
        error={creating.error}
        onSubmit={creating.mutate}
      />
    </Door>
  );
}

interface OneNameProps {
  label: string;
  placeholder: string;
  action: string;
  busy: boolean;
  error: unknown;
  onSubmit(name: string): void;
}

function OneName({ label, placeholder, action, busy, error, onSubmit }: OneNameProps) {
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit(String(new FormData(event.currentTarget).get("name")));
      }}
    >
      <TextField key={label} label={label} name="name" required maxLength={200} placeholder={placeholder} autoFocus />
      <Refused error={error} />
      <Button type="submit" look="primary" busy={busy}>
        {action}
      </Button>
    </form>
  );
}
