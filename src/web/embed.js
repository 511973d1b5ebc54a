// <easel-image>: shows a generated picture in any page, with states for loading and errors. Usage: docs/embed.md.
// Served without its comments and indentation (routes/embed.ts), in less than 5 KB compressed.
(() => {
  /** @typedef {{ status?: number, message?: string, retryAfter?: number, generation?: string | undefined }} Detail */
  /** @typedef {{ url: string, key?: string, body?: string }} PictureRequest A POST if it has a body, else a GET. */

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
  /** Maximum number of automatic retries, and the longest delay of one. */
  const RETRIES = 5;
  const LONGEST_SECONDS = 600;
  /** Attributes that are observed on the element and on the <img> inside. */
  const ATTRIBUTES = "src srcset alt width height preset prompt key data-key endpoint ratio lazy".split(" ");
  /** Time for a screen reader to announce that a picture is ready. */
  const ANNOUNCE_MS = 5_000;

  // The URL of this script: import.meta works in modules only, document.currentScript in classic scripts only.
  const HOME = /https?:\S+(?=:\d+:\d+)/.exec(new Error().stack ?? "")?.[0] ?? document.baseURI;

  // A strict Content-Security-Policy blocks <style> and style="", but not this. Everything visible is laid over the host's
  // box. ::after makes the box as wide as other boxes without a size of their own, and shrinks as pictures do.
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
  const stateError = (state, detail) => Object.assign(new Error(state), { state, detail });

  /**
   * Fetch, without cookies. Throws an error with the state to show if the response is not a success.
   * @param {string} url
   * @param {RequestInit} init
   */
  const fetchOk = async (url, init) => {
    const response = await fetch(url, { ...init, credentials: "omit" });
    const { ok, status, headers } = response;
    if (ok) return response;
    const after = headers.get("retry-after");
    const message = (await response.json().catch(() => undefined))?.error?.message;
    const detail = { status, message, generation: headers.get("easel-generation") ?? undefined };
    if (status === 429 || (after !== null && (status === 409 || status === 503))) {
      // Retry-After is a number of seconds or a date.
      const wait = Number(after ?? 5);
      const seconds = wait >= 0 ? wait : (Date.parse(after ?? "") - Date.now()) / 1000;
      throw stateError("limited", { ...detail, retryAfter: Math.ceil(Math.max(1, seconds || 5)) });
    }
    // Missing credit (402), a timeout (408) and a conflict (409) are not errors of the page.
    throw stateError(status < 500 && ![402, 408, 409].includes(status) ? "refused" : "failed", detail);
  };

  /** @typedef {{ work: Promise<{ url: string, generation: string }>, stop: AbortController, users: number }} Generation */
  /** @type {Map<string, Generation>} Finished and running generations of this page, by request as JSON. */
  const generations = new Map();
  /** @type {Map<string, string>} Idempotency keys of requests without a response: they may have been charged. */
  const pendingKeys = new Map();

  /**
   * Generate a picture, once for all elements with the same request. When the last one leaves, the request is aborted.
   * @param {PictureRequest} request
   * @param {AbortSignal} signal
   */
  const generate = (request, signal) => {
    const requestId = JSON.stringify(request);
    const generation = generations.get(requestId) ?? startGeneration(request, requestId);
    generation.users += 1;
    signal.addEventListener("abort", () => {
      generation.users -= 1;
      // A finished generation is kept for later elements.
      if (generation.users > 0 || generations.get(requestId) !== generation || !pendingKeys.has(requestId)) return;
      generations.delete(requestId);
      generation.stop.abort();
    });
    return generation.work;
  };

  /** @param {PictureRequest} request @param {string} requestId */
  const startGeneration = ({ url, key, body = "" }, requestId) => {
    const idempotencyKey = pendingKeys.get(requestId) ?? crypto.getRandomValues(new Uint32Array(4)).join("-");
    pendingKeys.set(requestId, idempotencyKey);
    const headers = {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      "idempotency-key": idempotencyKey,
    };
    const stop = new AbortController();
    const work = fetchOk(url, { method: "POST", headers, body, signal: stop.signal })
      .then((response) => response.json())
      .then(({ id, images }) => ({ url: images[0].url, generation: id }));
    /** @type {Generation} */
    const generation = { work, stop, users: 0 };
    generations.set(requestId, generation);
    work.then(
      () => pendingKeys.delete(requestId),
      ({ detail }) => {
        if (generations.get(requestId) === generation) generations.delete(requestId);
        if (detail?.status !== undefined && detail.status !== 409) pendingKeys.delete(requestId);
      },
    );
    return generation;
  };

  /**
   * Resolve once `element` is near the viewport.
   * @param {Element} element
   * @param {AbortSignal} signal
   */
  const nearViewport = (element, signal) =>
    new Promise((resolve) => {
      const onIntersection = (/** @type {IntersectionObserverEntry[]} */ entries) =>
        entries.some((entry) => entry.isIntersecting) && resolve(0);
      const observer = new IntersectionObserver(onIntersection, { rootMargin: "50%" });
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

    #sizeSheet = new CSSStyleSheet();
    #slot = document.createElement("slot");
    #ownImage = make("img", "image");
    #image = this.#ownImage;
    #status = make("div", "status");
    #button = make("button", "retry");
    #watch = new MutationObserver((changes) => {
      // A new value of src may be the same text and still mean another picture.
      if (changes.some(({ attributeName }) => attributeName?.startsWith("src"))) this.#requestId = "";
      this.#scheduleUpdate();
    });
    #stop = new AbortController();
    #updateScheduled = false;
    #requestId = "";
    #tries = 0;

    constructor() {
      super();
      const root = this.attachShadow({ mode: "open" });
      root.adoptedStyleSheets = [sheet, this.#sizeSheet];
      this.#watch.observe(this, { subtree: true, childList: true, attributeFilter: ATTRIBUTES });
      this.#status.tabIndex = -1;
      this.#button.addEventListener("click", () => {
        // The button disappears; keep the focus in the element.
        this.#status.focus();
        this.retry();
      });
      root.append(this.#slot, this.#status);
    }

    connectedCallback() {
      this.#scheduleUpdate();
    }

    disconnectedCallback() {
      this.#scheduleUpdate();
    }

    /** Request the picture again, whatever the state. */
    retry() {
      this.#tries = 0;
      const request = this.#readRequest();
      if (request !== undefined) void this.#run(request, true);
    }

    /** Combine several changes into one update. Moving an element within the page does not count as removing it. */
    #scheduleUpdate() {
      if (this.#updateScheduled) return;
      this.#updateScheduled = true;
      queueMicrotask(() => {
        this.#updateScheduled = false;
        this.#update();
      });
    }

    #update() {
      if (!this.isConnected) {
        this.#stop.abort();
        // A ready picture is still ready when the element is put back.
        if (this.getAttribute("state") !== "ready") this.#requestId = "";
        return;
      }
      const inner = this.querySelector("img");
      const image = inner ?? this.#ownImage;
      const asBefore = image === this.#image;
      this.#image = image;
      // The slot shows a picture only: neither white space nor a text for pages without script.
      this.#slot.hidden = inner === null;
      if (inner === null) this.#status.before(this.#ownImage);
      else this.#ownImage.remove();
      this.#reserveSpace();
      const alt = this.getAttribute("alt") ?? inner?.getAttribute("alt") ?? this.getAttribute("prompt");
      if (alt === null) image.removeAttribute("alt");
      else if (alt !== image.getAttribute("alt")) image.alt = alt;
      // A decoration (alt="") is not announced; a missing alt does not make a decoration.
      this.#status.role = alt === "" ? null : "status";
      if (alt === "") image.ariaBusy = null;
      if (this.hasAttribute("lazy")) image.loading = "lazy";
      const request = this.#readRequest();
      const requestId = JSON.stringify(request);
      if (request === undefined || (asBefore && requestId === this.#requestId)) return;
      this.#requestId = requestId;
      this.#tries = 0;
      void this.#run(request, false);
    }

    /** Reserve the picture's space: by `ratio`, else by width and height of the <img> inside. */
    #reserveSpace() {
      const size = (/** @type {string} */ side) => Number(this.#image.getAttribute(side));
      const [width, height] = [size("width"), size("height")];
      const ratio = /^\s*([\d.]+)\s*[:/]\s*([\d.]+)\s*$/.exec(this.getAttribute("ratio") ?? "");
      const [across, down] = ratio?.slice(1).map(Number) ?? [width, height];
      const place = width > 0 ? `display: inline-block; width: ${width}px; max-width: 100%` : "";
      this.#sizeSheet.replaceSync(`:host { aspect-ratio: ${across || 1} / ${down || 1}; ${place} }`);
    }

    /** Read the request from the attributes. @returns {PictureRequest | undefined} */
    #readRequest() {
      const preset = this.getAttribute("preset");
      const src = this.getAttribute("src") ?? (preset === null ? this.#image.getAttribute("src") : null);
      if (src !== null) return { url: absolute(src) };
      if (preset === null) return undefined;
      const base = this.getAttribute("endpoint")?.replace(/\/*$/, "/") ?? HOME;
      const key = this.getAttribute("key") ?? this.getAttribute("data-key") ?? "";
      const body = JSON.stringify({ preset, prompt: this.getAttribute("prompt") ?? undefined });
      return { url: new URL("v1/generations", absolute(base)).href, key, body };
    }

    /** @param {PictureRequest} request @param {boolean} reload */
    async #run(request, reload) {
      this.#stop.abort();
      this.#stop = new AbortController();
      const { signal } = this.#stop;
      const image = this.#image;
      /** @type {Detail} */
      let detail = {};
      try {
        let { url } = request;
        // No loading state for a picture that the browser has loaded already.
        if (reload || image.src !== url || !image.complete) this.#report("loading", texts.loading, detail);
        // An <img> does not report the cause of a failure.
        const check = () => fetchOk(url, { signal }).then((response) => response.blob());
        if (request.body !== undefined) {
          if (this.hasAttribute("lazy")) await nearViewport(this, signal);
          const result = await generate(request, signal);
          url = result.url;
          detail = { generation: result.generation };
        }
        if (signal.aborted) return;
        const show = (/** @type {boolean} */ reload) => this.#show(url, signal, reload);
        await show(reload).catch(() => check().then(() => show(true)));
        if (!signal.aborted) this.#report("ready", this.hasAttribute("state") ? texts.ready : "", detail);
      } catch (thrown) {
        if (!signal.aborted) this.#fail(request, thrown, signal);
      }
    }

    /**
     * Resolve once the image shows `url`; with `reload`, load it again even if it is the current one.
     * @param {string} url
     * @param {AbortSignal} signal
     * @param {boolean} reload
     */
    #show(url, signal, reload) {
      const image = this.#image;
      return new Promise((resolve, reject) => {
        image.addEventListener("load", resolve, { signal });
        image.addEventListener("error", () => reject(stateError("failed")), { signal });
        if (reload || image.src !== url) image.src = url;
        else if (image.complete) (image.naturalWidth > 0 ? resolve : reject)(stateError("failed"));
        // Ignore the change of src made here; an update looks for other changes.
        this.#watch.takeRecords();
        this.#scheduleUpdate();
      });
    }

    /**
     * @param {PictureRequest} request
     * @param {any} thrown
     * @param {AbortSignal} signal
     */
    #fail(request, { state = "failed", detail = {} }, signal) {
      const { message, retryAfter } = detail;
      const automatic = state === "limited" && retryAfter <= LONGEST_SECONDS && this.#tries < RETRIES;
      let text = (state === "refused" && message) || texts[/** @type {"failed"} */ (state)];
      if (automatic) {
        this.#tries += 1;
        // After Retry-After, never before it, and with a jitter so that clients do not retry at the same time.
        const seconds = retryAfter * (1 + Math.random() / 4);
        text += ` ${texts.wait(Math.ceil(seconds))}`;
        const timer = setTimeout(() => void this.#run(request, true), seconds * 1000);
        signal.addEventListener("abort", () => clearTimeout(timer));
      }
      this.#report(state, text, detail, !automatic && state !== "refused");
    }

    /**
     * @param {"loading" | "ready" | "refused" | "limited" | "failed"} state
     * @param {string} text
     * @param {Detail} detail
     * @param {boolean} [retry]
     */
    #report(state, text, detail, retry = false) {
      this.setAttribute("state", state);
      // aria-busy would expose a decoration to screen readers.
      this.#image.ariaBusy = state === "loading" && this.#status.role ? "true" : null;
      this.#button.textContent = texts.retry;
      // A new element, because changing the text of a visible one counts as a layout shift.
      const message = make("span", "text");
      message.textContent = text;
      // Once announced, the text would only disturb a screen reader later.
      if (state === "ready") setTimeout(() => message.remove(), ANNOUNCE_MS);
      this.#status.replaceChildren(message, ...(retry ? [this.#button] : []));
      this.dispatchEvent(new CustomEvent(`easel-${state}`, { bubbles: true, composed: true, detail }));
    }
  }

  if (customElements.get("easel-image") === undefined) customElements.define("easel-image", EaselImage);
})();
