import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useRouter } from "@tanstack/react-router";
import { Door } from "../shell/door.tsx";
import { SignInForm } from "../shell/sign-in-form.tsx";

export function SignInPage() {
  const navigate = useNavigate();
  const router = useRouter();
  const queries = useQueryClient();
  const enter = async () => {
    queries.clear();
    const { back } = router.state.location.search as { back?: string };
    // Only back to a page of this dashboard.
    if (back?.startsWith("/") && !back.startsWith("//"))
      router.history.push(back.startsWith("/app") ? back : `/app${back}`);
    else await navigate({ to: "/" });
  };
  return (
    <Door
      title="Sign in to Millrace"
      below={
        <>
          New here?{" "}
          <Link to="/sign-up" className="font-medium text-accent underline">
            Create an account
          </Link>
        </>
      }
    >
      <SignInForm onDone={enter} />
    </Door>
  );
}
