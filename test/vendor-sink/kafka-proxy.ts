// https://docs.confluent.io/platform/current/kafka-rest/api.html
import { isObject, parseJson } from "./json.ts";
import { refuseAll, type Vendor } from "./vendor.ts";

/** Topics that are there, each with the records that were written to it. */
export const topics = new Map<string, { key: unknown; value: unknown }[]>();

const failed = (status: number, error_code: number, message: string) => ({ status, body: { error_code, message } });

/** Versions 2 and 3 of the proxy. A record of more than a megabyte is too large for Kafka, and only that record. */
export const kafkaProxy: Vendor = {
  name: "kafka-proxy",
  dedupWindowMs: 0,

  receive({ url, method, headers, body }) {
    const nothing = (answer: ReturnType<typeof failed>) => ({ answer, events: [] });
    if (!/^Basic ./.test(headers.authorization ?? "")) return nothing(failed(401, 401, "Unauthorized"));
    const v2 = /^\/topics\/([\w.-]+)$/.exec(url.pathname);
    const v3 = /^\/kafka\/v3\/clusters\/[\w-]+\/topics\/([\w.-]+)\/records$/.exec(url.pathname);
    const name = (v2 ?? v3)?.[1];
    if (!name || method !== "POST") return nothing(failed(404, 404, "HTTP 404 Not Found"));
    const wanted = v2 ? "application/vnd.kafka.json.v2+json" : "application/json";
    if (headers["content-type"] !== wanted) return nothing(failed(415, 415, "HTTP 415 Unsupported Media Type"));
    const topic = topics.get(name);
    if (!topic) return nothing(failed(404, v2 ? 40_401 : 40_403, "This server does not host this topic-partition."));
    const records = v2 ? recordsOfV2(body.toString()) : recordsOfV3(body.toString());
    if (!records)
      return nothing(failed(v2 ? 422 : 400, v2 ? 42_201 : 400, "The records are not in the form of this version."));
    const reports = records.map((record) => {
      if (JSON.stringify(record.value).length > 1_000_000)
        return failed(200, v2 ? 50_002 : 413, "The request included a message larger than the max message size.").body;
      return { partition: 0, partition_id: 0, offset: topic.push(record) - 1 };
    });
    const events = records.map(({ value }, i) => ({
      message_id: isObject(value) ? String(value.message_id) : undefined,
      accepted: !("error_code" in reports[i]!),
    }));
    return { answer: v2 ? ofV2(reports) : ofV3(reports), events };
  },

  partial: (verdict, keeps) => (keeps() ? verdict : refuseAll(verdict, failed(503, 50_301, "Service Unavailable"))),
  fault: (fault) =>
    fault === "error-in-200" ? undefined : failed(Number(fault), Number(fault), "Something went wrong"),
};

function recordsOfV2(text: string) {
  const { records } = (parseJson(text) ?? {}) as { records?: { key: unknown; value: unknown }[] };
  return Array.isArray(records) ? records.map(({ key, value }) => ({ key, value })) : undefined;
}

function recordsOfV3(text: string) {
  const bodies = text
    .split("\n")
    .map(
      (line) =>
        parseJson(line) as
          | { key?: { type?: string; data?: unknown }; value?: { type?: string; data?: unknown } }
          | undefined,
    );
  const isGood = bodies.every((body) => body?.key?.type === "STRING" && body.value?.type === "JSON");
  return isGood ? bodies.map((body) => ({ key: body!.key!.data, value: body!.value!.data })) : undefined;
}

const ofV2 = (reports: object[]) => ({
  status: 200,
  body: {
    key_schema_id: null,
    value_schema_id: null,
    offsets: reports.map((report) =>
      "error_code" in report
        ? { ...report, error: (report as { message?: string }).message }
        : { ...report, error_code: null, error: null },
    ),
  },
});

/** One JSON after the other. */
const ofV3 = (reports: object[]) => ({
  status: 200,
  headers: { "content-type": "application/json" },
  body: reports
    .map((report) => JSON.stringify("error_code" in report ? report : { error_code: 200, ...report }))
    .join("\r\n"),
});
