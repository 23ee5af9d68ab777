/** What surrounds every page of an environment: the sidebar (a sheet on a phone), the palette and the keys. */
import { Link, Outlet, useNavigate, useParams } from "@tanstack/react-router";
import { Menu, Search } from "lucide-react";
import { lazy, Suspense, useEffect, useState } from "react";
import { Button } from "../components/button.tsx";
import { Dialog } from "../components/dialog.tsx";
import { PLACES } from "./navigation.ts";
import { Sidebar } from "./sidebar.tsx";

const Palette = lazy(() => import("./palette.tsx").then(({ Palette }) => ({ default: Palette })));

export function Frame() {
  const { env } = useParams({ strict: false }) as { env: string };
  const [isMenuOpen, setMenuOpen] = useState(false);
  const [isPaletteOpen, setPaletteOpen] = useState(false);
  const openPalette = () => setPaletteOpen(true);
  useKeys(env, openPalette);
  return (
    <div className="flex min-h-dvh">
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-60 focus:rounded focus:bg-accent focus:px-3 focus:py-2 focus:text-accent-ink"
      >
        Skip to the page
      </a>
      <aside className="sticky top-0 hidden h-dvh w-60 shrink-0 border-r bg-surface lg:block">
        <Sidebar env={env} openPalette={openPalette} />
      </aside>
      <div className="flex min-w-0 flex-1 flex-col">
        <div className="sticky top-0 z-30 flex h-14 items-center gap-2 border-b bg-surface/95 px-3 backdrop-blur lg:hidden">
          <Button look="quiet" size="icon" aria-label="Menu" onClick={() => setMenuOpen(true)}>
            <Menu className="size-5" aria-hidden />
          </Button>
          <Link to="/$env/overview" params={{ env }} className="flex-1 font-semibold">
            Millrace
          </Link>
          <Button look="quiet" size="icon" aria-label="Search" onClick={openPalette}>
            <Search className="size-5" aria-hidden />
          </Button>
        </div>
        <main id="main" className="min-w-0 flex-1">
          <Outlet />
        </main>
      </div>
      <Dialog place="left" title="Millrace" open={isMenuOpen} onClose={() => setMenuOpen(false)}>
        <div className="-mx-5 -my-4">
          <Sidebar env={env} openPalette={openPalette} onGone={() => setMenuOpen(false)} />
        </div>
      </Dialog>
      {isPaletteOpen && (
        <Suspense>
          <Palette env={env} onClose={() => setPaletteOpen(false)} />
        </Suspense>
      )}
    </div>
  );
}

/** ⌘K or / searches; `g` and a letter goes to a place. Never while somebody types. */
function useKeys(env: string, openPalette: () => void) {
  const navigate = useNavigate();
  useEffect(() => {
    let isGoing = false;
    const onKey = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        openPalette();
        return;
      }
      const target = event.target as HTMLElement;
      const isTyping = target.closest("input, textarea, select, [contenteditable=true], [role=dialog]");
      if (isTyping || event.metaKey || event.ctrlKey || event.altKey) return;
      if (event.key === "/") {
        event.preventDefault();
        openPalette();
      } else if (isGoing) {
        isGoing = false;
        const place = PLACES.find(({ key }) => key === event.key);
        if (place) navigate({ to: `/${env}/${place.path}` as never });
      } else if (event.key === "g") {
        isGoing = true;
        setTimeout(() => {
          isGoing = false;
        }, 1_200);
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [env, navigate, openPalette]);
}
