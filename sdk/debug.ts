/** The script behind `debug(true)`: an overlay that tells what was recorded on this page, and what became of it. */
import type { Millrace } from "./client.ts";
import type { SentEvent } from "./transport.ts";

const MOST_LINES = 50;
const STYLE = `:host{all:initial;position:fixed;z-index:2147483647;right:12px;bottom:12px;width:360px;max-width:calc(100vw - 24px)}
section{font:12px/1.5 ui-monospace,Menlo,Consolas,monospace;color:#e8edf2;background:#10161dee;border-radius:8px;overflow:hidden;box-shadow:0 4px 24px #0006}
header{display:flex;justify-content:space-between;padding:8px 12px;background:#1b2530;font-weight:600}
button{all:unset;cursor:pointer;padding:0 4px}button:focus-visible{outline:2px solid #6cb6ff}
ol{margin:0;padding:4px 0;list-style:none;max-height:40vh;overflow:auto}
li{padding:2px 12px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
[data-state=sent] b{color:#5fd38d}[data-state=waiting] b{color:#e3b341}[data-state=again] b{color:#ff7b72}`;

const SIGNS = { waiting: "… waits", sent: "✓ sent", again: "↻ failed, will be sent again" };

const given = window.millraceDebug;
const shown = document.querySelector("millrace-debug");
if (given && !given.isOn) shown?.remove();
else if (given && !shown) show(given.millrace);

function show(millrace: Millrace): void {
  const host = document.createElement("millrace-debug");
  const root = host.attachShadow({ mode: "open" });
  const style = new CSSStyleSheet(); // a page's policy may refuse a style element
  style.replaceSync(STYLE);
  root.adoptedStyleSheets = [style];
  const section = element("section");
  const header = element("header", `Millrace ${millrace.version}`);
  const close = element("button", "×");
  const list = element("ol");
  close.setAttribute("aria-label", "Close");
  close.onclick = () => millrace.debug(false);
  header.append(close);
  section.append(header, list);
  root.append(section);
  document.documentElement.append(host);

  const lines = new Map<string, HTMLElement>();
  const mark = (event: SentEvent, state: keyof typeof SIGNS) => {
    const { message_id, type, timestamp, context } = event;
    const known = lines.get(message_id);
    const line = known ?? element("li");
    const name = event.event ?? (type === "page" ? `page ${context.page.path}` : type);
    line.dataset.state = state;
    line.title = JSON.stringify(event, null, 1);
    line.replaceChildren(element("b", SIGNS[state]), ` ${timestamp.slice(11, 19)} ${name}`);
    if (known) return;
    lines.set(message_id, line);
    list.prepend(line);
    if (lines.size <= MOST_LINES) return;
    const [oldest, old] = [...lines][0]!;
    old.remove();
    lines.delete(oldest);
  };
  millrace.on("event", (event) => mark(event, "waiting"));
  millrace.on("sent", (batch, outcome) => {
    for (const event of batch) mark(event, outcome === "settled" ? "sent" : "again");
  });
}

function element<Name extends keyof HTMLElementTagNameMap>(name: Name, text = ""): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
