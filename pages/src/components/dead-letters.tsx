import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { MailCheck } from "lucide-react";
import { useState } from "react";
import { patch, post, remove } from "../api/client.ts";
import { type DeadLetter, deadLetterQuery, deadLettersQuery } from "../api/dead-letters.ts";
import { formatAgo, formatNumber } from "../format.ts";
import { Badge } from "./badge.tsx";
import { Button } from "./button.tsx";
import { Card } from "./card.tsx";
import { Confirm, Dialog } from "./dialog.tsx";
import { TextArea } from "./field.tsx";
import { QueryView } from "./query-view.tsx";
import { Empty, Refused } from "./states.tsx";
import { Table } from "./table.tsx";
import { toast } from "./toast.tsx";

export function DeadLetters({ env }: { env: string }) {
  const queries = useQueryClient();
  const [retried, setRetried] = useState<"yes" | "no">("no");
  const [opened, setOpened] = useState<string>();
  const letters = useQuery(deadLettersQuery(env, retried));
  const retrying = useMutation({
    mutationFn: () =>
      post<{ retried: number; left: number }>("/api/v1/dead-letters/retry", { all: true }, { environment_id: env }),
    onSuccess: ({ retried, left }) => {
      toast({
        title: `${formatNumber(retried)} are on their way again${left ? `, ${formatNumber(left)} are left` : ""}`,
      });
      queries.invalidateQueries({ queryKey: ["dead-letters", env] });
    },
  });
  return (
    <Card
      flush
      title="Dead letters"
      aside={
        <>
          <Button size="small" look="quiet" onClick={() => setRetried(retried === "no" ? "yes" : "no")}>
            {retried === "no" ? "Show those sent again" : "Show those that wait"}
          </Button>
          {retried === "no" && (
            <Button
              size="small"
              busy={retrying.isPending}
              disabled={!letters.data?.length}
              onClick={() => retrying.mutate()}
            >
              Send all again
            </Button>
          )}
        </>
      }
    >
      <QueryView of={letters}>
        {(all) =>
          all.length === 0 ? (
            <Empty icon={<MailCheck aria-hidden />} title="Nothing is left lying">
              What a vendor refuses for good, or a step quarantines, waits here with its reason.
            </Empty>
          ) : (
            <Table<DeadLetter>
              label="Dead letters, newest first"
              rows={all}
              keyOf={({ id }) => id}
              onOpen={({ id }) => setOpened(id)}
              columns={[
                { head: "Event", cell: ({ event, stage }) => event ?? `a message of the ${stage}` },
                {
                  head: "Reason",
                  cell: ({ reason, detail }) => <span title={detail}>{reason.replaceAll("_", " ")}</span>,
                  width: "minmax(0,1.5fr)",
                },
                { head: "Destination", cell: ({ integration_id }) => integration_id ?? "–", wideOnly: true },
                { head: "When", cell: ({ dead_at }) => formatAgo(dead_at), align: "right", width: "7rem" },
              ]}
            />
          )
        }
      </QueryView>
      <Dialog place="side" title="Dead letter" open={opened !== undefined} onClose={() => setOpened(undefined)}>
        {opened && <Letter key={opened} env={env} id={opened} onGone={() => setOpened(undefined)} />}
      </Dialog>
    </Card>
  );
}

function Letter({ env, id, onGone }: { env: string; id: string; onGone(): void }) {
  const letter = useQuery(deadLetterQuery(env, id));
  return <QueryView of={letter}>{(data) => <LetterForm env={env} letter={data} onGone={onGone} />}</QueryView>;
}

function LetterForm({
  env,
  letter,
  onGone,
}: {
  env: string;
  letter: DeadLetter & { payload: unknown };
  onGone(): void;
}) {
  const queries = useQueryClient();
  const original = JSON.stringify(letter.payload, null, 2);
  const [text, setText] = useState(original);
  const [isDeleting, setDeleting] = useState(false);
  const path = `/api/v1/dead-letters/${encodeURIComponent(letter.id)}`;
  const query = { environment_id: env };
  const payload = parsed(text);
  const done = (title: string) => {
    toast({ title });
    queries.invalidateQueries({ queryKey: ["dead-letters", env] });
    onGone();
  };
  const sending = useMutation({
    mutationFn: async () => {
      if (text !== original) await patch(path, { payload: payload.value }, { query });
      await post(`${path}/retry`, {}, query);
    },
    meta: { shows_error: true },
    onSuccess: () => done("It is on its way again"),
  });
  const deleting = useMutation({ mutationFn: () => remove(path, { query }), onSuccess: () => done("Deleted") });
  return (
    <div className="flex flex-col gap-4">
      <p className="flex flex-wrap items-center gap-2 text-sm">
        <Badge tone="bad">{letter.reason.replaceAll("_", " ")}</Badge>
        <span className="text-soft">
          {letter.stage}, {letter.attempts} {letter.attempts === 1 ? "attempt" : "attempts"},{" "}
          {formatAgo(letter.dead_at)}
        </span>
      </p>
      <p className="text-sm [overflow-wrap:anywhere]">{letter.detail}</p>
      <TextArea
        label="What is sent again"
        hint="Mend it here; what the vendor knows a repetition by stays as it is."
        error={payload.problem}
        rows={18}
        spellCheck={false}
        className="font-mono text-xs"
        value={text}
        onChange={({ target }) => setText(target.value)}
      />
      <Refused error={sending.error} />
      <div className="flex flex-wrap justify-between gap-2">
        <Button
          look="primary"
          busy={sending.isPending}
          disabled={payload.problem !== undefined}
          onClick={() => sending.mutate()}
        >
          {text === original ? "Send again" : "Save and send again"}
        </Button>
        <Button look="danger" onClick={() => setDeleting(true)}>
          Delete
        </Button>
      </div>
      <Confirm
        open={isDeleting}
        title="Delete this letter?"
        action="Delete"
        busy={deleting.isPending}
        onClose={() => setDeleting(false)}
        onConfirm={() => deleting.mutate()}
      >
        The event stays in your lake; this vendor will not hear of it.
      </Confirm>
    </div>
  );
}

function parsed(text: string): { value?: unknown; problem?: string } {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : "This is not JSON" };
  }
}
