// <easel-image> in its page, in a real Chromium: Easel serves the script, the tests script the responses.
import { describe, expect, it } from "vitest";
import { ASKS, scripted, SOON } from "../web/scripted.ts";
import type { Answers } from "../web/scripted.ts";
import type { PageOptions } from "../web/stand.ts";

const t = scripted();
const { s, open, states, settle, run, src } = t;

describe("an <img> inside <easel-image>", () => {
  const inside = (more = "") =>
    `<easel-image id="a"><img src="${src()}" width="1600" height="900" alt="A lighthouse" ${more}></easel-image>`;

  it("an <img> inside is shown unchanged, requested once, in its own space", async () => {
    await open(inside());
    await t.v.waitForState("#a", "ready");
    await settle();
    expect(t.seen).toHaveLength(1);
    expect(await t.v.page.getByRole("img").count()).toBe(1);
    expect(await t.v.page.locator("#a > img").boundingBox()).toMatchObject({ width: 400, height: 225 });
    expect(await t.v.shift()).toBe(0);
  });
  it("an <img> inside fills the reserved space, whatever styles the page has for pictures", async () => {
    await open(inside(), ["good"], { css: "#a img { position: static; width: 90px; height: 90px }" });
    await t.v.waitForState("#a", "ready");
    const room = await t.v.page.locator("#a").boundingBox();
    expect(room).toMatchObject({ width: 400, height: 225 });
    expect(await t.v.page.locator("#a > img").boundingBox()).toEqual(room);
  });
  it("an <img> that has loaded before the script is not requested again", async () => {
    await open(inside(), ["good"], { script: "" });
    await t.v.page.getByRole("img", { name: "A lighthouse" }).waitFor();
    await expect.poll(() => run("document.images[0].complete"), SOON).toBe(true);
    await t.v.page.addScriptTag({ url: `${s.easel.url}/embed.js` });
    await t.v.waitForState("#a", "ready");
    // The visitor did not have to wait, so that nothing is announced.
    expect(await states("a")).toEqual(["ready"]);
    expect(await t.v.page.getByRole("status").textContent()).toBe("");
    await settle();
    expect(t.seen).toHaveLength(1);
  });
  it("an <img> that failed before the script loaded is fetched to learn the cause", async () => {
    await open(inside(), [{ status: 403, message: "The signature is not right." }]);
    await t.v.waitForState("#a", "refused");
    expect(await t.v.page.getByRole("status").textContent()).toBe("The signature is not right.");
    expect(t.seen.map((request) => request.resourceType())).toEqual(["image", "fetch"]);
    // The browser's icon for a broken picture is not visible.
    await expect.poll(() => run("getComputedStyle(document.images[0]).opacity"), SOON).toBe("0");
  });
  it("an <img> with loading=lazy is loaded late", async () => {
    await open(`<div style="height: 5000px"></div>${inside('loading="lazy"')}`);
    await t.v.waitForState("#a", "loading");
    await settle();
    expect(t.seen).toHaveLength(0);
    await t.v.page.locator("#a").scrollIntoViewIfNeeded();
    await t.v.waitForState("#a", "ready");
    expect(t.seen).toHaveLength(1);
  });
  it("an <img> that is parsed after the script is used", async () => {
    const both = inside().replace("<easel-image", `<easel-image src="${src()}"`);
    await open(both, ["good"], { script: `<script src="${s.easel.url}/embed.js"></script>` });
    await t.v.waitForState("#a", "ready");
    await settle();
    expect(t.seen).toHaveLength(1);
    expect(await t.v.page.getByRole("img").count()).toBe(1);
  });
  it("an <img> can be added after its element", async () => {
    await open(`<easel-image id="a" ${ASKS}></easel-image>`);
    await t.v.waitForState("#a", "ready");
    await run(`document.querySelector("#a").innerHTML = '<img alt="later">'`);
    await t.v.page.getByRole("img", { name: "later" }).waitFor();
    await expect.poll(() => t.v.page.locator("#a > img").getAttribute("src"), SOON).toMatch(/\/images\/g1\/0$/);
    expect(t.seen).toHaveLength(1);
  });
});

describe("fallback text in <easel-image>", () => {
  it("a text for pages without script is not shown with the picture", async () => {
    await open(`<easel-image id="a" ${ASKS}>\n  A lighthouse, <b>if you had script</b>.\n</easel-image>`);
    await t.v.waitForState("#a", "ready");
    expect(await t.v.page.getByText("if you had script").isVisible()).toBe(false);
    expect(await t.v.page.getByRole("img", { name: "a lighthouse" }).isVisible()).toBe(true);
  });
});

