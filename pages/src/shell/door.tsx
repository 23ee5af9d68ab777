import type { ReactNode } from "react";

/** The quiet page around sign-in, sign-up and the first steps. */
export function Door({
  title,
  description,
  children,
  below,
  wide = false,
}: {
  title: string;
  description?: ReactNode;
  children: ReactNode;
  below?: ReactNode;
  wide?: boolean;
}) {
  return (
    <main className="grid min-h-dvh place-items-center px-4 py-10">
      <div className={`w-full ${wide ? "max-w-2xl" : "max-w-sm"}`}>
        <div className="mb-6 flex flex-col items-center gap-3 text-center">
          <img src="/app/mark.svg" alt="Millrace" className="size-11" />
          <h1 className="text-xl font-semibold">{title}</h1>
          {description && <p className="text-sm text-soft">{description}</p>}
        </div>
        <div className="rounded-card border bg-surface p-6 shadow-sm">{children}</div>
        {below && <p className="mt-4 text-center text-sm text-soft">{below}</p>}
      </div>
    </main>
  );
}
