import { describe, expect, it } from "vitest";
import { BOT_CLASSES, type BotClass, classifyBot } from "./bots.ts";

const CHROME =
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
const WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)";
const IPHONE =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148";
const WEBVIEW = `Mozilla/5.0 (Linux; Android 14; SM-S921B Build/UP1A.231005.007; wv) ${WEBKIT} Version/4.0 Chrome/130.0.6723.58 Mobile Safari/537.36`;

describe("a person is no bot, who uses", () => {
  it.each([
    ["Chrome on Windows", CHROME],
    ["Chrome on a Mac", `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${WEBKIT} Chrome/140.0.0.0 Safari/537.36`],
    ["Chrome on Android", `Mozilla/5.0 (Linux; Android 10; K) ${WEBKIT} Chrome/140.0.0.0 Mobile Safari/537.36`],
    ["Chrome on an iPhone", `${IPHONE.replace("Mobile", "CriOS/130.0.6723.37 Mobile")} Safari/604.1`],
    ["Chrome OS", `Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) ${WEBKIT} Chrome/129.0.0.0 Safari/537.36`],
    [
      "an early Chrome",
      "Mozilla/5.0 (Windows; U; Windows NT 5.1; en-US) AppleWebKit/525.13 (KHTML, like Gecko) Chrome/0.2.149.27 Safari/525.13",
    ],
    ["Safari on an iPhone", `${IPHONE.replace("Mobile", "Version/18.1 Mobile")} Safari/604.1`],
    [
      "Safari on a Mac",
      "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Safari/605.1.15",
    ],
    [
      "Safari 5 on an iPad",
      "Mozilla/5.0 (iPad; CPU OS 5_1 like Mac OS X) AppleWebKit/534.46 (KHTML, like Gecko) Version/5.1 Mobile/9B176 Safari/7534.48.3",
    ],
    ["Firefox", "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0"],
    ["Firefox on Android", "Mozilla/5.0 (Android 14; Mobile; rv:131.0) Gecko/131.0 Firefox/131.0"],
    [
      "Firefox 3",
      "Mozilla/5.0 (Windows; U; Windows NT 5.1; en-US; rv:1.9.1.7) Gecko/20091221 Firefox/3.5.7 (.NET CLR 3.5.30729)",
    ],
    [
      "Firefox Focus",
      "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/8.1.1 Mobile/15E148 Safari/605.1.15",
    ],
    ["Edge", `${CHROME} Edg/140.0.0.0`],
    [
      "the first Edge on an Xbox",
      `Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) ${WEBKIT} Chrome/70.0.3538.102 Safari/537.36 Edge/18.18363`,
    ],
    ["Opera", `${CHROME} OPR/114.0.0.0`],
    ["Opera Mini", "Opera/9.80 (J2ME/MIDP; Opera Mini/7.1.32052/34.1244; U; en) Presto/2.8.119 Version/11.10"],
    ["Opera 12", "Opera/9.80 (X11; Linux x86_64) Presto/2.12.388 Version/12.16"],
    ["Internet Explorer 6", "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1; .NET CLR 1.1.4322)"],
    ["Internet Explorer 11", "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko"],
    [
      "Internet Explorer with Chrome Frame",
      "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; WOW64; Trident/5.0; chromeframe/19.0.1084.52)",
    ],
    ["Konqueror", "Mozilla/5.0 (compatible; Konqueror/4.4; Linux) KHTML/4.4.5 (like Gecko) Kubuntu"],
    ["Lynx", "Lynx/2.8.7rel.2 libwww-FM/2.14 SSL-MM/1.4.1 OpenSSL/1.0.1f"],
    [
      "Brave",
      "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Brave/1 Version/18.0 Mobile/15E148 Safari/604.1",
    ],
    [
      "DuckDuckGo",
      `Mozilla/5.0 (Linux; Android 10) ${WEBKIT} Version/4.0 Chrome/118.0.0.0 Mobile DuckDuckGo/5 Safari/537.36`,
    ],
    [
      "Ecosia",
      `Mozilla/5.0 (Linux; Android 10; K) ${WEBKIT} Chrome/111.0.0.0 Mobile Safari/537.36 (Ecosia android@111.0.5563.116)`,
    ],
    ["Ghostery", "Mozilla/5.0 (Android 11; Mobile; rv:105.0; Ghostery:3.0) Gecko/105.0 Firefox/105.0"],
    ["Vivaldi", `${CHROME} Vivaldi/6.9.3447.54`],
    [
      "Yandex Browser",
      `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${WEBKIT} Chrome/128.0.0.0 YaBrowser/24.10.0.0 Safari/537.36`,
    ],
    ["Whale", `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${WEBKIT} Chrome/128.0.0.0 Whale/3.28.266.14 Safari/537.36`],
    [
      "Samsung Internet",
      `Mozilla/5.0 (Linux; Android 10; K) ${WEBKIT} SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36`,
    ],
    [
      "UC Browser",
      `Mozilla/5.0 (Linux; U; Android 9; en-US; Redmi 7) ${WEBKIT} Version/4.0 Chrome/78.0.3904.108 UCBrowser/13.4.0.1306 Mobile Safari/537.36`,
    ],
    [
      "Huawei Browser",
      `Mozilla/5.0 (Linux; Android 12; HarmonyOS; TET-AN00; HMSCore 6.12.4.312) ${WEBKIT} Chrome/99.0.4844.88 HuaweiBrowser/14.0.5.301 Mobile Safari/537.36`,
    ],
    ["Sogou on a phone", `${WEBVIEW} SogouMSE,SogouMobileBrowser/5.22.8`],
    [
      "Silk on a Fire tablet",
      `Mozilla/5.0 (Linux; Android 9; KFMAWI) ${WEBKIT} Silk/120.4.1 like Chrome/120.0.6099.230 Safari/537.36`,
    ],
    [
      "a Cubot phone",
      `Mozilla/5.0 (Linux; Android 8.0.0; CUBOT_P20) ${WEBKIT} Chrome/70.0.3538.110 Mobile Safari/537.36`,
    ],
    [
      "the Google app",
      "Mozilla/5.0 (iPhone; CPU iPhone OS 13_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) GSA/102.0.304944559 Mobile/15E148 Safari/604.1",
    ],
    [
      "a Google phone",
      `Mozilla/5.0 (Linux; Android 7.1.2; google Pixel 2) ${WEBKIT} Chrome/104.0.0.0 Mobile Safari/537.36`,
    ],
    ["the Bing app", `${WEBVIEW} BingWeb/9.4.26267402`],
    [
      "the Facebook app",
      `${IPHONE} [FBAN/FBIOS;FBAV/440.0.0.26.105;FBBV/540124584;FBDV/iPhone14,7;FBMD/iPhone;FBSN/iOS;FBSV/17.2;FBSS/3;FBID/phone;FBLC/en_GB;FBOP/5;FBRV/0]`,
    ],
    ["Facebook on Android", `${WEBVIEW} [FB_IAB/FB4A;FBAV/440.0.0.30.106;]`],
    [
      "Instagram",
      `${WEBVIEW} Instagram 309.0.0.28.119 Android (34/14; 480dpi; 1080x2109; samsung; SM-S921B; e1s; s5e9945; en_GB; 541635863)`,
    ],
    [
      "TikTok",
      `${WEBVIEW} trill_2021806060 JsSdk/1.0 NetType/WIFI Channel/googleplay AppName/musical_ly app_version/18.6.6 ByteLocale/fr Region/FR`,
    ],
    ["Toutiao", `${WEBVIEW} JsSdk/2 NewsArticle/7.4.0 NetType/wifi`],
    ["SmartNews", `${IPHONE} SmartNews 23.1.0`],
    ["WeChat", `${IPHONE} MicroMessenger/8.0.53(0x18003531) NetType/4G Language/en`],
    ["LinkedIn", `${IPHONE} [LinkedInApp]/9.30.1234`],
    ["Pinterest", `${WEBVIEW} [Pinterest/Android]`],
    ["Snapchat", `${IPHONE} Snapchat/12.95.0.40 (like Safari/8618.3.11, panda)`],
    ["a television by Samsung", `Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.5) ${WEBKIT} 85.0.4183.93/6.5 TV Safari/537.36`],
    [
      "a television by LG",
      `Mozilla/5.0 (Web0S; Linux/SmartTV) ${WEBKIT} Chrome/94.0.4606.128 Safari/537.36 WebAppManager`,
    ],
    [
      "a Fire TV",
      `Mozilla/5.0 (Linux; Android 5.1; AFTS Build/LMY47O) ${WEBKIT} Version/4.0 Chrome/41.99900.2250.0242 Safari/537.36`,
    ],
    [
      "a Chromecast",
      `Mozilla/5.0 (X11; Linux aarch64) ${WEBKIT} Chrome/114.0.5735.331 Safari/537.36 CrKey/1.56.500000`,
    ],
    [
      "a PlayStation",
      "Mozilla/5.0 (PlayStation; PlayStation 5/6.00) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/15.4 Safari/605.1.15",
    ],
    [
      "a Kindle",
      "Mozilla/5.0 (X11; U; Linux armv7l like Android; en-us) AppleWebKit/531.2+ (KHTML, like Gecko) Version/5.0 Safari/533.2+ Kindle/3.0+",
    ],
    [
      "Slack's desktop app",
      `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${WEBKIT} Chrome/124.0.6367.243 Electron/30.3.1 Safari/537.36 Slack_SSB/4.39.95`,
    ],
    ["a native app on an iPhone", "Shop/4.12 CFNetwork/1485 Darwin/23.1.0"],
    ["a native app on Android", "Dalvik/2.1.0 (Linux; U; Android 9; SM-G965U Build/PPR1.180610.011)"],
    ["React Native", "okhttp/4.12.0"],
    ["Flutter", "Dart/3.5 (dart:io)"],
    ["Segment's SDK in an app", "analytics-kotlin/1.16.3"],
    ["a shop whose server sends for them, with Segment's SDK", "analytics-python/2.3.2"],
  ])("%s", (_, user_agent) => {
    expect(classifyBot({ user_agent })).toBeUndefined();
  });
});

