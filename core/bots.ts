/**
 * Who is no person: what kind of automat sent a request, and which. A claim (anybody may call itself Googlebot), except where
 * Cloudflare verified it; nothing here decides what becomes of the event.
 */
import { isbot } from "isbot";
import type { RequestFacts } from "./queue-messages.ts";

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

export interface Bot {
  class: BotClass;
  /** As it calls itself; of `datacentre`, the network. */
  name?: string;
}

type Facts = Pick<RequestFacts, "asn" | "as_organization" | "verified_bot_category" | "prefetch" | "client_hints">;

/**
 * The bot that these facts tell of, undefined for a person and where nothing is known. An empty `user_agent` is a browser's
 * request that names no browser; an absent one says nothing, as servers' events do. The other facts are those of the
 * request which that user agent sent.
 */
export function classifyBot({ user_agent, ...request }: Facts & { user_agent?: string | undefined }): Bot | undefined {
  if (user_agent === undefined) return undefined;
  const named = user_agent === "" ? { class: "other" as const } : byUserAgent(user_agent);
  const verified = byVerifiedCategory(request.verified_bot_category);
  // A user agent tells more than a category does, unless all it tells is that this is some bot.
  if (named && (named.class !== "other" || !verified)) return named;
  if (verified) return named?.name === undefined ? verified : { ...verified, name: named.name };
  if (request.client_hints && HEADLESS_BRAND.test(request.client_hints["sec-ch-ua"] ?? "")) {
    return { class: "headless", name: "HeadlessChrome" };
  }
  if (request.prefetch) return { class: "prefetch" };
  const network = request.asn === undefined ? undefined : HOSTING.get(request.asn);
  if (network && user_agent.startsWith("Mozilla/")) {
    return { class: "datacentre", name: (request.as_organization ?? network).slice(0, NAME_LENGTH) };
  }
  return undefined;
}

/**
 * Bots by the name in their user agents, in the order in which they are looked for: a monitor drives a headless browser. From
 * the operators' pages, among them https://developers.openai.com/api/docs/bots, https://support.claude.com/en/articles/8896518,
 * https://docs.perplexity.ai/guides/bots, https://developers.google.com/crawling/docs/crawlers-fetchers/overview-google-crawlers,
 * https://developers.facebook.com/docs/sharing/webmasters/web-crawlers, and from the list of
 * https://github.com/ai-robots-txt/ai.robots.txt. Last looked through in November 2026.
 */
