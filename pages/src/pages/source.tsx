import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { patch, post, remove } from "../api/client.ts";
import { type Key, keysQuery, type MadeKey, type Source, sourceQuery } from "../api/sources.ts";
import { Badge } from "../components/badge.tsx";
import { Button } from "../components/button.tsx";
import { Card } from "../components/card.tsx";
import { Code } from "../components/code.tsx";
import { Confirm, Dialog } from "../components/dialog.tsx";
import { SelectField, SwitchField, TextField } from "../components/field.tsx";
import { Page } from "../components/page.tsx";
import { QueryView } from "../components/query-view.tsx";
import { Empty, Refused } from "../components/states.tsx";
import { toast } from "../components/toast.tsx";
import { formatDateTime } from "../format.ts";

export function SourcePage() {
  const { env, id } = useParams({ strict: false }) as { env: string; id: string };
  const source = useQuery(sourceQuery(env, id));
  return (
    <Page
      title={source.data?.data.name ?? "Source"}
      description={<code className="text-xs">{id}</code>}
      actions={
        <Link
          to="/$env/sources/$id/connect"
          params={{ env, id }}
          className="inline-flex h-9 items-center rounded-md bg-accent px-3.5 font-medium text-accent-ink"
        >
          Connect a site
        </Link>
      }
    >
      <Keys env={env} id={id} />
      <Card title="Settings">
        <QueryView of={source}>
          {({ data, etag }) => <SettingsForm key={etag} env={env} source={data} etag={etag} />}
        </QueryView>
      </Card>
    </Page>
  );
}

const FORMS: Record<string, string> = {
  public: "Public: pages and apps",
  server: "Server: a secret",
  app: "App key with a secret",
};

function Keys({ env, id }: { env: string; id: string }) {
  const queries = useQueryClient();
  const keys = useQuery(keysQuery(env, id));
  const [made, setMade] = useState<MadeKey>();
  const [revoking, setRevoking] = useState<Key>();
  const query = { environment_id: env };
  const changed = () => queries.invalidateQueries({ queryKey: ["keys", env, id] });
  const making = useMutation({
    mutationFn: (form: string) => post<MadeKey>(`/api/v1/sources/${encodeURIComponent(id)}/keys`, { form }, query),
    onSuccess: (key) => {
      setMade(key);
      changed();
    },
  });
  const rotating = useMutation({
    mutationFn: (keyId: string) => post<MadeKey>(`/api/v1/keys/${encodeURIComponent(keyId)}/rotate`, {}, query),
    onSuccess: (key) => {
      setMade(key);
      changed();
    },
  });
  const revoke = useMutation({
    mutationFn: (keyId: string) => remove(`/api/v1/keys/${encodeURIComponent(keyId)}`, { query }),
    onSuccess: () => {
      toast({ title: "The key opens nothing any more" });
      setRevoking(undefined);
      changed();
    },
  });
  return (
    <Card
      title="Keys"
      flush
      aside={
        <>
          <Button size="small" busy={making.isPending} onClick={() => making.mutate("public")}>
            New public key
          </Button>
          <Button size="small" busy={making.isPending} onClick={() => making.mutate("server")}>
            New server key
          </Button>
        </>
      }
    >
      <QueryView of={keys} rows={2}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="No key yet">Pages send with a public key, servers with a server key.</Empty>
          ) : (
            <ul className="divide-y">
              {all.map((key) => (
                <li key={key.id} className="flex flex-wrap items-center gap-x-4 gap-y-2 px-5 py-3">
                  <div className="min-w-0 flex-1 basis-48">
                    <p className="font-medium">{FORMS[key.form] ?? key.form}</p>
                    <p className="truncate text-xs text-soft">
                      <code>…{key.hint}</code>
                      {` · made ${formatDateTime(key.created_at)}`}
                    </p>
                  </div>
                  {key.revoked ? (
                    <Badge tone="bad">Revoked</Badge>
                  ) : (
                    <div className="flex flex-wrap items-center gap-2">
                      {key.expires_at && <Badge tone="warn">Until {formatDateTime(key.expires_at)}</Badge>}
                      <Button size="small" onClick={() => rotating.mutate(key.id)}>
                        Rotate
                      </Button>
                      <Button size="small" look="danger" onClick={() => setRevoking(key)}>
                        Revoke
                      </Button>
                    </div>
                  )}
                </li>
              ))}
            </ul>
          )
        }
      </QueryView>
      <Dialog
        open={made !== undefined}
        onClose={() => setMade(undefined)}
        title="Copy it now"
        description="It is shown once. Whoever loses it makes another."
      >
        {made && (
          <div className="flex flex-col gap-3">
            <Code label="key" text={made.key} />
            {made.secret && <Code label="secret" text={made.secret} />}
          </div>
        )}
      </Dialog>
      <Confirm
        open={revoking !== undefined}
        title="Revoke this key?"
        action="Revoke"
        busy={revoke.isPending}
        onClose={() => setRevoking(undefined)}
        onConfirm={() => revoking && revoke.mutate(revoking.id)}
      >
        Whatever still sends with it is refused at once, and those events are lost unless the sender keeps them. To
        replace a key without a gap, rotate it.
      </Confirm>
    </Card>
  );
}

