/** What the environment costs: events by destination, and the list price that the README's benchmark counted for them. */
import { useQuery } from "@tanstack/react-query";
import { spelled } from "../api/integrations.ts";
import { statusQuery } from "../api/status.ts";
import { formatMoney, formatNumber } from "../format.ts";
import { Card, Stat } from "./card.tsx";
import { QueryView } from "./query-view.tsx";

/** `npm run bench -- pipeline`, counted operations at list prices: a million events with three vendors is $0.33, each vendor's share a fifth of that. */
const DOLLARS_PER_MILLION_EVENTS = 0.13;
const DOLLARS_PER_MILLION_DELIVERIES = 0.067;

export function Usage({ env }: { env: string }) {
  const status = useQuery(statusQuery(env));
  return (
    <QueryView of={status}>
      {({ events, integrations }) => {
        const collected = (events / 1e6) * DOLLARS_PER_MILLION_EVENTS;
        const told = integrations.map((one) => ({
          ...one,
          dollars: (one.requests && one.received / 1e6) * DOLLARS_PER_MILLION_DELIVERIES,
        }));
        const total = collected + told.reduce((sum, { dollars }) => sum + dollars, 0);
        return (
          <div className="flex flex-col gap-5">
            <div className="grid grid-cols-2 gap-3">
              <Stat label="Events" value={formatNumber(events)} />
              <Stat
                label="About"
                value={formatMoney(total, "USD")}
                note="at Cloudflare's list prices, beside the plan's $5 a month"
              />
            </div>
            <Card title="By destination, last 90 days" flush>
              <ul className="divide-y text-sm">
                {told.map(({ id, name, destination, received, dollars }) => (
                  <li key={id} className="grid grid-cols-[1fr_auto_5rem] gap-4 px-5 py-3">
                    <span className="truncate">
                      <bdi className="font-medium">{name}</bdi>{" "}
                      <span className="text-soft">{spelled(destination)}</span>
                    </span>
                    <span className="tabular-nums">{formatNumber(received)} events</span>
                    <span className="text-right tabular-nums">{formatMoney(dollars, "USD")}</span>
                  </li>
                ))}
              </ul>
            </Card>
          </div>
        );
      }}
    </QueryView>
  );
}
