import { useParams } from "@tanstack/react-router";
import { Activity, Pause, Play } from "lucide-react";
import { useState } from "react";
import { type LiveEvent, useLive } from "../api/live.ts";
import { Badge, type Tone } from "../components/badge.tsx";
import { Button } from "../components/button.tsx";
import { Card } from "../components/card.tsx";
import { Dialog } from "../components/dialog.tsx";
import { EventPath } from "../components/event-path.tsx";
import { TextField } from "../components/field.tsx";
import { Page } from "../components/page.tsx";
import { Empty } from "../components/states.tsx";
import { type Column, Table } from "../components/table.tsx";
import { formatNumber, formatTime } from "../format.ts";

export function LivePage() {
  const { env } = useParams({ strict: false }) as { env: string };
  const [isPaused, setPaused] = useState(false);
  const [filter, setFilter] = useState("");
  const [opened, setOpened] = useState<string>();
  const { state, waiting, events } = useLive(env, isPaused);
  const shown = filter ? events.filter((one) => matches(one, filter.toLowerCase())) : events;
  const open = events.find(({ id }) => id === opened);
  return (
    <Page
      title="Live"
      description="Every event as it passes. Open one to see what each step did to it, and what every vendor was told and answered."
      actions={
        <>
          <Badge tone={state === "live" ? "good" : "warn"}>
            {isPaused
              ? `Paused, ${formatNumber(waiting)} waiting`
              : state === "live"
                ? "Live"
                : state === "away"
                  ? "Connecting again…"
                  : "Connecting…"}
          </Badge>
          <Button onClick={() => setPaused(!isPaused)}>
            {isPaused ? <Play className="size-4" aria-hidden /> : <Pause className="size-4" aria-hidden />}{" "}
            {isPaused ? "Go on" : "Pause"}
          </Button>
        </>
      }
    >
      <Card flush>
        <div className="border-b p-3">
          <TextField
            label="Filter"
            hideLabel
            type="search"
            placeholder="Filter by event, page, user, id…"
            value={filter}
            onChange={({ target }) => setFilter(target.value)}
          />
        </div>
        {shown.length > 0 ? (
          <Table
            label="Events, newest first"
            columns={COLUMNS}
            rows={shown}
            keyOf={({ id }) => id}
            onOpen={({ id }) => setOpened(id)}
          />
        ) : (
          <Empty
            icon={<Activity aria-hidden />}
            title={events.length ? "None of these matches" : "Nothing has passed yet"}
          >
            {events.length
              ? "Change the filter to see the others."
              : "Open your site, and its events appear here within a second or two."}
          </Empty>
        )}
      </Card>
      <Dialog
        place="side"
        open={open !== undefined}
        onClose={() => setOpened(undefined)}
        title={open?.item.event.event ?? ""}
        description={open?.id}
      >
        {open && (
          <EventPath
            received={open.item.received}
            event={open.item.event}
            receipt={open.item.receipt}
            deliveries={open.deliveries}
          />
        )}
      </Dialog>
    </Page>
  );
}

const COLUMNS: Column<LiveEvent>[] = [
  { head: "Event", cell: ({ item }) => item.event.event, width: "minmax(0,1.4fr)" },
  {
    head: "Where",
    cell: ({ item }) => item.event.context.page?.path ?? item.event.context.page?.url ?? item.source_id,
    wideOnly: true,
  },
  { head: "Who", cell: ({ item }) => item.event.user_id ?? item.event.anonymous_id, wideOnly: true },
  { head: "Became", cell: (one) => <Fate one={one} />, width: "minmax(0,9rem)" },
  { head: "Time", cell: ({ item }) => formatTime(item.event.received_at), align: "right", width: "6rem" },
];

function Fate({ one }: { one: LiveEvent }) {
  const { text, tone } = fateOf(one);
  return <Badge tone={tone}>{text}</Badge>;
}

function fateOf({ id, item, deliveries }: LiveEvent): { text: string; tone: Tone } {
  const stopped = item.receipt.steps.find(({ verdict }) => verdict !== "kept");
  if (stopped)
    return {
      text: (stopped.reason ?? stopped.verdict).replaceAll("_", " "),
      tone: stopped.verdict === "quarantined" ? "bad" : "warn",
    };
  const queued = item.receipt.integrations.filter(({ outcome }) => outcome === "queued").length;
  const outcomes = new Map(
    deliveries.map((one) => [one.integration_id, one.events.find(({ message_id }) => message_id === id)?.outcome]),
  );
  const count = (wanted: string) => [...outcomes.values()].filter((outcome) => outcome === wanted).length;
  if (count("dead_lettered")) return { text: `${count("dead_lettered")} refused`, tone: "bad" };
  if (queued === 0) return { text: "Kept, not sent", tone: "plain" };
  return {
    text: `${count("delivered")} of ${queued} delivered`,
    tone: count("delivered") === queued ? "good" : "plain",
  };
}

function matches({ id, item: { event, source_id } }: LiveEvent, wanted: string): boolean {
  const { page } = event.context;
  return [id, event.event, event.type, event.user_id, event.anonymous_id, source_id, page?.path, page?.url].some(
    (text) => text?.toLowerCase().includes(wanted),
  );
}