function SettingsForm({ env, source, etag }: { env: string; source: Source; etag: string | undefined }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [isDeleting, setDeleting] = useState(false);
  const [name, setName] = useState(source.name);
  const [cookieless, setCookieless] = useState<string>(source.cookieless);
  const [ipPolicy, setIpPolicy] = useState<string>(source.ip_policy);
  const [gpc, setGpc] = useState(source.honour_gpc);
  const [dnt, setDnt] = useState(source.honour_dnt);
  const [scriptPath, setScriptPath] = useState(source.script_path ?? "");
  const path = `/api/v1/sources/${encodeURIComponent(source.id)}`;
  const saving = useMutation({
    mutationFn: () => {
      const changed = {
        name,
        cookieless,
        ip_policy: ipPolicy,
        honour_gpc: gpc,
        honour_dnt: dnt,
        script_path: scriptPath || null,
      };
      return patch(path, changed, { query: { environment_id: env }, if_match: etag });
    },
    meta: { shows_error: true },
    onSuccess: () => {
      toast({ title: "Saved. Within half a minute it holds everywhere." });
      queries.invalidateQueries({ queryKey: ["sources", env] });
    },
  });
  const deleting = useMutation({
    mutationFn: () => remove(path, { query: { environment_id: env }, if_match: etag }),
    onSuccess: async () => {
      toast({ title: `${source.name} is gone; its events stay in your lake` });
      await queries.invalidateQueries({ queryKey: ["sources", env] });
      await navigate({ to: "/$env/sources", params: { env } });
    },
  });
  return (
    <form
      className="flex max-w-xl flex-col gap-5"
      onSubmit={(event) => {
        event.preventDefault();
        saving.mutate();
      }}
    >
      <TextField label="Name" value={name} maxLength={200} required onChange={({ target }) => setName(target.value)} />
      <SelectField
        label="Visitors without cookies"
        hint="Without a cookie a visitor is known for a day, by a hash whose salt is then destroyed."
        value={cookieless}
        onChange={({ target }) => setCookieless(target.value)}
        options={[
          { value: "never", label: "Never: a first-party cookie from the first page" },
          { value: "until_consent", label: "Until they consent to analytics" },
          { value: "always", label: "Always" },
        ]}
      />
      <SelectField
        label="What is kept of addresses"
        value={ipPolicy}
        onChange={({ target }) => setIpPolicy(target.value)}
        options={[
          { value: "full", label: "The whole address" },
          { value: "truncated", label: "Its network only" },
          { value: "last_octet_hashed", label: "Its network, and the rest as a hash" },
          { value: "dropped", label: "Nothing" },
        ]}
      />
      <SwitchField
        label="Honour Global Privacy Control"
        hint="It objects to marketing."
        checked={gpc}
        onChange={setGpc}
      />
      <SwitchField
        label="Honour Do Not Track"
        hint="It objects to analytics and marketing."
        checked={dnt}
        onChange={setDnt}
      />
      <TextField
        label="Path of the script"
        placeholder="/millrace.js"
        hint="A path of your own, beside /millrace.js, such as /lib/shop.js."
        value={scriptPath}
        onChange={({ target }) => setScriptPath(target.value)}
      />
      <Refused error={saving.error} />
      <div className="flex flex-wrap justify-between gap-2">
        <Button type="submit" look="primary" busy={saving.isPending}>
          Save
        </Button>
        <Button look="danger" onClick={() => setDeleting(true)}>
          Delete the source
        </Button>
      </div>
      <Confirm
        open={isDeleting}
        title={`Delete ${source.name}?`}
        action="Delete"
        busy={deleting.isPending}
        onClose={() => setDeleting(false)}
        onConfirm={() => deleting.mutate()}
      >
        Its keys open nothing any more. What it sent stays in your lake and with its people.
      </Confirm>
    </form>
  );
}
