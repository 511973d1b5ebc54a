// What becomes of <easel-image> as its page changes, in a real Chromium: what frameworks do when they render anew.
import { describe, expect, it } from "vitest";
import { ASKS, scripted, SOON } from "../web/scripted.ts";
import type { Answers } from "../web/scripted.ts";

const t = scripted();
const { open, settle, states, run, src } = t;

describe("the <img> inside changes", () => {
  /** Opens a page with one that is ready. */
  async function ready(answers: Answers): Promise<void> {
    await open(
      `<easel-image id="a"><img src="${src("one")}" width="160" height="90" alt="One"></easel-image>`,
      answers,
    );
    await t.v.becomes("#a", "ready");
    await run(`window.img = document.querySelector("#a img"); told.length = 0`);
  }
  const opacity = () => run("getComputedStyle(img).opacity");

  it("to a picture that cannot be had: says so", async () => {
    await ready(["good", { status: 403, message: "The signature is not right." }]);
    await run(`img.src = "${src("two")}"`);
    await t.v.becomes("#a", "refused");
    expect(await states("a")).toEqual(["loading", "refused"]);
    expect(await t.v.page.getByRole("status").textContent()).toBe("The signature is not right.");
    await expect.poll(opacity, SOON).toBe("0");
  });
  it("to one that takes a while: loads until it is there", async () => {
    await ready(["good", "never"]);
    await run(`img.src = "${src("two")}"`);
    await t.v.becomes("#a", "loading");
    await run(`img.src = "${t.s.site.put("/two.svg", { type: "image/svg+xml", body: SVG })}"`);
    await t.v.becomes("#a", "ready");
    expect(await states("a")).toEqual(["loading", "loading", "ready"]);
    await expect.poll(opacity, SOON).toBe("1");
  });
  it("srcset is its source as well", async () => {
    await ready(["good", { status: 404 }]);
    await run(`img.srcset = "${src("two")} 1x"`);
    await t.v.becomes("#a", "refused");
  });
  it("alt: a decoration, and none", async () => {
    await ready(["good"]);
    const roles = () => t.v.page.getByRole("status").count();
    expect(await roles()).toBe(1);
    await run(`img.alt = ""`);
    await expect.poll(roles, SOON).toBe(0);
    await run(`img.alt = "Two"`);
    await expect.poll(roles, SOON).toBe(1);
    await settle();
    expect(await states("a")).toEqual([]);
    expect(t.seen).toHaveLength(1);
  });
  it("width and height: another room, the same picture", async () => {
    await ready(["good"]);
    await run(`Object.assign(img, { width: 100, height: 100 })`);
    const ratio = () => run(`getComputedStyle(document.querySelector("#a").shadowRoot.host).aspectRatio`);
    await run(`document.styleSheets[0].disabled = true`);
    await expect.poll(ratio, SOON).toBe("100 / 100");
    expect(await states("a")).toEqual([]);
  });
  it("by the page, in place of the one that was drawn: the preset counts", async () => {
    await open(`<easel-image id="a" ${ASKS}><img alt="x"></easel-image>`);
    await t.v.becomes("#a", "ready");
    await run(`document.querySelector("#a img").src = "${src("two")}"`);
    const shown = () => t.v.page.locator("#a > img").getAttribute("src");
    await expect.poll(shown, SOON).toMatch(/\/images\/g1\/0$/);
    await t.v.becomes("#a", "ready");
    expect(t.seen.filter((request) => request.method() === "POST")).toHaveLength(1);
  });
  it("by the element, as it draws: that is no change", async () => {
    await open(`<easel-image id="a" ${ASKS}><img alt="x"></easel-image>`);
    await t.v.becomes("#a", "ready");
    await settle();
    expect(await states("a")).toEqual(["loading", "ready"]);
  });
  it("by the element, as it tries again: that is no change", async () => {
    await open(`<easel-image id="a"><img src="${src()}" alt="x"></easel-image>`, [
      { status: 500 },
      { status: 500 },
      "good",
    ]);
    await t.v.page.getByRole("button").click();
    await t.v.becomes("#a", "ready");
    await settle();
    expect((await states("a")).slice(-3)).toEqual(["failed", "loading", "ready"]);
  });
  it("deeper inside, where <picture> holds it", async () => {
    await open(`<easel-image id="a"><picture><img src="${src("one")}" alt="One"></picture></easel-image>`, [
      "good",
      { status: 404 },
    ]);
    await t.v.becomes("#a", "ready");
    await run(`document.querySelector("#a picture").innerHTML = '<img src="${src("two")}" alt="Two">'`);
    await t.v.becomes("#a", "refused");
  });
});

describe("taken out of the page and put back", () => {
  const again = async () => {
    await run(`window.a = document.querySelector("#a"); a.remove()`);
    await settle();
    await run(`document.body.append(a)`);
    await settle();
  };
  it.each([
    ["preset", () => ASKS, ""],
    ["src", () => `src="${src()}"`, ""],
    ["an <img> inside", () => "", "img"],
    ["preset and an <img> inside", () => ASKS, '<img alt="x">'],
  ])("by %s: stays ready, asks nothing", async (_, asks, inside) => {
    const img = inside === "img" ? `<img src="${src()}" width="160" height="90" alt="x">` : inside;
    await open(`<easel-image id="a" ${asks()}>${img}</easel-image>`);
    await t.v.becomes("#a", "ready");
    await run("told.length = 0");
    await again();
    await again();
    expect(await t.v.page.locator("#a").getAttribute("state")).toBe("ready");
    expect(await states("a")).toEqual([]);
    expect(t.seen).toHaveLength(1);
  });
  it("with another prompt: another picture", async () => {
    await open(`<easel-image id="a" ${ASKS}></easel-image>`);
    await t.v.becomes("#a", "ready");
    await run(`window.a = document.querySelector("#a"); a.remove(); a.setAttribute("prompt", "night")`);
    await settle();
    expect(t.seen).toHaveLength(1);
    await run(`document.body.append(a)`);
    await expect.poll(() => t.seen.length, SOON).toBe(2);
  });
});

const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="9"/>';
