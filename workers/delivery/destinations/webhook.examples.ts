import type { Example } from "../destination.ts";
import type { WebhookSettings } from "./webhook.ts";

export const webhookExamples: Example<WebhookSettings>[] = [];
