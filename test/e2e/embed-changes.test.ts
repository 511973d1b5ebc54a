// Changes of the page around <easel-image>, in a real Chromium: what frameworks do when they render again.
import { describe, expect, it } from "vitest";
import { ASKS, scripted, SOON } from "../web/scripted.ts";
import type { Answers } from "../web/scripted.ts";

const t = scripted();
const { open, settle, states, run, src } = t;

describe("changes of the <img> inside <easel-image>", () => {
  /** Open a page with an <img> inside that is ready. */
  async function openReady(answers: Answers): Promise<void> {
    await open(
      `<easel-image id="a"><img src="${src("one")}" width="160" height="90" alt="One"></easel-image>`,
      answers,
    );
    await t.v.waitForState("#a", "ready");
    await run(`window.img = document.querySelector("#a img"); told.length = 0`);
  }
  const opacity = () => run("getComputedStyle(img).opacity");

  it("a new src that is refused sets the state refused", async () => {
    await openReady(["good", { status: 403, message: "The signature is not right." }]);
    await run(`img.src = "${src("two")}"`);
    await t.v.waitForState("#a", "refused");
    expect(await states("a")).toEqual(["loading", "refused"]);
    expect(await t.v.page.getByRole("status").textContent()).toBe("The signature is not right.");
    await expect.poll(opacity, SOON).toBe("0");
  });
  it("a new src that loads slowly sets the state loading until it is there", async () => {
    await openReady(["good", "never"]);
    await run(`img.src = "${src("two")}"`);
    await t.v.waitForState("#a", "loading");
    await run(`img.src = "${t.s.site.put("/two.svg", { type: "image/svg+xml", body: SVG })}"`);
    await t.v.waitForState("#a", "ready");
    expect(await states("a")).toEqual(["loading", "loading", "ready"]);
    await expect.poll(opacity, SOON).toBe("1");
  });
  it("a new srcset counts as a new source", async () => {
    await openReady(["good", { status: 404 }]);
    await run(`img.srcset = "${src("two")} 1x"`);
    await t.v.waitForState("#a", "refused");
  });
  it("a new alt makes the picture a decoration, or not", async () => {
    await openReady(["good"]);
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
  it("a new width and height change the reserved space, not the picture", async () => {
    await openReady(["good"]);
    await run(`Object.assign(img, { width: 100, height: 100 })`);
    const ratio = () => run(`getComputedStyle(document.querySelector("#a").shadowRoot.host).aspectRatio`);
    await run(`document.styleSheets[0].disabled = true`);
    await expect.poll(ratio, SOON).toBe("100 / 100");
    expect(await states("a")).toEqual([]);
  });
  it("a src that the page sets is replaced by the preset's picture", async () => {
    await open(`<easel-image id="a" ${ASKS}><img alt="x"></easel-image>`);
    await t.v.waitForState("#a", "ready");
    await run(`document.querySelector("#a img").src = "${src("two")}"`);
    const shown = () => t.v.page.locator("#a > img").getAttribute("src");
    await expect.poll(shown, SOON).toMatch(/\/images\/g1\/0$/);
    await t.v.waitForState("#a", "ready");
    expect(t.seen.filter((request) => request.method() === "POST")).toHaveLength(1);
  });
  it("a src that the element sets after a generation does not count as a change", async () => {
    await open(`<easel-image id="a" ${ASKS}><img alt="x"></easel-image>`);
    await t.v.waitForState("#a", "ready");
    await settle();
    expect(await states("a")).toEqual(["loading", "ready"]);
  });
  it("a src that the element sets for a retry does not count as a change", async () => {
    await open(`<easel-image id="a"><img src="${src()}" alt="x"></easel-image>`, [
      { status: 500 },
      { status: 500 },
      "good",
    ]);
    await t.v.page.getByRole("button").click();
    await t.v.waitForState("#a", "ready");
    await settle();
    expect((await states("a")).slice(-3)).toEqual(["failed", "loading", "ready"]);
  });
  it("a change of an <img> inside <picture> is noticed", async () => {
    await open(`<easel-image id="a"><picture><img src="${src("one")}" alt="One"></picture></easel-image>`, [
      "good",
      { status: 404 },
    ]);
    await t.v.waitForState("#a", "ready");
    await run(`document.querySelector("#a picture").innerHTML = '<img src="${src("two")}" alt="Two">'`);
    await t.v.waitForState("#a", "refused");
  });
});

describe("an <easel-image> that is removed and put back", () => {
  const removeAndPutBack = async () => {
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
  ])("an element that shows its picture by %s stays ready without a request", async (_, asks, inside) => {
    const img = inside === "img" ? `<img src="${src()}" width="160" height="90" alt="x">` : inside;
    await open(`<easel-image id="a" ${asks()}>${img}</easel-image>`);
    await t.v.waitForState("#a", "ready");
    await run("told.length = 0");
    await removeAndPutBack();
    await removeAndPutBack();
    expect(await t.v.page.locator("#a").getAttribute("state")).toBe("ready");
    expect(await states("a")).toEqual([]);
    expect(t.seen).toHaveLength(1);
  });
  it("an element that is put back with another prompt requests another picture", async () => {
    await open(`<easel-image id="a" ${ASKS}></easel-image>`);
    await t.v.waitForState("#a", "ready");
    await run(`window.a = document.querySelector("#a"); a.remove(); a.setAttribute("prompt", "night")`);
    await settle();
    expect(t.seen).toHaveLength(1);
    await run(`document.body.append(a)`);
    await expect.poll(() => t.seen.length, SOON).toBe(2);
  });
});

const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="9"/>';
