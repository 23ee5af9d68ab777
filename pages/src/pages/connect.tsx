import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { post } from "../api/client.ts";
import { useSetup } from "../api/setup.ts";
import { freshKeys, keysQuery, type MadeKey } from "../api/sources.ts";
import { Button } from "../components/button.tsx";
import { Card } from "../components/card.tsx";
import { Page } from "../components/page.tsx";
import { QueryView } from "../components/query-view.tsx";
import { SetupCheck } from "../components/setup-check.tsx";
import { Snippets } from "../components/snippets.tsx";
import { Refused } from "../components/states.tsx";

export function ConnectPage() {
  const { env, id } = useParams({ strict: false }) as { env: string; id: string };
  const keys = useQuery(keysQuery(env, id));
  const setup = useSetup(env, id);
  const making = useMutation({
    mutationFn: () =>
      post<MadeKey>(`/api/v1/sources/${encodeURIComponent(id)}/keys`, { form: "public" }, { environment_id: env }),
    meta: { shows_error: true },
  });
  const key = making.data?.key ?? freshKeys.get(id);
  return (
    <Page
      title="Connect your site"
      description="Copy one of these into your site, open it, and come back: this page notices by itself."
    >
      <div className="grid gap-5 lg:grid-cols-[minmax(0,1.5fr)_minmax(0,1fr)] [&>*]:min-w-0">
        <Card title="1. Send events">
          {key ? (
            <div className="flex flex-col gap-4">
              <Snippets writeKey={key} />
              <p className="text-xs text-soft">
                The write key is public: it is in your pages, and can only send events.
              </p>
            </div>
          ) : (
            <QueryView of={keys} rows={2}>
              {(known) => (
                <div className="flex flex-col items-start gap-3">
                  <p className="text-sm text-soft">
                    {known.length > 0
                      ? "Keys are shown once, when they are made. Make another one for this site; the others go on working."
                      : "Make the public key that your pages send with."}
                  </p>
                  <Refused error={making.error} />
                  <Button look="primary" busy={making.isPending} onClick={() => making.mutate()}>
                    Make a key
                  </Button>
                </div>
              )}
            </QueryView>
          )}
        </Card>
        <Card title="2. See the first one">
          <SetupCheck setup={setup} />
          {setup.first_event && (
            <div className="mt-5 flex flex-wrap gap-2">
              <Link
                to="/$env/destinations"
                params={{ env }}
                className="inline-flex h-9 items-center rounded-md bg-accent px-3.5 font-medium text-accent-ink"
              >
                Send it to a destination
              </Link>
              <Link
                to="/$env/live"
                params={{ env }}
                className="inline-flex h-9 items-center rounded-md border px-3.5 font-medium hover:bg-sunken"
              >
                Watch live
              </Link>
            </div>
          )}
        </Card>
      </div>
    </Page>
  );
}
