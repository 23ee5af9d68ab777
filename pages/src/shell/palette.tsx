/** Everywhere in two keystrokes: places, sources, destinations, people. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import { Globe, Search, Waypoints } from "lucide-react";
import { useState } from "react";
import { integrationsQuery } from "../api/integrations.ts";
import { sourcesQuery } from "../api/sources.ts";
import { Dialog } from "../components/dialog.tsx";
import { PLACES } from "./navigation.ts";
import { toggleTheme } from "./theme.ts";

const ITEM =
  "flex h-10 cursor-pointer items-center gap-3 rounded-md px-3 text-sm data-[selected=true]:bg-accent-wash data-[selected=true]:text-accent";

export function Palette({ env, onClose }: { env: string; onClose(): void }) {
  const [typed, setTyped] = useState("");
  const navigate = useNavigate();
  const sources = useQuery(sourcesQuery(env));
  const integrations = useQuery(integrationsQuery(env));
  const go = (path: string) => {
    onClose();
    navigate({ to: `/${env}/${path}` as never });
  };
  return (
    <Dialog open onClose={onClose} title="Go to">
      <Command label="Go to" className="-mx-2 -my-2">
        <Command.Input
          autoFocus
          value={typed}
          onValueChange={setTyped}
          placeholder="A place, a source, a destination, a person…"
          className="mb-2 h-10 w-full rounded-md border border-line-strong/50 bg-surface px-3 text-sm placeholder:text-soft"
        />
        <Command.List className="max-h-80 overflow-y-auto [&_[cmdk-group-heading]]:px-3 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:text-soft">
          <Command.Group heading="Places">
            {PLACES.map(({ path, label, icon: Icon, key }) => (
              <Command.Item key={path} value={label} onSelect={() => go(path)} className={ITEM}>
                <Icon className="size-4" aria-hidden /> <span className="flex-1">{label}</span>
                <kbd className="text-xs text-soft">g {key}</kbd>
              </Command.Item>
            ))}
          </Command.Group>
          {(sources.data?.length ?? 0) > 0 && (
            <Command.Group heading="Sources">
              {sources.data!.slice(0, 50).map(({ id, name }) => (
                <Command.Item
                  key={id}
                  value={`${name} ${id}`}
                  onSelect={() => go(`sources/${encodeURIComponent(id)}`)}
                  className={ITEM}
                >
                  <Globe className="size-4 shrink-0" aria-hidden /> <span className="truncate">{name}</span>
                </Command.Item>
              ))}
            </Command.Group>
          )}
          {(integrations.data?.length ?? 0) > 0 && (
            <Command.Group heading="Destinations">
              {integrations.data!.slice(0, 50).map(({ id, name }) => (
                <Command.Item
                  key={id}
                  value={`${name} ${id}`}
                  onSelect={() => go(`destinations/${encodeURIComponent(id)}`)}
                  className={ITEM}
                >
                  <Waypoints className="size-4 shrink-0" aria-hidden /> <span className="truncate">{name}</span>
                </Command.Item>
              ))}
            </Command.Group>
          )}
          <Command.Group heading="Do">
            {typed && (
              <Command.Item
                value={`find person ${typed}`}
                onSelect={() => go(`people?q=${encodeURIComponent(typed)}`)}
                className={ITEM}
              >
                <Search className="size-4 shrink-0" aria-hidden />{" "}
                <span className="truncate">Find people who begin with “{typed}”</span>
              </Command.Item>
            )}
            <Command.Item value="switch theme dark light" onSelect={toggleTheme} className={ITEM}>
              Switch between dark and light
            </Command.Item>
          </Command.Group>
        </Command.List>
      </Command>
    </Dialog>
  );
}
