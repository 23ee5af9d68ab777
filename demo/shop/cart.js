import { productOf } from "./catalogue.js";
import {
  asAmounts,
  asProduct,
  asProducts,
  basket,
  find,
  lineRow,
  removeFromBasket,
  showTotals,
  tell,
  totalsOf,
} from "./shop.js";

function show() {
  const { lines } = basket();
  find("lines").innerHTML = lines
    .map(
      (line) => `<li>${lineRow(line)}<button type="button" class="link" data-remove="${line.sku}">Remove</button></li>`,
    )
    .join("");
  find("full").hidden = lines.length === 0;
  find("empty").hidden = lines.length > 0;
  showTotals(totalsOf(lines));
}

find("lines").addEventListener("click", (event) => {
  const { id, lines } = basket();
  const line = lines.find(({ sku }) => sku === event.target.dataset.remove);
  if (!line) return;
  removeFromBasket(line.sku);
  tell("track", "Product Removed", { cart_id: id, ...asProduct(productOf(line.sku), { quantity: line.quantity }) });
  show();
});

show();
const { id, lines } = basket();
const { total, currency } = asAmounts(totalsOf(lines));
tell("track", "Cart Viewed", { cart_id: id, value: total, currency, products: asProducts(lines) });
