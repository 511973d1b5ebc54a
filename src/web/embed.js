// <easel-image>: a picture in any page, while it is drawn and when it is not. How it is used: docs/embed.md.
// Served less its comments and indentation (routes/embed.ts), and under 5 KB compressed.
(() => {
  /** @typedef {{ status?: number, message?: string, retryAfter?: number, generation?: string | undefined }} Detail */
  /** @typedef {{ url: string, key?: string, body?: string }} Wish */

  const texts = {
    loading: "Loading the picture…",
    ready: "The picture is ready.",
    refused: "This picture was refused.",
    limited: "The picture has to wait.",
    failed: "The picture could not be loaded.",
    /** @param {number} seconds */
    wait: (seconds) => `Trying again in ${seconds}\u00a0s.`,
    retry: "Try again",
  };
  /** How often a picture is tried again by itself, and the longest wait for that. */
  const RETRIES = 5;
  const LONGEST_SECONDS = 600;
  /** Of the element and of the <img> inside: what may change. */
  const ATTRIBUTES = "src srcset alt width height preset prompt key data-key endpoint ratio lazy".split(" ");
  /** Time for a screen reader to say that a picture is ready. */
  const SAID_MS = 5_000;

  // Where this came from: import.meta would say it to modules only, a script's tag to other scripts only.
  const HOME = /https?:\S+(?=:\d+:\d+)/.exec(new Error().stack ?? "")?.[0] ?? document.baseURI;

  // A strict Content-Security-Policy stops <style> and style="", but not this. All that is seen is laid over the room;
  // ::after is what makes the room as wide as other boxes without a size of their own, and gives way as pictures do.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    :host { display: block; position: relative; contain: content; min-height: 0 }
    :host::after { content: ""; display: grid; grid-template-columns: minmax(5em, 300px) }
    :host([hidden]), [hidden] { display: none }
    :host(:not([state=ready])) { background: var(--easel-background, #8882) }
    img, ::slotted(*) { position: absolute !important; inset: 0 !important; width: 100% !important;
      height: 100% !important; object-fit: var(--easel-fit, cover) }
    :host(:not([state=ready])) img, :host(:not([state=ready])) ::slotted(*) { opacity: 0 }
    div { position: absolute; inset: 0; padding: min(1em, 6%); outline: 0; overflow: auto; container-type: inline-size;
      display: flex; flex-flow: column; align-items: center; justify-content: safe center; gap: .75em;
      line-height: 1.4; text-align: center; text-wrap: balance; overflow-wrap: anywhere }
    :host([state=ready]) div { clip-path: inset(50%); pointer-events: none }
    span, button { font: inherit; font-size: clamp(.7em, 9cqw, .875em) }
    button { color: inherit; background: none; border: 1px solid; border-radius: .4em; padding: .4em 1em }
    @media (prefers-reduced-motion: no-preference) {
      img, ::slotted(*) { transition: opacity .3s }
      :host([state=loading]) span { animation: appear .3s .3s backwards }
      :host([state=loading])::before { content: ""; position: absolute; inset: 0; animation: shimmer 1.6s infinite;
        background: linear-gradient(90deg, #0000, var(--easel-shimmer, #8885), #0000) }
    }
    @keyframes appear { from { opacity: 0 } }
    @keyframes shimmer { from { transform: translateX(-100%) } to { transform: translateX(100%) } }`);

  /** @param {"refused" | "limited" | "failed"} state @param {Detail} [detail] */
  const problem = (state, detail) => Object.assign(new Error(state), { state, detail });

  /**
   * Fetches; an answer that is no success is thrown as the state to show.
   * @param {string} url
   * @param {RequestInit} init
   */
  const ask = async (url, init) => {
    const response = await fetch(url, { ...init, credentials: "omit" });
    const { ok, status, headers } = response;
    if (ok) return response;
    const after = headers.get("retry-after");
    const message = (await response.json().catch(() => undefined))?.error?.message;
    const detail = { status, message, generation: headers.get("easel-generation") ?? undefined };
    if (status === 429 || (after !== null && (status === 409 || status === 503))) {
      // Seconds, or a date.
      const wait = Number(after ?? 5);
      const seconds = wait >= 0 ? wait : (Date.parse(after ?? "") - Date.now()) / 1000;
      throw problem("limited", { ...detail, retryAfter: Math.ceil(Math.max(1, seconds || 5)) });
    }
    // Out of credit or of time is not the page's fault.
    throw problem(status < 500 && ![402, 408, 409].includes(status) ? "refused" : "failed", detail);
  };

  /** @typedef {{ work: Promise<{ url: string, generation: string }>, stop: AbortController, users: number }} Drawing */
  /** @type {Map<string, Drawing>} What was drawn for this page or is being drawn, by what was asked. */
  const drawings = new Map();
  /** @type {Map<string, string>} Idempotency keys of requests without an answer, which may have been drawn and paid. */
  const unanswered = new Map();

  /**
   * Has a picture drawn, once for all that ask for the same; the last to leave ends it.
   * @param {Wish} wish
   * @param {AbortSignal} signal
   */
  const draw = (wish, signal) => {
    const asked = JSON.stringify(wish);
    const drawing = drawings.get(asked) ?? begin(wish, asked);
    drawing.users += 1;
    signal.addEventListener("abort", () => {
      drawing.users -= 1;
      // Once drawn it stays, for who asks next.
      if (drawing.users > 0 || drawings.get(asked) !== drawing || !unanswered.has(asked)) return;
      drawings.delete(asked);
      drawing.stop.abort();
    });
    return drawing.work;
  };

  /** @param {Wish} wish @param {string} asked */
  const begin = ({ url, key, body = "" }, asked) => {
    const once = unanswered.get(asked) ?? crypto.getRandomValues(new Uint32Array(4)).join("-");
    unanswered.set(asked, once);
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json", "idempotency-key": once };
    const stop = new AbortController();
    const work = ask(url, { method: "POST", headers, body, signal: stop.signal })
      .then((response) => response.json())
      .then(({ id, images }) => ({ url: images[0].url, generation: id }));
    /** @type {Drawing} */
    const drawing = { work, stop, users: 0 };
    drawings.set(asked, drawing);
    work.then(
      () => unanswered.delete(asked),
      ({ detail }) => {
        if (drawings.get(asked) === drawing) drawings.delete(asked);
        if (detail?.status !== undefined && detail.status !== 409) unanswered.delete(asked);
      },
    );
    return drawing;
  };

  /**
   * Resolves once `element` is near the viewport.
   * @param {Element} element
   * @param {AbortSignal} signal
   */
  const near = (element, signal) =>
    new Promise((resolve) => {
      const look = (/** @type {IntersectionObserverEntry[]} */ seen) =>
        seen.some((one) => one.isIntersecting) && resolve(0);
      const observer = new IntersectionObserver(look, { rootMargin: "50%" });
      observer.observe(element);
      signal.addEventListener("abort", () => observer.disconnect());
    });

  const absolute = (/** @type {string} */ url) => Object.assign(document.createElement("a"), { href: url }).href;

  /** @template {keyof HTMLElementTagNameMap} Tag @param {Tag} tag @param {string} part */
  const make = (tag, part) => {
    const element = document.createElement(tag);
    element.setAttribute("part", part);
    return element;
  };

  class EaselImage extends HTMLElement {
    static texts = texts;

    #room = new CSSStyleSheet();
    #slot = document.createElement("slot");
    #own = make("img", "image");
    #image = this.#own;
    #status = make("div", "status");
    #button = make("button", "retry");
    #watch = new MutationObserver((changes) => {
      // Perhaps the same words, and yet another picture.
      if (changes.some(({ attributeName }) => attributeName?.startsWith("src"))) this.#wanted = "";
      this.#plan();
    });
    #stop = new AbortController();
    #planned = false;
    #wanted = "";
    #tries = 0;

    constructor() {
      super();
      const root = this.attachShadow({ mode: "open" });
      root.adoptedStyleSheets = [sheet, this.#room];
      this.#watch.observe(this, { subtree: true, childList: true, attributeFilter: ATTRIBUTES });
      this.#status.tabIndex = -1;
      this.#button.addEventListener("click", () => {
        // The button goes; focus stays here.
        this.#status.focus();
        this.retry();
      });
      root.append(this.#slot, this.#status);
    }

    connectedCallback() {
      this.#plan();
    }

    disconnectedCallback() {
      this.#plan();
    }

    /** Asks once more, whatever came of it before. */
    retry() {
      this.#tries = 0;
      const wish = this.#wish();
      if (wish !== undefined) void this.#run(wish, true);
    }

    /** Several changes are one, and an element that is moved has not left. */
    #plan() {
      if (this.#planned) return;
      this.#planned = true;
      queueMicrotask(() => {
        this.#planned = false;
        this.#update();
      });
    }

    #update() {
      if (!this.isConnected) {
        this.#stop.abort();
        // What is ready is so when it comes back.
        if (this.getAttribute("state") !== "ready") this.#wanted = "";
        return;
      }
      const inner = this.querySelector("img");
      const image = inner ?? this.#own;
      const asBefore = image === this.#image;
      this.#image = image;
      // Only a picture has a place in it: no line break, and no words for who has no script.
      this.#slot.hidden = inner === null;
      if (inner === null) this.#status.before(this.#own);
      else this.#own.remove();
      this.#reserve();
      const alt = this.getAttribute("alt") ?? inner?.getAttribute("alt") ?? this.getAttribute("prompt");
      if (alt === null) image.removeAttribute("alt");
      else if (alt !== image.getAttribute("alt")) image.alt = alt;
      // Nobody needs to be told about a decoration; that alt was forgotten does not make one.
      this.#status.role = alt === "" ? null : "status";
      if (alt === "") image.ariaBusy = null;
      if (this.hasAttribute("lazy")) image.loading = "lazy";
      const wish = this.#wish();
      const wanted = JSON.stringify(wish);
      if (wish === undefined || (asBefore && wanted === this.#wanted)) return;
      this.#wanted = wanted;
      this.#tries = 0;
      void this.#run(wish, false);
    }

    /** Keeps the picture's room: as `ratio` says, or just where the <img> inside has been. */
    #reserve() {
      const size = (/** @type {string} */ side) => Number(this.#image.getAttribute(side));
      const [width, height] = [size("width"), size("height")];
      const ratio = /^\s*([\d.]+)\s*[:/]\s*([\d.]+)\s*$/.exec(this.getAttribute("ratio") ?? "");
      const [across, down] = ratio?.slice(1).map(Number) ?? [width, height];
      const place = width > 0 ? `display: inline-block; width: ${width}px; max-width: 100%` : "";
      this.#room.replaceSync(`:host { aspect-ratio: ${across || 1} / ${down || 1}; ${place} }`);
    }

    /** Where the picture is; with a body, where it is asked for. @returns {Wish | undefined} */
    #wish() {
      const preset = this.getAttribute("preset");
      const src = this.getAttribute("src") ?? (preset === null ? this.#image.getAttribute("src") : null);
      if (src !== null) return { url: absolute(src) };
      if (preset === null) return undefined;
      const base = this.getAttribute("endpoint")?.replace(/\/*$/, "/") ?? HOME;
      const key = this.getAttribute("key") ?? this.getAttribute("data-key") ?? "";
      const body = JSON.stringify({ preset, prompt: this.getAttribute("prompt") ?? undefined });
      return { url: new URL("v1/generations", absolute(base)).href, key, body };
    }

    /** @param {Wish} wish @param {boolean} anew */
    async #run(wish, anew) {
      this.#stop.abort();
      this.#stop = new AbortController();
      const { signal } = this.#stop;
      const image = this.#image;
      /** @type {Detail} */
      let detail = {};
      try {
        let { url } = wish;
        // What the browser has shown already needs no word.
        if (anew || image.src !== url || !image.complete) this.#tell("loading", texts.loading, detail);
        // An <img> does not say why it failed.
        const check = () => ask(url, { signal }).then((response) => response.blob());
        if (wish.body !== undefined) {
          if (this.hasAttribute("lazy")) await near(this, signal);
          const drawn = await draw(wish, signal);
          url = drawn.url;
          detail = { generation: drawn.generation };
        }
        if (signal.aborted) return;
        const shown = (/** @type {boolean} */ again) => this.#show(url, signal, again);
        await shown(anew).catch(() => check().then(() => shown(true)));
        if (!signal.aborted) this.#tell("ready", this.hasAttribute("state") ? texts.ready : "", detail);
      } catch (thrown) {
        if (!signal.aborted) this.#fail(wish, thrown, signal);
      }
    }

    /**
     * Resolves once the image shows `url`, loaded anew if so told.
     * @param {string} url
     * @param {AbortSignal} signal
     * @param {boolean} anew
     */
    #show(url, signal, anew) {
      const image = this.#image;
      return new Promise((resolve, reject) => {
        image.addEventListener("load", resolve, { signal });
        image.addEventListener("error", () => reject(problem("failed")), { signal });
        if (anew || image.src !== url) image.src = url;
        else if (image.complete) (image.naturalWidth > 0 ? resolve : reject)(problem("failed"));
        // It was us who changed it; what else has changed is looked at.
        this.#watch.takeRecords();
        this.#plan();
      });
    }

    /**
     * @param {Wish} wish
     * @param {any} thrown
     * @param {AbortSignal} signal
     */
    #fail(wish, { state = "failed", detail = {} }, signal) {
      const { message, retryAfter } = detail;
      const byItself = state === "limited" && retryAfter <= LONGEST_SECONDS && this.#tries < RETRIES;
      let text = (state === "refused" && message) || texts[/** @type {"failed"} */ (state)];
      if (byItself) {
        this.#tries += 1;
        // Later than told, never sooner, and not all at once.
        const seconds = retryAfter * (1 + Math.random() / 4);
        text += ` ${texts.wait(Math.ceil(seconds))}`;
        const timer = setTimeout(() => void this.#run(wish, true), seconds * 1000);
        signal.addEventListener("abort", () => clearTimeout(timer));
      }
      this.#tell(state, text, detail, !byItself && state !== "refused");
    }

    /**
     * @param {"loading" | "ready" | "refused" | "limited" | "failed"} state
     * @param {string} text
     * @param {Detail} detail
     * @param {boolean} [retry]
     */
    #tell(state, text, detail, retry = false) {
      this.setAttribute("state", state);
      // On a decoration it would make something of it.
      this.#image.ariaBusy = state === "loading" && this.#status.role ? "true" : null;
      this.#button.textContent = texts.retry;
      // New, because words that change where they stand count as a layout shift.
      const words = make("span", "text");
      words.textContent = text;
      // Once said, it is of no more use to who reads on.
      if (state === "ready") setTimeout(() => words.remove(), SAID_MS);
      this.#status.replaceChildren(words, ...(retry ? [this.#button] : []));
      this.dispatchEvent(new CustomEvent(`easel-${state}`, { bubbles: true, composed: true, detail }));
    }
  }

  if (customElements.get("easel-image") === undefined) customElements.define("easel-image", EaselImage);
})();
