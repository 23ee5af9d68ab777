// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
import * as z from "zod";
import type { Event } from "../../../core/event.ts";
import { isRecord, scalar } from "../../../core/values.ts";
import { defineDestination, httpOutcome, type Outcome, type Skip, secret, skip } from "../destination.ts";
import { words } from "../outcomes.ts";
import { slackExamples } from "./slack.examples.ts";

const settings = z.object({
  /** Whoever knows it may write into the channel. */
  webhook_url: secret(
    z
      .string()
      .regex(
        /^https:\/\/hooks\.slack(-gov)?\.com\/(services|workflows|triggers)\/[\w/-]+$/,
        "is not an address of a Slack webhook",
      ),
  ),
  /** What is told of each event, by its name or type; `{{properties.revenue}}` is replaced. What has no message is not sent. */
  messages: z.record(z.string().min(1).max(256), z.string().min(1).max(3_000)),
});
export type SlackSettings = z.infer<typeof settings>;

export interface SlackMessage {
  text: string;
}

const MOST_CHARACTERS = 40_000;

export const slack = defineDestination<SlackSettings, SlackMessage>({
  name: "slack",
  title: "Slack",
  purpose: "functional",
  settings,
  exampleSettings: {
    webhook_url: "https://hooks.slack.com/services/T00000000/B00000000/exampleexampleexample",
    messages: {
      "Order Completed": "Order {{properties.order_id}}: {{properties.revenue}} {{properties.currency}}",
      "Signed Up": ":tada: {{context.traits.email}} signed up",
    },
  },
  // A message a second into a channel. Slack has no field to tell a repetition by.
  limits: { eventsPerRequest: 1, requestsPerSecond: 1, giveUpAfterHours: 24, timeoutMs: 10_000 },

  map(event, { messages }): SlackMessage | Skip {
    const template = Object.hasOwn(messages, event.event) ? messages[event.event] : undefined;
    if (!template) return skip("event_not_mapped", `no message is written for "${event.event}"`);
    const text = filled(template, event).slice(0, MOST_CHARACTERS);
    return text.trim() ? { text } : skip("missing_field", "the event has nothing of what the message would tell");
  },

  request([message], { webhook_url }) {
    return {
      url: webhook_url,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(message),
    };
  },

  // https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors: one word says what is wrong.
  outcome(response): Outcome {
    const word = words(response.body.trim());
    if (response.status < 400) return httpOutcome(response);
    // The webhook, its channel or its author is gone: no message is at fault, and each waits for another address.
    if (GONE.test(word)) return { outcome: "unauthorised", reason: `Slack says ${word}` };
    const outcome = httpOutcome(response);
    return outcome.outcome === "rejected" ? { outcome: "rejected", reason: `Slack says ${word}` } : outcome;
  },

  examples: slackExamples,
});

const GONE =
  /^(no_service|no_service_id|no_team|team_disabled|invalid_token|channel_not_found|channel_is_archived|action_prohibited|posting_to_general_channel_denied|user_not_found|no_active_hooks)$/;

/** `{{path.to.value}}` of the event, which may say anything: only the customer's own words are markup. */
function filled(template: string, event: Event): string {
  return template.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (_, path: string) => {
    let value: unknown = event;
    for (const key of path.split(".")) value = isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined;
    return escaped(String(scalar(value) ?? ""));
  });
}

/** https://docs.slack.dev/messaging/formatting-message-text#escaping: else a visitor could write to `<!channel>`. */
function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
