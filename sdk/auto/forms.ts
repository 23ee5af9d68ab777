import type { Part } from "../client.ts";

/** A form that is sent. Its name and where it goes, never what was written into it. */
export const forms: Part = (millrace) => {
  addEventListener(
    "submit",
    ({ target }) => {
      const form = target as HTMLFormElement;
      // By attribute: a field that is called `name` or `id` hides the form's own.
      const [id, name, action] = ["id", "name", "action"].map((key) => form.getAttribute(key) || undefined);
      millrace.track("Form Submitted", { id, name, action });
    },
    true,
  );
};
