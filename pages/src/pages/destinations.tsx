import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { Waypoints } from "lucide-react";
import { useState } from "react";
import { destinationsQuery, integrationsQuery, spelled } from "../api/integrations.ts";
import { stateOf, statusQuery } from "../api/status.ts";
import { Badge } from "../components/badge.tsx";
import { Card } from "../components/card.tsx";
import { TextField } from "../components/field.tsx";
import { Mark } from "../components/mark.tsx";
import { Page } from "../components/page.tsx";
import { QueryView } from "../components/query-view.tsx";
import { Empty } from "../components/states.tsx";

export function DestinationsPage() {
  const { env } = useParams({ strict: false }) as { env: string };
  const integrations = useQuery(integrationsQuery(env));
  const status = useQuery(statusQuery(env));
  return (
    <Page
      title="Destinations"
      description="Who is told what happened. Each event is mapped to the vendor's own form, checked, delivered, and retried until it is taken."
    >
      <Card title="Yours" flush>
        <QueryView of={integrations}>
          {(all) =>
            all.length === 0 ? (
              <Empty icon={<Waypoints aria-hidden />} title="No destination yet">
                Choose one below. Events that come before are in your lake, and can be replayed to it.
              </Empty>
            ) : (
              <ul className="max-h-[40rem] divide-y overflow-y-auto">
                {all.map(({ id, name, destination, enabled }) => {
                  const gate = status.data?.integrations.find((one) => one.id === id);
                  const { label, tone } = stateOf({ enabled, state: gate?.state ?? "open_for_business" });
                  return (
                    <li key={id} className="relative flex items-center gap-4 px-5 py-3 hover:bg-sunken/60">
                      <Mark name={destination} />
                      <div className="min-w-0 flex-1">
                        <Link
                          to="/$env/destinations/$id"
                          params={{ env, id }}
                          className="block truncate font-medium after:absolute after:inset-0"
                        >
                          <bdi>{name}</bdi>
                        </Link>
                        <p className="truncate text-xs text-soft">{spelled(destination)}</p>
                      </div>
                      <Badge tone={tone}>{label}</Badge>
                    </li>
                  );
                })}
              </ul>
            )
          }
        </QueryView>
      </Card>
      <Catalogue env={env} />
    </Page>
  );
}

function Catalogue({ env }: { env: string }) {
  const destinations = useQuery(destinationsQuery);
  const [wanted, setWanted] = useState("");
  return (
    <Card
      title="Add one"
      aside={
        <div className="w-48">
          <TextField
            label="Search destinations"
            hideLabel
            type="search"
            placeholder="Search"
            value={wanted}
            onChange={({ target }) => setWanted(target.value)}
          />
        </div>
      }
    >
      <QueryView of={destinations}>
        {(all) => (
          <ul className="grid gap-3 sm:grid-cols-2 lg:grid-cols-3">
            {all
              .filter((one) => one.title.toLowerCase().includes(wanted.toLowerCase()))
              .map((one) => (
                <li
                  key={one.name}
                  className="relative flex items-center gap-3 rounded-lg border p-3 hover:border-accent hover:bg-accent-wash/40"
                >
                  <Mark name={one.name} />
                  <div className="min-w-0">
                    <Link
                      to="/$env/destinations/new/$name"
                      params={{ env, name: one.name }}
                      className="block truncate font-medium after:absolute after:inset-0"
                    >
                      {one.title}
                    </Link>
                    <p className="text-xs text-soft capitalize">{one.purpose}</p>
                  </div>
                </li>
              ))}
          </ul>
        )}
      </QueryView>
    </Card>
  );
}
