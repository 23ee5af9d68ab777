/** What the environment costs: events by destination, and what operations like theirs cost at list prices. */
import { useQuery } from "@tanstack/react-query";
import { spelled } from "../api/integrations.ts";
import type { ListPrices } from "../api/prices.ts";
import { statusQuery } from "../api/status.ts";
import { formatMoney, formatNumber } from "../format.ts";
import { Card, Stat } from "./card.tsx";
import { QueryView } from "./query-view.tsx";

/** Put there when the dashboard is built (pages/list-prices.ts); null where nothing was counted. */
declare const LIST_PRICES: ListPrices | null;

export function Usage({ env }: { env: string }) {
  const status = useQuery(statusQuery(env));
  return (
    <QueryView of={status}>
      {({ events, integrations }) => {
        const dollarsOf = (what: "events" | "deliveries", count: number) =>
          LIST_PRICES === null ? null : (count / 1e6) * LIST_PRICES[what];
        const told = integrations.map((one) => ({ ...one, dollars: dollarsOf("deliveries", one.received) }));
        const total = told.reduce((sum, { dollars }) => sum + (dollars ?? 0), dollarsOf("events", events) ?? 0);
        return (
          <div className="flex flex-col gap-5">
            <div className="grid grid-cols-2 gap-3">
              <Stat label="Events" value={formatNumber(events)} />
              <Stat
                label="About"
                value={LIST_PRICES ? formatMoney(total, "USD") : "–"}
                note={
                  LIST_PRICES
                    ? `at Cloudflare's list prices of ${LIST_PRICES.as_of}, without what the plan includes`
                    : "nothing was counted yet"
                }
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
                    <span className="text-right tabular-nums">
                      {dollars === null ? "–" : formatMoney(dollars, "USD")}
                    </span>
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
