import {
  asAmounts,
  asProducts,
  basket,
  code,
  emptyBasket,
  find,
  inEuros,
  lineRow,
  saveOrder,
  showTotals,
  tell,
  totalsOf,
} from "./shop.js";

const { lines } = basket();
if (lines.length === 0) location.replace("/cart");

const totals = totalsOf(lines);
const order = { order_id: code("order"), checkout_id: code("checkout"), lines };

find("lines").innerHTML = lines.map((line) => `<li>${lineRow(line)}</li>`).join("");
showTotals(totals);
find("pay").textContent = `Pay ${inEuros(totals.total)}`;

if (lines.length > 0) {
  const { total, ...amounts } = asAmounts(totals);
  tell("track", "Checkout Started", {
    order_id: order.order_id,
    checkout_id: order.checkout_id,
    value: total,
    ...amounts,
    products: asProducts(lines),
  });
}

find("details").addEventListener("submit", (event) => {
  event.preventDefault();
  find("details").classList.add("done");
  find("payment").hidden = false;
  find("card-name").focus();
});

/** What stands on the card goes to the bank of a real shop, and to nobody else: events say only how a person pays. */
find("payment").addEventListener("submit", (event) => {
  event.preventDefault();
  tell("track", "Payment Info Entered", {
    order_id: order.order_id,
    checkout_id: order.checkout_id,
    step: 2,
    payment_method: "card",
    shipping_method: "standard",
  });
  saveOrder({ ...order, customer: Object.fromEntries(new FormData(find("details"))), isNew: true });
  emptyBasket();
  location.assign("/thanks");
});
