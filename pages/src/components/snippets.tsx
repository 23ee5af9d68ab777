import { Code } from "./code.tsx";
import { Tabs } from "./tabs.tsx";

/** How a site begins to send, three ways; whoever has an SDK changes one line. */
export function Snippets({ writeKey, host = location.origin }: { writeKey: string; host?: string }) {
  return (
    <Tabs
      label="How to connect"
      tabs={[
        {
          name: "Script tag",
          content: (
            <Explained text="Into the <head> of every page. Page views, campaigns and click ids are then collected by themselves.">
              <Code
                label="script tag"
                text={`<script defer src="${host}/millrace.js" data-write-key="${writeKey}"></script>`}
              />
            </Explained>
          ),
        },
        {
          name: "npm",
          content: (
            <Explained text="In an application with a bundler; nothing runs on a server that renders your pages.">
              <Code
                label="npm snippet"
                text={`npm install millrace\n\nimport { init, millrace, pageViews } from "millrace";\n\ninit({ writeKey: "${writeKey}", host: "${host}", auto: [pageViews] });\nmillrace.track("Signed Up", { plan: "pro" });`}
              />
            </Explained>
          ),
        },
        {
          name: "Coming from Segment",
          content: (
            <Explained text="Your SDK stays as it is: it sends to your own host instead. The same goes for RudderStack's.">
              <Code
                label="Segment snippet"
                text={`// in a page\nAnalyticsBrowser.load({ writeKey: "${writeKey}", cdnURL: "${host}" })\n\n// on a server, with a server key\nnew Analytics({ writeKey, host: "${host}" })`}
              />
            </Explained>
          ),
        },
      ]}
    />
  );
}

function Explained({ text, children }: { text: string; children: React.ReactNode }) {
  return (
    <div className="flex flex-col gap-3">
      <p className="text-sm text-soft">{text}</p>
      {children}
    </div>
  );
}
