import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useRouterState } from "@tanstack/react-router";
import { Users } from "lucide-react";
import { useDeferredValue, useState } from "react";
import { type FoundPerson, searchQuery } from "../api/people.ts";
import { Button } from "../components/button.tsx";
import { Card } from "../components/card.tsx";
import { TextField } from "../components/field.tsx";
import { Page } from "../components/page.tsx";
import { QueryView } from "../components/query-view.tsx";
import { Empty } from "../components/states.tsx";
import { Table } from "../components/table.tsx";

export function PeoplePage() {
  const { env } = useParams({ strict: false }) as { env: string };
  const navigate = useNavigate();
  const search = useRouterState({ select: ({ location }) => location.search as { q?: string } });
  const [typed, setTyped] = useState(String(search.q ?? ""));
  const wanted = useDeferredValue(typed.trim());
  const people = useQuery(searchQuery(env, wanted));
  const open = (who: string) => navigate({ to: "/$env/people/$who", params: { env, who } });
  return (
    <Page
      title="People"
      description="Everybody who said who they are, with all their devices: what they did, what they allowed, and who they are known as."
    >
      <Card flush>
        <form
          className="flex gap-2 border-b p-3"
          onSubmit={(event) => {
            event.preventDefault();
            if (typed.trim()) open(typed.trim());
          }}
        >
          <div className="flex-1">
            <TextField
              label="Search people"
              hideLabel
              type="search"
              autoFocus
              placeholder="How a name, an e-mail address or an id begins"
              value={typed}
              maxLength={256}
              onChange={({ target }) => setTyped(target.value)}
            />
          </div>
          <Button type="submit" disabled={!typed.trim()}>
            Open exactly this
          </Button>
        </form>
        {wanted === "" ? (
          <Empty icon={<Users aria-hidden />} title="Whom are you looking for?">
            Type how a name, an address or an id begins. Return opens exactly who is known by it:{" "}
            <code>email:ann@shop.example</code>, a user id.
          </Empty>
        ) : (
          <QueryView of={people}>
            {(all) =>
              all.length === 0 ? (
                <Empty title={`Nobody begins with “${wanted.slice(0, 60)}”`}>
                  Return opens exactly who is known by it, also where no trait says so.
                </Empty>
              ) : (
                <Table<FoundPerson>
                  label="People"
                  rows={all}
                  keyOf={({ person_id }) => person_id}
                  onOpen={({ person_id }) => open(person_id)}
                  columns={[
                    { head: "Who", cell: nameOf, width: "minmax(0,1.5fr)" },
                    {
                      head: "Id",
                      cell: ({ person_id }) => <code className="text-xs text-soft">{person_id}</code>,
                      wideOnly: true,
                    },
                  ]}
                />
              )
            }
          </QueryView>
        )}
      </Card>
    </Page>
  );
}

function nameOf({ person_id, traits = {}, ...others }: FoundPerson): string {
  const whole = [traits.first_name, traits.last_name].filter((one) => typeof one === "string").join(" ");
  const names = [traits.name, whole, traits.email, others.match, others.value, person_id];
  return String(names.find((one) => typeof one === "string" && one !== ""));
}
