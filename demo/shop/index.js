import { PRODUCTS } from "./catalogue.js";
import { asProduct, find, inEuros, picture, tell } from "./shop.js";

find("products").innerHTML = PRODUCTS.map(
  (product) => `<a class="card" data-test="product" data-sku="${product.sku}" href="/product?sku=${product.sku}">
    ${picture(product)}
    <span class="quiet">${product.category}</span>
    <strong>${product.name}</strong>
    <span>${inEuros(product.price)}</span>
  </a>`,
).join("");

tell("track", "Product List Viewed", {
  list_id: "all-goods",
  category: "All goods",
  products: PRODUCTS.map((product, index) => asProduct(product, { position: index + 1 })),
});
