import { useState } from "react";
import { signIn, signInAsOperator, verifySecondFactor } from "../api/account.ts";
import { Button } from "../components/button.tsx";
import { TextField } from "../components/field.tsx";
import { Refused } from "../components/states.tsx";

/** With an account, or as the operator who holds the token of the deployment. */
export function SignInForm({ onDone }: { onDone(): void }) {
  const [how, setHow] = useState<"account" | "code" | "token">("account");
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const submit = async (event: React.SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const written = (name: string) => String(form.get(name) ?? "");
    setBusy(true);
    setError(undefined);
    try {
      if (how === "token") await signInAsOperator(written("token"));
      else if (how === "code") await verifySecondFactor(written("code"));
      else if ((await signIn({ email: written("email"), password: written("password") })).needs_second_factor)
        return setHow("code");
      onDone();
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      {how === "account" && (
        <>
          <TextField label="E-mail" name="email" type="email" autoComplete="username" required autoFocus />
          <TextField label="Password" name="password" type="password" autoComplete="current-password" required />
        </>
      )}
      {how === "code" && (
        <TextField
          label="Code of your authenticator"
          name="code"
          inputMode="numeric"
          autoComplete="one-time-code"
          required
          autoFocus
        />
      )}
      {how === "token" && (
        <TextField
          label="Admin token"
          name="token"
          type="password"
          autoComplete="off"
          required
          autoFocus
          hint="Kept for this tab only."
        />
      )}
      <Refused error={error} />
      <Button type="submit" look="primary" busy={busy}>
        Sign in
      </Button>
      <button
        type="button"
        className="text-xs text-soft underline hover:text-ink"
        onClick={() => {
          setError(undefined);
          setHow(how === "token" ? "account" : "token");
        }}
      >
        {how === "token" ? "Sign in with an account" : "Sign in with the admin token"}
      </button>
    </form>
  );
}
