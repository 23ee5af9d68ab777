import { useMutation, useQuery } from "@tanstack/react-query";
import { ShieldCheck } from "lucide-react";
import { useState } from "react";
import { get } from "../api/client.ts";
import { formatDateTime, formatNumber } from "../format.ts";
import { Button } from "./button.tsx";
import { Card } from "./card.tsx";
import { Dialog } from "./dialog.tsx";
import { JsonView } from "./json-view.tsx";
import { QueryView } from "./query-view.tsx";
import { Empty } from "./states.tsx";
import { Table } from "./table.tsx";

interface Entry {
  sequence: number;
  at: string;
  actor: string;
  action: string;
  subject: string;
  before: unknown;
  after: unknown;
}

export function AuditTrail({ env }: { env: string }) {
  const query = { environment_id: env };
  const [opened, setOpened] = useState<Entry>();
  const audit = useQuery({
    queryKey: ["audit", env],
    queryFn: async ({ signal }) =>
      (await get<{ records: Entry[] }>("/api/v1/audit", { ...query, limit: 500 }, signal)).records,
  });
  const verifying = useMutation({
    mutationFn: () => get<{ ok: boolean; rows: number; problems: unknown[] }>("/api/v1/audit/verify", query),
  });
  const verdict = verifying.data;
  return (
    <Card
      title="Every change, in a chain that shows when one is touched"
      flush
      aside={
        <Button size="small" busy={verifying.isPending} onClick={() => verifying.mutate()}>
          <ShieldCheck className="size-3.5" aria-hidden /> Verify the chain
        </Button>
      }
    >
      {verdict && (
        <p
          role="status"
          className={`px-5 py-3 text-sm ${verdict.ok ? "bg-good-wash text-good" : "bg-bad-wash text-bad"}`}
        >
          {verdict.ok
            ? `The chain is whole: ${formatNumber(verdict.rows)} records are as they were written.`
            : `${formatNumber(verdict.problems.length)} records are not as they were written.`}
        </p>
      )}
      <QueryView of={audit}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="Nothing has been changed yet" />
          ) : (
            <Table<Entry>
              label="Changes, newest first"
              rows={all}
              keyOf={({ sequence }) => String(sequence)}
              onOpen={setOpened}
              columns={[
                { head: "What", cell: ({ action }) => action },
                { head: "Of", cell: ({ subject }) => subject, wideOnly: true },
                { head: "Who", cell: ({ actor }) => actor, wideOnly: true },
                { head: "When", cell: ({ at }) => formatDateTime(at), align: "right", width: "11rem" },
              ]}
            />
          )
        }
      </QueryView>
      <Dialog
        wide
        open={opened !== undefined}
        onClose={() => setOpened(undefined)}
        title={opened?.action ?? ""}
        description={opened?.subject}
      >
        {opened && (
          <div className="grid gap-3 sm:grid-cols-2 [&>*]:min-w-0">
            <JsonView value={opened.before} label="before" />
            <JsonView value={opened.after} label="after" />
          </div>
        )}
      </Dialog>
    </Card>
  );
}
