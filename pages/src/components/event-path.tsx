/** An event's whole path: as it came, what each step did, what each vendor was told and answered. */
import type { Event } from "../../../core/event.ts";
import type { Receipt } from "../../../core/receipt.ts";
import type { Delivered } from "../api/live.ts";
import { formatDateTime, formatMs } from "../format.ts";
import { Badge, type Tone } from "./badge.tsx";
import { JsonView } from "./json-view.tsx";
import { Mark } from "./mark.tsx";

interface EventPathProps {
  received: Event;
  event: Event;
  receipt: Receipt;
  deliveries: Delivered[];
}

const VERDICTS: Record<string, Tone> = { kept: "plain", dropped: "warn", quarantined: "bad" };
const OUTCOMES: Record<string, Tone> = { delivered: "good", retried: "warn", dead_lettered: "bad" };

export function EventPath({ received, event, receipt, deliveries }: EventPathProps) {
  const busy = receipt.steps.filter(
    ({ verdict, changed, detail }) => verdict !== "kept" || changed.length > 0 || detail,
  );
  return (
    <ol className="flex flex-col gap-6">
      <Station title="Received" note={formatDateTime(received.received_at)}>
        <JsonView value={received} label="event as received" />
      </Station>
      <Station
        title="Cleaned and enriched"
        note={`${receipt.steps.length} steps, configuration ${receipt.configuration}`}
      >
        <ul className="divide-y rounded-md border">
          {busy.map(({ step, verdict, changed, reason, detail }) => (
            <li key={step} className="flex flex-wrap items-baseline gap-x-3 gap-y-1 px-3 py-2 text-sm">
              <span className="font-medium">{step}</span>
              {verdict !== "kept" && <Badge tone={VERDICTS[verdict] ?? "plain"}>{verdict}</Badge>}
              {reason && <span className="text-soft">{reason.replaceAll("_", " ")}</span>}
              {changed.length > 0 && (
                <code className="min-w-0 text-xs [overflow-wrap:anywhere] text-soft">{changed.join(", ")}</code>
              )}
              {detail && <span className="w-full text-xs [overflow-wrap:anywhere] text-soft">{detail}</span>}
            </li>
          ))}
          {busy.length === 0 && <li className="px-3 py-2 text-sm text-soft">No step changed anything.</li>}
        </ul>
        <JsonView value={event} label="event as it left" className="mt-3" />
      </Station>
      {receipt.integrations.map(({ integration_id, integration, outcome, reason, detail, versions }) => (
        <Station
          key={integration_id}
          mark={<Mark name={integration} className="size-6 text-[0.6rem]" />}
          title={integration}
          note={
            outcome === "filtered"
              ? `not sent: ${(reason ?? "").replaceAll("_", " ")}`
              : versions?.length
                ? `through ${versions.join(", ")}`
                : "queued"
          }
        >
          {detail && <p className="text-sm [overflow-wrap:anywhere] text-soft">{detail}</p>}
          <Calls
            deliveries={deliveries.filter((one) => one.integration_id === integration_id)}
            messageId={event.message_id}
            isQueued={outcome === "queued"}
          />
        </Station>
      ))}
    </ol>
  );
}

function Calls({ deliveries, messageId, isQueued }: { deliveries: Delivered[]; messageId: string; isQueued: boolean }) {
  if (deliveries.length === 0)
    return isQueued ? <p className="text-sm text-soft">On its way: the vendor's answer appears here.</p> : null;
  return deliveries.map(({ at, attempt, events, request, response }) => {
    const mine = events.find(({ message_id }) => message_id === messageId);
    return (
      <div key={`${at} ${attempt}`} className="flex flex-col gap-2">
        <p className="flex flex-wrap items-center gap-2 text-sm">
          <Badge tone={OUTCOMES[mine?.outcome ?? ""] ?? "plain"}>
            {(mine?.outcome ?? "sent").replaceAll("_", " ")}
          </Badge>
          <span className="text-soft">
            {"status" in response ? `HTTP ${response.status}` : response.error} in {formatMs(response.ms)}, attempt{" "}
            {attempt}
          </span>
          {mine?.reason && <span className="[overflow-wrap:anywhere] text-bad">{mine.reason}</span>}
        </p>
        <code className="text-xs [overflow-wrap:anywhere] text-soft">
          {request.method} {request.url}
        </code>
        <JsonView value={request.body} label="request" />
        {"body" in response && response.body && <JsonView value={response.body} label="answer" />}
      </div>
    );
  });
}

function Station({
  title,
  note,
  mark,
  children,
}: {
  title: string;
  note?: string;
  mark?: React.ReactNode;
  children: React.ReactNode;
}) {
  return (
    <li className="relative flex min-w-0 flex-col gap-2 border-l-2 pl-5">
      <span aria-hidden className="absolute top-1 -left-[7px] size-3 rounded-full border-2 border-accent bg-raised" />
      <h3 className="flex flex-wrap items-center gap-2 text-sm font-semibold">
        {mark}
        <bdi className="[overflow-wrap:anywhere]">{title}</bdi>
        {note && <span className="font-normal text-soft">{note}</span>}
      </h3>
      {children}
    </li>
  );
}
