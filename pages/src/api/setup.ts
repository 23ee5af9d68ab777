/** Whether a source has sent its first event, and what stands in its way: from the live stream, and from what came before it was opened. */
import { useQuery } from "@tanstack/react-query";
import type { Event } from "../../../core/event.ts";
import { get } from "./client.ts";
import { type LiveEvent, useLive } from "./live.ts";

export interface Finding {
  check: "watching" | "event" | "accepted" | "delivered";
  state: "passed" | "failed" | "waiting";
  title: string;
  /** What a person can do about it. */
  advice?: string;
}

export interface Setup {
  first_event: string | undefined;
  findings: Finding[];
}

export function useSetup(environment_id: string, source_id: string): Setup {
  const { state, events } = useLive(environment_id, false);
  const before = useQuery({
    queryKey: ["recent", environment_id, source_id],
    queryFn: async ({ signal }) =>
      (await get<{ events: Event[] }>("/api/v1/events", { environment_id, source_id, limit: 1 }, signal)).events,
    retry: false,
  });
  return setupOf({
    isWatching: state === "live",
    seen: events.filter(({ item }) => item.source_id === source_id),
    earlier: before.data?.[0]?.event,
  });
}

interface Facts {
  isWatching: boolean;
  /** Of the source, newest first. */
  seen: LiveEvent[];
  /** The name of an event that had come before. */
  earlier: string | undefined;
}

export function setupOf({ isWatching, seen, earlier }: Facts): Setup {
  const taken = seen.findLast(({ item }) => item.receipt.steps.every(({ verdict }) => verdict === "kept"));
  const first_event = taken?.item.event.event ?? earlier;
  const findings: Finding[] = [
    {
      check: "watching",
      state: isWatching ? "passed" : "waiting",
      title: isWatching ? "This page is watching" : "Connecting to the live stream",
    },
    {
      check: "event",
      state: first_event || seen.length ? "passed" : "waiting",
      title: first_event || seen.length ? "An event has reached this host" : "An event reaches this host",
    },
    accepted(first_event, seen),
  ];
  const delivery = delivered(seen);
  return { first_event, findings: delivery ? [...findings, delivery] : findings };
}

function accepted(firstEvent: string | undefined, seen: LiveEvent[]): Finding {
  if (firstEvent) return { check: "accepted", state: "passed", title: "It was accepted" };
  for (const { item } of seen) {
    const stop = item.receipt.steps.find(({ verdict }) => verdict !== "kept");
    if (!stop) continue;
    const reason = stop.reason ?? stop.verdict;
    return {
      check: "accepted",
      state: "failed",
      title: `${item.event.event} was stopped by the step “${stop.step}”`,
      advice: ADVICE[reason] ?? `The reason: ${reason.replaceAll("_", " ")}${stop.detail ? `, ${stop.detail}` : ""}.`,
    };
  }
  return { check: "accepted", state: "waiting", title: "It is accepted" };
}

/** Nothing where the source feeds nobody. */
function delivered(seen: LiveEvent[]): Finding | undefined {
  const queued = seen.some(({ item }) => item.receipt.integrations.some(({ outcome }) => outcome === "queued"));
  if (!queued) return undefined;
  let refused: Finding | undefined;
  for (const { id, deliveries } of seen) {
    for (const { integration, events } of deliveries) {
      const mine = events.find(({ message_id }) => message_id === id);
      if (mine?.outcome === "delivered")
        return { check: "delivered", state: "passed", title: `${integration} has taken it` };
      if (mine?.reason)
        refused = { check: "delivered", state: "failed", title: `${integration} did not take it`, advice: mine.reason };
    }
  }
  return refused ?? { check: "delivered", state: "waiting", title: "A destination takes it" };
}

/** By the reason of a receipt. */
const ADVICE: Record<string, string> = {
  bot: "It came from what looks like a bot, and this source drops those. A headless browser is one: open the page in your own.",
  not_as_planned: "The tracking plan does not allow it. Change the plan, or what the page sends.",
  wrong_type: "A field holds what its declared type cannot be read from.",
  no_consent: "The visitor did not consent to any purpose that this event is for.",
  duplicate: "Its message_id had come before. An SDK makes a new one for every event.",
};
