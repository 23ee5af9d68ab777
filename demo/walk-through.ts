import type { Page } from "playwright-core";

/** How the visitor comes: from the shop's own newsletter, having clicked on two ads before. */
const LANDING =
  "/?utm_source=newsletter&utm_medium=email&utm_campaign=autumn&gclid=Cj0KCQiAdemoMillrace&fbclid=IwAR0demoMillrace";

const CUSTOMER = {
  email: "ada.rivers@example.com",
  first_name: "Ada",
  last_name: "Rivers",
  phone: "+32 470 12 34 56",
  city: "Ghent",
};

/**
 * One visit to the demo shop that ends in a purchase, by mouse and keyboard as a person would do it. Once it returns, the
 * events of the last page have been sent. `onStep` hears each step as it begins.
 */
export async function walkThrough(
  page: Page,
  shopUrl: string,
  onStep: (text: string) => void = () => {},
): Promise<{ steps: string[] }> {
  const steps: string[] = [];
  const step = (text: string) => {
    steps.push(text);
    onStep(text);
  };
  const on = (name: string) => page.locator(`[data-test="${name}"]`);

  step("Lands on the shop from the autumn newsletter");
  await page.goto(new URL(LANDING, shopUrl).href);
  await on("to-goods").click();

  step("Looks at a notebook");
  await page.locator('[data-test="product"][data-sku="NB-A5"]').click();
  await page.waitForURL("**/product?sku=NB-A5");

  step("Puts two of them into the cart");
  await on("quantity").fill("2");
  await on("add-to-cart").click();

  step("Opens the cart");
  await on("to-cart").click();
  await page.waitForURL("**/cart");

  step("Goes to the checkout");
  await on("to-checkout").click();
  await page.waitForURL("**/checkout");

  step("Fills in who and where");
  for (const [field, value] of Object.entries(CUSTOMER)) await on(field).fill(value);
  await on("country").selectOption("BE");
  await on("to-payment").click();

  step("Pays by card");
  await on("card-name").fill(`${CUSTOMER.first_name} ${CUSTOMER.last_name}`);
  await on("pay").click();
  await page.waitForURL("**/thanks");

  step("Has bought, and is known by name");
  await on("order-id").waitFor();
  await page.evaluate("millrace.flush()");
  return { steps };
}