describe("attributes of <easel-image>", () => {
  it("a new prompt requests a new picture; a new alt does not", async () => {
    await open(`<easel-image id="a" ${ASKS}></easel-image>`);
    await t.v.waitForState("#a", "ready");
    await run(`document.querySelector("#a").setAttribute("alt", "Night")`);
    await t.v.page.getByRole("img", { name: "Night" }).waitFor();
    expect(t.seen).toHaveLength(1);
    await run(`document.querySelector("#a").setAttribute("prompt", "night")`);
    await expect.poll(() => t.seen.length, SOON).toBe(2);
    expect(t.seen[1]?.postDataJSON()).toEqual({ preset: "hero", prompt: "night" });
    expect(t.seen[1]?.headers()["authorization"]).toBe("Bearer pk_a_b");
    await expect.poll(() => states("a"), SOON).toEqual(["loading", "ready", "loading", "ready"]);
  });
  it("src can change, and several changes at once count as one", async () => {
    await open(`<easel-image id="a" src="${src("one")}"></easel-image>`);
    await t.v.waitForState("#a", "ready");
    await run(
      `for (const name of ["two", "three"]) document.querySelector("#a").setAttribute("src", "${src()}" + name)`,
    );
    await expect.poll(() => t.seen.length, SOON).toBe(2);
    expect(t.seen[1]?.url()).toMatch(/three$/);
  });
  it("ratio reserves the space, whatever the picture", async () => {
    const element = (id: string, more: string, inside = "") =>
      `<easel-image id="${id}" src="${src(id)}" ${more}>${inside}</easel-image>`;
    await open(
      element("a", 'ratio="4:3"') +
        element("b", 'ratio=" 2 / 1 "') +
        element("c", 'ratio="wide"') +
        element("d", "") +
        element("e", 'ratio="4:1"', '<img width="10" height="10" alt="">') +
        element("f", "", '<img width="1600" height="400" alt="">') +
        element("g", 'ratio="4:1"'),
      ["good"],
      { bare: true, css: "easel-image { display: block; width: 400px } #g { aspect-ratio: 8 }" },
    );
    const heights = { a: 300, b: 200, c: 400, d: 400, e: 100, f: 100, g: 50 };
    for (const [id, height] of Object.entries(heights)) {
      await t.v.waitForState(`#${id}`, "ready");
      expect(await t.v.page.locator(`#${id}`).boundingBox(), id).toMatchObject({ width: 400, height });
    }
  });
  it("endpoint sets the address of Easel, and data-key the key", async () => {
    const more = (endpoint: string) => `preset="hero" data-key="pk_c_d" endpoint="${endpoint}" alt=""`;
    await open(
      `<easel-image id="a" ${more("https://img.example")}></easel-image><easel-image id="b" ${more("/sub/")}></easel-image>`,
    );
    await t.v.waitForState("#a", "ready");
    await t.v.waitForState("#b", "ready");
    const urls = t.seen.map((request) => request.url()).toSorted();
    expect(urls).toEqual([`${s.site.origin}/sub/v1/generations`, "https://img.example/v1/generations"]);
    expect(t.seen[0]?.headers()["authorization"]).toBe("Bearer pk_c_d");
    expect(t.seen[0]?.postDataJSON()).toEqual({ preset: "hero" });
  });
  it("a lazy element sends no request until it is nearly in view", async () => {
    const far = '<div style="height: 5000px"></div>';
    await open(
      `${far}<easel-image id="a" ${ASKS} lazy></easel-image><easel-image id="b" src="${src()}" lazy></easel-image>`,
    );
    await t.v.waitForState("#a", "loading");
    await settle();
    expect(t.seen).toHaveLength(0);
    await t.v.page.locator("#b").scrollIntoViewIfNeeded();
    await t.v.waitForState("#a", "ready");
    await t.v.waitForState("#b", "ready");
    expect(t.seen).toHaveLength(2);
    expect(await t.v.page.getByRole("img").last().getAttribute("loading")).toBe("lazy");
  });
  it("an element without attributes sends no request and reports no state", async () => {
    await open(`<easel-image id="a" alt="x"></easel-image>`);
    await settle();
    expect(await t.v.reportedStates()).toEqual([]);
    expect(await t.v.page.locator("#a").getAttribute("state")).toBe(null);
  });
});

