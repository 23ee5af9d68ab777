/** The live stream: a socket that comes back by itself, and of what passed the last thousand events. */
import { useEffect, useReducer, useRef, useState } from "react";
import type { LiveItem } from "../../../core/live.ts";
import { post } from "./client.ts";
import { adminToken } from "./session.ts";

export type Processed = Extract<LiveItem, { kind: "processed" }>;
export type Delivered = Extract<LiveItem, { kind: "delivered" }>;
/** An event with what vendors said of it so far. */
export interface LiveEvent {
  id: string;
  item: Processed;
  deliveries: Delivered[];
}

const MOST_KEPT = 1_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

export function useLive(environmentId: string, isPaused: boolean) {
  const events = useRef(new Map<string, LiveEvent>());
  const waiting = useRef<LiveItem[]>([]);
  const [state, setState] = useState<"connecting" | "live" | "away">("connecting");
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const paused = useRef(isPaused);
  paused.current = isPaused;

  useEffect(() => {
    let socket: WebSocket | undefined;
    let wait = FIRST_WAIT_MS;
    let timer: ReturnType<typeof setTimeout>;
    let frame = 0;
    const draw = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        redraw();
      });
    };
    let isGone = false;
    const connect = async () => {
      const address = await addressOf(environmentId).catch(() => undefined);
      if (isGone) return;
      if (!address) return later();
      socket = new WebSocket(address);
      socket.onmessage = ({ data }) => {
        for (const item of JSON.parse(data) as LiveItem[]) {
          if (item.kind === "hello") {
            wait = FIRST_WAIT_MS;
            setState("live");
          } else if (paused.current) waiting.current.push(item);
          else take(events.current, item);
        }
        // Without it the server takes us for slow, and leaves out (docs/live.md).
        socket?.send('{"ack":1}');
        waiting.current = waiting.current.slice(-MOST_KEPT);
        draw();
      };
      socket.onclose = later;
    };
    const later = () => {
      setState("away");
      timer = setTimeout(connect, wait);
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    };
    connect();
    return () => {
      isGone = true;
      clearTimeout(timer);
      cancelAnimationFrame(frame);
      if (socket) socket.onclose = null;
      socket?.close();
    };
  }, [environmentId]);

  useEffect(() => {
    if (isPaused) return;
    for (const item of waiting.current.splice(0)) take(events.current, item);
    redraw();
  }, [isPaused]);

  return { state, waiting: waiting.current.length, events: [...events.current.values()].reverse() };
}

function take(events: Map<string, LiveEvent>, item: LiveItem): void {
  if (item.kind === "processed") {
    const id = item.event.message_id;
    events.set(id, { id, item, deliveries: events.get(id)?.deliveries ?? [] });
    if (events.size > MOST_KEPT) events.delete(events.keys().next().value!);
  } else if (item.kind === "delivered") {
    for (const { message_id } of item.events) {
      const known = events.get(message_id);
      if (known) events.set(message_id, { ...known, deliveries: [...known.deliveries, item] });
    }
  }
}

/** A browser sends cookies with a socket, but no header of ours: an operator asks for a ticket first. */
async function addressOf(environmentId: string): Promise<string> {
  const url = new URL("/api/v1/live", location.origin);
  url.protocol = url.protocol.replace("http", "ws");
  url.searchParams.set("environment_id", environmentId);
  if (adminToken()) {
    const { ticket } = await post<{ ticket: string }>("/api/v1/live/tickets", {}, { environment_id: environmentId });
    url.searchParams.set("ticket", ticket);
  }
  return url.href;
}
