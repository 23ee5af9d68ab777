import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { LogOut, Moon, Search, Sun } from "lucide-react";
import { signOut } from "../api/account.ts";
import { environmentsOf, meQuery } from "../api/me.ts";
import { Button } from "../components/button.tsx";
import { PLACES } from "./navigation.ts";
import { toggleTheme, useTheme } from "./theme.ts";

interface SidebarProps {
  env: string;
  openPalette(): void;
  /** Something was chosen: the sheet closes. */
  onGone?: () => void;
}

export function Sidebar({ env, openPalette, onGone }: SidebarProps) {
  const { data: me } = useQuery(meQuery);
  const theme = useTheme();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const environments = me ? environmentsOf(me) : [];
  const leave = async () => {
    await signOut();
    queries.clear();
    navigate({ to: "/sign-in" });
  };
  return (
    <div className="flex h-full flex-col gap-3 overflow-y-auto px-3 py-4">
      <div className="flex items-center gap-2.5 px-2">
        <img src="/app/mark.svg" alt="" className="size-6" />
        <span className="font-semibold tracking-tight">Millrace</span>
      </div>
      {environments.length > 0 && (
        <select
          aria-label="Environment"
          value={env}
          onChange={({ target }) => {
            onGone?.();
            navigate({ to: "/$env/overview", params: { env: target.value } });
          }}
          className="h-9 w-full truncate rounded-md border border-line-strong/50 bg-surface px-2 text-sm"
        >
          {environments.map(({ id, name, organisation }) => (
            <option key={id} value={id}>
              {organisation.name} · {name}
            </option>
          ))}
        </select>
      )}
      <button
        type="button"
        onClick={openPalette}
        className="flex h-9 items-center gap-2 rounded-md bg-sunken px-2.5 text-sm text-soft hover:text-ink"
      >
        <Search className="size-4" aria-hidden /> <span className="flex-1 text-left">Search</span>
        <kbd className="rounded border bg-surface px-1.5 font-sans text-xs">⌘K</kbd>
      </button>
      <nav aria-label="Main" className="flex flex-1 flex-col gap-4">
        {(["", "Understand", "Data", "Rules"] as const).map((group) => (
          <div key={group}>
            {group && <p className="px-2 pb-1 text-xs font-medium text-soft">{group}</p>}
            <ul className="flex flex-col gap-0.5">
              {PLACES.filter((place) => place.group === group && place.path !== "settings").map(
                ({ path, label, icon: Icon }) => (
                  <NavLink
                    key={path}
                    env={env}
                    path={path}
                    label={label}
                    icon={<Icon className="size-4" aria-hidden />}
                    {...(onGone && { onGone })}
                  />
                ),
              )}
            </ul>
          </div>
        ))}
      </nav>
      <ul>
        {PLACES.filter(({ path }) => path === "settings").map(({ path, label, icon: Icon }) => (
          <NavLink
            key={path}
            env={env}
            path={path}
            label={label}
            icon={<Icon className="size-4" aria-hidden />}
            {...(onGone && { onGone })}
          />
        ))}
      </ul>
      <div className="flex items-center gap-1 border-t pt-3">
        <p className="min-w-0 flex-1 truncate px-2 text-xs text-soft" dir="auto">
          {me?.user ? me.user.name || me.user.email : "Operator"}
        </p>
        <Button
          look="quiet"
          size="icon"
          onClick={toggleTheme}
          aria-label={theme === "dark" ? "Light theme" : "Dark theme"}
        >
          {theme === "dark" ? <Sun className="size-4" aria-hidden /> : <Moon className="size-4" aria-hidden />}
        </Button>
        <Button look="quiet" size="icon" onClick={leave} aria-label="Sign out">
          <LogOut className="size-4" aria-hidden />
        </Button>
      </div>
    </div>
  );
}

function NavLink({
  env,
  path,
  label,
  icon,
  onGone,
}: {
  env: string;
  path: string;
  label: string;
  icon: React.ReactNode;
  onGone?: () => void;
}) {
  return (
    <li>
      <Link
        to={`/$env/${path}` as never}
        params={{ env } as never}
        onClick={() => onGone?.()}
        className="flex h-8 items-center gap-2.5 rounded-md px-2 text-sm text-soft hover:bg-sunken hover:text-ink data-[status=active]:bg-accent-wash data-[status=active]:font-medium data-[status=active]:text-accent"
      >
        {icon} {label}
      </Link>
    </li>
  );
}