describe("a bot is known by its name", () => {
  it.each<[BotClass, string, string]>([
    ["search", "Googlebot", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"],
    [
      "search",
      "Googlebot",
      `Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) ${WEBKIT} Chrome/130.0.6723.58 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)`,
    ],
    ["search", "Googlebot", "Googlebot-Image/1.0"],
    ["search", "Google-InspectionTool", "Mozilla/5.0 (compatible; Google-InspectionTool/1.0;)"],
    [
      "search",
      "Storebot-Google",
      `Mozilla/5.0 (X11; Linux x86_64; Storebot-Google/1.0) ${WEBKIT} Chrome/79.0.3945.88 Safari/537.36`,
    ],
    [
      "search",
      "bingbot",
      `Mozilla/5.0 ${WEBKIT.replace(")", "; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)")} Chrome/116.0.1938.76 Safari/537.36`,
    ],
    ["search", "Slurp", "Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)"],
    ["search", "DuckDuckBot", "DuckDuckBot/1.1; (+http://duckduckgo.com/duckduckbot.html)"],
    [
      "search",
      "Applebot",
      "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.1.1 Safari/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)",
    ],
    ["search", "YandexBot", "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)"],
    ["search", "Baiduspider", "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)"],
    ["search", "Sogou web spider", "Sogou web spider/4.0(+http://www.sogou.com/docs/help/webmasters.htm#07)"],
    ["search", "PetalBot", "Mozilla/5.0 (compatible; PetalBot;+https://webmaster.petalsearch.com/site/petalbot)"],
    ["search", "Yeti", "Mozilla/5.0 (compatible; Yeti/1.1; +https://naver.me/spd)"],
    [
      "search",
      "SeznamBot",
      "Mozilla/5.0 (compatible; SeznamBot/4.0; +https://o-seznam.cz/napoveda/vyhledavani/en/seznambot-crawler/)",
    ],
    ["ai_crawler", "GPTBot", `Mozilla/5.0 ${WEBKIT}; compatible; GPTBot/1.3; +https://openai.com/gptbot)`],
    [
      "ai_crawler",
      "OAI-SearchBot",
      `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${WEBKIT} Chrome/131.0.0.0 Safari/537.36; compatible; OAI-SearchBot/1.3; +https://openai.com/searchbot`,
    ],
    ["ai_crawler", "ClaudeBot", `Mozilla/5.0 ${WEBKIT}; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)`],
    [
      "ai_crawler",
      "PerplexityBot",
      `Mozilla/5.0 ${WEBKIT}; compatible; PerplexityBot/1.0; +https://perplexity.ai/perplexitybot)`,
    ],
    ["ai_crawler", "CCBot", "CCBot/2.0 (https://commoncrawl.org/faq/)"],
    [
      "ai_crawler",
      "Bytespider",
      `Mozilla/5.0 (Linux; Android 5.0) ${WEBKIT} Mobile Safari/537.36 (compatible; Bytespider; spider-feedback@bytedance.com)`,
    ],
    [
      "ai_crawler",
      "Amazonbot",
      `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_10_1) AppleWebKit/600.2.5 (KHTML, like Gecko) Version/8.0.2 Safari/600.2.5 (Amazonbot/0.1; +https://developer.amazon.com/support/amazonbot)`,
    ],
    [
      "ai_crawler",
      "meta-externalagent",
      "meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)",
    ],
    [
      "ai_crawler",
      "Diffbot",
      "Mozilla/5.0 (Windows; U; Windows NT 5.1; en-US; rv:1.9.1.2) Gecko/20090729 Firefox/3.5.2 (.NET CLR 3.5.30729; Diffbot/0.1)",
    ],
    ["ai_assistant", "ChatGPT-User", `Mozilla/5.0 ${WEBKIT}; compatible; ChatGPT-User/1.0; +https://openai.com/bot`],
    ["ai_assistant", "Claude-User", `Mozilla/5.0 ${WEBKIT}; compatible; Claude-User/1.0; +Claude-User@anthropic.com)`],
    [
      "ai_assistant",
      "Perplexity-User",
      `Mozilla/5.0 ${WEBKIT}; compatible; Perplexity-User/1.0; +https://perplexity.ai/perplexity-user)`,
    ],
    [
      "ai_assistant",
      "MistralAI-User",
      `Mozilla/5.0 ${WEBKIT}; compatible; MistralAI-User/1.0; +https://docs.mistral.ai/robots)`,
    ],
    [
      "ai_assistant",
      "meta-externalfetcher",
      "meta-externalfetcher/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)",
    ],
    ["ai_assistant", "DuckAssistBot", "DuckAssistBot/1.2; (+http://duckduckgo.com/duckassistbot.html)"],
    ["monitor", "UptimeRobot", "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)"],
    ["monitor", "Pingdom", "Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)"],
    [
      "monitor",
      "Pingdom",
      `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${WEBKIT} Chrome/61.0.3163.100 Safari/537.36 PingdomPageSpeed/1.0`,
    ],
    [
      "monitor",
      "StatusCake",
      `Mozilla/5.0 (Windows NT 6.1; WOW64) ${WEBKIT} Chrome/98.0.4758.102 Safari/537.36 StatusCake`,
    ],
    ["monitor", "Site24x7", "Site24x7"],
    [
      "monitor",
      "DatadogSynthetics",
      `Mozilla/5.0 (X11; Linux x86_64) ${WEBKIT} Chrome/129.0.0.0 Safari/537.36 DatadogSynthetics`,
    ],
    ["monitor", "Datadog/Synthetics", "Datadog/Synthetics"],
    [
      "monitor",
      "Chrome-Lighthouse",
      `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${WEBKIT} Chrome/94.0.4590.2 Safari/537.36 Chrome-Lighthouse`,
    ],
    [
      "monitor",
      "GTmetrix",
      `Mozilla/5.0 (X11; Linux x86_64; GTmetrix https://gtmetrix.com/) ${WEBKIT} Chrome/126.0.0.0 Safari/537.36`,
    ],
    ["monitor", "PTST", `Mozilla/5.0 (X11; Linux x86_64) ${WEBKIT} Chrome/129.0.0.0 Safari/537.36 PTST/240930.1`],
    [
      "headless",
      "HeadlessChrome",
      `Mozilla/5.0 (X11; Linux x86_64) ${WEBKIT} HeadlessChrome/130.0.6723.58 Safari/537.36`,
    ],
    [
      "headless",
      "PhantomJS",
      "Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/534.34 (KHTML, like Gecko) PhantomJS/1.9.2 Safari/534.34",
    ],
    [
      "headless",
      "Cypress",
      `Mozilla/5.0 (X11; Linux x86_64) ${WEBKIT} Cypress/13.15.0 Chrome/118.0.5993.159 Electron/27.3.10 Safari/537.36`,
    ],
    ["headless", "jsdom", `Mozilla/5.0 (linux) ${WEBKIT} jsdom/22.1.0`],
    ["other", "facebookexternalhit", "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"],
    ["other", "Twitterbot", "Twitterbot/1.0"],
    ["other", "WhatsApp", "WhatsApp/2.23.20.0"],
    ["other", "Slackbot-LinkExpanding", "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"],
    ["other", "AhrefsBot", "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)"],
    ["other", "Ezooms", "Mozilla/5.0 (compatible; Ezooms/1.0; help@moz.com)"],
    ["other", "Feedly", "Feedly/1.0 (+http://www.feedly.com/fetcher.html; like FeedFetcher-Google)"],
    ["other", "curl", "curl/8.5.0"],
    ["other", "python-requests", "python-requests/2.32.3"],
    ["other", "Wget", "Wget/1.21.4"],
    ["other", "Go-http-client", "Go-http-client/2.0"],
  ])("%s: %s in %s", (kind, name, user_agent) => {
    for (let i = 0; i < 2; i++) expect(classifyBot({ user_agent })).toEqual({ class: kind, name });
  });

  it("or by nothing but its manner", () => {
    expect(classifyBot({ user_agent: "Mozilla/4.0 (compatible;)" })).toEqual({ class: "other" });
    expect(classifyBot({ user_agent: "" })).toEqual({ class: "other" });
  });

  it.each(["constructor", "__proto__", "toString"])("and %s is a name like any other", (user_agent) => {
    expect(classifyBot({ user_agent })).toEqual({ class: "other", name: user_agent });
  });
});

describe("what the request tells", () => {
  it("is nothing of an event that names no browser: a server sent it", () => {
    const facts = { asn: 16_509, prefetch: true, verified_bot_category: "AI Crawler" };
    expect(classifyBot({ user_agent: undefined, ...facts })).toBeUndefined();
  });

  it.each<[string, BotClass]>([
    ["Search Engine Crawler", "search"],
    ["AI Crawler", "ai_crawler"],
    ["AI Search", "ai_crawler"],
    ["AI Assistant", "ai_assistant"],
    ["Monitoring & Analytics", "monitor"],
    ["Page Preview", "other"],
    ["something new", "other"],
  ])("is that Cloudflare verified a bot of the category %s", (verified_bot_category, kind) => {
    expect(classifyBot({ user_agent: CHROME, verified_bot_category })).toEqual({
      class: kind,
      name: verified_bot_category,
    });
  });

  it("is less than a name, and more than a manner", () => {
    const verified_bot_category = "Search Engine Crawler";
    expect(classifyBot({ user_agent: "GPTBot/1.3", verified_bot_category })).toEqual({
      class: "ai_crawler",
      name: "GPTBot",
    });
    expect(classifyBot({ user_agent: "Newbot/1.0", verified_bot_category })).toEqual({
      class: "search",
      name: "Newbot",
    });
  });

  it("is a browser without a screen, by its client hints", () => {
    const brand = (name: string) => ({ "sec-ch-ua": `"Not?A_Brand";v="8", "${name}";v="130"` });
    const headless = { class: "headless", name: "HeadlessChrome" };
    expect(classifyBot({ user_agent: CHROME, client_hints: brand("HeadlessChrome") })).toEqual(headless);
    expect(classifyBot({ user_agent: CHROME, client_hints: brand("Google Chrome") })).toBeUndefined();
  });

  it("is that it was fetched ahead", () => {
    expect(classifyBot({ user_agent: CHROME, prefetch: true })).toEqual({ class: "prefetch" });
    expect(classifyBot({ user_agent: "Googlebot/2.1", prefetch: true })).toMatchObject({ class: "search" });
  });

  it.each([
    [
      CHROME,
      { asn: 24_940, as_organization: "Hetzner Online GmbH" },
      { class: "datacentre", name: "Hetzner Online GmbH" },
    ],
    [CHROME, { asn: 24_940 }, { class: "datacentre", name: "Hetzner" }],
    [CHROME, { asn: 3_320, as_organization: "Deutsche Telekom AG" }, undefined],
    ["curl/8.5.0", { asn: 24_940 }, { class: "other", name: "curl" }],
    ["okhttp/4.12.0", { asn: 24_940 }, undefined],
  ])("is the network: %s from %j", (user_agent, network, expected) => {
    expect(classifyBot({ user_agent, ...network })).toEqual(expected);
  });

  it.each([13_335, 36_183, 54_113])("is a person behind iCloud Private Relay, from AS%i", (asn) => {
    expect(classifyBot({ user_agent: IPHONE, asn })).toBeUndefined();
  });
});

it("is decided in no time, however the user agent is written", () => {
  const begun = performance.now();
  const odd = [
    `Mozilla/${"1.1".repeat(700)}x`,
    "a".repeat(2_048),
    "(".repeat(2_048),
    "@a.".repeat(700),
    "bot_".repeat(512),
  ];
  for (let i = 0; i < 500; i++) for (const user_agent of odd) classifyBot({ user_agent: `${i}${user_agent}` });
  expect(performance.now() - begun).toBeLessThan(2_000);
});

it("every class has a bot", () => {
  const seen = new Set<BotClass>([
    ...["Googlebot", "GPTBot", "ChatGPT-User", "Site24x7", "PhantomJS", "curl/8"].flatMap(
      (user_agent) => classifyBot({ user_agent })?.class ?? [],
    ),
    classifyBot({ user_agent: CHROME, prefetch: true })!.class,
    classifyBot({ user_agent: CHROME, asn: 16_509 })!.class,
  ]);
  expect([...seen].sort()).toEqual([...BOT_CLASSES].sort());
});
