/** Who is signed in, and what they may see. An operator with the admin token is nobody in particular, and may see everything. */
import { queryOptions } from "@tanstack/react-query";
import { ask } from "./client.ts";
import { adminToken } from "./session.ts";

export interface EnvironmentOfMe {
  id: string;
  name: string;
}

export interface OrganisationOfMe {
  id: string;
  name: string;
  role: string;
  environments: EnvironmentOfMe[];
}

export interface Me {
  user: { id: string; name: string; email: string } | null;
  organisations: OrganisationOfMe[];
}

export const meQuery = queryOptions({
  queryKey: ["me"],
  queryFn: async (): Promise<Me> =>
    adminToken() ? operator() : (await ask<Me>("GET", "/api/v1/me", { without_sign_in: true })).data,
  staleTime: 60_000,
  retry: false,
});

async function operator(): Promise<Me> {
  const { data } = await ask<{ environment: EnvironmentOfMe }>("GET", "/api/v1/status", { without_sign_in: true });
  return { user: null, organisations: [{ id: "", name: "Operator", role: "admin", environments: [data.environment] }] };
}

export const environmentsOf = (me: Me) =>
  me.organisations.flatMap((organisation) =>
    organisation.environments.map((environment) => ({ ...environment, organisation })),
  );

export const organisationOf = (me: Me | undefined, environmentId: string) =>
  me?.organisations.find(({ environments }) => environments.some(({ id }) => id === environmentId));