const NAMES: [BotClass, string[]][] = [
  [
    "ai_assistant",
    [
      "ChatGPT-User",
      "Claude-User",
      "Claude-Web",
      "Claude-Code",
      "Perplexity-User",
      "MistralAI-User",
      "meta-externalfetcher",
      "Amzn-User",
      "AmazonBuyForMe",
      "DuckAssistBot",
      "Gemini-Deep-Research",
      "GoogleAgent-Mariner",
      "Google-Agent",
      "Google-NotebookLM",
      "Google-Gemini-CLI",
      "Manus-User",
      "NovaAct",
      "kagi-fetcher",
      "Shap-User",
      "PhindBot",
      "LinerBot",
      "cohere-ai",
      "QualifiedBot",
    ],
  ],
  [
    "ai_crawler",
    [
      "GPTBot",
      "OAI-SearchBot",
      "OAI-AdsBot",
      "ClaudeBot",
      "Claude-SearchBot",
      "anthropic-ai",
      "PerplexityBot",
      "MistralAI-Index",
      "CCBot",
      "Bytespider",
      "TikTokSpider",
      "Amazonbot",
      "Amzn-SearchBot",
      "bedrockbot",
      "amazon-kendra",
      "meta-externalagent",
      "meta-webindexer",
      "FacebookBot",
      "Applebot-Extended",
      "Google-CloudVertexBot",
      "CloudVertexBot",
      "AzureAI-SearchBot",
      "cohere-training-data-crawler",
      "DeepSeekBot",
      "Diffbot",
      "AI2Bot",
      "YouBot",
      "Andibot",
      "iaskspider",
      "iAskBot",
      "PanguBot",
      "ChatGLM-Spider",
      "Timpibot",
      "ImagesiftBot",
      "img2dataset",
      "LAIONDownloader",
      "omgilibot",
      "omgili",
      "Webzio-Extended",
      "ICC-Crawler",
      "Kangaroo Bot",
      "Cotoyogi",
      "SBIntuitionsBot",
      "VelenPublicWebCrawler",
      "FirecrawlAgent",
      "Crawl4AI",
      "TavilyBot",
      "LinkupBot",
      "Cloudflare-AutoRAG",
      "YandexAdditionalBot",
      "YandexAdditional",
    ],
  ],
  [
    "monitor",
    [
      "UptimeRobot",
      "Pingdom",
      "StatusCake",
      "Site24x7",
      "DatadogSynthetics",
      "Datadog/Synthetics",
      "NewRelicPinger",
      "NewRelicSynthetics",
      "RuxitSynthetic",
      "DynatraceSynthetic",
      "Catchpoint",
      "AlertSite",
      "DejaClick",
      "Checkly",
      "Better Uptime Bot",
      "BetterStackBot",
      "HetrixTools",
      "Uptime-Kuma",
      "SentryUptimeBot",
      "Hyperping",
      "NodePing",
      "updown.io",
      "OhDear",
      "Freshping",
      "Monitis",
      "Montastic",
      "check_http",
      "Zabbix",
      "Blackbox Exporter",
      "Elastic-Heartbeat",
      "GoogleStackdriverMonitoring",
      "Amazon-Route53-Health-Check-Service",
      "ELB-HealthChecker",
      "kube-probe",
      "Cloudflare-Healthchecks",
      "Cloudflare-Traffic-Manager",
      "Chrome-Lighthouse",
      "Google Page Speed Insights",
      "GTmetrix",
      "PTST/",
      "SpeedCurve",
      "DebugBear",
      "Dareboost",
      "Ghost Inspector",
    ],
  ],
  [
    "search",
    [
      "Googlebot",
      "Google-InspectionTool",
      "Storebot-Google",
      "bingbot",
      "msnbot",
      "BingPreview",
      "adidxbot",
      "Slurp",
      "DuckDuckBot",
      "Applebot",
      "YandexBot",
      "YandexMobileBot",
      "YandexImages",
      "YandexRenderResourcesBot",
      "Baiduspider",
      "Sogou web spider",
      "360Spider",
      "HaoSouSpider",
      "YisouSpider",
      "PetalBot",
      "Yeti/",
      "Daumoa",
      "SeznamBot",
      "Qwantify",
      "Qwantbot",
      "Bravebot",
      "MojeekBot",
      "coccocbot",
      "Mail.RU_Bot",
      "Exabot",
      "Teoma",
      "ia_archiver",
      "Gigabot",
      "IbouBot",
    ],
  ],
  [
    "headless",
    [
      "HeadlessChrome",
      "HeadlessEdg",
      "PhantomJS",
      "SlimerJS",
      "CasperJS",
      "Puppeteer",
      "Playwright",
      "Selenium",
      "WebDriver",
      "Cypress/",
      "HtmlUnit",
      "jsdom",
      "Zombie.js",
      "TestCafe",
      "Prerender",
      "Rendertron",
    ],
  ],
];

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
const RULES = NAMES.map(([kind, names]) => ({
  class: kind,
  pattern: new RegExp(`(?<![a-z0-9-])(?:${names.map(escaped).join("|")})`, "i"),
  spelled: new Map(names.map((name) => [name.toLowerCase(), name])),
}));

const HEADLESS_BRAND = /\bHeadless/i;

/**
 * How native apps call by themselves, without a browser: their platform's HTTP stack; and Segment's SDKs, of servers too. Scrapers use
 * these too, but do not send events under a customer's key.
 */
const APP = /^(?:okhttp|Dalvik|Dart|ktor-client|analytics[-.]\w+|[\w.%()+ -]{1,80}\/[\w.]+ CFNetwork)\b/i;

/** Words in the user agents of browsers and apps that persons use, over which isbot stumbles. */
const INNOCENT =
  /\b(?:NewsArticle|SmartNews|AppleNews|GNews|SogouM(?:SE|obileBrowser)|chromeframe|Google (?:TV|Nexus|Chromecast)|sdk_google\w*)\b/gi;

