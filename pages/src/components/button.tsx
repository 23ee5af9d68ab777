import { clsx } from "clsx";
import { LoaderCircle } from "lucide-react";
import type { ButtonHTMLAttributes } from "react";

const LOOKS = {
  primary: "bg-accent text-accent-ink hover:brightness-110 shadow-xs",
  plain: "bg-surface text-ink border border-line hover:bg-sunken shadow-xs",
  quiet: "text-soft hover:text-ink hover:bg-sunken",
  danger: "bg-bad-wash text-bad border border-bad/30 hover:brightness-95 dark:hover:brightness-125",
} as const;

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: keyof typeof LOOKS;
  size?: "small" | "normal" | "icon";
  /** Shows that it works, and takes no second click. */
  busy?: boolean;
}

export function Button({
  look = "plain",
  size = "normal",
  busy = false,
  className,
  children,
  disabled,
  ...rest
}: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      className={clsx(
        "inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md font-medium whitespace-nowrap transition-[background,color,filter] select-none disabled:cursor-not-allowed disabled:opacity-60",
        size === "small" && "h-7 px-2.5 text-xs",
        size === "normal" && "h-9 px-3.5 text-sm",
        size === "icon" && "size-9",
        LOOKS[look],
        className,
      )}
    >
      {busy && <LoaderCircle className="size-4 animate-spin" aria-hidden />}
      {children}
    </button>
  );
}
