import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Failed, Skeleton } from "./states.tsx";

interface QueryViewProps<T> {
  of: UseQueryResult<T>;
  rows?: number;
  children(data: T): ReactNode;
}

/** Loading, failed, or the thing itself. What was there once stays while it is asked for again, with a word where that fails. */
export function QueryView<T>({ of, rows, children }: QueryViewProps<T>) {
  if (of.data !== undefined)
    return (
      <>
        {of.isError && <Stale again={() => of.refetch()} />}
        {children(of.data)}
      </>
    );
  if (of.isError) return <Failed error={of.error} again={() => of.refetch()} />;
  return <Skeleton className="p-5" {...(rows && { rows })} />;
}

function Stale({ again }: { again: () => void }) {
  return (
    <p role="status" className="flex flex-wrap items-center gap-2 bg-warn-wash px-5 py-2 text-xs text-warn">
      The server did not answer the last time it was asked: this may be old.
      <button type="button" className="font-medium underline" onClick={again}>
        Ask again
      </button>
    </p>
  );
}
