import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { signUp } from "../api/account.ts";
import { Button } from "../components/button.tsx";
import { TextField } from "../components/field.tsx";
import { Refused } from "../components/states.tsx";
import { Door } from "../shell/door.tsx";

export function SignUpPage() {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const creating = useMutation({
    mutationFn: signUp,
    meta: { shows_error: true },
    onSuccess: async ({ waits_for_mail }) => {
      if (waits_for_mail) return;
      queries.clear();
      await navigate({ to: "/" });
    },
  });
  const submit = (event: React.SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const written = (name: string) => String(form.get(name) ?? "");
    creating.mutate({ name: written("name"), email: written("email"), password: written("password") });
  };
  if (creating.data?.waits_for_mail)
    return (
      <Door title="Look into your mail">
        <p className="text-sm">
          We have sent you a link. Follow it, and your account is ready:{" "}
          <Link to="/sign-in" className="font-medium text-accent underline">
            sign in
          </Link>{" "}
          then.
        </p>
      </Door>
    );
  return (
    <Door
      title="Create your account"
      description="Then connect a site: the first event is a minute away."
      below={
        <>
          Have an account?{" "}
          <Link to="/sign-in" className="font-medium text-accent underline">
            Sign in
          </Link>
        </>
      }
    >
      <form onSubmit={submit} className="flex flex-col gap-4">
        <TextField label="Your name" name="name" autoComplete="name" required maxLength={200} autoFocus />
        <TextField label="E-mail" name="email" type="email" autoComplete="email" required />
        <TextField
          label="Password"
          name="password"
          type="password"
          autoComplete="new-password"
          minLength={8}
          required
          hint="At least 8 characters, one of them a number."
        />
        <Refused error={creating.error} />
        <Button type="submit" look="primary" busy={creating.isPending}>
          Create account
        </Button>
      </form>
    </Door>
  );
}
