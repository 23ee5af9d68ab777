/** What became of the events for one destination: received, not sent and why, delivered, refused, with a sample of each refusal. */
import type { Board } from "../api/integrations.ts";
import { formatAgo, formatMs, formatNumber, formatShare } from "../format.ts";
import { JsonView } from "./json-view.tsx";
import { Empty } from "./states.tsx";

export function DeliveryFunnel({ board: { total, failed_samples } }: { board: Board }) {
  if (total.received === 0)
    return <Empty title="No event in this time">As soon as one passes, this shows what became of it.</Empty>;
  const steps = [
    { label: "Received", count: total.received, tone: "bg-line-strong" },
    { label: "Not sent", count: total.filtered, tone: "bg-warn" },
    { label: "Delivered", count: total.delivered, tone: "bg-good" },
    { label: "Given up", count: total.failed, tone: "bg-bad" },
  ];
  return (
    <div className="flex flex-col gap-6">
      <dl className="flex flex-col gap-2.5">
        {steps.map(({ label, count, tone }) => (
          <div key={label} className="grid grid-cols-[6rem_1fr_5rem] items-center gap-3 text-sm">
            <dt className="text-soft">{label}</dt>
            <dd className="contents">
              <span className="h-2.5 overflow-hidden rounded-full bg-sunken">
                <span
                  className={`block h-full rounded-full ${tone}`}
                  style={{ width: `${(count / total.received) * 100}%` }}
                />
              </span>
              <span className="text-right tabular-nums">{formatNumber(count)}</span>
            </dd>
          </div>
        ))}
      </dl>
      {total.success_rate !== null && (
        <p className="text-sm text-soft">
          {formatShare(total.success_rate)} of those with an answer were taken; from arrival to the vendor's yes{" "}
          {formatMs(total.latency_ms.p50)} at the median, {formatMs(total.latency_ms.p95)} at the 95th percentile.{" "}
          {total.retried > 0 && `${formatNumber(total.retried)} tries are repeated.`}
        </p>
      )}
      <Reasons title="Not sent, because" reasons={total.why.filtered} />
      <Reasons title="Given up, because" reasons={total.why.failed} />
      {failed_samples.length > 0 && (
        <section className="flex flex-col gap-3">
          <h3 className="text-sm font-semibold">The latest that failed</h3>
          {failed_samples.slice(0, 5).map(({ at, message_id, event, reason, payload }) => (
            <details key={message_id} className="rounded-md border px-4 py-2.5">
              <summary className="cursor-pointer text-sm">
                <bdi className="font-medium">{event}</bdi> <span className="text-soft">{formatAgo(at)}</span>
                <span className="block [overflow-wrap:anywhere] text-bad">{reason}</span>
              </summary>
              {payload && <JsonView value={payload} label="payload" className="mt-3" />}
            </details>
          ))}
        </section>
      )}
    </div>
  );
}

function Reasons({ title, reasons }: { title: string; reasons: Record<string, number> }) {
  const all = Object.entries(reasons).sort(([, a], [, b]) => b - a);
  if (all.length === 0) return null;
  return (
    <section>
      <h3 className="mb-1 text-sm font-semibold">{title}</h3>
      <ul className="divide-y text-sm">
        {all.map(([reason, count]) => (
          <li key={reason} className="flex justify-between gap-4 py-1.5">
            <span className="min-w-0 [overflow-wrap:anywhere]">{reason.replaceAll("_", " ")}</span>
            <span className="tabular-nums">{formatNumber(count)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
