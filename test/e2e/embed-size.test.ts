// How large <easel-image> is, in a real Chromium, where the page does not say and where it does.
import { describe, expect, it } from "vitest";
import { ASKS, scripted } from "../web/scripted.ts";

const t = scripted();
const { s, open, settle, src } = t;

const BY_PRESET = `<easel-image id="a" ${ASKS}></easel-image>`;
const BY_SRC = () => `<easel-image id="a" src="${src()}" ratio="16:9" alt="x"></easel-image>`;
/** Less than it takes to write a picture's description, more than it takes to fill any line. */
const WORDS = `<p>${"A lighthouse stands on a rock in the sea. ".repeat(50)}</p>`;

/** Before it is there the element has no size, which is not what is looked at here. */
const script = () => `<script src="${s.easel.url}/embed.js"></script>`;

/** Opens a page without any rule of ours, and says how large the element is in it, as `width×height`. */
async function sizeIn(before: string, after: string, css = "", element = BY_PRESET): Promise<string> {
  await open(before + element + after, ["good"], { bare: true, css, script: script() });
  await t.v.becomes("#a", "ready");
  await settle();
  expect(await t.v.shift()).toBe(0);
  const { width, height } = (await t.v.page.locator("#a").boundingBox()) ?? { width: 0, height: 0 };
  return `${Math.round(width)}×${Math.round(height)}`;
}

describe("where its width would come from what is in it", () => {
  it.each([
    ["a row", '<div style="display: flex">', "</div>"],
    ["a row that aligns", '<div style="display: flex; align-items: flex-start">', "</div>"],
    ["a centred column", '<div style="display: flex; flex-flow: column; align-items: center">', "</div>"],
    ["a grid that centres", '<div style="display: grid; justify-items: center">', "</div>"],
    ["a table's cell", "<table><tr><td>", "</td></tr></table>"],
    ["a box as wide as what is in it", '<div style="display: inline-block">', "</div>"],
    ["a link in a line", '<a href="#" style="display: inline-flex">', "</a>"],
  ])("%s: 300 wide", async (_, before, after) => {
    expect(await sizeIn(before, after)).toBe("300×169");
  });
  it.each([["float: left"], ["display: inline-block"], ["position: absolute; right: 0"], ["width: fit-content"]])(
    "%s: 300 wide",
    async (css) => {
      expect(await sizeIn("", "", `#a { ${css} }`)).toBe("300×169");
    },
  );
  it("by a URL as well", async () => {
    expect(await sizeIn('<div style="display: flex">', "</div>", "", BY_SRC())).toBe("300×169");
  });
  it("with an <img> that does not say how wide it is", async () => {
    const element = `<easel-image id="a" ratio="16:9"><img src="${src()}" alt="x"></easel-image>`;
    expect(await sizeIn("", "", "#a { float: left }", element)).toBe("300×169");
  });
  it("the button is within reach", async () => {
    await open(`<div style="display: flex">${BY_PRESET}</div>`, [{ status: 500 }, "good"], { bare: true });
    await t.v.page.getByRole("button", { name: "Try again" }).click();
    await t.v.becomes("#a", "ready");
  });
});

describe("where there is less room", () => {
  it("is as wide as what is around it", async () => {
    expect(await sizeIn('<div style="width: 160px">', "</div>", "#a { float: left }")).toBe("160×90");
  });
  it("stands beside a float", async () => {
    const float = '<div style="width: 400px"><i style="float: left; width: 80px; height: 400px"></i>';
    expect(await sizeIn(float, "</div>")).toBe("320×180");
  });
  it("gives way in a column", async () => {
    const column = '<div style="display: flex; flex-flow: column; width: 400px; height: 300px">';
    expect(await sizeIn(column, '<div style="flex: none; height: 200px"></div></div>', "#a { flex: 1 }")).toBe(
      "400×100",
    );
  });
  it("shares a grid as pictures do", async () => {
    const grid = '<div style="width: 330px; display: grid; grid-template-columns: repeat(3, 1fr)"><i></i>';
    expect(await sizeIn(grid, "<i></i></div>")).toBe("110×62");
  });
  it("makes room for words, and does not vanish", async () => {
    expect(await sizeIn('<div style="display: flex; align-items: start">', `${WORDS}</div>`)).toBe("80×45");
  });
});

describe("what the page says counts", () => {
  it.each([
    ["width: 120px", "120×68"],
    ["width: 40px", "40×23"],
    ["width: 100%", "800×450"],
    ["width: 1000px; margin-left: -100px", "1000×563"],
    ["max-width: 200px", "200×113"],
    ["min-width: 400px", "400×225"],
    ["flex: 1", "800×450"],
    ["height: 90px", "160×90"],
  ])("%s", async (css, size) => {
    const row = '<div style="width: 800px; display: flex; align-items: flex-start">';
    expect(await sizeIn(row, "</div>", `#a { flex: none; ${css} }`)).toBe(size);
  });
  it("and a block is as wide as its line", async () => {
    expect(await sizeIn('<div style="width: 640px">', "</div>")).toBe("640×360");
  });
});
