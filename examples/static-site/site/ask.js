// The visitor's text becomes the prompt; the element does the rest.
const section = document.querySelector("section");
const form = section.querySelector("form");
const picture = section.querySelector("easel-image");

// Built without EASEL_KEY: no request can be sent.
section.hidden = picture.dataset.key === "";
form.addEventListener("submit", (event) => {
  event.preventDefault();
  picture.setAttribute("preset", "hero");
  picture.setAttribute("prompt", new FormData(form).get("prompt"));
  picture.hidden = false;
});
