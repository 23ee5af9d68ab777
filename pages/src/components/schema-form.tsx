/** A form made of a JSON Schema: what a destination wants to be told. Every kind of setting that no field fits is asked for as JSON. */
import type { JsonSchema } from "../api/integrations.ts";
import { SelectField, SwitchField, TextArea, TextField } from "./field.tsx";

export type Values = Record<string, unknown>;

interface SchemaFormProps {
  schema: JsonSchema;
  values: Values;
  onChange(values: Values): void;
  /** By the setting's name. */
  errors: Record<string, string>;
  /** Secrets that are kept already: their fields may stay empty. */
  kept?: string[];
}

export function SchemaForm({ schema, values, onChange, errors, kept = [] }: SchemaFormProps) {
  const required = new Set(schema.required ?? []);
  const names = Object.keys(schema.properties ?? {}).sort((a, b) => Number(required.has(b)) - Number(required.has(a)));
  return (
    <div className="flex flex-col gap-5">
      {names.map((name) => (
        <SettingField
          key={name}
          name={name}
          schema={plain(schema.properties![name]!)}
          isRequired={required.has(name)}
          isKept={kept.includes(name)}
          value={values[name]}
          error={errors[name]}
          onChange={(value) => {
            const { [name]: _, ...others } = values;
            onChange(value === undefined ? others : { ...others, [name]: value });
          }}
        />
      ))}
    </div>
  );
}

interface SettingFieldProps {
  name: string;
  schema: JsonSchema;
  isRequired: boolean;
  isKept: boolean;
  value: unknown;
  error: string | undefined;
  onChange(value: unknown): void;
}

function SettingField({ name, schema, isRequired, isKept, value, error, onChange }: SettingFieldProps) {
  const label = schema.title ?? labelOf(name);
  const about = { label: isRequired ? label : `${label} (optional)`, hint: schema.description, error };
  if (isSecret(schema))
    return (
      <TextField
        {...about}
        type="password"
        autoComplete="off"
        required={isRequired && !isKept}
        placeholder={isKept ? "Kept; type to replace it" : ""}
        hint={schema.description ?? "Sealed when it is saved, and never shown again."}
        value={typeof value === "string" ? value : ""}
        onChange={({ target }) => onChange(target.value || undefined)}
      />
    );
  if (schema.type === "boolean")
    return (
      <SwitchField
        label={label}
        hint={schema.description}
        checked={(value ?? schema.default ?? false) === true}
        onChange={onChange}
      />
    );
  if (schema.enum)
    return (
      <SelectField
        {...about}
        required={isRequired}
        value={String(value ?? schema.default ?? "")}
        onChange={({ target }) => onChange(target.value || undefined)}
        options={[
          ...(isRequired ? [] : [{ value: "", label: "As usual" }]),
          ...schema.enum.map((one) => ({ value: String(one), label: labelOf(String(one)) })),
        ]}
      />
    );
  if (schema.type === "number" || schema.type === "integer")
    return (
      <TextField
        {...about}
        type="number"
        required={isRequired}
        min={schema.minimum}
        max={schema.maximum}
        placeholder={placeholderOf(schema)}
        value={typeof value === "number" ? value : ""}
        onChange={({ target }) => onChange(target.value === "" ? undefined : Number(target.value))}
      />
    );
  if (schema.type === "string")
    return (
      <TextField
        {...about}
        required={isRequired}
        minLength={schema.minLength}
        maxLength={schema.maxLength}
        placeholder={placeholderOf(schema)}
        value={typeof value === "string" ? value : ""}
        onChange={({ target }) => onChange(target.value === "" ? undefined : target.value)}
      />
    );
  return <JsonSetting {...about} isRequired={isRequired} value={value} onChange={onChange} />;
}

function JsonSetting({
  isRequired,
  value,
  onChange,
  ...about
}: {
  label: string;
  hint: string | undefined;
  error: string | undefined;
  isRequired: boolean;
  value: unknown;
  onChange(value: unknown): void;
}) {
  return (
    <TextArea
      {...about}
      hint={about.hint ?? 'As JSON, for example {"Signed Up": "987"}.'}
      required={isRequired}
      className="font-mono text-xs"
      defaultValue={value === undefined ? "" : JSON.stringify(value, null, 2)}
      onChange={({ target }) => {
        if (target.value.trim() === "") {
          target.setCustomValidity("");
          return onChange(undefined);
        }
        try {
          onChange(JSON.parse(target.value));
          target.setCustomValidity("");
        } catch {
          target.setCustomValidity("This is not JSON yet.");
        }
      }}
    />
  );
}

const isSecret = (schema: JsonSchema) => schema.writeOnly === true;

/** `anyOf` with null or a single kind is that kind. */
function plain(schema: JsonSchema): JsonSchema {
  const kinds = (schema.anyOf ?? schema.oneOf)?.filter(({ type }) => type !== "null");
  return kinds?.length === 1 ? { ...schema, ...kinds[0] } : schema;
}

const placeholderOf = (schema: JsonSchema) => (schema.default === undefined ? "" : String(schema.default));
export const labelOf = (name: string) => {
  const words = name
    .replaceAll("_", " ")
    .replace(/\b(id|url|api)\b/g, (word) => (word === "id" ? "ID" : word.toUpperCase()));
  return words.charAt(0).toUpperCase() + words.slice(1);
};

/** Of a refusal, by the name of the setting that it is about. */
export function errorsByField(problems: { path: string; message: string }[]): Record<string, string> {
  return Object.fromEntries(
    problems.map(({ path, message }) => [path.replace(/^settings\./, "").split(".")[0]!, message]),
  );
}
