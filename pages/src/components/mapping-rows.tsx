/** The commonest steps of a pipeline as rows: which event, which field gets what. Steps of other kinds are named, and kept as they are. */
import { Plus, Trash2 } from "lucide-react";
import { Button } from "./button.tsx";
import { SelectField, TextField } from "./field.tsx";

type Document = Record<string, unknown>;
type Step = Record<string, unknown>;

interface MappingRowsProps {
  document: Document;
  stage: "map" | "transform";
  onChange(document: Document): void;
}

const KINDS = [
  { value: "set", label: "Set a field" },
  { value: "rename_event", label: "Rename the event" },
  { value: "filter", label: "Only where" },
  { value: "remove", label: "Remove a field" },
] as const;
type Kind = (typeof KINDS)[number]["value"];

export function MappingRows({ document, stage, onChange }: MappingRowsProps) {
  const steps = (Array.isArray(document[stage]) ? document[stage] : []) as Step[];
  const write = (next: Step[]) => onChange({ ...document, [stage]: next });
  const replace = (index: number, step: Step) => write(steps.map((one, i) => (i === index ? step : one)));
  return (
    <div className="flex flex-col gap-3">
      {steps.length === 0 && (
        <p className="text-sm text-soft">No step yet: events go by the destination's own mapping.</p>
      )}
      <ol className="flex flex-col gap-3">
        {steps.map((step, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: steps are told apart by their place, and by nothing else
          <li key={index} className="flex flex-col gap-3 rounded-lg border p-3">
            <StepRow step={step} onChange={(next) => replace(index, next)} />
            <div className="flex items-end justify-between gap-3">
              <div className="min-w-0 flex-1">
                <TextField
                  label="For events"
                  placeholder="all; or Order Completed, Product *"
                  value={Array.isArray(step.events) ? step.events.join(", ") : ""}
                  onChange={({ target }) => {
                    const { events: _, ...others } = step;
                    const events = target.value.split(/,\s*/).filter(Boolean);
                    replace(index, events.length ? { ...others, events } : others);
                  }}
                />
              </div>
              <Button
                look="quiet"
                size="icon"
                aria-label={`Remove step ${index + 1}`}
                onClick={() => write(steps.filter((_, i) => i !== index))}
              >
                <Trash2 className="size-4" aria-hidden />
              </Button>
            </div>
          </li>
        ))}
      </ol>
      <div className="flex flex-wrap gap-2">
        {KINDS.map(({ value, label }) => (
          <Button key={value} size="small" onClick={() => write([...steps, emptyStep(value)])}>
            <Plus className="size-3.5" aria-hidden /> {label}
          </Button>
        ))}
      </div>
    </div>
  );
}

function emptyStep(kind: Kind): Step {
  if (kind === "set") return { set: { "properties.field": { from: "properties.other" } } };
  if (kind === "rename_event") return { rename_event: "New Name" };
  if (kind === "filter") return { filter: "event.properties.value > 0" };
  return { remove: ["properties.field"] };
}

const SOURCES = [
  { value: "from", label: "field" },
  { value: "constant", label: "constant" },
  { value: "template", label: "template" },
  { value: "cel", label: "expression" },
] as const;

function StepRow({ step, onChange }: { step: Step; onChange(step: Step): void }) {
  if (typeof step.set === "object" && step.set !== null && Object.keys(step.set).length === 1) {
    const [[field, value]] = Object.entries(step.set) as [[string, unknown]];
    const kind =
      SOURCES.find(({ value: one }) => typeof value === "object" && value !== null && one in value)?.value ??
      "constant";
    const held = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[kind] : value;
    const set = (name: string, source: string, written: string) =>
      onChange({ ...step, set: { [name]: { [source]: written } } });
    const text = typeof held === "string" ? held : JSON.stringify(held);
    return (
      <div className="grid gap-3 sm:grid-cols-[1fr_8rem_1fr]">
        <TextField label="Set" value={field} onChange={({ target }) => set(target.value, kind, text)} />
        <SelectField
          label="To a"
          value={kind}
          options={SOURCES}
          onChange={({ target }) => set(field, target.value, text)}
        />
        <TextField
          label="Which"
          className={kind === "cel" ? "font-mono" : ""}
          value={text}
          onChange={({ target }) => set(field, kind, target.value)}
        />
      </div>
    );
  }
  if (typeof step.rename_event === "string")
    return (
      <TextField
        label="Rename the event to"
        value={step.rename_event}
        onChange={({ target }) => onChange({ ...step, rename_event: target.value })}
      />
    );
  if (typeof step.filter === "string")
    return (
      <TextField
        label="Only where (CEL)"
        className="font-mono"
        spellCheck={false}
        value={step.filter}
        onChange={({ target }) => onChange({ ...step, filter: target.value })}
      />
    );
  if (Array.isArray(step.remove))
    return (
      <TextField
        label="Remove"
        value={step.remove.join(", ")}
        onChange={({ target }) => onChange({ ...step, remove: target.value.split(/,\s*/).filter(Boolean) })}
      />
    );
  return <p className="text-sm text-soft">{Object.keys(step).join(", ")}: edit this step under Document.</p>;
}
