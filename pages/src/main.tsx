import "./styles.css";
import { MutationCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiProblem } from "./api/problem.ts";
import { keepAdminToken } from "./api/session.ts";
import { Toasts, toastError } from "./components/toast.tsx";
import { makeRouter } from "./router.tsx";
import { SignInAgain } from "./shell/sign-in-again.tsx";

// `npm run demo` prints a link with the token in its fragment, which is no part of any request.
if (location.hash.startsWith("#at_")) {
  keepAdminToken(location.hash.slice(1));
  history.replaceState(null, "", location.pathname + location.search);
}

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      // What was refused will be refused again; what did not arrive may arrive.
      retry: (failures, error) => failures < 1 && !(error instanceof ApiProblem && error.status < 500),
      retryDelay: 600,
    },
  },
  // Where a change shows its refusal itself, it says so.
  mutationCache: new MutationCache({
    onError: (error, _, __, { meta }) => meta?.shows_error !== true && toastError(error),
  }),
});
const router = makeRouter(queries);

createRoot(document.querySelector("#root")!).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
      <SignInAgain />
      <Toasts />
    </QueryClientProvider>
  </StrictMode>,
);
