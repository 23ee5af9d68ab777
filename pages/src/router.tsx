/** Every page of the dashboard with its address. Each is loaded when it is first opened. */
import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from "@tanstack/react-router";
import { environmentsOf, meQuery } from "./api/me.ts";
import { ApiProblem } from "./api/problem.ts";
import { Failed, Skeleton } from "./components/states.tsx";
import { Frame } from "./shell/frame.tsx";

interface Context {
  queries: QueryClient;
}

const root = createRootRouteWithContext<Context>()({ component: Outlet });

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  component: lazyRouteComponent(() => import("./pages/sign-in.tsx"), "SignInPage"),
});
const signUp = createRoute({
  getParentRoute: () => root,
  path: "/sign-up",
  component: lazyRouteComponent(() => import("./pages/sign-up.tsx"), "SignUpPage"),
});

/** Everything that needs somebody. Who is nobody is asked who they are. */
const signedIn = createRoute({
  getParentRoute: () => root,
  id: "signed-in",
  beforeLoad: async ({ context, location }) => {
    try {
      return { me: await context.queries.ensureQueryData(meQuery) };
    } catch (error) {
      if (error instanceof ApiProblem && (error.status === 401 || error.status === 403 || error.status === 404))
        throw redirect({ to: "/sign-in", search: { back: location.href } as never });
      throw error;
    }
  },
  component: Outlet,
});

const start = createRoute({
  getParentRoute: () => signedIn,
  path: "/",
  beforeLoad: ({ context }) => {
    const [first] = environmentsOf(context.me);
    throw first ? redirect({ to: "/$env/overview", params: { env: first.id } }) : redirect({ to: "/welcome" });
  },
});
const welcome = createRoute({
  getParentRoute: () => signedIn,
  path: "/welcome",
  component: lazyRouteComponent(() => import("./pages/welcome.tsx"), "WelcomePage"),
});

const environment = createRoute({ getParentRoute: () => signedIn, path: "/$env", component: Frame });

const page = <const P extends string>(path: P, component: ReturnType<typeof lazyRouteComponent>) =>
  createRoute({ getParentRoute: () => environment, path, component });

const pages = [
  page(
    "/overview",
    lazyRouteComponent(() => import("./pages/overview.tsx"), "OverviewPage"),
  ),
  page(
    "/live",
    lazyRouteComponent(() => import("./pages/live.tsx"), "LivePage"),
  ),
  page(
    "/analytics",
    lazyRouteComponent(() => import("./pages/analytics.tsx"), "AnalyticsPage"),
  ),
  page(
    "/sources",
    lazyRouteComponent(() => import("./pages/sources.tsx"), "SourcesPage"),
  ),
  page(
    "/sources/$id",
    lazyRouteComponent(() => import("./pages/source.tsx"), "SourcePage"),
  ),
  page(
    "/sources/$id/connect",
    lazyRouteComponent(() => import("./pages/connect.tsx"), "ConnectPage"),
  ),
  page(
    "/destinations",
    lazyRouteComponent(() => import("./pages/destinations.tsx"), "DestinationsPage"),
  ),
  page(
    "/destinations/new/$name",
    lazyRouteComponent(() => import("./pages/new-destination.tsx"), "NewDestinationPage"),
  ),
  page(
    "/destinations/$id",
    lazyRouteComponent(() => import("./pages/destination.tsx"), "DestinationPage"),
  ),
  page(
    "/delivery",
    lazyRouteComponent(() => import("./pages/delivery.tsx"), "DeliveryPage"),
  ),
  page(
    "/people",
    lazyRouteComponent(() => import("./pages/people.tsx"), "PeoplePage"),
  ),
  page(
    "/people/$who",
    lazyRouteComponent(() => import("./pages/person.tsx"), "PersonPage"),
  ),
  page(
    "/pipelines",
    lazyRouteComponent(() => import("./pages/pipelines.tsx"), "PipelinesPage"),
  ),
  page(
    "/pipelines/$id",
    lazyRouteComponent(() => import("./pages/pipeline.tsx"), "PipelinePage"),
  ),
  page(
    "/org-data-layer",
    lazyRouteComponent(() => import("./pages/org-data-layer.tsx"), "OrgDataLayerPage"),
  ),
  page(
    "/tracking-plan",
    lazyRouteComponent(() => import("./pages/tracking-plan.tsx"), "TrackingPlanPage"),
  ),
  page(
    "/settings",
    lazyRouteComponent(() => import("./pages/settings.tsx"), "SettingsPage"),
  ),
];

const tree = root.addChildren([signIn, signUp, signedIn.addChildren([start, welcome, environment.addChildren(pages)])]);

export function makeRouter(queries: QueryClient) {
  return createRouter({
    routeTree: tree,
    basepath: "/app",
    context: { queries },
    defaultPreload: "intent",
    defaultPendingComponent: () => <Skeleton className="mx-auto w-full max-w-6xl p-8" />,
    defaultErrorComponent: ({ error, reset }) => <Failed error={error} again={reset} />,
    defaultNotFoundComponent: () => <Failed error={new ApiProblem(404, {}, null)} />,
    scrollRestoration: true,
  });
}