/** What a bot that no rule knows calls itself, its address aside: a word that says what it does, or what it is compatible with. */
const ADDRESS = /https?:\/\/[^\s;,)]*|(?<![\w.-])[\w.-]+@[\w.-]+/gi;
const BOT_WORD = /bot|crawl|spider|scraper|fetcher|externalhit|preview|proxy|monitor|checker|reader|validator/i;
const COMPATIBLE = /compatible; ?(?!MSIE)([\w.-]+)/i;
const PRODUCT = /^(?!Mozilla)[\w.-]+/i;

/** Sites see the same few thousand strings: the whole cache is dropped when it is full. */
const MOST_CACHED = 5_000;
/** What stands behind these letters names nobody, and is not worth anybody's time. */
const LONGEST_READ = 512;
const NAME_LENGTH = 64;
const cache = new Map<string, Bot | undefined>();

function byUserAgent(whole: string): Bot | undefined {
  const userAgent = whole.slice(0, LONGEST_READ);
  if (cache.has(userAgent)) return cache.get(userAgent);
  const bot = judge(userAgent);
  if (cache.size >= MOST_CACHED) cache.clear();
  cache.set(userAgent, bot);
  return bot;
}

function judge(userAgent: string): Bot | undefined {
  for (const rule of RULES) {
    const found = rule.pattern.exec(userAgent)?.[0];
    if (found) return { class: rule.class, name: rule.spelled.get(found.toLowerCase())!.replace(/\/$/, "") };
  }
  if (APP.test(userAgent) || !isbot(userAgent.replace(INNOCENT, ""))) return undefined;
  const words = userAgent.replace(ADDRESS, "");
  const name =
    PRODUCT.exec(words)?.[0] ??
    words.split(/[^\w.-]+/).find((word) => BOT_WORD.test(word)) ??
    COMPATIBLE.exec(words)?.[1];
  return name ? { class: "other", name: name.slice(0, NAME_LENGTH) } : { class: "other" };
}

/** https://developers.cloudflare.com/bots/reference/verified-bot-categories/; those that are not here are `other`. */
const VERIFIED = new Map<string, BotClass>([
  ["search engine crawler", "search"],
  ["ai crawler", "ai_crawler"],
  ["ai search", "ai_crawler"],
  ["ai assistant", "ai_assistant"],
  ["monitoring & analytics", "monitor"],
  ["monitoring or analytics", "monitor"],
]);

function byVerifiedCategory(category: string | undefined): Bot | undefined {
  if (!category) return undefined;
  return { class: VERIFIED.get(category.toLowerCase()) ?? "other", name: category.slice(0, NAME_LENGTH) };
}

/**
 * Networks of hosting providers, by AS number, as the regional registries hold them (November 2026; compared with
 * https://github.com/daenney/fedinetmap and https://github.com/znixbtw/cloudflare-firewall-rules). Not complete, and meant
 * to err to the side of persons: left out are networks through which VPNs and relays bring persons (Cloudflare 13335, Fastly 54113,
 * Akamai 36183, all three of iCloud Private Relay; Google 15169; M247 9009; Datacamp 212238).
 */
const HOSTING = new Map([
  [16_509, "Amazon Web Services"],
  [14_618, "Amazon Web Services"],
  [8_987, "Amazon Web Services"],
  [396_982, "Google Cloud"],
  [8_075, "Microsoft Azure"],
  [31_898, "Oracle Cloud"],
  [36_351, "IBM Cloud"],
  [45_102, "Alibaba Cloud"],
  [37_963, "Alibaba Cloud"],
  [132_203, "Tencent Cloud"],
  [45_090, "Tencent Cloud"],
  [136_907, "Huawei Cloud"],
  [14_061, "DigitalOcean"],
  [63_949, "Akamai Connected Cloud"],
  [20_473, "Vultr"],
  [16_276, "OVHcloud"],
  [24_940, "Hetzner"],
  [213_230, "Hetzner"],
  [212_317, "Hetzner"],
  [12_876, "Scaleway"],
  [51_167, "Contabo"],
  [197_540, "netcup"],
  [8_560, "IONOS"],
  [36_352, "ColoCrossing"],
]);
