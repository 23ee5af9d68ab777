import type { Event } from "../../../core/event.ts";
import type { Example } from "../destination.ts";
import type { KafkaSettings } from "./kafka.ts";
import { warehouseExampleEvents } from "./warehouse.examples.ts";

const plain = {
  message_id: "m1",
  anonymous_id: "a1",
  type: "track",
  properties: {},
  context: {},
  timestamp: "2026-11-20T10:00:00.000Z",
  received_at: "2026-11-20T10:00:01.000Z",
} as const;

function passes(
  title: string,
  given: Partial<Event>,
  key = "a1",
  settings?: Partial<KafkaSettings>,
): Example<KafkaSettings> {
  const example = { title, in: given, out: { key, value: { ...plain, ...given } } };
  return settings ? { ...example, settings } : example;
}

/** Nothing is mapped: a record's value is the event as it is. */
export const kafkaExamples: Example<KafkaSettings>[] = [
  ...warehouseExampleEvents
    .filter(({ columns }) => !columns)
    .map(({ title, in: given }) => passes(title.split(/[,:]| has | stays /)[0]!, given)),
  passes("keyed by the user", { message_id: "m1", event: "Signed In", user_id: "u1" }, "u1", { key: "user_id" }),
  passes("keyed by the user, of whom there is none", { message_id: "m1", event: "Signed In" }, "a1", {
    key: "user_id",
  }),
  passes("keyed by the message: spread over all partitions", { message_id: "m1", event: "Signed In" }, "m1", {
    key: "message_id",
  }),
  passes("through version 2 of the proxy", { message_id: "m1", event: "Signed In" }, "a1", { api: "v2" }),
];