describe("accessibility and styling of <easel-image>", () => {
  it("a decoration is not announced, and its button still works", async () => {
    await open(`<easel-image id="a" ${ASKS} alt=""></easel-image>`, ["lost", "never"]);
    await t.v.waitForState("#a", "failed");
    expect(await t.v.page.getByRole("status").count()).toBe(0);
    await t.v.page.getByRole("button", { name: "Try again" }).click();
    await t.v.waitForState("#a", "loading");
    expect(t.seen).toHaveLength(2);
    expect(await t.v.page.getByRole("img").count()).toBe(0);
  });
  it.each([
    ["src", () => `src="${src()}"`, ""],
    ["preset without prompt", () => 'preset="hero" key="pk_a_b"', ""],
    ["an <img> inside", () => "", "img"],
  ])("a missing alt does not make a picture by %s a decoration", async (_, asks, inside) => {
    const img = inside && `<img src="${src()}" width="4" height="4">`;
    await open(`<easel-image id="a" ${asks()}>${img}</easel-image>`, [{ status: 500 }]);
    await t.v.waitForState("#a", "failed");
    await t.v.page.getByRole("status").getByText("The picture could not be loaded.").waitFor();
    expect(await t.v.page.locator("#a img").getAttribute("alt")).toBe(null);
    await run(`document.querySelector("#a").setAttribute("alt", "")`);
    await expect.poll(() => t.v.page.getByRole("status").count(), SOON).toBe(0);
    await run(`document.querySelector("#a").removeAttribute("alt")`);
    // An <img> inside keeps the alt that the element has set.
    await expect.poll(() => t.v.page.getByRole("status").count(), SOON).toBe(inside === "" ? 1 : 0);
  });
  it("the alternative text is the element's alt, the alt of the <img> inside, or the prompt", async () => {
    const element = (more: string, inside = "") => `<easel-image ${more}>${inside}</easel-image>`;
    const img = `<img src="${src()}" width="4" height="4" alt="inside">`;
    await open(element(`${ASKS} alt="outside"`) + element("", img) + element('alt="over it"', img) + element(ASKS));
    for (const name of ["outside", "inside", "over it", "a lighthouse"])
      await t.v.page.getByRole("img", { name, exact: true }).waitFor();
  });
  it("the announcement that a picture is ready is removed afterwards", async () => {
    await open(`<easel-image id="a" ${ASKS}></easel-image>`, ["good"], { before: (page) => page.clock.install() });
    await t.v.waitForState("#a", "ready");
    expect(await t.v.page.getByRole("status").textContent()).toBe("The picture is ready.");
    await t.v.page.clock.runFor(5_100);
    expect(await t.v.page.getByRole("status").textContent()).toBe("");
  });
  it("nothing is animated if the visitor prefers reduced motion", async () => {
    const moving = () => run("document.getAnimations().length");
    await open(`<easel-image id="a" ${ASKS}></easel-image>`, ["never"], { reducedMotion: "reduce" });
    await t.v.waitForState("#a", "loading");
    expect(await t.v.page.getByText("Loading the picture…").isVisible()).toBe(true);
    expect(await moving()).toBe(0);
    await t.v.page.emulateMedia({ reducedMotion: "no-preference" });
    await expect.poll(moving, SOON).toBeGreaterThan(0);
  });
  it("the texts of the element can be replaced", async () => {
    await open(`<easel-image id="a" ${ASKS}></easel-image>`, ["lost"]);
    await t.v.waitForState("#a", "failed");
    await run(`Object.assign(customElements.get("easel-image").texts, { failed: "Kein Bild.", retry: "Noch einmal" })`);
    await t.v.page.getByRole("button").click();
    await t.v.page.getByRole("button", { name: "Noch einmal" }).waitFor();
    expect(await t.v.page.getByRole("status").textContent()).toBe("Kein Bild.Noch einmal");
  });
  it("the parts and properties of the element can be styled", async () => {
    await open(`<easel-image id="a" ${ASKS}></easel-image>`, ["lost"], {
      css: `#a { --easel-background: rgb(1, 2, 3) }
        ::part(status) { padding: 7px } ::part(text) { color: rgb(4, 5, 6) } ::part(retry) { color: rgb(7, 8, 9) }
        ::part(image) { filter: sepia(1) }`,
    });
    await t.v.waitForState("#a", "failed");
    const style = (selector: string, property: string) =>
      t.v.page.locator(selector).evaluate((element: never, name) => {
        const { getComputedStyle } = globalThis as unknown as { getComputedStyle(of: never): Record<string, string> };
        return getComputedStyle(element)[name];
      }, property);
    expect(await style("#a", "backgroundColor")).toBe("rgb(1, 2, 3)");
    expect(await style("#a [part=status]", "paddingTop")).toBe("7px");
    expect(await style("#a [part=text]", "color")).toBe("rgb(4, 5, 6)");
    expect(await style("#a [part=retry]", "color")).toBe("rgb(7, 8, 9)");
    expect(await style("#a [part=image]", "filter")).toBe("sepia(1)");
  });
});

