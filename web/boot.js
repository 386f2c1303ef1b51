// Starts the page's wasm; where it cannot start, says so instead of staying blank.
import init from "./maec-studio.js";

init().catch((error) => {
  const line = document.createElement("p");
  line.setAttribute("role", "alert");
  line.textContent = `MAEC Studio could not start. It needs a browser of 2023 or later, with WebAssembly SIMD. (${error})`;
  document.body.prepend(line);
});
