import { useQueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import { meQuery } from "../api/me.ts";
import { isWaitingForSignIn, onSessionChange, settleSignIn } from "../api/session.ts";
import { Dialog } from "../components/dialog.tsx";
import { SignInForm } from "./sign-in-form.tsx";

/** Comes up over whatever is open when a session ends: the page below stays, and what was asked for goes on afterwards. */
export function SignInAgain() {
  const isWaiting = useSyncExternalStore(onSessionChange, isWaitingForSignIn);
  const queries = useQueryClient();
  return (
    <Dialog
      open={isWaiting}
      title="Your session has ended"
      description="Sign in again. What you were doing is still here."
      onClose={() => settleSignIn(false)}
    >
      <SignInForm
        onDone={() => {
          settleSignIn(true);
          queries.invalidateQueries({ queryKey: meQuery.queryKey });
        }}
      />
    </Dialog>
  );
}