describe("layout shifts if the script is late", () => {
  let release: () => void;
  const delayScript: PageOptions["before"] = (page) => {
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    return page.route(/embed\.js/, async (route) => {
      await held;
      await route.continue();
    });
  };
  /** Release the script once the page has been painted without it. */
  async function releaseScript(): Promise<void> {
    await expect.poll(() => run("performance.getEntriesByType('paint').length > 0"), SOON).toBe(true);
    await settle();
    expect(await run("customElements.get('easel-image') === undefined")).toBe(true);
    release();
  }
  const inside = (id: string, width: number) =>
    `<easel-image id="${id}"><img src="${src(id)}" width="${width}" height="${Math.round((width / 16) * 9)}" alt="Here"></easel-image>`;
  const script = () => `<script async src="${s.easel.url}/embed.js"></script>`;

  it.each([
    ["a page without styles", ""],
    ["a page that limits pictures to its own width", "img { max-width: 100%; height: auto }"],
  ])("%s has no layout shift", async (_, css) => {
    await open(`Before ${inside("a", 320)} and ${inside("b", 480)} after.`, ["good"], {
      css,
      bare: true,
      before: delayScript,
      script: script(),
    });
    await releaseScript();
    await t.v.waitForState("#a", "ready");
    await t.v.waitForState("#b", "ready");
    await settle();
    expect(await t.v.shift()).toBe(0);
  });
  it("a page with the documented rule has no layout shift, with pictures of nearly its ratio or none", async () => {
    const answers: Answers = ["good", { status: 500 }];
    await open(inside("a", 1010) + inside("b", 1610) + `<easel-image id="c" ${ASKS}></easel-image>`, answers, {
      css: "easel-image { width: 200px }",
      before: delayScript,
      script: script(),
    });
    await releaseScript();
    await t.v.waitForState("#a", "ready");
    await t.v.waitForState("#b", "failed");
    await t.v.waitForState("#c", "failed");
    await settle();
    expect(await t.v.shift()).toBe(0);
  });
});

describe("the script of <easel-image>", () => {
  it.each([
    ["as a module", (url: string) => `<script type="module" src="${url}"></script>`],
    ["async", (url: string) => `<script async src="${url}"></script>`],
    ["twice", (url: string) => `<script defer src="${url}"></script><script defer src="${url}?again"></script>`],
  ])("the script works if it is loaded %s", async (_, tag) => {
    await open(`<easel-image id="a" ${ASKS}></easel-image>`, ["good"], { script: tag(`${s.easel.url}/embed.js`) });
    await t.v.waitForState("#a", "ready");
    expect(t.seen.map((request) => request.url())).toEqual([`${s.easel.url}/v1/generations`]);
    expect(t.v.console).toEqual([]);
    expect(await run("[typeof texts, typeof sheet, typeof HOME, typeof EaselImage]")).toEqual(
      Array.from({ length: 4 }, () => "undefined"),
    );
  });
  it.each([
    ["import", (url: string) => `<script type="module">import "${url}"</script>`],
    [
      "import, next to another site's embed.js",
      (url: string) =>
        `<script src="/other/embed.js"></script><script type="module">await import("${url}?version=2")</script>`,
    ],
    [
      "a script that puts it into the page",
      (url: string) =>
        `<script>document.head.append(Object.assign(document.createElement("script"), { src: "${url}" }))</script>`,
    ],
  ])("a script loaded by %s calls the gateway that it came from", async (_, tag) => {
    s.site.put("/other/embed.js", { type: "text/javascript", body: "" });
    await open(`<easel-image id="a" ${ASKS}></easel-image>`, ["good"], { script: tag(`${s.easel.url}/embed.js`) });
    await t.v.waitForState("#a", "ready");
    expect(t.seen.map((request) => request.url())).toEqual([`${s.easel.url}/v1/generations`]);
    expect(t.v.console).toEqual([]);
  });
  it("the script works under a strict Content-Security-Policy", async () => {
    const { url } = s.easel;
    const csp = `default-src 'none'; script-src ${url}; img-src ${url}; connect-src ${url}; style-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'`;
    await open(
      `<easel-image id="a" ${ASKS}></easel-image><easel-image id="b" src="${src()}" ratio="4:1"></easel-image>`,
      [{ status: 500 }, { status: 500 }, { status: 500 }, "good"],
      { csp, css: "#b { aspect-ratio: 4 }" },
    );
    await t.v.waitForState("#a", "failed");
    await t.v.waitForState("#b", "failed");
    expect(await t.v.page.locator("#a").boundingBox()).toMatchObject({ height: 225 });
    expect(await t.v.page.locator("#b").boundingBox()).toMatchObject({ height: 100 });
    await t.v.page.locator("#a").getByRole("button").click();
    await t.v.waitForState("#a", "ready");
    expect(t.v.console.filter((line) => !line.startsWith("Failed to load resource"))).toEqual([]);
    expect(await t.v.shift()).toBe(0);
  });
  it("the element fails with a message if the policy blocks its requests", async () => {
    const { url } = s.easel;
    await open(`<easel-image id="a" ${ASKS}></easel-image>`, ["good"], {
      csp: `default-src 'self'; script-src ${url}`,
    });
    await t.v.waitForState("#a", "failed");
    expect(t.seen).toHaveLength(0);
  });
});
