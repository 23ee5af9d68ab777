/** One piece of a replay: some rows of the lake counted, or mapped and queued, and the place to go on from stored. */
import type { Environment, Integration } from "../../../core/environment.ts";
import { hash64 } from "../../../core/hash.ts";
import { laneOf } from "../../../core/lane.ts";
import type { DeliveryItem, DeliveryMessage } from "../../../core/queue-messages.ts";
import { readEnvironment } from "../../config.ts";
import { deliveryItem, messagesOf, sendMessages } from "../../delivery-messages.ts";
import type { ApiEnv } from "../../env.ts";
import { type MapFor, mapFor, withPurposes } from "../../processor/map-for.ts";
import type { Mapped } from "../../processor/map-for-integration.ts";
import { type LakeEvent, nextFile, type Range, readFile } from "./read-lake.ts";
import {
  type Progress,
  type Replay,
  type ReplayState,
  readReplay,
  type Sample,
  writeProgress,
} from "./replay-store.ts";

/** Files that a piece may look at: most hold nothing of the range, and are told apart by their last bytes. */
const FILES_A_PIECE = 20;
const ROWS_COUNTED = 5_000;
const ROWS_SENT = 1_000;
/** Rows that become messages together. Whatever is repeated makes the same messages of them, which are then known by their names. */
const WINDOW = 40;
/** A piece is as long as its events take at the rate asked for, at most. */
const PIECE_S = 10;
const SAMPLES = 10;

export interface Advance {
  status: Replay["status"] | "superseded";
  /** How long to wait before the next piece, so that the rate is kept. */
  wait_s: number;
}

/**
 * Does the next piece of a replay. May be repeated at any time: what is stored decides what is next, and what was queued and not
 * written down is queued again under the same names, by which the integration's gate knows it. Throws where storage or queues fail.
 */
export async function advance(env: ApiEnv, id: string, run: number): Promise<Advance> {
  const replay = await readReplay(env.DB, id);
  if (!replay || replay.run !== run) return { status: "superseded", wait_s: 0 };
  const { status } = replay;
  if (status !== "counting" && status !== "running") return { status, wait_s: 0 };
  const environment = await readEnvironment(env.CONFIG, replay.environment_id);
  const integration = environment?.integrations.find((one) => one.id === replay.integration_id);
  if (!environment || !integration) {
    const failure = `There is no integration ${replay.integration_id} any more`;
    return finish(env, replay, { ...replay.state, failure }, "failed", 0);
  }
  const job = { env, replay, environment, integration };
  return status === "counting" ? countPiece(job) : sendPiece(job);
}

interface Job {
  env: ApiEnv;
  replay: Replay;
  environment: Environment;
  integration: Integration;
}

async function finish(env: ApiEnv, replay: Replay, state: ReplayState, status: Replay["status"], wait_s: number) {
  const written = await writeProgress(env.DB, replay, state, status);
  return { status: written ? status : ("superseded" as const), wait_s };
}

async function countPiece(job: Job): Promise<Advance> {
  const { env, replay } = job;
  const { version } = replay.request;
  const now = await mapFor(job.environment, env);
  const then = version === undefined ? now : await mapFor(job.environment, env, version);
  const samples = [...replay.state.samples];
  const { progress, isDone } = await walk(job, replay.state.counted, ROWS_COUNTED, async (events, progress) => {
    for (const one of events) {
      const mapped = await count(job, then, one, progress);
      if (mapped.outcome === "queued" && samples.length < SAMPLES) samples.push(await sampleOf(job, now, one, mapped));
    }
  });
  const state = { ...replay.state, counted: progress, is_counted: isDone, samples };
  return finish(env, replay, state, isDone ? "ready" : "counting", 0);
}

async function sendPiece(job: Job): Promise<Advance> {
  const { env, replay, integration } = job;
  const { events_per_second, version } = replay.request;
  const then = await mapFor(job.environment, env, version);
  const before = replay.state.sent.to_send;
  const rows = Math.max(WINDOW, Math.min(ROWS_SENT, events_per_second * PIECE_S));
  const { progress, isDone } = await walk(job, replay.state.sent, rows, async (events, progress) => {
    const messages: DeliveryMessage[] = [];
    for (const window of Map.groupBy(events, ({ row }) => Math.floor(row / WINDOW)).entries()) {
      const items: DeliveryItem[] = [];
      for (const one of window[1]) {
        const mapped = await count(job, then, one, progress);
        if (mapped.outcome === "queued") items.push(itemOf(job, one, mapped));
      }
      messages.push(...named(job, progress.file!, window[0], items));
    }
    await sendMessages(env, laneOf(integration), messages);
  });
  const wait_s = Math.ceil((progress.to_send - before) / events_per_second);
  return finish(env, replay, { ...replay.state, sent: progress }, isDone ? "complete" : "running", isDone ? 0 : wait_s);
}

