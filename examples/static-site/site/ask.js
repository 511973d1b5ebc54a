// What the visitor writes becomes the prompt; the element does the rest.
const form = document.querySelector("form");
const own = document.querySelector("#own");

form.addEventListener("submit", (event) => {
  event.preventDefault();
  own.setAttribute("prompt", new FormData(form).get("prompt"));
  own.setAttribute("preset", "hero");
  own.hidden = false;
});
