/** Who is signed in, and what they may see. An operator with the admin token is nobody in particular, and may see everything. */
import { queryOptions } from "@tanstack/react-query";
import { ask } from "./client.ts";

export interface EnvironmentOfMe {
  id: string;
  name: string;
}

export interface OrganisationOfMe {
  id: string;
  name: string;
  role: string;
  permissions: string[];
  environments: EnvironmentOfMe[];
}

export interface Me {
  user: { id: string; name: string; email: string } | null;
  organisations: OrganisationOfMe[];
}

export const meQuery = queryOptions({
  queryKey: ["me"],
  queryFn: async () => (await ask<Me>("GET", "/api/v1/me", { without_sign_in: true })).data,
  staleTime: 60_000,
  retry: false,
});

export const environmentsOf = (me: Me) =>
  me.organisations.flatMap((organisation) =>
    organisation.environments.map((environment) => ({ ...environment, organisation })),
  );

export const organisationOf = (me: Me | undefined, environmentId: string) =>
  me?.organisations.find(({ environments }) => environments.some(({ id }) => id === environmentId));
