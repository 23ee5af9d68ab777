/** What kind of automat sent a request. */
export const BOT_CLASSES = [
  /** Search engines' crawlers. */
  "search",
  /** Crawlers that collect text for training or an index of an AI company. */
  "ai_crawler",
  /** Fetches by an AI assistant because a person asked it to. */
  "ai_assistant",
  /** Uptime and performance checks. */
  "monitor",
  /** Browsers without a screen, driven by scripts. */
  "headless",
  /** Fetched ahead of a visit that may never come. */
  "prefetch",
  /** An ordinary browser's user agent from a hosting provider's network. */
  "datacentre",
  /** Any other: link previews, feed readers, scrapers, HTTP libraries. */
  "other",
] as const;
export type BotClass = (typeof BOT_CLASSES)[number];
