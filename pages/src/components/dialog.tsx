import { clsx } from "clsx";
import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { Button } from "./button.tsx";

interface DialogProps {
  open: boolean;
  onClose?: () => void;
  title: ReactNode;
  description?: ReactNode;
  children: ReactNode;
  /** `side`: from the right at desktop, from below on a phone. `left`: a menu. */
  place?: "middle" | "side" | "left";
  wide?: boolean;
}

export function Dialog({ open, onClose, title, description, children, place = "middle", wide = false }: DialogProps) {
  return (
    <Radix.Root open={open} onOpenChange={(isOpen) => !isOpen && onClose?.()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 animate-fade bg-black/45 backdrop-blur-[1px]" />
        <Radix.Content
          {...(description ? {} : { "aria-describedby": undefined })}
          onInteractOutside={(event) => !onClose && event.preventDefault()}
          onEscapeKeyDown={(event) => !onClose && event.preventDefault()}
          className={clsx(
            "fixed z-50 flex animate-rise flex-col overflow-hidden bg-raised shadow-2xl ring-1 ring-line",
            place === "middle" && "inset-x-3 top-[8vh] mx-auto max-h-[84vh] rounded-card sm:inset-x-6",
            place === "middle" && (wide ? "max-w-3xl" : "max-w-lg"),
            place === "side" &&
              "inset-x-0 bottom-0 max-h-[90vh] rounded-t-card sm:inset-y-0 sm:left-auto sm:max-h-none sm:w-[min(46rem,92vw)] sm:rounded-none",
            place === "left" && "inset-y-0 left-0 w-72 max-w-[85vw]",
          )}
        >
          <div className={clsx("flex items-start gap-3 px-5 pt-4 pb-3", place !== "left" && "border-b")}>
            <div className="min-w-0 flex-1">
              <Radix.Title className="truncate text-base font-semibold">{title}</Radix.Title>
              {description && <Radix.Description className="mt-0.5 text-sm text-soft">{description}</Radix.Description>}
            </div>
            {onClose && (
              <Radix.Close asChild>
                <Button look="quiet" size="icon" aria-label="Close" className="-mt-1 -mr-2">
                  <X className="size-4" aria-hidden />
                </Button>
              </Radix.Close>
            )}
          </div>
          <div className="min-h-0 flex-1 overflow-y-auto px-5 py-4">{children}</div>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

interface ConfirmProps {
  open: boolean;
  title: string;
  children: ReactNode;
  action: string;
  busy?: boolean;
  onConfirm(): void;
  onClose(): void;
}

/** For what cannot be undone. What can be undone is done at once, with a toast that undoes it. */
export function Confirm({ open, title, children, action, busy = false, onConfirm, onClose }: ConfirmProps) {
  return (
    <Dialog open={open} onClose={onClose} title={title}>
      <div className="text-sm text-soft">{children}</div>
      <div className="mt-5 flex justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button look="danger" busy={busy} onClick={onConfirm}>
          {action}
        </Button>
      </div>
    </Dialog>
  );
}
