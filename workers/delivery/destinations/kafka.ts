// v2: https://docs.confluent.io/platform/current/kafka-rest/api.html#post--topics-(string-topic_name)
// v3: https://docs.confluent.io/cloud/current/api.html#tag/Records-(v3)/operation/produceRecord
import * as z from "zod";
import type { Event } from "../../../core/event.ts";
import { isRecord, number, pick, record } from "../../../core/values.ts";
import { customerUrl } from "../customer-url.ts";
import { defineDestination, httpOutcome, type Outcome, secret, type VendorResponse } from "../destination.ts";
import { kafkaExamples } from "./kafka.examples.ts";

const settings = z.object({
  /** Of the proxy: `https://kafka-rest.example.com`, or a Confluent Cloud cluster's REST endpoint. */
  url: customerUrl(),
  topic: z.string().regex(/^[\w.-]{1,249}$/, "is a topic's name: letters, digits, ., _ and -"),
  api: z.enum(["v2", "v3"]).default("v3"),
  /** v3 only, and needed there. */
  cluster_id: z
    .string()
    .regex(/^[\w-]{1,64}$/, "is a cluster's id")
    .optional(),
  /** What keeps events in order: those with the same key go to the same partition. */
  key: z.enum(["anonymous_id", "user_id", "message_id"]).default("anonymous_id"),
  /** An API key and its secret, or a user and a password, with a colon between. */
  credentials: secret(z.string().regex(/^[^:]+:.+$/, "is key:secret")),
});
export type KafkaSettings = z.infer<typeof settings>;

export interface KafkaRecord {
  key: string;
  value: Event;
}

export const kafka = defineDestination<KafkaSettings, KafkaRecord>({
  name: "kafka",
  title: "Kafka through an HTTP proxy",
  purpose: "functional",
  settings,
  exampleSettings: {
    url: "https://pkc-00000.region.provider.confluent.example",
    topic: "events",
    api: "v3",
    cluster_id: "lkc-abc123",
    key: "anonymous_id",
    credentials: "EXAMPLEKEY:example-secret",
  },
  // Each record is reported on by itself, and of an answer 64 KB are read.
  limits: {
    eventsPerRequest: 150,
    bytesPerRequest: 1024 * 1024,
    requestsPerSecond: 100,
    giveUpAfterHours: 168,
    timeoutMs: 20_000,
  },

  // A consumer tells a repetition by the message_id inside.
  map: (event, { key }) => ({ key: event[key] ?? event.anonymous_id, value: event }),

  request(records, { url, topic, api, cluster_id, credentials }) {
    const base = url.replace(/\/+$/, "");
    const authorization = `Basic ${Buffer.from(credentials).toString("base64")}`;
    if (api === "v2") {
      return {
        url: `${base}/topics/${topic}`,
        method: "POST",
        headers: {
          "content-type": "application/vnd.kafka.json.v2+json",
          accept: "application/vnd.kafka.v2+json",
          authorization,
        },
        body: JSON.stringify({ records }),
      };
    }
    if (!cluster_id) throw new Error("cluster_id is needed for v3");
    const bodies = records.map(({ key, value }) => ({
      key: { type: "STRING", data: key },
      value: { type: "JSON", data: value },
    }));
    return {
      url: `${base}/kafka/v3/clusters/${cluster_id}/topics/${topic}/records`,
      method: "POST",
      headers: { "content-type": "application/json", authorization },
      body: bodies.map((body) => JSON.stringify(body)).join("\n"),
    };
  },

  outcome(response, records): Outcome | Outcome[] {
    if (response.status !== 200) return requestOutcome(response, records.length);
    const reports = reportsOf(response);
    return records.map((_, i): Outcome => {
      const report = reports[i];
      if (!report) return { outcome: "retry", reason: "the proxy did not say what became of this record" };
      const code = number(report.error_code);
      // v3 reports 200 for a record that was written, v2 nothing at all.
      if (code === undefined || code === 200) return { outcome: "delivered" };
      const reason = `${code}: ${pick(report, "message", "error") ?? ""}`.slice(0, 300);
      return isPassing(code) ? { outcome: "retry", reason } : { outcome: "rejected", reason };
    });
  },

  examples: kafkaExamples,
});

/** 50003 is v2's word for a passing error of Kafka's, 50002 for a lasting one; other codes begin with an HTTP status. */
function isPassing(code: number): boolean {
  if (code === 50_003) return true;
  if (code === 50_002) return false;
  const status = Number(String(code).slice(0, 3));
  return status === 408 || status === 429 || status >= 500;
}

/** v2: `{"offsets": […]}`. v3: one JSON after the other. */
function reportsOf({ json, body }: VendorResponse): Record<string, unknown>[] {
  if (isRecord(json)) return Array.isArray(json.offsets) ? json.offsets.map(record) : [json];
  const reports: Record<string, unknown>[] = [];
  for (const text of jsonTexts(body)) {
    try {
      reports.push(record(JSON.parse(text)));
    } catch {
      break;
    }
  }
  return reports;
}

/** The objects of a text that holds nothing else, with or without space between. */
function* jsonTexts(text: string): Generator<string> {
  let depth = 0;
  let start = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const letter = text[i];
    if (inString) {
      if (letter === "\\") i++;
      else if (letter === '"') inString = false;
    } else if (letter === '"') inString = true;
    else if (letter === "{" && depth++ === 0) start = i;
    else if (letter === "}" && --depth === 0) yield text.slice(start, i + 1);
  }
}

function requestOutcome(response: VendorResponse, records: number): Outcome {
  const answer = record(response.json);
  const outcome = httpOutcome(response);
  const said = pick(answer, "message");
  const reason = said
    ? `HTTP ${response.status}: ${pick(answer, "error_code") ?? ""} ${said}`.slice(0, 300)
    : undefined;
  const told = reason && "reason" in outcome ? { ...outcome, reason } : outcome;
  // No such topic or cluster: the settings', and no event's fault.
  if (response.status === 404 && "reason" in told) return { outcome: "unauthorised", reason: told.reason };
  if (told.outcome === "rejected" && records > 1) return { outcome: "batch_refused", reason: told.reason };
  return told;
}
