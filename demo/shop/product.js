import { productOf } from "./catalogue.js";
import { addToBasket, asProduct, basket, find, inEuros, picture, tell } from "./shop.js";

const product = productOf(new URLSearchParams(location.search).get("sku"));

document.title = `${product.name} · Mill & Race`;
find("picture").innerHTML = picture(product);
find("category").textContent = product.category;
find("name").textContent = product.name;
find("price").textContent = inEuros(product.price);
find("about").textContent = product.about;

const { price } = asProduct(product);
tell("track", "Product Viewed", asProduct(product, { currency: "EUR", value: price }));

find("add-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const quantity = Number(find("quantity").value);
  addToBasket(product.sku, quantity);
  tell("track", "Product Added", {
    cart_id: basket().id,
    ...asProduct(product, { quantity, currency: "EUR", value: (product.price * quantity) / 100 }),
  });
  find("added").hidden = false;
});
