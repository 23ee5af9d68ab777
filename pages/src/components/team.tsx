import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { get, patch, post, remove } from "../api/client.ts";
import type { OrganisationOfMe } from "../api/me.ts";
import { Button } from "./button.tsx";
import { Card } from "./card.tsx";
import { SelectField, TextField } from "./field.tsx";
import { QueryView } from "./query-view.tsx";
import { Refused } from "./states.tsx";
import { toast } from "./toast.tsx";

interface Member {
  user_id: string;
  name: string;
  email: string;
  role: string;
}

const ROLES = [
  { value: "admin", label: "Admin: everything" },
  { value: "engineer", label: "Engineer: sources, destinations, pipelines" },
  { value: "operator", label: "Operator: deliveries and replays" },
  { value: "analyst", label: "Analyst: reports" },
  { value: "steward", label: "Steward: people and their data" },
  { value: "viewer", label: "Viewer: reads" },
];

export function Team({ organisation }: { organisation: OrganisationOfMe }) {
  const queries = useQueryClient();
  const path = `/api/v1/organisations/${encodeURIComponent(organisation.id)}`;
  const key = ["members", organisation.id];
  const members = useQuery({
    queryKey: key,
    queryFn: async ({ signal }) =>
      listed(await get<Member[] | { items?: Member[]; members?: Member[] }>(`${path}/members`, {}, signal)),
  });
  const changed = () => queries.invalidateQueries({ queryKey: key });
  const changing = useMutation({
    mutationFn: ({ user_id, role }: { user_id: string; role: string; before: string }) =>
      patch(`${path}/members/${encodeURIComponent(user_id)}`, { role }),
    onSuccess: (_, { user_id, role, before }) => {
      toast({ title: "The role is changed", undo: () => changing.mutate({ user_id, role: before, before: role }) });
      changed();
    },
  });
  const removing = useMutation({
    mutationFn: (userId: string) => remove(`${path}/members/${encodeURIComponent(userId)}`),
    onSuccess: changed,
  });
  const inviting = useMutation({
    mutationFn: (body: { email: string; role: string }) => post(`${path}/invitations`, body),
    meta: { shows_error: true },
    onSuccess: (_, { email }) => toast({ title: `${email} is invited` }),
  });
  return (
    <div className="flex flex-col gap-5">
      <Card title="Invite somebody">
        <form
          className="flex flex-col gap-4 sm:flex-row sm:items-end"
          onSubmit={(event) => {
            event.preventDefault();
            const form = new FormData(event.currentTarget);
            inviting.mutate({ email: String(form.get("email")), role: String(form.get("role")) });
          }}
        >
          <div className="flex-1">
            <TextField label="E-mail" name="email" type="email" required />
          </div>
          <div className="flex-1">
            <SelectField label="Role" name="role" defaultValue="viewer" options={ROLES} />
          </div>
          <Button type="submit" look="primary" busy={inviting.isPending}>
            Invite
          </Button>
        </form>
        <div className="mt-3">
          <Refused error={inviting.error} />
        </div>
      </Card>
      <Card title="Members" flush>
        <QueryView of={members}>
          {(all) => (
            <ul className="divide-y">
              {all.map(({ user_id, name, email, role }) => (
                <li key={user_id} className="flex flex-wrap items-center gap-3 px-5 py-3">
                  <div className="min-w-0 flex-1 basis-48">
                    <bdi className="block truncate font-medium">{name || email}</bdi>
                    <p className="truncate text-xs text-soft">{email}</p>
                  </div>
                  <div className="w-52">
                    <SelectField
                      label={`Role of ${name || email}`}
                      hideLabel
                      value={role}
                      options={ROLES}
                      onChange={({ target }) => changing.mutate({ user_id, role: target.value, before: role })}
                    />
                  </div>
                  <Button size="small" look="danger" onClick={() => removing.mutate(user_id)}>
                    Remove
                  </Button>
                </li>
              ))}
            </ul>
          )}
        </QueryView>
      </Card>
    </div>
  );
}

const listed = (answer: Member[] | { items?: Member[]; members?: Member[] }): Member[] =>
  Array.isArray(answer) ? answer : (answer.items ?? answer.members ?? []);
