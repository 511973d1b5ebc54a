// The size of <easel-image> in a real Chromium, with and without styles of the page.
import { describe, expect, it } from "vitest";
import { ASKS, scripted } from "../web/scripted.ts";

const t = scripted();
const { s, open, settle, src } = t;

const BY_PRESET = `<easel-image id="a" ${ASKS}></easel-image>`;
const BY_SRC = () => `<easel-image id="a" src="${src()}" ratio="16:9" alt="x"></easel-image>`;
/** A text long enough to fill any line. */
const WORDS = `<p>${"A lighthouse stands on a rock in the sea. ".repeat(50)}</p>`;

/** Not deferred: until the script has run, the element has no size, which these tests do not measure. */
const script = () => `<script src="${s.easel.url}/embed.js"></script>`;

/** Open a page without the documented rule and return the element's size as `width×height`. */
async function sizeIn(before: string, after: string, css = "", element = BY_PRESET): Promise<string> {
  await open(before + element + after, ["good"], { bare: true, css, script: script() });
  await t.v.waitForState("#a", "ready");
  await settle();
  expect(await t.v.shift()).toBe(0);
  const { width, height } = (await t.v.page.locator("#a").boundingBox()) ?? { width: 0, height: 0 };
  return `${Math.round(width)}×${Math.round(height)}`;
}

describe("the size of an <easel-image> whose width depends on its content", () => {
  it.each([
    ["a row", '<div style="display: flex">', "</div>"],
    ["a row that aligns", '<div style="display: flex; align-items: flex-start">', "</div>"],
    ["a centred column", '<div style="display: flex; flex-flow: column; align-items: center">', "</div>"],
    ["a grid that centres", '<div style="display: grid; justify-items: center">', "</div>"],
    ["a table's cell", "<table><tr><td>", "</td></tr></table>"],
    ["a box as wide as what is in it", '<div style="display: inline-block">', "</div>"],
    ["a link in a line", '<a href="#" style="display: inline-flex">', "</a>"],
  ])("an element in %s is 300px wide", async (_, before, after) => {
    expect(await sizeIn(before, after)).toBe("300×169");
  });
  it.each([["float: left"], ["display: inline-block"], ["position: absolute; right: 0"], ["width: fit-content"]])(
    "an element with %s is 300px wide",
    async (css) => {
      expect(await sizeIn("", "", `#a { ${css} }`)).toBe("300×169");
    },
  );
  it("an element with a URL in a row is 300px wide", async () => {
    expect(await sizeIn('<div style="display: flex">', "</div>", "", BY_SRC())).toBe("300×169");
  });
  it("an element with an <img> without a width is 300px wide", async () => {
    const element = `<easel-image id="a" ratio="16:9"><img src="${src()}" alt="x"></easel-image>`;
    expect(await sizeIn("", "", "#a { float: left }", element)).toBe("300×169");
  });
  it("the button of an element in a row can be clicked", async () => {
    await open(`<div style="display: flex">${BY_PRESET}</div>`, [{ status: 500 }, "good"], { bare: true });
    await t.v.page.getByRole("button", { name: "Try again" }).click();
    await t.v.waitForState("#a", "ready");
  });
});

describe("the size of an <easel-image> with less space", () => {
  it("the element is as wide as its container", async () => {
    expect(await sizeIn('<div style="width: 160px">', "</div>", "#a { float: left }")).toBe("160×90");
  });
  it("the element fits next to a float", async () => {
    const float = '<div style="width: 400px"><i style="float: left; width: 80px; height: 400px"></i>';
    expect(await sizeIn(float, "</div>")).toBe("320×180");
  });
  it("the element shrinks in a column", async () => {
    const column = '<div style="display: flex; flex-flow: column; width: 400px; height: 300px">';
    expect(await sizeIn(column, '<div style="flex: none; height: 200px"></div></div>', "#a { flex: 1 }")).toBe(
      "400×100",
    );
  });
  it("the element shares a grid as pictures do", async () => {
    const grid = '<div style="width: 330px; display: grid; grid-template-columns: repeat(3, 1fr)"><i></i>';
    expect(await sizeIn(grid, "<i></i></div>")).toBe("110×62");
  });
  it("the element shrinks for a text, but does not vanish", async () => {
    expect(await sizeIn('<div style="display: flex; align-items: start">', `${WORDS}</div>`)).toBe("80×45");
  });
});

describe("the size of an <easel-image> with styles of the page", () => {
  it.each([
    ["width: 120px", "120×68"],
    ["width: 40px", "40×23"],
    ["width: 100%", "800×450"],
    ["width: 1000px; margin-left: -100px", "1000×563"],
    ["max-width: 200px", "200×113"],
    ["min-width: 400px", "400×225"],
    ["flex: 1", "800×450"],
    ["height: 90px", "160×90"],
  ])("an element with %s is %s large", async (css, size) => {
    const row = '<div style="width: 800px; display: flex; align-items: flex-start">';
    expect(await sizeIn(row, "</div>", `#a { flex: none; ${css} }`)).toBe(size);
  });
  it("a block element is as wide as its line", async () => {
    expect(await sizeIn('<div style="width: 640px">', "</div>")).toBe("640×360");
  });
});
