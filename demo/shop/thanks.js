import { asAmounts, asProducts, find, lastOrder, lineRow, saveOrder, showTotals, tell, totalsOf } from "./shop.js";

const order = lastOrder();
if (!order) location.replace("/");
else show(order);

function show({ order_id, checkout_id, lines, customer, isNew }) {
  const totals = totalsOf(lines);
  find("first-name").textContent = customer.first_name;
  find("order-id").textContent = order_id;
  find("account-email").textContent = customer.email;
  find("lines").innerHTML = lines.map((line) => `<li>${lineRow(line)}</li>`).join("");
  showTotals(totals);

  if (!isNew) return; // the page was loaded again: the order is still one
  saveOrder({ ...order, isNew: false });
  tell("track", "Order Completed", {
    order_id,
    checkout_id,
    affiliation: "Mill & Race",
    ...asAmounts(totals),
    products: asProducts(lines),
  });
  tell("identify", customerId(customer.email), customer);
}

/** The same person gets the same id again; a real shop would take it from its customer table. */
function customerId(email) {
  let hash = 0;
  for (const letter of email.trim().toLowerCase()) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  return `customer_${hash.toString(36)}`;
}
