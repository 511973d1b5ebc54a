// <easel-image>: a picture in any page, while it is drawn and when it is not. docs/embed.md says how it is used.
// Served as it stands here, and under 5 KB compressed: comments count.
(() => {
  /** @typedef {"loading" | "ready" | "refused" | "limited" | "failed"} State */
  /** @typedef {{ status?: number, message?: string, retryAfter?: number, generation?: string }} Detail */

  const TEXTS = {
    loading: "Loading the picture…",
    ready: "The picture is ready.",
    refused: "This picture was refused.",
    limited: "Too many pictures were asked for.",
    failed: "The picture could not be loaded.",
    /** @param {number} seconds */
    wait: (seconds) => `Trying again in ${seconds} s.`,
    retry: "Try again",
  };
  /** Retries of one picture before its viewer has to ask, and the longest wait for one. */
  const RETRIES = 5;
  const LONGEST_SECONDS = 600;

  const script = document.currentScript ?? document.querySelector('script[src*="/embed.js"]');
  const HOME = (script instanceof HTMLScriptElement && script.src) || document.baseURI;

  const SHEET = new CSSStyleSheet();
  SHEET.replaceSync(`
:host { display: block; position: relative; overflow: hidden; aspect-ratio: 1 }
:host([hidden]) { display: none }
:host(:not([state=ready])) { background: var(--easel-background, #8882) }
img, ::slotted(img) { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: var(--easel-fit, cover) }
:host(:not([state=ready])) :is(img, ::slotted(img)) { opacity: 0 }
:host(:not([state=ready])) ::slotted(img) { opacity: 0 }
[part=status] { position: absolute; inset: 0; display: flex; flex-flow: column; align-items: center;
  justify-content: safe center; gap: .75em; box-sizing: border-box; padding: 1em; overflow: auto;
  font-size: .875em; line-height: 1.4; text-align: center; overflow-wrap: anywhere }
:host([state=ready]) [part=status] { width: 1px; height: 1px; padding: 0; overflow: hidden; clip-path: inset(50%) }
button { font: inherit; color: inherit; background: none; border: 1px solid; border-radius: .4em; padding: .4em 1em; cursor: pointer }
[hidden] { display: none }
@media (prefers-reduced-motion: no-preference) {
  :host([state=loading])::before { content: ""; position: absolute; inset: 0; transform: translateX(-100%);
    background: linear-gradient(90deg, #0000, var(--easel-shimmer, #8883), #0000); animation: shimmer 1.6s infinite }
  img, ::slotted(img) { transition: opacity .3s }
}
@keyframes shimmer { to { transform: none; translate: 100% } }`);

  /** @param {State} state @param {Detail} [detail] */
  const problem = (state, detail) => Object.assign(new Error(state), { state, detail: detail ?? {} });

  /** Fetches what must be there; throws what the element is to show otherwise. @param {string} url @param {RequestInit} init */
  const ask = async (url, init) => {
    const response = await fetch(url, { ...init, credentials: "omit" });
    const { ok, status, headers } = response;
    if (ok) return response;
    const said = await response.json().catch(() => undefined);
    const wait = headers.get("retry-after");
    /** @type {Detail} */
    const detail = { status, message: said?.error?.message, generation: headers.get("easel-generation") ?? undefined };
    if (status === 429 || (wait !== null && (status === 503 || status === 409))) {
      // Seconds, or a date.
      const seconds = Number(wait ?? 5);
      detail.retryAfter = Math.max(1, Math.ceil(seconds >= 0 ? seconds : (Date.parse(wait ?? "") - Date.now()) / 1000) || 5);
      throw problem("limited", detail);
    }
    // Out of credit, out of time: nothing that the page did.
    throw problem(status > 499 || status === 402 || status === 408 ? "failed" : "refused", detail);
  };