/** Walks on from where `start` ends, over at most so many rows, and hands over what is asked for; each time rows of one file. */
async function walk(
  { env, replay }: Job,
  start: Progress,
  mostRows: number,
  work: (events: (LakeEvent & { row: number })[], progress: Progress) => Promise<void>,
): Promise<{ progress: Progress; isDone: boolean }> {
  const { request, environment_id } = replay;
  const range: Range = { from: Date.parse(request.from), to: Date.parse(request.to) };
  const progress: Progress = { ...start, filtered: { ...start.filtered } };
  let left = mostRows;
  for (let looked = 0; looked < FILES_A_PIECE && left > 0; looked++) {
    // `row` 0 says that the file named was read to its end.
    const key = progress.row > 0 ? progress.file : await nextFile(env.LAKE, environment_id, range, progress.file);
    if (key === null) return { progress, isDone: true };
    progress.file = key;
    const file = await readFile(env.LAKE, key, range);
    const end = file ? endOf(file.rows, progress.row + left) : 0;
    if (file && file.rows > 0 && end <= progress.row) break;
    if (file && progress.row < end) {
      const found = await file.read(progress.row, end);
      const wanted = found.filter(({ event, source_id }) => isWanted(request, event.event, source_id));
      progress.events += wanted.length;
      if (wanted.length) await work(wanted, progress);
      left -= end - progress.row;
    }
    const isRead = !file || end >= file.rows;
    progress.row = isRead ? 0 : end;
    if (isRead) progress.files++;
  }
  return { progress, isDone: false };
}

/** Windows are never cut in two: their messages are known by where they begin. */
const endOf = (rows: number, most: number) => (most >= rows ? rows : most - (most % WINDOW));

const isWanted = ({ events, source_id }: Replay["request"], event: string, source: string) =>
  (events?.includes(event) ?? true) && (source_id === undefined || source_id === source);

/** The event as it would be mapped at the moment as of which the replay judges, with what it may be used for. */
function asOf({ replay, environment }: Job, { event, objected }: LakeEvent) {
  return { ...withPurposes(event, environment, objected), received_at: replay.state.as_of };
}

async function count(job: Job, map: MapFor, one: LakeEvent, progress: Progress): Promise<Mapped> {
  const mapped = await map(asOf(job, one), job.integration, one.source_id);
  if (mapped.outcome === "queued") progress.to_send++;
  else progress.filtered[mapped.reason] = (progress.filtered[mapped.reason] ?? 0) + 1;
  return mapped;
}

/** With its own time of arrival: by that it is known whether a consent was taken back since. */
function itemOf(job: Job, one: LakeEvent, { payload_json, versions }: Mapped & { outcome: "queued" }): DeliveryItem {
  const item = deliveryItem({ ...asOf(job, one), received_at: one.event.received_at }, JSON.parse(payload_json));
  return versions ? { ...item, versions } : item;
}

function named(job: Job, file: string, window: number, items: DeliveryItem[]): DeliveryMessage[] {
  const { replay, integration } = job;
  const { id, environment_id } = replay;
  const { high, low } = hash64(file);
  const head = { environment_id, integration_id: integration.id, first_queued_at: new Date().toISOString() };
  return messagesOf({ ...head, replay: { id, chunk: "" } }, items).map((message, part) => ({
    ...message,
    replay: { id, chunk: `${id}/${high.toString(36)}${low.toString(36)}/${window}/${part}` },
  }));
}

async function sampleOf(
  job: Job,
  now: MapFor,
  one: LakeEvent,
  mapped: Mapped & { outcome: "queued" },
): Promise<Sample> {
  const { message_id, event, received_at } = one.event;
  const current = await now(asOf(job, one), job.integration, one.source_id);
  const old = current.outcome === "queued" ? JSON.parse(current.payload_json) : current;
  const is_changed = current.outcome !== "queued" || current.payload_json !== mapped.payload_json;
  return { message_id, event, received_at, old, new: JSON.parse(mapped.payload_json), is_changed };
}
